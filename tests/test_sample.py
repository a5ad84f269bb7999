"""The sample collection is what its program writes, and its fields are those of its products."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.mark.slow
def test_the_files_are_what_the_program_writes_every_time(catalog, tmp_path):
    data = Path(catalog).parent
    shutil.copytree(data / "make", tmp_path / "make")
    for _ in range(2):
        subprocess.run([sys.executable, "make"], cwd=tmp_path, check=True, capture_output=True)
        for name in ("queries.tsv", "qrels.txt"):
            assert (tmp_path / name).read_bytes() == (data / name).read_bytes()
        assert pq.read_table(tmp_path / "catalog.parquet").equals(pq.read_table(catalog))
        (tmp_path / "catalog.parquet").unlink()


def test_stock_and_sizes_are_those_of_a_shop(catalog):
    table = pq.read_table(catalog)
    assert [table.schema.field(name).type for name in ("price", "in_stock", "stock", "sizes", "added")] == [
        pa.float64(),
        pa.bool_(),
        pa.int64(),
        pa.list_(pa.string()),
        pa.timestamp("ms", "UTC"),
    ]
    rows = table.to_pylist()
    assert all(row["in_stock"] == (row["stock"] > 0) for row in rows)
    assert Counter(row["in_stock"] for row in rows) == {True: 570, False: 128}
    sizes = {(row["category"], row["sizes"] is None) for row in rows}
    assert ("wallet", True) in sizes
    assert ("sneakers", False) in sizes
    assert len(sizes) == len({category for category, _ in sizes})  # a category has sizes, or none of its products has
