"""Which columns hold the id and the text: as asked, or guessed from their names."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ...errors import Parameter, SpartonError, UsageError
from .reader import Corpus

ID_NAMES = ("id", "_id", "docid", "doc_id", "pid", "product_id")
TITLE_NAMES = ("title", "name")
BODY_NAMES = ("text", "contents", "content", "body", "description", "passage", "abstract")


@dataclass(frozen=True, slots=True)
class Columns:
    """The id column and the text columns, joined with a space in this order; `guessed` if nobody named them all."""

    id: str
    text: tuple[str, ...]
    guessed: bool = False


def choose_columns(schema: pa.Schema, id_column: str | None = None, text_columns: Sequence[str] = ()) -> Columns:
    """Take the columns asked for, and guess those that were not: id, _id, docid; title + text, contents, body, …

    Raises SpartonError when a column is missing or of the wrong type, or when nothing fits a guess, and UsageError for
    a column that is named twice.
    """
    for name in text_columns:
        if list(text_columns).count(name) > 1:
            raise UsageError(Parameter("text_columns"), f" is {name!r} more than once; name each column once")
    id_name = id_column or _first(schema, ID_NAMES)
    if id_name is None:
        raise _no_guess("an id", "id_column", schema)
    text = tuple(text_columns) or tuple(
        name for name in (_first(schema, TITLE_NAMES), _first(schema, BODY_NAMES)) if name is not None
    )
    if not text:
        raise _no_guess("text", "text_columns", schema)
    for name in (id_name, *text):
        if name not in schema.names:
            raise SpartonError(f"the corpus has no column {name!r}; its columns are {', '.join(schema.names)}")
    _check_types(schema, id_name, text)
    return Columns(id_name, text, guessed=id_column is None or not text_columns)


def check_files(corpus: Corpus, columns: Columns) -> None:
    """Check that each file has the columns, of the kinds that the first one has.

    Raises SpartonError naming the file: Arrow would read a missing column as null, and cast one of another type.
    """
    for path, schema in corpus.schemas():
        for name in (columns.id, *columns.text):
            if name not in schema.names:
                raise SpartonError(
                    f"{path} has no column {name!r}, which {corpus.files[0]} has; its columns are "
                    f"{', '.join(schema.names)}"
                )
            found, expected = schema.field(name).type, corpus.schema.field(name).type
            if _is_text(found) != _is_text(expected) and not pa.types.is_null(found):
                raise SpartonError(
                    f"the column {name!r} is of type {found} in {path} and of type {expected} in {corpus.files[0]}; "
                    "make them the same"
                )


def _check_types(schema: pa.Schema, id_name: str, text: Sequence[str]) -> None:
    id_type = schema.field(id_name).type
    if not (_is_text(id_type) or pa.types.is_integer(id_type)):
        raise SpartonError(f"the id column {id_name!r} is of type {id_type}; an id is a string or an integer")
    for name in text:
        if not _is_text(schema.field(name).type):
            raise SpartonError(
                f"the text column {name!r} is of type {schema.field(name).type}, not string; choose another with ",
                Parameter("text_columns"),
            )


def _first(schema: pa.Schema, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in schema.names), None)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _no_guess(what: str, option: str, schema: pa.Schema) -> SpartonError:
    known = f": the columns are {', '.join(schema.names)}"
    return SpartonError(f"no column looks like {what}; name it with ", Parameter(option), known)
