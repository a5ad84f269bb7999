"""Filters as people write them, as in `price < 100 and brand in (Adele, "Odile & Co")`, and the trees that they are.

    filter     any of: every of: tests, joined by `and`, and these by `or`
    test       ( filter ), not test, or a condition
    condition  FIELD, FIELD = VALUE (or !=, <, <=, >, >=), FIELD in (VALUE, …), FIELD not in (VALUE, …), exists FIELD

A word ends at a blank and at any of ()<>=!,"'`. Values with such characters are in quotes, double or single, and names
in backquotes; a backslash stands there before a quote that is meant, or before another backslash.
"""

import re
from dataclasses import dataclass

from ...errors import UsageError, short
from ...storage.untrusted import is_whole

EQUAL, UNEQUAL, LESS, AT_MOST, MORE, AT_LEAST = OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
IN, NOT_IN, EXISTS, ALONE = "in", "not in", "exists", ""  # ALONE: a field by itself
_WORDS = ("and", "or", "not", "in", "exists")
_DEEPEST = 100  # tests within tests
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<sign>[(),]|[<>=!]+)
      | (?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<name>`(?:[^`\\]|\\.)*`)
      | (?P<word>[^\s()<>=!,"'`]+)
      | (?P<open>["'`])
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"""\\([\\"'`])""")


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked of one field. operator: one of those above. values: as they are written; several for IN, none for
    EXISTS and ALONE."""

    field: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """What does not pass the test, documents that lack its fields among them."""

    test: "Filter"


@dataclass(frozen=True, slots=True)
class Every:
    """What passes all tests."""

    tests: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """What passes at least one test."""

    tests: tuple["Filter", ...]


Filter = Condition | Not | Every | Any


def parse_filter(text: str) -> Filter:
    """The tree of a filter. Raises UsageError, which says at which character what was expected."""
    if not isinstance(text, str) or not is_whole(text):
        raise UsageError(f"a filter is {short(text)}; expected a text as price < 100")
    if not text.strip():
        raise UsageError("a filter is empty; expected a condition as price < 100")
    return _Parser(text).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    """kind: as the groups of _TOKEN are named. text: without quotes. start: the first character's number, from 0."""

    kind: str
    text: str
    start: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.lower() in words

    def is_sign(self, *signs: str) -> bool:
        return self.kind == "sign" and self.text in signs


class _Parser:
    """Reads tokens one after the other; `_next` is the first that is not read yet."""

    def __init__(self, text: str) -> None:
        self._text, self._offset = text, 0
        self._next = self._token()

    def whole(self) -> Filter:
        found = self._any(0)
        if self._next.kind != "end":
            raise self._unexpected("and, or, or the end")
        return found

    def _any(self, depth: int) -> Filter:
        tests = [self._every(depth)]
        while self._next.is_word("or"):
            self._take()
            tests.append(self._every(depth))
        return tests[0] if len(tests) == 1 else Any(tuple(tests))

    def _every(self, depth: int) -> Filter:
        tests = [self._test(depth)]
        while self._next.is_word("and"):
            self._take()
            tests.append(self._test(depth))
        return tests[0] if len(tests) == 1 else Every(tuple(tests))

    def _test(self, depth: int) -> Filter:
        if depth > _DEEPEST:
            raise UsageError(f"the filter {short(self._text)} is nested more than {_DEEPEST} deep; write it flatter")
        if self._next.is_word("not"):
            self._take()
            return Not(self._test(depth + 1))
        if self._next.is_sign("("):
            self._take()
            found = self._any(depth + 1)
            self._take_sign(")", "and, or, or )")
            return found
        if self._next.is_word("exists"):
            self._take()
            return Condition(self._field("a field's name"), EXISTS)
        return self._condition()

    def _condition(self) -> Condition:
        field = self._field("a condition as price < 100")
        if self._next.kind == "sign" and self._next.text not in "(),":
            if self._next.text not in OPERATORS:
                raise self._unexpected(f"one of {' '.join(OPERATORS)}")
            operator = self._take().text
            return Condition(field, operator, (self._value(),))
        if self._next.is_word("in"):
            self._take()
            return Condition(field, IN, self._values())
        if self._next.is_word("not"):
            self._take()
            if not self._next.is_word("in"):
                raise self._unexpected("in")
            self._take()
            return Condition(field, NOT_IN, self._values())
        return Condition(field, ALONE)

    def _field(self, expected: str) -> str:
        if self._next.kind == "name" or (self._next.kind == "word" and not self._next.is_word(*_WORDS)):
            return self._take().text
        raise self._unexpected(expected)

    def _values(self) -> tuple[str, ...]:
        self._take_sign("(", "( and values")
        values = [self._value()]
        while self._next.is_sign(","):
            self._take()
            values.append(self._value())
        self._take_sign(")", "a comma or )")
        return tuple(values)

    def _value(self) -> str:
        if self._next.kind not in ("word", "value"):
            raise self._unexpected("a value")
        return self._take().text

    def _take(self) -> _Token:
        taken, self._next = self._next, self._token()
        return taken

    def _take_sign(self, sign: str, expected: str) -> None:
        if not self._next.is_sign(sign):
            raise self._unexpected(expected)
        self._take()

    def _token(self) -> _Token:
        found = _TOKEN.match(self._text, self._offset)
        assert found is not None
        kind = found.lastgroup or "end"
        text = found[kind]
        start, self._offset = found.start(kind), found.end()
        if kind == "open":
            raise UsageError(
                f"the filter {short(self._text)} has a quote at character {start + 1} that is not closed; expected "
                f"another {text}"
            )
        if kind in ("value", "name"):
            text = _ESCAPED.sub(r"\1", text[1:-1])
        return _Token(kind, text, start)

    def _unexpected(self, expected: str) -> UsageError:
        end = self._next.kind == "end"
        location = "at its end" if end else f"at character {self._next.start + 1}, {short(self._next.text)}"
        return UsageError(f"the filter {short(self._text)} is wrong {location}; expected {expected}")
