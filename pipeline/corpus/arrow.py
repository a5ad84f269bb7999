"""Arrow files, those of Feather and of `datasets` among them; and Arrow's columns as values, for Parquet too."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from ...errors import SpartonError
from ...storage.skipped_rows import BadRow
from .files import DataFile
from .formats import NULL, TEXT
from .lines import call
from .paths import column_at, fields_within
from .rows import ROWS_A_BATCH, Rows
from .timestamps import instant

_MAGIC = b"ARROW1"
_END = b"\xff\xff\xff\xff\0\0\0\0"  # of a stream


class ArrowFormat:
    """Reads Arrow's file format and its stream format, in which `datasets` saves."""

    title, by_columns, named_by_rows = "Arrow", True, False
    heading: bool | None = None

    def schema(self, file: DataFile) -> Mapping[str, str]:
        """The file's columns and their kinds."""
        with file.open("rb") as stream:
            return kinds(call(file, lambda: _reader(stream)).schema)

    def rows(self, file: DataFile, columns: Sequence[str], fields: Sequence[str] = ()) -> Iterator[Rows]:
        """All rows."""
        with file.open("rb") as stream:
            first = 1
            for large in _batches(file, stream):
                for start in range(0, large.num_rows, ROWS_A_BATCH):
                    rows = rows_of(file, first, large.slice(start, ROWS_A_BATCH), columns, fields)
                    yield rows
                    first += len(rows)


def _reader(stream: Any) -> Any:
    start = stream.read(len(_MAGIC))
    stream.seek(0)
    return pa.ipc.open_file(stream) if start == _MAGIC else pa.ipc.open_stream(stream)


def _batches(file: DataFile, stream: Any) -> Iterator[pa.RecordBatch]:
    """Raises what Arrow does for a damaged file, and SpartonError for a stream without its end, which Arrow takes for
    whole where it is cut between two batches."""
    reader = call(file, lambda: _reader(stream))
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        for number in range(reader.num_record_batches):
            yield call(file, lambda number=number: reader.get_batch(number))  # type: ignore[misc]
        return
    while (batch := call(file, lambda: next(reader, None))) is not None:
        yield batch
    if not call(file, lambda: _is_ended(stream)):
        raise SpartonError(
            f"{file} lacks the mark at which an Arrow stream ends, so it may be cut; write it again, and close its "
            "writer"
        )


def _is_ended(stream: Any) -> bool:
    """Whether a stream, read to its last batch, has the mark of its end there."""
    stream.seek(stream.tell() - len(_END))
    return bool(stream.read(len(_END)) == _END)


def kinds(schema: pa.Schema) -> Mapping[str, str]:
    """The kinds of columns by their names; of two columns with one name the first is meant, but one whose own name has
    a dot before one within another."""
    found: dict[str, str] = {}
    own = set(schema.names)
    for field in schema:
        found.setdefault(field.name, _kind(field.type))
        for inner in fields_within(field):
            if inner.name not in own:
                found.setdefault(inner.name, _kind(inner.type))
    return found


def _kind(of: pa.DataType) -> str:
    if pa.types.is_dictionary(of):
        of = of.value_type
    if pa.types.is_string(of) or pa.types.is_large_string(of) or pa.types.is_string_view(of):
        return TEXT
    return NULL if pa.types.is_null(of) else str(of)


def rows_of(
    file: DataFile, first: int, batch: pa.RecordBatch, columns: Sequence[str], fields: Sequence[str] = ()
) -> Rows:
    """The rows of a batch, of which the first has the number `first`."""
    bad: dict[int, BadRow] = {}

    def values(name: str) -> list[Any]:
        column = column_at(batch, name)
        return [None] * batch.num_rows if column is None else _values(column, bad)

    numbers = range(first, first + batch.num_rows)
    rows = Rows(file, "row", numbers, tuple(map(values, columns)), fields=tuple(map(values, fields)))
    return rows.with_bad(bad)


def _values(column: pa.Array, bad: dict[int, BadRow]) -> list[Any]:
    """What a column holds. bad: gets the rows whose text is not UTF-8, or whose time is in no calendar. Raises what
    Arrow does for a damaged column."""
    try:
        column.validate(full=True)
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            return _instants(column, bad)
        values: list[Any] = plain(column).to_pylist()
        return values
    except pa.ArrowInvalid:
        raw = _bytes(column)
        if raw is None:
            raise
    raw.validate(full=True)  # or more is wrong than what its bytes mean
    values = []
    for offset, value in enumerate(plain(raw).to_pylist()):
        try:
            values.append(None if value is None else value.decode())
        except UnicodeDecodeError as error:
            values.append(None)
            bad[offset] = BadRow(
                "not UTF-8", f"has text that is not UTF-8 (byte {error.start + 1} is 0x{value[error.start]:02x})"
            )
    return values


def _instants(column: pa.Array, bad: dict[int, BadRow]) -> list[date | None]:
    """Dates, and timestamps in UTC, which Arrow's are where they have a zone, cut to microseconds."""
    is_date = pa.types.is_date(column.type)
    unit = {pa.date32(): "days", pa.date64(): "ms"}[column.type] if is_date else column.type.unit
    values: list[date | None] = []
    for offset, count in enumerate(column.view(pa.int32() if unit == "days" else pa.int64()).to_pylist()):
        try:
            moment = None if count is None else instant(count, unit)
            values.append(moment.date() if moment and is_date else moment)
        except OverflowError:
            values.append(None)
            bad[offset] = BadRow("time", "has a time that is not within the years 1 to 9999")
    return values


def _bytes(column: pa.Array) -> pa.Array | None:
    """A column of text as the bytes it is made of; None of another one."""
    if pa.types.is_dictionary(column.type):
        values = _bytes(column.dictionary)
        return None if values is None else pa.DictionaryArray.from_arrays(column.indices, values, safe=False)
    return column.view(_BINARY[column.type]) if column.type in _BINARY else None


_BINARY: dict[pa.DataType, pa.DataType] = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}


def plain(column: pa.Array) -> pa.Array:
    """A dictionary-encoded column as the values it stands for; any other as it is."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
