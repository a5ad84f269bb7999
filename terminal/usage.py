"""What is wrong with a command line that does not parse, as a sentence of ours."""

from difflib import get_close_matches
from typing import Any

from ..errors import UsageError, listed, short


def usage_sentence(error: Any) -> str:
    """What an error of the parser says. error: one with `format_message`, as Typer's and Click's have it.

    The kinds of errors are told apart by name: which package defines them is another in each version of Typer.
    """
    context, kind = getattr(error, "ctx", None), type(error).__name__
    path = context.command_path if context else "sparton"
    help_names_all = f"`{path} --help` names all"
    if kind == "NoSuchOption":
        near = list(error.possibilities or ())
        meant = f"{listed(near)} may be meant, and " if near else ""
        return f"`{path}` has no option {error.option_name}; {meant}{help_names_all}"
    if kind == "MissingParameter" and error.param is not None:
        parameter = error.param
        is_option = parameter.param_type_name == "option"
        name = "/".join(parameter.opts) if is_option else parameter.name.upper()
        about = (getattr(parameter, "help", None) or "").rstrip(".")
        return f"`{path}` lacks {name}{f' ({about})' if about else ''}; `{path} --help` says more"
    if kind == "BadOptionUsage" and "requires an argument" in error.message:
        return f"the option {error.option_name} has no value behind it; `{path} --help` says what it takes"
    message = error.format_message().strip().rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; `{path} --help` says what is expected"


def unknown_command(name: str, commands: Any) -> UsageError:
    """The error for a command that there is not. commands: the names of those that there are."""
    near = get_close_matches(name, commands)
    meant = f"{listed(near)} may be meant, and " if near else ""
    return UsageError(f"`sparton` has no command {short(name)}; {meant}`sparton --help` names all")
