"""Write both notebooks with the outputs that their cells have, in a folder with nothing but the sample.

python examples/notebooks/make.py

A notebook is kept as its cells here in `CELLS`, so that a change is readable; the outputs are stored without paths of a machine.
"""

import ast
import json
import os
import shutil
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parents[1] / "data"
FILES = ("catalog.parquet", "queries.tsv", "qrels.txt")

ENGINEER = [
    "# Search a catalogue\n\nFrom 698 products to filters, facets and an update. Start it in a checkout, in a folder that has `data/`.",
    'import pyarrow as pa\nimport pyarrow.parquet as pq\n\nimport sparton\n\ncatalogue = pq.read_table("data/catalog.parquet")\ncatalogue.num_rows, catalogue.column_names',
    "## Index\n\nThe id and the texts are found by the names of their columns; all other columns become fields.",
    'report = sparton.build_index(catalogue, "shop", fields="all")\nreport.counts.rows',
    "## Search\n\nLoading takes seconds, so keep a `Searcher` open.",
    'searcher = sparton.Searcher("shop")\nfor hit in searcher.search("small black leather crossbody bag", k=3):\n    print(hit.rank, hit.id, hit.fields["price"], hit.fields["title"])',
    "Filters say which documents count, facets count them, and a field may give the order.",
    'answer = searcher.answer("crossbody bag", filters="price < 200 and in_stock", facets="brand", k=3)\nprint(answer.total)\nfor count in answer.facets["brand"][:3]:\n    print(count.value, count.count)',
    '[(hit.id, hit.fields["price"]) for hit in searcher.search("evening clutch", filters="price < 200", sort="-price", k=3)]',
    "## Update\n\nOnly rows with another text are encoded again; here one price changes.",
    'row = catalogue.slice(0, 1).to_pylist()\nrow[0]["price"] = 295.0\nsparton.update_index(pa.Table.from_pylist(row, catalogue.schema), "shop")\nsearcher.close()\nwith sparton.Searcher("shop") as searcher:\n    print(searcher.get("P0001").fields["price"])',
]
RESEARCHER = [
    "# An experiment\n\nA learned-sparse run beside BM25, and their fusion, on the sample's 87 judged queries. Start it in a checkout, in a folder that has `data/`.",
    'from pathlib import Path\n\nimport ir_measures\nfrom ir_measures import AP, RR, nDCG\n\nimport sparton\n\nsparton.build_index("data/catalog.parquet", "lab", also="bm25").counts.rows',
    'topics = dict(line.split("\\t") for line in Path("data/queries.tsv").read_text().splitlines())\nqrels = list(ir_measures.read_trec_qrels("data/qrels.txt"))\nlen(topics), len(qrels)',
    "## Three ways to search\n\nThe same index, opened in three ways.",
    'runs = {}\nfor way in ("bm25", "sparse", "bm25+sparse"):\n    options = {} if way == "sparse" else {"search_with": way}\n    with sparton.Searcher("lab", **options) as searcher:\n        found = searcher.search_many(list(topics.values()), k=1000)\n    runs[way] = {topic: {hit.id: float(hit.score) for hit in hits} for topic, hits in zip(topics, found, strict=True)}\n{way: sum(map(len, run.values())) for way, run in runs.items()}',
    "## Scores",
    'measures = [nDCG @ 10, RR @ 10, AP]\nfor way, run in runs.items():\n    scores = ir_measures.calc_aggregate(measures, qrels, run)\n    print(f"{way:12}", *(f"{measure} {scores[measure]:.3f}" for measure in measures))',
    "## Is the difference chance?\n\nA paired t-test over the queries.",
    'from scipy.stats import ttest_rel\n\n\ndef by_query(run):\n    return {metric.query_id: metric.value for metric in ir_measures.iter_calc([nDCG @ 10], qrels, run)}\n\n\nbase, fused = by_query(runs["bm25"]), by_query(runs["bm25+sparse"])\nf"{ttest_rel([fused[topic] for topic in topics], [base[topic] for topic in topics]).pvalue:.6f}"',
    "## Why did it find that?\n\nA query has its own words alone. The model adds others to documents when it encodes them; here are the heaviest of a text.",
    'with sparton.Searcher("lab") as searcher:\n    terms = searcher.document_terms("a denim jacket")\n[term for term in terms if term not in ("a", "denim", "jacket")][:5]',
]
CELLS = {"catalogue_search.ipynb": ENGINEER, "experiment.ipynb": RESEARCHER}
_PROSE = ("#", "Filters say")


def is_code(cell: str) -> bool:
    return not cell.startswith(_PROSE)


def ran(code: list[str]) -> list[tuple[str, str | None]]:
    """What each cell prints, and the value of its last expression, run in order in the working folder."""
    names: dict = {"__name__": "__main__"}
    outputs = []
    for source in code:
        tree = ast.parse(source)
        last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
        with redirect_stdout(StringIO()) as printed, redirect_stderr(StringIO()):
            exec(compile(tree, "cell", "exec"), names)
            value = None if last is None else eval(compile(last, "cell", "eval"), names)
        outputs.append((printed.getvalue(), None if value is None else repr(value)))
    return outputs


def notebook(cells: list[str]) -> dict:
    """The notebook of cells, with what they give."""
    outputs = iter(ran([cell for cell in cells if is_code(cell)]))
    written, count = [], 0
    for number, cell in enumerate(cells):
        entry = {"id": f"cell-{number}", "metadata": {}, "source": cell.splitlines(keepends=True)}
        if not is_code(cell):
            written.append({"cell_type": "markdown", **entry})
            continue
        count += 1
        printed, value = next(outputs)
        shown = []
        if printed:
            shown.append({"name": "stdout", "output_type": "stream", "text": printed.splitlines(keepends=True)})
        if value is not None:
            shown.append(
                {
                    "data": {"text/plain": value.splitlines(keepends=True)},
                    "execution_count": count,
                    "metadata": {},
                    "output_type": "execute_result",
                }
            )
        written.append({"cell_type": "code", "execution_count": count, "outputs": shown, **entry})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": written,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def main() -> None:
    for name, cells in CELLS.items():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "data").mkdir()
            for file in FILES:
                shutil.copy(SAMPLE / file, Path(folder) / "data")
            os.chdir(folder)
            made = notebook(cells)
            os.chdir(HERE)
        (HERE / name).write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
