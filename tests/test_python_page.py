"""Every example of docs/python.md runs, in order, and gives what the page says."""

import re
import shutil
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import sparton

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


@pytest.mark.slow
def test_the_examples_run_one_after_the_other(small_catalog, tmp_path, monkeypatch):
    pytest.importorskip("pandas", reason="pandas is not installed")
    monkeypatch.chdir(tmp_path)
    shutil.copy(small_catalog, "catalog.parquet")
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    names, printed = {}, []
    for block in blocks:
        with redirect_stdout(StringIO()) as output:
            exec(compile(block, str(PAGE), "exec"), names)
        printed.append(output.getvalue().splitlines())
    assert re.fullmatch(
        r"<BuildReport of shop-index: 64 documents of 64 rows, \d+\.\d terms a document, \d+\.\d s>", printed[0][0]
    )
    assert printed[0][1] == "64"
    assert printed[2][0].startswith("1 ")
    prices = {row["id"]: row["price"] for row in pq.read_table(small_catalog).to_pylist()}
    assert printed[2][0].endswith(f" {prices[printed[2][0].split()[2]]}")
    assert printed[2][3] == "64 True"
    prices = [hit.fields["price"] for hit in names["cheap"]]
    assert prices == sorted(prices, reverse=True)
    assert prices[0] < 400
    assert all(hit.fields["in_stock"] for hit in names["cheap"])
    assert [hit.rank for hit in names["cheap"]] == list(range(2, len(prices) + 2))
    assert sum(count.count for count in names["counts"]) == names["answer"].total > 5
    assert names["answer"].more_values == {}  # the small catalogue has fewer than 20 brands
    assert names["reason"] == "no document that passes the filters holds a term of the query"
    document = names["document"]
    assert printed[2][4] == f"{document.text} {document.fields}"
    assert document.fields["brand"] == "Verrane"
    dense = names["queries"].to_torch().to_dense() @ names["tensor"].to_dense().T
    assert dense.tolist() == names["scores"].toarray().tolist()
    assert (dense[0, 0] > dense[0, 1]).item()
    assert printed[3][1] == "{'leather': 1, 'bag': 1}"
    assert names["searcher"].searching.weights == (0.3, 0.7)
    assert len(names["weighed"]) == 3
    assert printed[5] == ["64 1 {}"]
    exported = pq.read_table("shop-export/documents-00000.parquet")
    with sparton.Searcher("shop-index") as searcher:
        assert names["found"] == [searcher.search(query, k=5) for query in ("evening clutch", "woolly jumper")]
        assert exported["text"].to_pylist() == [searcher.get(name).text for name in exported["id"].to_pylist()]
    assert all(names["found"])
    folders = ["one", "shop-export", "shop-index", "three", "two"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalog.parquet", *folders]
