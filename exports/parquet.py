"""Parquet: a row a document, with its terms and impacts as lists, for whatever else reads tables."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from ..storage.atomic import whole_file
from ..storage.fields import BOOLEAN, NUMBER, STRING, STRINGS, TIMESTAMP
from .documents import Document, Query, as_double
from .format import Target
from .names import free_name

_TYPES = {
    STRING: pa.string(),
    NUMBER: pa.float64(),
    BOOLEAN: pa.bool_(),
    TIMESTAMP: pa.timestamp("us", "UTC"),
    STRINGS: pa.list_(pa.string()),
}
_OWN = ("id", "text", "terms", "impacts")
_VECTOR = [("terms", pa.list_(pa.string())), ("impacts", pa.list_(pa.int32()))]
_ROWS = 4_096  # of a row group


class Parquet:
    """Parquet files with the columns id, text, one for each field, terms and impacts."""

    needs_numbers: ClassVar[bool] = False
    joins: ClassVar[bool] = False
    most_pieces: ClassVar[int] = 10_000

    def __init__(self, target: Target) -> None:
        self._folder = target.folder
        self._kinds = {field.name: field.kind for field in target.fields}
        self._columns = _columns(self._kinds)

    def describe(self) -> Sequence[str]:
        """The files have their schema themselves."""
        return ()

    def write(self, piece: str, documents: Iterable[Document], notes: Counter[str]) -> Sequence[str]:
        """Write the table of a piece."""
        fields = [(self._columns[name], _TYPES[kind]) for name, kind in self._kinds.items()]
        schema = pa.schema([("id", pa.string()), ("text", pa.string()), *fields, *_VECTOR])
        rows = (self._row(document, notes) for document in documents)
        return [_write_table(self._folder, f"documents-{piece}.parquet", schema, rows)]

    def join(self, pieces: Sequence[str], notes: Counter[str]) -> Sequence[str]:
        """Tables are read together as they are."""
        return ()

    def write_queries(self, queries: Iterable[Query], notes: Counter[str]) -> Sequence[str]:
        """Write queries.parquet, with the columns id, text, terms and impacts."""
        schema = pa.schema([("id", pa.string()), ("text", pa.string()), *_VECTOR])
        rows = ([query.id, query.text, list(query.terms), list(query.terms.values())] for query in queries)
        return [_write_table(self._folder, "queries.parquet", schema, rows)]

    def _row(self, document: Document, notes: Counter[str]) -> list[Any]:
        values = (self._value(name, document.fields.get(name), notes) for name in self._kinds)
        return [document.id, document.text, *values, list(document.terms), list(document.terms.values())]

    def _value(self, name: str, value: Any, notes: Counter[str]) -> Any:
        if value is not None and self._kinds[name] == NUMBER:
            return as_double(value, notes)
        return datetime.fromisoformat(value) if value is not None and self._kinds[name] == TIMESTAMP else value


def _columns(fields: Iterable[str]) -> dict[str, str]:
    """What the column of each field is called: as the field, unless another column is, for DuckDB in other case too.

    Those that are called as one of our own columns take what the others leave.
    """
    columns: dict[str, str] = {}
    for name in sorted(fields, key=lambda name: name.lower() in _OWN):
        columns[name] = free_name(("field." * number + name for number in count()), (*_OWN, *columns.values()))
    return columns


def _write_table(folder: Path, name: str, schema: pa.Schema, rows: Iterable[list[Any]]) -> str:
    """Write rows as a table, a row group at a time; return the file's name."""
    with (
        whole_file(folder / name) as stream,
        pq.ParquetWriter(stream, schema, compression="zstd") as writer,
    ):
        for batch in _batches(rows):
            columns = zip(*batch, strict=True)
            arrays = [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return name


def _batches(rows: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    every = iter(rows)
    while batch := list(islice(every, _ROWS)):
        yield batch
