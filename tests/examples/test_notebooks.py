"""Both notebooks run cell by cell on the sample, and give what is stored in them."""

import ast
import json
import re
import shutil
from contextlib import redirect_stdout
from io import StringIO

import pytest
from support.documents import ROOT, differences

NOTEBOOKS = sorted(ROOT.glob("examples/notebooks/*.ipynb"))


def test_there_are_two():
    assert [path.name for path in NOTEBOOKS] == ["catalogue_search.ipynb", "experiment.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_hold_no_path_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"/(?:home|root|tmp|work|Users)/[^\"\s]*", text) == []
    assert all(cell["outputs"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_give_what_is_stored(path, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("catalog.parquet", "queries.tsv", "qrels.txt"):
        shutil.copy(str(data / name), tmp_path / "data")
    names, wrong = {}, []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
        with redirect_stdout(StringIO()) as printed:
            exec(compile(tree, path.name, "exec"), names)
            value = None if last is None else eval(compile(last, path.name, "eval"), names)
        given = printed.getvalue() + ("" if value is None else repr(value))
        stored = [out.get("text") or out["data"]["text/plain"] for out in cell["outputs"]]
        wrong += differences("".join(line for lines in stored for line in lines), given)
    assert wrong == []
