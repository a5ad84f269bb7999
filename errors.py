"""The one error type that reaches a user, and what was found as its sentence repeats it."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST = 60  # characters of what was found, as a sentence repeats it


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


def short(value: object) -> str:
    """A value as Python writes it, on one line, or the beginning of that."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**_LONGEST:
        digits = int(math.log10(abs(value))) + 1
        digits -= abs(value) < 10 ** (digits - 1)  # a logarithm is rounded
        return f"a number of {digits:,} digits"
    try:
        text = repr(value)
    except RecursionError:
        return "nested too deeply"
    return shortened(text if isinstance(value, str) else re.sub(r"\s+", " ", text))


def brief(value: object) -> str:
    """The beginning of a value as Python writes it: for people who look at an object, not for a sentence."""
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names, or the first of many and how many more there are."""
    more = f", … and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def times(count: int) -> str:
    """How often something was done, in words."""
    return "once" if count == 1 else f"{count:,} times"


def plural(count: int, one: str) -> str:
    """A number of things, in words. one: what a single one is called, whose plural ends with s."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def named(name: str) -> str:
    """A name as it is, or between quotes where that would not show what it is: empty, with blanks at its ends, a comma
    or what is not printed."""
    plain = name == name.strip() and name.isprintable() and name and "," not in name
    return name if plain else repr(name)


def shortened(text: str) -> str:
    """A text, or the beginning of a long one. What may be a URI stays whole: keys are only known in a whole one."""
    if len(text) <= _LONGEST or (":" in text and re.search("[/@]", text)):
        return text
    return text[: _LONGEST - 1] + "…"
