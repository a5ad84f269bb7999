"""Options of the commands: the fields of records as flags, and the parameters that an error names as flags again."""

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, get_args, get_origin

import typer
from typer.core import TyperCommand
from typer.models import OptionInfo, ParameterInfo

from ..errors import Parameter, SpartonError, UsageError, short, shortened
from ..options import Bound, checked, flat_keywords, option_of, read_number, value_types
from .help_page import write_help

# Flags that do not follow from the name and the type.
_FLAGS = {
    "text_columns": ("--text-column",),
    "fields": ("--field",),
    "allow_hosts": ("--allow-host",),
    "image_hosts": ("--image-host",),
    "cors_origins": ("--cors-origin",),
    "device": ("--device", "--devices"),
    "search_with": ("--with",),
    "rank_constant": ("--rrf-k",),
}
_NUMBERS = {int: "INTEGER", float: "FLOAT"}


@dataclass(frozen=True, slots=True)
class Location:
    """A note on a parameter that is text: it names a path or a URI."""


class Command(TyperCommand):
    """A command whose help is printed as it is written, and in what room there is."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help. Typer calls this."""
        write_help(self, ctx, formatter, super().format_help)


def record_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of the records that it takes as options of its own.

    Its numbers, also those of no record, are read as read_number does, and held against their bounds. A path that is
    empty is refused.
    """
    call = flat_keywords(command)
    every = inspect.signature(call).parameters
    parameters = [_as_flag(parameter) for parameter in every.values()]

    @wraps(call)
    def run(**given: Any) -> None:
        call(**{name: _read(every[name], value) for name, value in given.items()})

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def sentence(error: SpartonError, parameters: Mapping[str, Any]) -> str:
    """What an error says, with the flag of each parameter that it names. parameters: of the command, by name."""
    return "".join(_flag(part, parameters) if isinstance(part, Parameter) else str(part) for part in error.args)


def too_many_arguments(command: Any, extra: str) -> UsageError:
    """The error for an argument that a command does not take."""
    taken = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    names = [parameter.metavar.strip("[]") if parameter.metavar else parameter.name.upper() for parameter in taken]
    advice = "put what has blanks between quotes" if names else "leave it out"
    if any("--ids" in parameter.opts for parameter in command.params):
        advice = "give ids by --ids, a file with one a line, or - for the standard input"
    if "INDEX" not in names and any("--index" in parameter.opts for parameter in command.params):
        index = f"name the index by --index {quote(shortened(extra))}"
        advice = f"{advice}, or {index}" if names else index
    alone = f"{' and '.join(names)} alone, and " if names else ""
    return UsageError(f"`{command.name}` takes {alone}no argument {short(extra)}; {advice}")


def _as_flag(parameter: inspect.Parameter) -> inspect.Parameter:
    """A parameter as Typer takes it. Numbers come as text, for Typer would take digits of any script, and underscores;
    so do paths, for an empty one would be the folder that the command is run in."""
    name, option, number = parameter.name, option_of(parameter.annotation), _number_type(parameter)
    if option is None:
        info = next((note for note in _notes(parameter) if isinstance(note, ParameterInfo)), None)
        if info is None:
            return parameter
        info, kind, default = copy.copy(info), parameter.annotation.__origin__, parameter.default
    else:
        flag = f"--{name.replace('_', '-')}"
        if parameter.default is True:
            flag += f"/--no-{flag[2:]}"
        info = typer.Option(*_FLAGS.get(name, (flag,)), help=option.help, rich_help_panel=option.group)
        several = _is_several(parameter)
        kind = list[str] | None if several else parameter.annotation.__origin__  # Typer knows no other sequence
        if option.read:
            kind = str | None
        default = option.unset or (None if several else parameter.default)
    if number:
        info.metavar, kind = info.metavar or _NUMBERS[number], str if default is not None else str | None
    if _is_path(parameter):
        text: Any = list[str] if list in value_types(parameter.annotation) else str
        kind = text | None if default is None else text
        if isinstance(info, OptionInfo):
            info.metavar = "PATH"
    return parameter.replace(annotation=Annotated[kind, info], default=default)


def _read(parameter: inspect.Parameter, value: Any) -> Any:
    """What a command is given for a parameter, from what was typed for it."""
    if value is None and _is_several(parameter):
        return ()
    name = Parameter(parameter.name)
    if _is_path(parameter) or any(isinstance(note, Location) for note in _notes(parameter)):
        return _read_path(name, value, Path if _is_path(parameter) else str)
    option, number = option_of(parameter.annotation), _number_type(parameter)
    word = option.unset if option else None
    if word is not None and value == word:
        return None
    if number and isinstance(value, str):
        value = read_number(name, value, number, word)
    if option and option.read and isinstance(value, str):
        value = option.read(value)
    bound = any(isinstance(note, Bound) for note in _notes(parameter))
    return checked(name, value, parameter.annotation) if option or bound else value


def _read_path(name: str | Parameter, value: Any, kind: type) -> Any:
    """A path, or several, as Path or str. Raises UsageError for one that is empty."""
    if isinstance(value, list):
        return [_read_path(name, one, kind) for one in value]
    if value == "":
        raise UsageError(name, " is empty; expected a path")
    return kind(value) if isinstance(value, str) else value


def _is_path(parameter: inspect.Parameter) -> bool:
    """Whether a parameter is a Path, or several."""
    return Path in _types(parameter.annotation)


def _types(hint: Any) -> set[Any]:
    """The types that a hint consists of."""
    parts = get_args(hint)[:1] if get_origin(hint) is Annotated else get_args(hint)
    return {hint}.union(*map(_types, parts))


def _is_several(parameter: inspect.Parameter) -> bool:
    """Whether a parameter of a record is a sequence of texts, each given with a flag of its own."""
    option = option_of(parameter.annotation)
    return option is not None and not option.read and Sequence in value_types(parameter.annotation)


def _number_type(parameter: inspect.Parameter) -> type | None:
    """int or float where a parameter is one, or None."""
    return next((kind for kind in _NUMBERS if _notes(parameter) and kind in value_types(parameter.annotation)), None)


def _notes(parameter: inspect.Parameter) -> tuple[Any, ...]:
    return getattr(parameter.annotation, "__metadata__", ())


def _flag(parameter: Parameter, parameters: Mapping[str, Any]) -> str:
    """As the command declares it: an option's first flag, an argument in capitals. One of another command is --name, or
    what is always its flag."""
    flag = _FLAGS.get(parameter.name, (f"--{parameter.name.replace('_', '-')}",))[0]
    if declared := parameters.get(parameter.name):
        flag = declared.opts[0] if declared.opts[0].startswith("-") else declared.opts[0].upper()
    if parameter.value is False:
        return f"--no-{flag[2:]}"
    return flag if parameter.value is None or parameter.value is True else f"{flag} {parameter.value}"
