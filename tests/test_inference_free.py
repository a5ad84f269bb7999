"""An index whose queries are a table's: built and searched from the command line, without torch at query time."""

import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from support.saved_models import WORDS, needs_sentence_transformers, save, save_masked_lm, splade, static

import sparton

pytestmark = [pytest.mark.slow, needs_sentence_transformers]

LOADED = """
import sys
import sparton.cli
try:
    sparton.cli.app(sys.argv[1:])
finally:
    heavy = {"torch", "transformers", "sentence_transformers", "triton", "pyarrow", "huggingface_hub"}
    print("loaded:", *sorted(heavy & sys.modules.keys()), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from sentence_transformers.base.modules import Router

    folder = tmp_path_factory.mktemp("models")
    plain = save_masked_lm(folder / "plain")
    router = Router.for_query_document([static(plain)], splade(plain, "max", "log1p_relu"))
    return save([router], folder / "model", prompts={"document": "document : "}), folder / "model"


@pytest.fixture(scope="module")
def index(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    import pyarrow as pa

    texts = [f"{WORDS[i % 12]} {WORDS[i * 7 % 40]} leather bag" for i in range(60)]
    pq.write_table(pa.table({"id": [f"d{i:02}" for i in range(60)], "text": texts}), folder / "bags.parquet")
    return folder, texts


def test_an_index_is_built_and_searched_from_the_command_line(run_cli, model, index):
    encoder, model_folder = model
    folder, texts = index
    built = run_cli("index", folder / "bags.parquet", "--index", folder / "index", "--model", model_folder)
    assert built.code == 0, built.stderr
    settings = json.loads((folder / "index" / "sparton.json").read_text())["settings"]["model"]
    documents, queries = settings["documents"], settings["queries"]
    assert (documents["kind"], documents["activation"]) == ("masked_lm", "log1p_log1p_relu")
    assert documents["prompt"] == "document : "
    assert (queries["kind"], queries["dtype"], queries["prompt"]) == ("static", None, "")

    assert "queries     by a table of token weights" in run_cli("info", "--index", folder / "index").stdout

    found = run_cli("search", "black suede bag", "--index", folder / "index", "--json", "-k", "10")
    hits = [json.loads(line) for line in found.stdout.splitlines()]
    scores = encoder.similarity(encoder.encode_query(["black suede bag"]), encoder.encode_document(texts))[0]
    assert len(hits) == 10
    # A score is of impacts at scale 100, each rounded by up to a half.
    expected = {f"d{i:02}": float(score) * 10_000 for i, score in enumerate(scores)}
    assert all(hit["score"] == pytest.approx(expected[hit["id"]], rel=0.02) for hit in hits)
    assert hits[-1]["score"] >= 0.98 * sorted(expected.values())[-10]

    command = [sys.executable, "-c", LOADED, "search", "black suede bag", "--index", str(folder / "index"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.stdout == found.stdout
    assert done.stderr.splitlines()[-1].strip() == "loaded:"


def test_queries_in_python(model, index, tmp_path):
    folder, _ = index
    sparton.build_index(folder / "bags.parquet", tmp_path / "index", model=str(model[1]), device="cpu")
    searcher = sparton.Searcher(tmp_path / "index")
    assert set(searcher.terms("black bag")) <= {"black", "bag"}
    assert searcher.search("black bag", 3) == searcher.search("bag black bag", 3)
    searcher.close()


def test_an_index_whose_documents_are_a_tables_too(run_cli, model, index, tmp_path):
    save([static(model[1].parent / "plain")], tmp_path / "static")
    built = run_cli("index", index[0] / "bags.parquet", "--index", tmp_path / "index", "--model", tmp_path / "static")
    assert built.code == 0, built.stderr
    found = run_cli("search", "leather", "--index", tmp_path / "index", "--json", "--explain")
    hit = json.loads(found.stdout.splitlines()[0])
    (match,) = hit["matches"]
    assert match["term"] == "leather"
    assert match["query_impact"] == match["document_impact"]


def test_vectors_of_another_tool_are_searched_with_a_table(run_cli, model, tmp_path):
    vectors = tmp_path / "vectors.jsonl"
    vectors.write_text('{"id": "a", "contents": "", "vector": {"bag": 3, "leather": 5}}\n')
    arguments = "--from-collection", vectors, "--index", tmp_path / "index", "--model", model[1]
    assert run_cli("index", *arguments).code == 0
    assert json.loads(run_cli("search", "leather", "--index", tmp_path / "index", "--json").stdout)["id"] == "a"
