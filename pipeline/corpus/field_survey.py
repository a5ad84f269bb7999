"""Which columns become fields, and of which kinds: by their types, or by all of their values."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from ...errors import Parameter, SpartonError, listed, short
from ...storage.fields import MOST_LETTERS, STRING, STRINGS, Field
from ...storage.untrusted import is_whole
from .columns import Columns, no_column
from .formats import NULL, TEXT
from .guesses import is_title
from .kinds import field_kind, in_words, is_container
from .names import is_within
from .paths import leaves, value_at
from .reader import Corpus
from .rows import Rows
from .tally import Tally, Verdict

log = logging.getLogger("sparton")
ALL = "all"
_MOST = 1_000  # fields
_EMPTY = "without a value"
_FIRST = 4  # files
_TOLD = 40  # of them


class FieldSurvey:
    """Looks at the columns that are asked for as fields, one name "all" of them.

    reads: the columns whose values are needed beside ids and texts; of formats in which only the rows name the columns
    these are looked at as they are.
    """

    def __init__(self, corpus: Corpus, asked: Sequence[str], columns: Columns) -> None:
        self._corpus, self._asked, self._columns = corpus, tuple(dict.fromkeys(asked)), columns
        self._tallies: dict[str, Tally] = {}
        known = () if corpus.format.named_by_rows else corpus.names
        for name in self._asked:
            if name != ALL and known and name not in known:
                raise no_column(name, known)
        self._wanted = tuple(known if ALL in self._asked else [name for name in known if self._is_asked(name)])
        self.reads = () if corpus.format.by_columns else self._wanted

    @property
    def by_types(self) -> bool:
        """Whether the columns' types say all, so that no values have to be added."""
        return self._corpus.format.by_columns

    def add(self, rows: Rows) -> None:
        """Look at the values of some rows."""
        if rows.objects is not None:
            for offset, row in enumerate(rows.objects):
                if offset not in rows.bad:
                    for name, value in self._of(row):
                        self._tally(name).add(value, partial(rows.where, offset))
            return
        for name, values in zip(self.reads, rows.fields, strict=True):
            tally = self._tally(name)
            for offset, value in enumerate(values):
                tally.add(value, partial(rows.where, offset))

    def columns(self, known: Sequence[str], columns: Columns) -> Columns:
        """The columns with what became of the fields, which is logged. known: the names of all.

        Raises SpartonError for a column that is asked for by its name and not there, or cannot be one.
        """
        verdicts = self._verdicts()
        every = tuple(dict.fromkeys((*known, *verdicts)))
        fields: dict[str, Field] = {}
        left_out: dict[str, str] = {}
        for asked in self._asked:
            names = [name for name in verdicts if asked in (ALL, name) or is_within(name, asked)]
            if not names and asked in known:
                left_out[asked] = _EMPTY
            elif not names and asked != ALL:
                raise no_column(asked, every)
            whys = {name: self._why_not(name, verdicts[name], asked) for name in names}
            for name, why in whys.items():
                within = [other for other in names if is_within(other, name) and not verdicts[other].is_empty]
                if not why and within and all(whys[other] for other in within):
                    why = "an object in some rows"
                if why and name == asked:
                    raise SpartonError(
                        f"the column {short(name)} cannot be a field, as it is {why}; leave it out of ",
                        Parameter("fields"),
                    )
                if why:
                    left_out[name] = why
                else:
                    fields[name] = Field(name, verdicts[name].kind or STRING, verdicts[name].decimal)
        if len(fields) > _MOST:
            raise _too_many(len(fields))
        left_out = {name: why for name, why in left_out.items() if name not in fields}
        self._tell(fields, verdicts, left_out)
        return columns.with_fields(tuple(fields.values()), every)

    def _verdicts(self) -> dict[str, Verdict]:
        """What each column is, without those that are there for others within them alone."""
        found = self._by_types() if self.by_types else {name: one.verdict() for name, one in self._tallies.items()}
        return {
            name: one
            for name, one in found.items()
            if not (one.is_empty and any(is_within(other, name) for other in found))
        }

    def _is_asked(self, name: str) -> bool:
        return any(name == asked or is_within(name, asked) for asked in self._asked)

    def _of(self, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The names and values of an object that are asked for, within others too."""
        if ALL in self._asked:
            yield from leaves(row)
            return
        for name in self._asked:
            value = value_at(row, name)
            yield from leaves({name: value}) if value is not None or name in row else ()

    def _tally(self, name: str) -> Tally:
        if name not in self._tallies:
            if len(self._tallies) > 2 * _MOST:  # names that are rather values: nothing may hold all of them
                raise _too_many(len(self._tallies))
            self._tallies[name] = Tally(name)
        return self._tallies[name]

    def _by_types(self) -> dict[str, Verdict]:
        """What the types in all files say of the columns that are asked for."""
        found: dict[str, Verdict] = {}
        for name in self._wanted:
            kinds = {schema[name]: None for schema in self._corpus.schemas if name in schema}
            if not any(map(is_container, kinds)):
                found[name] = _of_types([kind for kind in kinds if kind != NULL])
        return found

    def _why_not(self, name: str, verdict: Verdict, asked: str) -> str:
        """Why a column is not to be a field, in words."""
        if not 0 < len(name) <= MOST_LETTERS or not is_whole(name) or "\0" in name:
            return "of a name that no field can have"
        if asked == ALL:
            if name == self._columns.id:
                return "the id"
            if name in self._columns.text and not is_title(name):
                return "text"
            if verdict.kind == STRING and self._is_long(name):
                return "long text"
        return "" if verdict.kind or (verdict.is_empty and asked != ALL) else verdict.why

    def _is_long(self, name: str) -> bool:
        tallies = self._of_first_rows if self.by_types else self._tallies
        return name in tallies and tallies[name].is_long

    @cached_property
    def _of_first_rows(self) -> Mapping[str, Tally]:
        """Of formats with types: the columns of strings as the first rows have them."""
        names = [name for name in self._wanted if any(of.get(name) == TEXT for of in self._corpus.schemas)]
        tallies = {name: Tally(name) for name in names}
        for rows in (self._corpus.first_rows(file, (), names) for file in self._corpus.files[:_FIRST]):
            for tally, values in zip(tallies.values(), rows.fields if rows else (), strict=False):
                for value in values:
                    tally.add(value, str)
        return tallies

    def _tell(self, fields: Mapping[str, Field], verdicts: Mapping[str, Verdict], left_out: Mapping[str, str]) -> None:
        told = [f"{name} ({'; '.join((field.kind, *verdicts[name].notes))})" for name, field in fields.items()]
        log.info("fields: %s", listed(told, _TOLD) or "none")
        if left_out:
            log.info("no fields: %s", listed([f"{name} ({why})" for name, why in left_out.items()], _TOLD))


def _of_types(types: Sequence[str]) -> Verdict:
    """What columns of these types in one file each are together."""
    kinds = {field_kind(one): one for one in types}
    if None in kinds:
        return Verdict(None, why=in_words(kinds[None]))
    if len(kinds) > 1:
        return Verdict(STRINGS if STRINGS in kinds else STRING, notes=("of another type in each file",))
    return next((Verdict(kind) for kind in kinds), Verdict(None, why=_EMPTY, is_empty=True))


def _too_many(count: int) -> SpartonError:
    return SpartonError(
        f"the corpus has {count:,} columns that could be fields, and an index has at most {_MOST:,}; "
        "name those to keep with ",
        Parameter("fields"),
    )
