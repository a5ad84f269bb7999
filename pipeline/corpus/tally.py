"""What the values of a column are, taken together: the kind of field that all of them can be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any

from ...errors import short
from ...storage.fields import BOOLEAN, NUMBER, STRING, STRINGS, TIMESTAMP
from .field_values import BOOLEANS, is_empty
from .formats import OBJECT, OBJECTS
from .kinds import in_words
from .number_column import NumberColumn
from .numbers import UNDECIDED
from .timestamps import read_iso

LONG = 200  # characters
_LONGEST_WORD = 16
Where = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a column becomes. kind: of the field; None where it is none, and `why` says so in words.

    decimal: before the decimals of its numbers. notes: what else is to be told of it, in words. is_empty: whether it is
    no field for want of values alone.
    """

    kind: str | None
    decimal: str = UNDECIDED
    why: str = ""
    notes: tuple[str, ...] = ()
    is_empty: bool = False


class Tally:
    """The values of one column, none of which is kept but a few as examples."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.strings, self.characters = 0, 0
        self._booleans, self._numbers, self._lists, self._no_numbers = 0, 0, 0, 0
        self._parts: str | None = None  # the kind of values that no field has
        self._written = NumberColumn(name)
        self._as_number = _Reading("no number", self._written.take)
        self._as_boolean = _Reading("neither true nor false", _is_boolean)
        self._as_time = _Reading("no time", lambda text: read_iso(text) is not None)
        self._open = [self._as_number, self._as_boolean, self._as_time]

    def add(self, value: Any, where: Where) -> None:
        """Take a value. where: its file and row, for a sentence."""
        if value is None:
            return
        if type(value) is str:
            if not is_empty(value):
                self._add_string(value, where)
        elif isinstance(value, bool):
            self._booleans += 1
        elif isinstance(value, int | float | Decimal):
            finite = isfinite(value)
            self._numbers += finite
            self._no_numbers += not finite
        elif type(value) is list:
            self._add_list(value)
        else:
            self._parts = OBJECT

    def verdict(self) -> Verdict:
        """What all of the values can be."""
        if self._parts:
            return Verdict(None, why=in_words(self._parts))
        told: tuple[str, ...] = ()
        if self._no_numbers:
            told = (f"{self._no_numbers:,} of its numbers are not finite, and no values",)
        if self._lists:
            return Verdict(STRINGS, notes=told)
        typed = {BOOLEAN: self._booleans, NUMBER: self._numbers, STRING: self.strings}
        kinds = [kind for kind, count in typed.items() if count]
        if not kinds:
            return Verdict(None, why="without a value", is_empty=True)
        if kinds == [BOOLEAN, NUMBER]:
            return Verdict(STRING, notes=(*told, "some are true or false and others numbers"))
        if STRING not in kinds:
            return Verdict(kinds[0], notes=told)
        return self._of_strings(kinds, told)

    @property
    def is_long(self) -> bool:
        """Whether it is long text: strings of more than some 200 characters on average."""
        return self.characters > LONG * self.strings

    def _add_string(self, value: str, where: Where) -> None:
        self.strings += 1
        self.characters += len(value)
        for reading in tuple(self._open):
            if reading.fits(value):
                reading.taken += 1
            else:
                reading.broken = value, where()
                self._open.remove(reading)

    def _add_list(self, value: list[Any]) -> None:
        kinds = set(map(type, value))
        if dict in kinds:
            self._parts = OBJECTS
        elif list in kinds:
            self._parts = "list<item: list<"
        else:
            self._lists += bool(kinds)

    def _of_strings(self, kinds: Sequence[str], told: tuple[str, ...]) -> Verdict:
        """The same where some values are strings."""
        if BOOLEAN not in kinds and self._as_number in self._open and not (unfit := self._written.unfit):
            return Verdict(NUMBER, self._written.decimal, notes=(*told, *self._written.notes))
        if NUMBER not in kinds and self._as_boolean in self._open:
            return Verdict(BOOLEAN, notes=told)
        if kinds == [STRING] and self._as_time in self._open:
            return Verdict(TIMESTAMP, notes=told)
        if BOOLEAN not in kinds and self._as_number in self._open:
            return Verdict(STRING, notes=(*told, unfit) if unfit else told)
        return Verdict(STRING, notes=(*told, *self._why_mixed(kinds)))

    def _why_mixed(self, kinds: Sequence[str]) -> list[str]:
        """What the first values are and others not, so that all are strings."""
        readings = {NUMBER: self._as_number, BOOLEAN: self._as_boolean, TIMESTAMP: self._as_time}
        for kind, reading in readings.items():
            if reading.broken and (reading.taken or kind in kinds):
                value, where = reading.broken
                return [f"{short(value)} at {where} is {reading.otherwise}, where others are"]
        return ["some are strings and others not"] if len(kinds) > 1 else []


@dataclass(slots=True)
class _Reading:
    """A kind that strings may all be of. otherwise: what one is that does not fit. taken: how many did fit. broken: the
    first that did not, and where."""

    otherwise: str
    fits: Callable[[str], bool]
    taken: int = 0
    broken: tuple[str, str] | None = None


def _is_boolean(text: str) -> bool:
    return len(text) <= _LONGEST_WORD and text.strip().lower() in BOOLEANS
