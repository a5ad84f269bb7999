"""Which columns hold the id and the text: as asked, or guessed from their names."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import Parameter, SpartonError, UsageError, listed
from ...storage.fields import Field
from .formats import ANY, NULL, TEXT
from .reader import Corpus

log = logging.getLogger("sparton")
ID_NAMES = ("id", "_id", "docid", "doc_id", "pid", "product_id")
TITLE_NAMES = ("title", "name")
BODY_NAMES = ("text", "contents", "content", "body", "description", "passage", "abstract")
_NUMBERS = re.compile(r"u?int\d+|halffloat|float|double|decimal.*")
_TOLD = 3  # files


@dataclass(frozen=True, slots=True)
class Columns:
    """The id column and the text columns, joined with a space in this order; `guessed` if nobody named them all.

    unused: the corpus's other columns. like_ids: those of them that could have been taken for the id. fields: columns
    that are kept as such.
    """

    id: str
    text: tuple[str, ...]
    guessed: bool = False
    unused: tuple[str, ...] = ()
    like_ids: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()

    @property
    def guess(self) -> str:
        """What was guessed, and what else could have been."""
        also = f" ({listed(self.like_ids)} could be the id, too)" if self.like_ids else ""
        return f"columns: id = {self.id}{also}, text = {' + '.join(self.text)}"

    @property
    def all(self) -> tuple[str, ...]:
        """The id column, and then the text columns."""
        return (self.id, *self.text)


def choose_columns(
    corpus: Corpus, id_column: str | None = None, text_columns: Sequence[str] = (), *, told: bool = True
) -> Columns:
    """Take the columns asked for, and guess those that were not: id, _id, docid; title + text, contents, body, …

    A column is the corpus's if any of its files has it. Rows of a file without one of the text columns have no text
    there, and that is logged if `told`. The id column and one text column have to be in every file that has columns.
    Raises SpartonError when a column is missing or of the wrong type, or when nothing fits a guess, and UsageError for
    a column that is named twice.
    """
    for name in text_columns:
        if list(text_columns).count(name) > 1:
            raise UsageError(Parameter("text_columns"), f" is {name!r} more than once; name each column once")
    known = corpus.names
    if not known:  # no row either
        return Columns(id_column or ID_NAMES[0], tuple(text_columns) or BODY_NAMES[:1])
    ids = [id_column] if id_column else [name for name in _id_names(corpus) if name in known]
    if not ids:
        raise _no_guess("an id", "id_column", corpus)
    text = tuple(text_columns) or _guessed_text(corpus, ids[0])
    if not text:
        raise _no_guess("text", "text_columns", corpus)
    for name in (ids[0], *text):
        if name not in known:
            raise SpartonError(f"the corpus has no column {name!r}; its columns are {listed(known)}")
    lacking = _check_types(corpus, ids[0], text)
    if told:
        _tell(lacking)
    unused = tuple(name for name in known if name not in (ids[0], *text))
    return Columns(ids[0], text, id_column is None or not text_columns, unused, tuple(ids[1:]))


def _id_names(corpus: Corpus) -> Sequence[str]:
    return ("1",) if corpus.format.heading is False else ID_NAMES


def _guessed_text(corpus: Corpus, id_name: str) -> tuple[str, ...]:
    known = corpus.names
    if corpus.format.heading is False:  # an id and a text, as MS MARCO's passages are
        return ("2",) if len(known) == 2 and id_name == "1" else ()
    firsts = (next((name for name in names if name in known), None) for names in (TITLE_NAMES, BODY_NAMES))
    return tuple(name for name in firsts if name is not None)


def _check_types(corpus: Corpus, id_name: str, text: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Check each file's columns; return which files lack each one of text."""
    lacking: dict[str, list[str]] = {name: [] for name in text}
    for file, schema in zip(corpus.files, corpus.schemas, strict=True):
        if not schema:  # no row either
            continue
        if id_name not in schema:
            raise SpartonError(
                f"{file} has no column {id_name!r}, which other files have; its columns are {listed(tuple(schema))}"
            )
        kind = schema[id_name]
        if kind not in (TEXT, NULL, ANY) and not _NUMBERS.fullmatch(kind):
            raise SpartonError(
                f"the id column {id_name!r} is of type {kind}{_in(file, corpus)}; an id is a string or a whole number"
            )
        if not any(name in schema for name in text):
            raise SpartonError(
                f"{file} has no column {' or '.join(map(repr, text))}, which other files have; its columns are "
                f"{listed(tuple(schema))}; name all text columns with ",
                Parameter("text_columns"),
            )
        for name in text:
            if name not in schema:
                lacking[name].append(str(file))
            elif schema[name] not in (TEXT, NULL, ANY):
                raise SpartonError(
                    f"the text column {name!r} is of type {schema[name]}{_in(file, corpus)}, not string; ",
                    "choose another with ",
                    Parameter("text_columns"),
                )
    return lacking


def _tell(lacking: Mapping[str, Sequence[str]]) -> None:
    for name, files in lacking.items():
        if files:
            more = f" and {len(files) - _TOLD:,} more" if len(files) > _TOLD else ""
            told = ", ".join(files[:_TOLD])
            log.info("no column %r in %s%s: their rows have no text there", name, told, more)


def _in(file: object, corpus: Corpus) -> str:
    return f" in {file}" if len(corpus.files) > 1 else ""


def _no_guess(what: str, option: str, corpus: Corpus) -> SpartonError:
    known: tuple[object, ...] = (f": the columns are {listed(corpus.names)}",)
    if corpus.format.heading:
        known += ("; if that is no heading but a row, give ", Parameter("header", False))
    return SpartonError(f"no column looks like {what}; name it with ", Parameter(option), *known)
