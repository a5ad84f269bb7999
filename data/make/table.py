"""Writes columns to a Parquet file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 256


def write_table(columns: dict[str, list], path: Path) -> None:
    """A Zstandard Parquet file, in small row groups; the column "price" is a double, the others are strings."""
    schema = pa.schema([(name, pa.float64() if name == "price" else pa.string()) for name in columns])
    pq.write_table(pa.table(columns, schema=schema), path, compression="zstd", row_group_size=ROW_GROUP_ROWS)
