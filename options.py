"""Options as records: a field has its name, type, default, help and bound on one line, for Python and the commands."""

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from numbers import Integral, Real
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from .errors import Parameter, UsageError, short

R = TypeVar("R")
Texts = str | Iterable[str]  # several, or one
MOST = 2**31 - 1  # of what is counted: token ids and Lucene's numbers of documents have 32 bits
MOST_THREADS = 1_024  # and processes
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?(nan|inf)", re.IGNORECASE)
_MOST_DIGITS = 4_000  # Python itself reads no number that is much longer


@dataclass(frozen=True, slots=True)
class Wrong:
    """What of a value is wrong, and what was expected."""

    found: object
    expected: str


@dataclass(frozen=True, slots=True)
class Bound:
    """What a value of the right type may be. wrong: gives what is wrong with one, or None."""

    wrong: Callable[[Any], Wrong | None]


@dataclass(frozen=True, slots=True)
class Option:
    """What a field says of itself, in its Annotated type. group: that it is in, in a command's help. unset: the word
    for None in a command. read: makes the value of what was typed as one text."""

    help: str
    group: str
    bound: Bound | None = None
    unset: str | None = None
    read: Callable[[str], Any] | None = None


def at_least(least: int, most: int = MOST) -> Bound:
    """Numbers from `least` on, up to what can be counted."""

    def wrong(value: int) -> Wrong | None:
        if least <= value <= most:
            return None
        return Wrong(value, f"at least {least}" if value < least else f"at most {most:,}")

    return Bound(wrong)


def that_is(expected: str, allows: Callable[[Any], bool]) -> Bound:
    """Values that a test allows. expected: which those are, in words."""
    return Bound(lambda value: None if allows(value) else Wrong(value, expected))


PORTS = that_is("0 to 65535", lambda port: 0 <= port <= 65_535)


def one_of(*choices: str) -> Bound:
    """Some words."""
    return that_is(f"{', '.join(choices[:-1])} or {choices[-1]}", lambda value: value in choices)


def checked(name: str | Parameter, value: Any, hint: Any) -> Any:
    """A value of an option, as its type: of NumPy's numbers Python's, of a path its text, of strings one or several, of
    several numbers a tuple of floats.

    name: as an error has it. hint: the option's type, Annotated with its Option or its Bound. Raises UsageError for a
    value of another type, or out of its bound.
    """
    kept, option = _as_type(name, value, hint), option_of(hint)
    bound = option.bound if option else next((entry for entry in _notes(hint) if isinstance(entry, Bound)), None)
    if bound and kept is not None and (wrong := bound.wrong(kept)):
        raise _unexpected(name, wrong)
    return kept


def several(name: str | Parameter, given: Texts) -> list[str]:
    """Several texts; one alone is one of them. Raises UsageError for what is none."""
    if isinstance(given, str):
        return [given]
    texts = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(one, str) for one in texts):
        raise UsageError(name, f" is {short(given)}; expected texts")
    return texts


def read_number(name: str | Parameter, text: str, kind: type, word: str | None = None) -> int | float:
    """A number that someone typed: ASCII digits, with nothing that groups them. kind: int or float. word: that would do
    as well.

    Raises UsageError for anything else.
    """
    pattern, words = (_WHOLE, "a whole number in digits 0 to 9") if kind is int else (_NUMBER, "a number as 2.5")
    if not pattern.fullmatch(text.strip(" ")):
        raise _unexpected(name, Wrong(text, f"a number or {word}" if word else words))
    if kind is int and len(text) > _MOST_DIGITS:
        return int(10 ** (len(text) - 1))  # too large for whatever is counted
    return int(text) if kind is int else float(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A record of options, each an Annotated[type, Option(...)]. Raises UsageError as `checked`."""

    def __post_init__(self) -> None:
        for name, hint in _hints(type(self)).items():
            object.__setattr__(self, name, checked(Parameter(name), getattr(self, name), hint))


def names(record: type[Options]) -> tuple[str, ...]:
    """The names of a record's fields."""
    return tuple(field.name for field in fields(record))


def values_for(target: type, record: Options) -> dict[str, Any]:
    """The values of a record's fields that another dataclass has under the same names."""
    wanted = {field.name for field in fields(target)}
    return {name: getattr(record, name) for name in names(type(record)) if name in wanted}


def option_of(hint: Any) -> Option | None:
    """What an Annotated type says of an option, or None if it says nothing of one."""
    return next((entry for entry in _notes(hint) if isinstance(entry, Option)), None)


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


def _notes(hint: Any) -> tuple[Any, ...]:
    return getattr(hint, "__metadata__", ())


def _as_type(name: str | Parameter, value: Any, hint: Any) -> Any:
    """A value as its type has it."""
    kinds = value_types(hint)
    if value is None and NoneType in kinds:
        return None
    (kind,) = kinds - {NoneType}
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if kind is float and _is_number(value):
        return _as_float(value)
    if kind is str and isinstance(value, str | os.PathLike) and isinstance(text := os.fspath(value), str):
        return text
    if kind is Sequence and _has_numbers(hint):
        if isinstance(value, Sequence) and all(map(_is_number, value)):
            return tuple(map(_as_float, value))
        raise _unexpected(name, Wrong(value, "a list of numbers"))
    if kind is Sequence and isinstance(value, str):
        return (value,)
    if kind is Sequence and isinstance(value, Sequence) and all(isinstance(item, str) for item in value):
        return value
    raise _unexpected(name, Wrong(value, _WORDS[kind]))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _as_float(value: Any) -> Any:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond what floats reach, and beyond any bound
        return value


_WORDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Sequence: "a string or a list of strings",
}


def value_types(hint: Any) -> set[Any]:
    """The types that an option's values have, NoneType for None: of list[str] list."""
    return {get_origin(one) or one for one in _alternatives(hint)}


def _has_numbers(hint: Any) -> bool:
    """Whether an option's values are sequences of numbers."""
    return any(get_origin(one) is Sequence and get_args(one) == (float,) for one in _alternatives(hint))


def _alternatives(hint: Any) -> Sequence[Any]:
    kind = get_args(hint)[0] if _notes(hint) else hint
    return [kind] if get_origin(kind) in (None, Sequence, list) else get_args(kind)


def _unexpected(name: str | Parameter, wrong: Wrong) -> UsageError:
    found = f"{wrong.found:g}" if isinstance(wrong.found, float) else short(wrong.found)
    return UsageError(name, f" is {found}; expected {wrong.expected}")
