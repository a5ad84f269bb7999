"""Which columns hold the id and the text: as asked, or guessed from their names."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...errors import Parameter, SpartonError, UsageError, listed, named, shortened
from ...storage.fields import Field
from .guesses import BODY_NAMES, ID_NAMES, guessed_ids, guessed_texts, guessed_within
from .kinds import is_container, is_id, is_text
from .names import is_within
from .reader import Corpus

log = logging.getLogger("sparton")
_TOLD = 3  # files


@dataclass(frozen=True, slots=True)
class Columns:
    """The id column and the text columns, joined with a space in this order; `guessed` if nobody named them all.

    unused: the corpus's other columns. like_ids: those of them that could have been taken for the id. fields: columns
    that are kept as such. strip_html: whether markup is taken out of texts and of strings of fields.
    """

    id: str
    text: tuple[str, ...]
    guessed: bool = False
    unused: tuple[str, ...] = ()
    like_ids: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    strip_html: bool = False

    @property
    def guess(self) -> str:
        """What was guessed, and what else could have been."""
        also = f" ({listed(list(map(named, self.like_ids)))} could be the id, too)" if self.like_ids else ""
        return f"columns: id = {named(self.id)}{also}, text = {' + '.join(map(named, self.text))}"

    @property
    def all(self) -> tuple[str, ...]:
        """The id column, and then the text columns."""
        return (self.id, *self.text)

    @property
    def of_fields(self) -> tuple[str, ...]:
        """The columns that are kept as fields."""
        return tuple(field.name for field in self.fields)

    def with_fields(self, fields: Sequence[Field], known: Sequence[str]) -> "Columns":
        """The same with these fields. known: all columns of the corpus."""
        taken = (*self.all, *(field.name for field in fields))
        return replace(self, fields=tuple(fields), unused=not_taken(known, taken))


def choose_columns(
    corpus: Corpus,
    id_column: str | None = None,
    text_columns: Sequence[str] = (),
    *,
    told: bool = True,
    recorded: bool = False,
) -> Columns:
    """Take the columns asked for, and guess those that were not: id, _id, docid; title + text, contents, body, …

    A column is the corpus's if any of its files has it. Rows of a file without one of the text columns have no text
    there, and that is logged if `told`. The id column and one text column have to be in every file that has columns.
    recorded: whether the columns are those that an index was made of. Raises SpartonError when a column is missing or
    of the wrong type, or when nothing fits a guess, and UsageError for a column that is named twice.
    """
    for name in text_columns:
        if list(text_columns).count(name) > 1:
            raise UsageError(Parameter("text_columns"), f" is {name!r} more than once; name each column once")
    known = corpus.names
    if not known:  # no row either
        return Columns(id_column or ID_NAMES[0], tuple(text_columns) or BODY_NAMES[:1])
    ids, text = _guessed(corpus, id_column, text_columns)
    for name in (ids[0], *text):
        if name not in known:
            raise _no_recorded(name, corpus.files, known, ids[0], text) if recorded else no_column(name, known)
    lacking = _check_types(corpus, ids[0], text, recorded)
    if told:
        _tell(lacking)
    unused = not_taken(known, (ids[0], *text))
    return Columns(ids[0], text, id_column is None or not text_columns, unused, tuple(ids[1:]))


def tell_lacking_fields(corpus: Corpus, fields: Sequence[Field]) -> None:
    """Log which columns of an index's fields some files lack: documents lose what such rows leave out.

    In files whose rows name the columns a row may leave out any; only a column that no row has is told of.
    """
    lacking: dict[tuple[str, ...], list[str]] = {}
    for field in fields:
        if corpus.format.named_by_rows and field.name in corpus.names:
            continue
        files = [
            str(file)
            for file, schema in zip(corpus.files, corpus.schemas, strict=True)
            if schema and field.name not in schema
        ]
        if files:
            lacking.setdefault(tuple(files), []).append(field.name)
    for lackers, names in lacking.items():
        what = "the field" if len(names) == 1 else "the fields"
        told = f"no column for {what} {listed(names)} in {_some(lackers)}"
        log.warning("%s: documents that get their rows are without", told)


def not_taken(known: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    """The columns that are none of those taken. Of one that has others within it either it is named, or what of it was
    not taken, if some was."""
    whole = [name for name in known if name not in taken and not any(is_within(one, name) for one in taken)]
    return tuple(name for name in whole if not any(is_within(name, outer) for outer in whole))


def no_column(name: str, known: Sequence[str]) -> SpartonError:
    """The error for a column that no file has."""
    return SpartonError(f"the corpus has no column {name!r}; its columns are {listed(list(map(named, known)))}")


def _no_recorded(
    name: str, files: Sequence[object], known: Sequence[str], id_name: str, text: Sequence[str]
) -> SpartonError:
    """The error for a column that an index was made of and these files lack. known: the columns that they have."""
    own = "ids" if name == id_name else "texts"
    of = f"of the column {named(id_name)}" if own == "ids" else " + ".join(map(named, text))
    need = "" if own == "ids" else " (it may be empty)"
    verb = "has" if len(files) == 1 else "have"
    return SpartonError(
        f"{_some(list(map(str, files)))} {verb} no column {name!r}; this index's {own} are {of}, so each row needs "
        f"that column{need}; the columns are {listed(list(map(named, known)))}"
    )


def _guessed(corpus: Corpus, id_column: str | None, text_columns: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The columns of ids and texts as asked for, or as their names suggest; of ids the likeliest first."""
    known = _kinds(corpus)
    ids: list[str]
    text: tuple[str, ...]
    if corpus.format.heading is False:  # an id and a text, as MS MARCO's passages are
        ids, text = ["1"], ("2",) if len(known) == 2 and id_column in (None, "1") else ()
    else:
        own = {one: kind for one, kind in known.items() if not _is_inner(one, known)}
        ids, text = guessed_ids(own), guessed_texts(own)
        if not text:
            within = guessed_within(known, with_id=not ids)
            ids, text = ids or within[0], within[1]
    ids, text = [id_column] if id_column else ids, tuple(text_columns) or text
    if not ids:
        raise _no_guess("an id", "id_column", corpus)
    if not text:
        raise _no_guess("text", "text_columns", corpus)
    return ids, text


