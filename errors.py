"""The one error type that reaches a user."""


class SpartonError(Exception):
    """Something the user can mend. Its message is one sentence: what was found, where, and what to do."""

    exit_code = 1


class UsageError(SpartonError):
    """The command was called with an argument that cannot be meant."""

    exit_code = 2
