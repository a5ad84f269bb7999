"""Parquet."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...storage.remote import RemoteFile
from ...storage.store_calls import bounded_items
from .arrow import kinds, rows_of
from .files import DataFile
from .lines import call
from .rows import ROWS_A_BATCH, Rows


class ParquetFormat:
    """Reads Parquet page by page."""

    title, by_columns, named_by_rows = "Parquet", True, False
    heading: bool | None = None

    def schema(self, file: DataFile) -> Mapping[str, str]:
        """The file's columns and their kinds."""
        with file.open("rb") as stream:
            return kinds(call(file, lambda: pq.ParquetFile(stream)).schema_arrow)

    def rows(self, file: DataFile, columns: Sequence[str], fields: Sequence[str] = ()) -> Iterator[Rows]:
        """All rows. Pages that carry a checksum are checked."""
        batches = _batches(file, (*columns, *fields))
        first = 1
        for batch in bounded_items(batches, str(file)) if isinstance(file, RemoteFile) else batches:
            rows = rows_of(file, first, batch, columns, fields)
            yield rows
            first += len(rows)


def _batches(file: DataFile, columns: Sequence[str]) -> Iterator[Any]:
    # A dataset would decode a whole row group, often the whole file, before its first row.
    remote = isinstance(file, RemoteFile)  # where many small reads cost more than memory
    with (
        file.open("rb") as stream,
        pq.ParquetFile(stream, pre_buffer=remote, page_checksum_verification=True) as parquet,
    ):
        counts = [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
        if sum(counts) != parquet.metadata.num_rows:
            raise pa.ArrowInvalid(f"its row groups have {sum(counts)} rows, and its footer {parquet.metadata.num_rows}")
        known = kinds(parquet.schema_arrow)
        own = list(dict.fromkeys(name for name in columns if name in known))
        # One row group at a time, so that all before a damaged one is read.
        for group, count in enumerate(counts):
            for batch in parquet.iter_batches(ROWS_A_BATCH, row_groups=[group], columns=own, use_threads=False):
                yield batch
                count -= batch.num_rows
            if count:  # Arrow ends without an error at some damaged pages
                raise pa.ArrowInvalid(f"{count} rows of row group {group} are missing")