def _is_inner(name: str, known: Mapping[str, str]) -> bool:
    """Whether a column is within another; one whose own name has dots is not."""
    ends = [end for end, sign in enumerate(name) if sign == "."]
    return any(is_container(known.get(name[:end], "")) for end in ends)


def _kinds(corpus: Corpus) -> dict[str, str]:
    """The kinds of all columns, each in the first file that has it."""
    known: dict[str, str] = {}
    for schema in corpus.schemas:
        for name, kind in schema.items():
            known.setdefault(name, kind)
    return known


def _check_types(corpus: Corpus, id_name: str, text: Sequence[str], recorded: bool) -> Mapping[str, Sequence[str]]:
    """Check each file's columns; return which files lack each one of text."""
    lacking: dict[str, list[str]] = {name: [] for name in text}
    for file, schema in zip(corpus.files, corpus.schemas, strict=True):
        if not schema:  # no row either
            continue
        if id_name not in schema:
            raise SpartonError(
                f"{file} has no column {id_name!r}, which other files have; its columns are "
                f"{listed(list(map(named, schema)))}"
            )
        kind = schema[id_name]
        if not is_id(kind):
            raise SpartonError(
                f"the id column {id_name!r} is of type {kind}{_in(file, corpus)}; an id is a string or a whole number"
            )
        if recorded and not any(name in schema for name in text):
            raise _no_recorded(text[0], [file], list(schema), id_name, text)
        if not any(name in schema for name in text):
            raise SpartonError(
                f"{file} has no column {' or '.join(map(repr, text))}, which other files have; its columns are "
                f"{listed(list(map(named, schema)))}; name all text columns with ",
                Parameter("text_columns"),
            )
        for name in text:
            if name not in schema:
                lacking[name].append(str(file))
            elif not is_text(schema[name]):
                raise _no_text(name, schema, _in(file, corpus))
    return lacking


def _no_text(name: str, schema: Mapping[str, str], where: str) -> SpartonError:
    """The error for a text column whose values are no text."""
    kind = schema[name]
    within = [one for one in schema if is_container(kind) and is_within(one, name) and is_text(schema[one])]
    instead = f"choose another, as {within[0]!r} within it, with " if within else "choose another with "
    return SpartonError(
        f"the text column {name!r} is of type {shortened(kind)}{where}, not string; {instead}",
        Parameter("text_columns"),
    )


def _tell(lacking: Mapping[str, Sequence[str]]) -> None:
    for name, files in lacking.items():
        if files:
            log.info("no column %r in %s: their rows have no text there", name, _some(files))


def _some(files: Sequence[str]) -> str:
    more = f" and {len(files) - _TOLD:,} more" if len(files) > _TOLD else ""
    return ", ".join(files[:_TOLD]) + more


def _in(file: object, corpus: Corpus) -> str:
    return f" in {file}" if len(corpus.files) > 1 else ""


def _no_guess(what: str, option: str, corpus: Corpus) -> SpartonError:
    known: tuple[object, ...] = (f": the columns are {listed(list(map(named, corpus.names)))}",)
    if corpus.format.heading:
        known += ("; if that is no heading but a row, give ", Parameter("header", False))
    return SpartonError(f"no column looks like {what}; name it with ", Parameter(option), *known)
