"""Every code block of README and docs runs on the sample, or says why it cannot; where output is shown, it is so."""

import json
import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.block_runner import BlockRunner, run_and_compare
from support.documents import LESSONS, ROOT, RUN, blocks_of, differences, pages

import sparton

# README's fences would make it longer than a page; what cannot run is named by how it begins.
README = {
    "make demo": ".ci/run does it, and this is the suite",
    "sparton index 'catalogue/*.parquet'": "downloads a model",
    "sparton index-vectors vectors/": "downloads a model",
}
ELSEWHERE = {"docs/python.md": "tests/test_python_page.py"}
GIVEN = ("sparton-index", "shop-index", "other-index")


def reason(block):
    """Why a block does not run, or None."""
    told = [why for start, why in README.items() if block.page == "README.md" and block.code.startswith(start)]
    return block.reason or (told[0] if told else None)


def to_run(page):
    return [block for block in blocks_of(page) if block.language in RUN and reason(block) is None]


@pytest.fixture(scope="session")
def prepared(catalog, small_catalog, data, tmp_path_factory):
    """A folder with files by the names that the pages of reference use, and two finished indexes."""
    from support.saved_models import save_masked_lm

    folder = tmp_path_factory.mktemp("prepared")
    (folder / "data").mkdir()
    (folder / "catalogue").mkdir()
    for name in ("catalog.parquet", "queries.tsv", "qrels.txt"):
        shutil.copy(str(data / name), folder / "data")
    for name in ("catalog.parquet", "corpus.parquet", "catalogue/a.parquet"):
        shutil.copy(small_catalog, folder / name)
    rows = pq.read_table(small_catalog)
    with (folder / "shop.jsonl").open("w", encoding="utf-8") as file:
        for row in rows.to_pylist():
            file.write(json.dumps(row, default=str) + "\n")
    dearer = rows.slice(0, 5).to_pylist()
    for row in dearer:
        row["price"] += 1
    pq.write_table(pa.Table.from_pylist(dearer, rows.schema), folder / "new-rows.parquet")
    (folder / "gone.txt").write_text("P0001\n")
    (folder / "keys").write_text("shop: " + "4f" * 32 + "\n")
    queries = [line.split("\t") for line in (data / "queries.tsv").read_text(encoding="utf-8").splitlines()]
    for name in ("queries.tsv", "topics.tsv"):
        shutil.copy(str(data / "queries.tsv"), folder / name)
    shutil.copy(str(data / "qrels.txt"), folder)
    (folder / "queries.jsonl").write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in queries))
    save_masked_lm(folder / "path" / "to" / "saved-model")
    sparton.build_index(small_catalog, folder / "shop-index", fields="all", also=["bm25", "seismic"])
    shutil.copytree(folder / "shop-index", folder / "sparton-index")
    sparton.build_index(small_catalog, folder / "other-index", model=str(folder / "path" / "to" / "saved-model"))
    for name, way in (("small", None), ("bm25", "bm25")):
        with sparton.Searcher(folder / "shop-index", **({"search_with": way} if way else {})) as searcher:
            found = searcher.search_many([text for _, text in queries], k=10)
        lines = [
            f"{i} Q0 {hit.id} {hit.rank} {hit.score} x\n"
            for (i, _), hits in zip(queries, found, strict=True)
            for hit in hits
        ]
        (folder / f"{name}.trec").write_text("".join(lines))
    return folder


