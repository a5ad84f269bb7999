"""Columns that a program gives, to a Parquet file: its bytes depend on the rows alone, however they come in batches."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...errors import SpartonError
from ...storage.scratch import unwritable
from .rows import ROWS_A_BATCH
from .spooled import SpooledFile

_GROUP = 4 * ROWS_A_BATCH  # rows
_NOT_HANDED_OVER = (pa.ArrowException, ValueError, TypeError, OverflowError)
_LABELS = re.compile(r"__index_level_\d+__")  # that pandas counts rows by, which have no name


def columns_of(source: Any, kind: str) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    """The schema and the batches of what follows Arrow's protocol. kind: its type.

    Raises SpartonError for what cannot be handed over, such as a column of mixed types.
    """
    if isinstance(source, pa.Table):
        return source.schema, source.to_batches()
    if isinstance(source, pa.RecordBatch):
        return source.schema, [source]
    if isinstance(source, pa.RecordBatchReader):  # by the protocol, what its source raises would be another error
        return source.schema, source
    if (schema := _of_objects(source)) is not None:
        return schema, _pieces(source, schema, kind)
    try:
        reader = pa.RecordBatchReader.from_stream(source)
    except _NOT_HANDED_OVER as error:
        raise _unfit(kind, error) from error
    return reader.schema, reader


def _of_objects(source: Any) -> pa.Schema | None:
    """The schema of a DataFrame of pandas with columns of Python's objects, which by the protocol would all be in
    memory a second time; None of others, and where a column has no type: by the protocol it is named."""
    if not hasattr(source, "iloc") or all(str(dtype) != "object" for dtype in source.dtypes):
        return None
    try:
        return pa.Schema.from_pandas(source)
    except _NOT_HANDED_OVER:
        return None


def _pieces(frame: Any, schema: pa.Schema, kind: str) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(frame), _GROUP):
        try:
            piece = pa.Table.from_pandas(frame.iloc[start : start + _GROUP], schema=schema)
        except _NOT_HANDED_OVER as error:
            raise _unfit(kind, error) from error
        yield from piece.to_batches()


def columns_of_dataset(dataset: Any) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    """The same of a dataset of `datasets` whose features are known."""
    schema: pa.Schema = dataset.features.arrow_schema
    tables = dataset.with_format("arrow").iter(batch_size=ROWS_A_BATCH)
    return schema, (batch for table in tables for batch in table.select(schema.names).cast(schema).to_batches())


def spool_columns(columns: tuple[pa.Schema, Iterable[pa.RecordBatch]], kind: str, folder: Path) -> SpooledFile:
    """Write them to a file in a folder.

    Raises SpartonError for no row or column, for a type that Parquet lacks, and where the folder takes no more.
    """
    schema, batches = columns
    kept = [index for index, name in enumerate(schema.names) if not _LABELS.fullmatch(name)]
    if not kept:
        raise SpartonError(f"the {kind} has no columns; there is nothing to index")
    # Without metadata, in which pandas says more of the DataFrame than its rows.
    plain = pa.schema([pa.field(schema.names[index], _storable(schema.types[index])) for index in kept])
    path, rows = folder / "rows.parquet", 0
    with _told(kind, folder):
        writer = pq.ParquetWriter(path, plain, compression="zstd", write_page_checksum=True)
    try:
        for batch in _of_one_size(batches):
            with _told(kind, folder):
                arrays = [_converted(batch.column(index), plain.types[at]) for at, index in enumerate(kept)]
                writer.write_table(pa.Table.from_arrays(arrays, schema=plain))
            rows += batch.num_rows
        with _told(kind, folder):
            writer.close()
    except BaseException:
        with suppress(OSError, pa.ArrowException):  # the first error is the one to report
            writer.close()
        raise
    if not rows:
        raise SpartonError(f"the {kind} has no rows; there is nothing to index")
    return SpooledFile(path, kind, rows)


@contextmanager
def _told(kind: str, folder: Path) -> Iterator[None]:
    """Turn what writing raises into a sentence; what the rows' own iterator raises is none of it."""
    try:
        yield
    except OSError as error:
        raise unwritable(folder, error) from error
    except pa.ArrowException as error:
        raise _unfit(kind, error) from error


def _of_one_size(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows, as many in each but the last."""
    some: list[pa.RecordBatch] = []
    room = _GROUP
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            some.append(batch.slice(start, room))
            start, room = start + some[-1].num_rows, room - some[-1].num_rows
            if not room:
                yield pa.concat_batches(some)
                some, room = [], _GROUP
    if some:
        yield pa.concat_batches(some)


def _storable(of: pa.DataType) -> pa.DataType:
    """The type in which values of one are kept: of texts always one that holds long ones, of codes what they mean."""
    if isinstance(of, pa.BaseExtensionType):
        return _storable(of.storage_type)
    if pa.types.is_dictionary(of) or pa.types.is_run_end_encoded(of):
        return _storable(of.value_type)
    if pa.types.is_string_view(of):
        return pa.large_string()
    if pa.types.is_binary_view(of):
        return pa.large_binary()
    if pa.types.is_fixed_size_list(of):
        return pa.list_(of.value_field.with_type(_storable(of.value_type)), of.list_size)
    if pa.types.is_list(of) or pa.types.is_list_view(of):
        return pa.list_(of.value_field.with_type(_storable(of.value_type)))
    if pa.types.is_large_list(of) or pa.types.is_large_list_view(of):
        return pa.large_list(of.value_field.with_type(_storable(of.value_type)))
    if pa.types.is_struct(of):
        return pa.struct([field.with_type(_storable(field.type)) for field in of]) if of.num_fields else pa.null()
    return of


def _converted(column: pa.Array, to: pa.DataType) -> pa.Array:
    """A column as another type."""
    if column.type == to:
        return column
    if pa.types.is_null(to):
        return pa.nulls(len(column))
    if isinstance(column.type, pa.BaseExtensionType):
        return _converted(column.storage, to)
    if pa.types.is_dictionary(column.type):
        return _converted(column.dictionary, to).take(column.indices)
    if pa.types.is_run_end_encoded(column.type):
        return pc.run_end_decode(column).cast(to)
    return column.cast(to)


def _unfit(kind: str, error: Exception) -> SpartonError:
    parts: Sequence[object] = error.args if isinstance(error.args, tuple) else (error,)
    reason = "; ".join(str(part).split("\n", 1)[0].rstrip(".") for part in parts)
    return SpartonError(
        f"the {kind} cannot be kept as columns ({reason}); give each column one type, or give its rows as dicts"
    )
