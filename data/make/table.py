"""Writes columns to a Parquet file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 256
TYPES = {
    "price": pa.float64(),
    "in_stock": pa.bool_(),
    "stock": pa.int64(),
    "sizes": pa.list_(pa.string()),
    "added": pa.timestamp("ms", "UTC"),
}


def write_table(columns: dict[str, list], path: Path) -> None:
    """A Zstandard Parquet file, in small row groups; columns without a type of their own are strings."""
    schema = pa.schema([(name, TYPES.get(name, pa.string())) for name in columns])
    pq.write_table(pa.table(columns, schema=schema), path, compression="zstd", row_group_size=ROW_GROUP_ROWS)