def names_of_head():
    """What the example of docs/head.md calls on."""
    import torch
    from sentence_transformers import SparseEncoder
    from support.saved_models import save_masked_lm, splade

    torch.manual_seed(0)
    return {
        "hidden": torch.randn(2, 3, 8),
        "decoder_weight": torch.randn(11, 8),
        "decoder_bias": torch.randn(11),
        "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
        "packed": torch.randn(5, 8),
        "cu_seqlens": torch.tensor([0, 3, 5], dtype=torch.int32),
        "model": SparseEncoder(modules=splade(save_masked_lm("model-of-the-head"))),
    }


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in pages() if page not in LESSONS and to_run(page)])
def test_blocks_of_reference_run(page, prepared, run_cli, tmp_path, monkeypatch):
    """Each section begins in the prepared folder; an index that it builds in Python is not there before."""
    if page in ELSEWHERE:
        pytest.skip(f"{ELSEWHERE[page]} runs it")
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed (extra test)")
    wrong = []
    blocks = to_run(page)
    for number, section in enumerate(dict.fromkeys(block.section for block in blocks)):
        folder = tmp_path / str(number)
        shutil.copytree(prepared, folder)
        monkeypatch.chdir(folder)
        mine = [block for block in blocks if block.section == section]
        built = {name for block in mine for name in re.findall(r'build_index\(.*?"([\w-]+)"[,)]', block.code)}
        if page == "README.md" and section == "":
            built.add("sparton-index")
        for name in built:
            shutil.rmtree(folder / name, ignore_errors=True)
        python = any(block.language == "python" for block in mine)
        names = names_of_head() if python and any("fuse(model)" in block.code for block in mine) else {}
        if any(block.code.startswith("searcher.") for block in mine):
            names["searcher"] = sparton.Searcher("sparton-index")
        runner = BlockRunner(folder, run_cli, tuple(name for name in GIVEN if name not in built), names)
        try:
            for block in mine:
                wrong += run_and_compare(runner, block)
        finally:
            runner.close()
    assert wrong == []


def test_every_block_runs_or_says_why(record_property, capsys):
    blocks = [block for page in pages() for block in blocks_of(page) if block.language in RUN]
    not_run = {block.place: reason(block) for block in blocks if reason(block)}
    record_property("blocks", len(blocks))
    record_property("not run", len(not_run))
    with capsys.disabled():
        print(f"\n{len(blocks)} blocks of code on {len(pages())} pages, {len(not_run)} of them marked as not to run")
    assert len(not_run) < len(blocks) / 2
    assert all(any(block.code.startswith(start) for block in blocks) for start in README), "README has no such block"


@pytest.mark.parametrize("page", pages())
def test_what_is_no_program_is_marked_as_text(page):
    """A block in no language that runs shows no command of ours, which would go untested."""
    text = [block for block in blocks_of(page) if block.language not in RUN and "sparton " in block.code]
    assert [block.place for block in text if re.search(r"^sparton [a-z-]+ (?!INDEX)", block.code, re.MULTILINE)] == []


def test_differences_find_what_a_page_should_not_show():
    printed = "  1    239588  P0001  Adele small bag in\n     black  191 × 221   18% ████\ntook 3.1 s\n"
    assert differences("  1    239588  P0001  Adele sm…\n     …\ntook 9.9 s\n", printed) == []
    assert differences("  1    239588  P0002  Adele sm…\n", printed) != []
    assert differences("     black  191 × 221   18% ███\n", printed) == []
    assert differences("     black  191 × 231   18% ███\n", printed) != []
    assert differences("     1  239588  P0001  Adele small bag in\ntook 3.1 s\n", printed) == ["took 3.1 s"]
    assert differences("nothing of it\n", printed) == ["nothing of it"]
    assert differences("  2    239588  P0001  Adele sm…\n", printed) != []
    measured = "nDCG@10  0.5596\nshop: 1 removed; 697 documents, generation 2\nbag 40 × 30 3%\n"
    assert (
        differences("nDCG@10  0.5580\nshop: 1 removed; 690 documents, generation 2\nbag 41 × 31 2%\n", measured) == []
    )
    assert differences("nDCG@10  0.5234\n", measured) != []
    assert differences("shop: 0 removed; 697 documents, generation 2\n", measured) != []
    assert differences("shop: 1 removed; 697 documents, generation 3\n", measured) != []


def test_pages_are_all_of_the_repository():
    assert {"README.md", "docs/commands.md", "data/README.md"} <= set(pages())
    assert set(pages()) == {
        str(path.relative_to(ROOT))
        for path in [*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "data" / "README.md"]
    }
