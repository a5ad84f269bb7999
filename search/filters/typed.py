"""Filters as an index understands them: fields that it has, and values of their kinds."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ...errors import Parameter, UsageError, listed, short
from ...indexer.field_types import microseconds_between_1970_and
from ...storage.fields import BOOLEAN, NUMBER, STRING, STRINGS, TIMESTAMP, Field
from . import grammar
from .grammar import ALONE, AT_LEAST, AT_MOST, EQUAL, EXISTS, IN, LESS, MORE, NOT_IN, UNEQUAL, Condition, parse_filter

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(_DATE.pattern + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?")
_DAY = 86_400_000_000  # microseconds
FIRST, LAST = -(2**63), 2**63 - 1  # of Lucene's whole numbers
_EQUALITY = frozenset((EQUAL, UNEQUAL, IN, NOT_IN, EXISTS))
_OPERATORS = {
    STRING: _EQUALITY,
    STRINGS: _EQUALITY,
    BOOLEAN: _EQUALITY | {ALONE},
    NUMBER: _EQUALITY | {LESS, AT_MOST, MORE, AT_LEAST},
    TIMESTAMP: _EQUALITY | {LESS, AT_MOST, MORE, AT_LEAST},
}
_A = {STRING: "a string", NUMBER: "a number", BOOLEAN: "a boolean", TIMESTAMP: "a timestamp", STRINGS: "strings"}
_EXPECTED = {
    NUMBER: "a number as 9.99",
    BOOLEAN: "true or false",
    TIMESTAMP: "a day as 2026-01-31 or a time as 2026-01-31T08:00:00Z",
}
_SHOWN = 5  # values that exist


@dataclass(frozen=True, slots=True)
class Keywords:
    """Documents whose field has one of these."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """Documents whose field is from `low` to `high`, both included: doubles of a number, microseconds since 1970 of a
    timestamp."""

    field: str
    low: float | int
    high: float | int


@dataclass(frozen=True, slots=True)
class Exists:
    """Documents that have the field."""

    field: str


@dataclass(frozen=True, slots=True)
class Complement:
    """All other documents."""

    of: "Typed"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Documents that all of these have."""

    of: tuple["Typed", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Documents that one of these has, or several."""

    of: tuple["Typed", ...]


Typed = Keywords | Between | Exists | Complement | AllOf | AnyOf


def kinds_of(filters: Iterable[Typed]) -> Iterator[str]:
    """The name of each kind of test that filters consist of; bounds of numbers and of timestamps are two."""
    for test in filters:
        yield f"{type(test).__name__} {type(test.low).__name__ if isinstance(test, Between) else ''}"
        if isinstance(test, Complement):
            yield from kinds_of([test.of])
        elif isinstance(test, AllOf | AnyOf):
            yield from kinds_of(test.of)


def typed_filter(text: str, fields: Mapping[str, Field], values_of: Callable[[str], Sequence[str]]) -> Typed:
    """What a filter means to an index. fields: of the index by name. values_of: gives the most frequent values of a
    field of texts.

    Raises UsageError for what is no filter, a field that the index does not have, and an operator or a value that its
    kind does not take.
    """
    return _Reading(text, fields, values_of).typed(parse_filter(text))


def field_named(name: str, fields: Mapping[str, Field], where: str) -> Field:
    """A field of an index. where: who names it, for the sentence. Raises UsageError for a name that it does not have,
    naming those that it has."""
    if found := fields.get(name):
        return found
    if not fields:
        raise UsageError(
            f"{where} names the field {short(name)}, and the index has no fields; build it again with ",
            Parameter("fields"),
        )
    names = listed([f"{field.name} ({field.kind})" for field in fields.values()])
    raise UsageError(f"{where} names the field {short(name)}, which the index does not have; expected one of {names}")


@dataclass(frozen=True, slots=True)
class _Reading:
    text: str
    fields: Mapping[str, Field]
    values_of: Callable[[str], Sequence[str]]

    def typed(self, tree: grammar.Filter) -> Typed:
        match tree:
            case grammar.Not(test):
                return Complement(self.typed(test))
            case grammar.Every(tests):
                return AllOf(tuple(map(self.typed, tests)))
            case grammar.Any(tests):
                return AnyOf(tuple(map(self.typed, tests)))
            case Condition():
                return self._condition(tree)

    def _condition(self, condition: Condition) -> Typed:
        field = field_named(condition.field, self.fields, f"the filter {short(self.text)}")
        self._check_operator(field, condition.operator)
        if condition.operator == EXISTS:
            return Exists(field.name)
        if condition.operator == ALONE:
            return Keywords(field.name, ("true",))
        if condition.operator in (UNEQUAL, NOT_IN):
            return Complement(self._equal(field, condition.values))
        if condition.operator in (EQUAL, IN):
            return self._equal(field, condition.values)
        least, most = (-math.inf, math.inf) if field.kind == NUMBER else (FIRST, LAST)
        low, high = self._bounds(field, condition.values[0])
        match condition.operator:
            case "<":
                return Between(field.name, least, _before(low))
            case "<=":
                return Between(field.name, least, high)
            case ">":
                return Between(field.name, _after(high), most)
            case _:
                return Between(field.name, low, most)

    def _equal(self, field: Field, values: Sequence[str]) -> Typed:
        if field.kind in (NUMBER, TIMESTAMP):
            between = [Between(field.name, *self._bounds(field, value)) for value in values]
            return between[0] if len(between) == 1 else AnyOf(tuple(between))
        if field.kind == BOOLEAN:
            if wrong := next((value for value in values if value.lower() not in ("true", "false")), None):
                raise self._wrong_value(field, wrong)
            values = [value.lower() for value in values]
        return Keywords(field.name, tuple(dict.fromkeys(values)))

    def _bounds(self, field: Field, value: str) -> tuple[float, float] | tuple[int, int]:
        """The first and the last of what a value means: a day has many times."""
        found = _number_bounds(value) if field.kind == NUMBER else _time_bounds(value)
        if found is None:
            raise self._wrong_value(field, value)
        return found

    def _check_operator(self, field: Field, operator: str) -> None:
        known = _OPERATORS[field.kind]
        if operator in known:
            return
        names = [one for one in (*grammar.OPERATORS, IN, NOT_IN, EXISTS) if one in known]
        raise UsageError(
            f"the filter {short(self.text)} has {short(field.name)}, {_A[field.kind]}, "
            f"{f'with {operator}' if operator else 'by itself'}; expected {', '.join(names[:-1])} or {names[-1]}"
            f"{self._examples(field)}"
        )

    def _examples(self, field: Field) -> str:
        """Some values that exist, of a field that is a text."""
        if field.kind not in (STRING, STRINGS):
            return ""
        values = self.values_of(field.name)
        return f", and a value as {listed([short(value) for value in values[:_SHOWN]])}" if values else ""

    def _wrong_value(self, field: Field, value: str) -> UsageError:
        return UsageError(
            f"the filter {short(self.text)} compares {short(field.name)}, {_A[field.kind]}, with {short(value)}; "
            f"expected {_EXPECTED[field.kind]}"
        )


def _number_bounds(value: str) -> tuple[float, float] | None:
    if not _NUMBER.fullmatch(value) or not math.isfinite(number := float(value)):
        return None
    return number + 0.0, number + 0.0  # -0.0 becomes 0.0


def _time_bounds(value: str) -> tuple[int, int] | None:
    is_day = _DATE.fullmatch(value) is not None
    if not is_day and not _TIME.fullmatch(value):
        return None
    try:
        time = datetime.fromisoformat(value)
        low = microseconds_between_1970_and(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
    return low, low + _DAY - 1 if is_day else low


def _before(bound: float | int) -> float | int:
    """The number next below one, of those that Lucene has."""
    return bound - 1 if isinstance(bound, int) else math.nextafter(bound, -math.inf)


def _after(bound: float | int) -> float | int:
    return bound + 1 if isinstance(bound, int) else math.nextafter(bound, math.inf)
