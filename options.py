"""Options as records: a field has its name, type, default, help and bound on one line, for Python and the commands."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, TypeVar, get_type_hints

from .errors import Parameter, UsageError

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Bound:
    """What a value may be: in words, and as a test."""

    expected: str
    allows: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Option:
    """What a field says of itself, in its Annotated type. unset: the word for None in a command."""

    help: str
    bound: Bound | None = None
    unset: str | None = None


def at_least(least: int) -> Bound:
    """Numbers from `least` on."""
    return Bound(f"at least {least}", lambda value: value >= least)


def one_of(*choices: str) -> Bound:
    """Some words."""
    return Bound(f"{', '.join(choices[:-1])} or {choices[-1]}", lambda value: value in choices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A record of options, each an Annotated[type, Option(...)]. Raises UsageError for a value out of its bound."""

    def __post_init__(self) -> None:
        for name, hint in _hints(type(self)).items():
            option, value = option_of(hint), getattr(self, name)
            if option and option.bound and value is not None and not option.bound.allows(value):
                raise UsageError(Parameter(name), f" is {_spelled(value)}; expected {option.bound.expected}")


def names(record: type[Options]) -> tuple[str, ...]:
    """The names of a record's fields."""
    return tuple(field.name for field in fields(record))


def values_for(target: type, record: Options) -> dict[str, Any]:
    """The values of a record's fields that another dataclass has under the same names."""
    wanted = {field.name for field in fields(target)}
    return {name: getattr(record, name) for name in names(type(record)) if name in wanted}


def option_of(hint: Any) -> Option | None:
    """What an Annotated type says of an option, or None if it says nothing of one."""
    return next((entry for entry in getattr(hint, "__metadata__", ()) if isinstance(entry, Option)), None)


def flat_keywords(function: Callable[..., R]) -> Callable[..., R]:
    """Let callers give a function the fields of a record as keywords, in place of the record.

    The records are the parameters annotated with a class of Options. A parameter of the function itself goes before a
    field of the same name. A keyword that neither has raises TypeError, as does one next to the record that it is of.
    """
    signature = inspect.signature(function)
    own = signature.parameters
    records: dict[str, type[Options]] = {
        name: parameter.annotation for name, parameter in own.items() if _is_record(parameter.annotation)
    }

    @wraps(function)
    def call(*arguments: Any, **given: Any) -> R:
        by_position = list(own)[: len(arguments)]
        for name, record in records.items():
            if name not in given and name not in by_position:
                taken = [field for field in names(record) if field in given and field not in own]
                given[name] = record(**{field: given.pop(field) for field in taken})
        return function(*arguments, **given)

    parameters: list[inspect.Parameter] = []
    for parameter in own.values():
        record = records.get(parameter.name)
        parameters += _field_parameters(record, own) if record else [parameter]
    call.__signature__ = signature.replace(parameters=sorted(parameters, key=_kind))  # type: ignore[attr-defined]
    return call


def _kind(parameter: inspect.Parameter) -> int:
    return parameter.kind


def _is_record(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Options)


def _field_parameters(record: type[Options], own: Mapping[str, inspect.Parameter]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=_hints(record)[field.name]
        )
        for field in fields(record)
        if field.name not in own
    ]


def _hints(record: type) -> dict[str, Any]:
    return get_type_hints(record, include_extras=True)


def _spelled(value: object) -> str:
    if isinstance(value, str):
        return repr(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
