"""Options of the commands: the fields of records as flags, and the parameters that an error names as flags again."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any

import typer

from ..errors import Parameter, SpartonError, UsageError
from ..options import Option, flat_keywords, option_of

# Flags that do not follow from the name and the type.
_FLAGS = {"text_columns": ("--text-column",), "device": ("--device", "--devices")}
_TYPES = {"text_columns": list[str] | None}  # Typer knows no other sequence


def record_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of the records that it takes as options of its own."""
    call = flat_keywords(command)
    parameters = [_as_flag(parameter) for parameter in inspect.signature(call).parameters.values()]
    unset = {name: option.unset for name, option in _options(call).items() if option.unset}

    @wraps(call)
    def run(**given: Any) -> None:
        for name, word in unset.items():
            given[name] = None if given[name] == word else _number(name, given[name], word)
        call(**{name: () if value is None and name in _TYPES else value for name, value in given.items()})

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def sentence(error: SpartonError, parameters: Mapping[str, Any]) -> str:
    """What an error says, with the flag of each parameter that it names. parameters: of the command, by name."""
    return "".join(_flag(part, parameters) if isinstance(part, Parameter) else str(part) for part in error.args)


def _options(call: Callable[..., None]) -> dict[str, Option]:
    found = {name: option_of(own.annotation) for name, own in inspect.signature(call).parameters.items()}
    return {name: option for name, option in found.items() if option}


def _as_flag(parameter: inspect.Parameter) -> inspect.Parameter:
    """A parameter as Typer takes it; one that is no field of a record stays as it is."""
    name, option = parameter.name, option_of(parameter.annotation)
    if option is None:
        return parameter
    flag = f"--{name.replace('_', '-')}"
    if parameter.default is True:
        flag += f"/--no-{flag[2:]}"
    kind = str if option.unset else _TYPES.get(name, parameter.annotation.__origin__)
    default = option.unset or (None if name in _TYPES else parameter.default)
    hint = Annotated[kind, typer.Option(*_FLAGS.get(name, (flag,)), help=option.help)]  # type: ignore[valid-type]
    return parameter.replace(annotation=hint, default=default)


def _number(name: str, value: str, word: str) -> int:
    if not value.isdecimal():
        raise UsageError(Parameter(name), f" is {value!r}; expected a number or {word}")
    return int(value)


def _flag(parameter: Parameter, parameters: Mapping[str, Any]) -> str:
    """As the command declares it: an option's first flag, an argument in capitals. One of another command is --name."""
    flag = f"--{parameter.name.replace('_', '-')}"
    if declared := parameters.get(parameter.name):
        flag = declared.opts[0] if declared.opts[0].startswith("-") else declared.opts[0].upper()
    if parameter.value is False:
        return f"--no-{flag[2:]}"
    return flag if parameter.value is None or parameter.value is True else f"{flag} {parameter.value}"
