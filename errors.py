"""The one error type that reaches a user."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that a message names, or one with a value: `scale`, `engine='ray'`. A command prints its flag."""

    name: str
    value: object = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value!r}"


class SpartonError(Exception):
    """Something the user can mend. Its message is one sentence: what was found, where, and what to do.

    The sentence may be given in parts, of which some are parameters.
    """

    exit_code = 1

    def __str__(self) -> str:
        return "".join(map(str, self.args))


class UsageError(SpartonError):
    """The command was called with an argument that cannot be meant."""

    exit_code = 2
