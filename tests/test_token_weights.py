"""Indexes of models that weigh tokens: built, searched and run from the command line, and fetched by the name alone."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.hub import hub, user_of
from support.saved_models import WORDS
from support.token_models import lexical_weights, rounded, save_bge_m3

from sparton.storage.manifest import load_manifest

pytestmark = pytest.mark.slow

NAME = "BAAI/bge-m3"
QUERIES = {"q1": "black suede bag", "q2": "bag of leather bag", "q3": "word3 word10"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_bge_m3(tmp_path_factory.mktemp("models") / "bge")


@pytest.fixture(scope="module")
def texts():
    return {f"d{i:02}": f"{WORDS[i % 12]} {WORDS[i * 7 % 40]} leather bag bag word{i % 20}" for i in range(60)}


@pytest.fixture(scope="module")
def corpus(texts, tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "bags.parquet"
    pq.write_table(pa.table({"id": list(texts), "text": list(texts.values())}), path)
    return path


def expected_scores(model, texts, query):
    """{id: score} by the definition, of all documents that have a term of the query."""
    (wanted,) = map(rounded, lexical_weights(model, [query]))
    documents = map(rounded, lexical_weights(model, texts.values()))
    scores = {
        name: sum(impact * document.get(term, 0) for term, impact in wanted.items())
        for name, document in zip(texts, documents, strict=True)
    }
    return {name: score for name, score in scores.items() if score}


def test_an_index_is_built_searched_and_run(run_cli, model, texts, corpus, tmp_path):
    index = tmp_path / "index"
    built = run_cli("index", corpus, "--index", index, "--model", model, "--dtype", "float32", "--shard-rows", "25")
    assert built.code == 0, built.stderr
    settings = load_manifest(index).settings.model
    assert (settings.documents.kind, settings.queries) == ("token_weights", None)
    (tmp_path / "topics.tsv").write_text("".join(f"{name}\t{query}\n" for name, query in QUERIES.items()))
    ran = run_cli("run", tmp_path / "topics.tsv", "--index", index, "--output", tmp_path / "run.txt", "-k", "60")
    assert ran.code == 0, ran.stderr
    lines = [line.split() for line in (tmp_path / "run.txt").read_text().splitlines()]
    for name, query in QUERIES.items():
        expected = expected_scores(model, texts, query)
        assert len(expected) >= 3
        found = run_cli("search", query, "--index", index, "--json", "-k", "60")
        hits = {hit["id"]: hit["score"] for hit in map(json.loads, found.stdout.splitlines())}
        assert hits.keys() == expected.keys()
        # An impact may be one more or less where a weight is near a half.
        assert hits == pytest.approx(expected, rel=0.02)
        assert {line[2]: float(line[4]) for line in lines if line[0] == name} == pytest.approx(hits)


def test_a_model_on_the_hub_needs_its_name_alone(run_cli, model, texts, corpus, tmp_path):
    """Of its files those are fetched that encode; a search then has them from the cache, without asking."""
    (model / "onnx").mkdir(exist_ok=True)
    for name in ("onnx/model.onnx", "onnx/config.json", "imgs.jpg"):
        (model / name).write_text("{}")
    index = tmp_path / "index"
    with hub(NAME, model) as (address, requests), user_of(address, tmp_path / "home"):
        built = run_cli("index", corpus, "--index", index, "--model", NAME)
        assert built.code == 0, built.stderr
        fetched = {path.split("/", 5)[-1] for path, _ in requests if "/resolve/" in path}
        assert fetched == {
            "1_Pooling/config.json",
            "config.json",
            "model.safetensors",
            "modules.json",
            "sentence_bert_config.json",
            "sparse_linear.pt",
            "tokenizer.json",
            "tokenizer_config.json",
        }
        requests.clear()
        found = run_cli("search", "black suede bag", "--index", index, "--json", "-k", "60")
        assert found.code == 0, found.stderr
        assert requests == []
    hits = {hit["id"]: hit["score"] for hit in map(json.loads, found.stdout.splitlines())}
    assert hits == pytest.approx(expected_scores(model, texts, "black suede bag"), rel=0.02)
