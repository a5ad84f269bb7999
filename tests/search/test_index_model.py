"""Where a search finds the model of its index: beside it, in the hub's cache, or where --model says."""

import json
import os
import shutil
import subprocess

import pytest
from support.hub import COMMIT, hub
from support.serving import SPARTON

from sparton.pipeline.encoding.open_encoder import open_query_encoder
from sparton.pipeline.model.files import find_model
from sparton.storage.manifest import load_manifest

pytestmark = pytest.mark.slow

NAME = "someone/sparse"
QUERY = "black leather bag"


@pytest.fixture(scope="module")
def model(static_model):
    """The folder of a model without torch, which any other folder with its files has the digest of."""
    return static_model


@pytest.fixture(scope="module")
def shop(model, tmp_path_factory):
    """A folder with a corpus, a model, and an index that was built in it with both named by relative paths."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    import sparton

    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(model, folder / "model")
    texts = [f"{('black', 'red', 'tan')[i % 3]} leather bag number {i}" for i in range(12)]
    pq.write_table(pa.table({"id": [f"d{i:02}" for i in range(12)], "text": texts}), folder / "bags.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        sparton.build_index("bags.parquet", "indexes/bags", model="model", top_terms=8)
    return folder


@pytest.fixture
def moved(shop, tmp_path, monkeypatch):
    """The shop at another path. The working directory is one where what was recorded would mean another model."""
    shutil.copytree(shop, tmp_path / "elsewhere" / "shop")
    (tmp_path / "decoy" / "a" / "b").mkdir(parents=True)
    (tmp_path / "decoy" / "model").mkdir()
    (tmp_path / "decoy" / "model" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "decoy" / "a" / "b")
    return tmp_path / "elsewhere" / "shop"


def recorded(index):
    return load_manifest(index).settings.model


def rename_model(index, name, revision=None):
    """As if the index had been built with a model of that name."""
    content = json.loads((index / "sparton.json").read_text())
    content["settings"]["model"].update(name=name, revision=revision)
    (index / "sparton.json").write_text(json.dumps(content))
    return index


def hits(run_cli, index, *options):
    ran = run_cli("search", QUERY, "--index", index, "--json", *options)
    assert (ran.code, ran.stderr) == (0, "")
    return ran.stdout


def test_index_and_model_are_moved_together(run_cli, shop, moved):
    assert recorded(shop / "indexes" / "bags").name == "../../model"
    before = hits(run_cli, shop / "indexes" / "bags")
    assert len(before.splitlines()) == 10
    shutil.move(moved / "model", moved / "aside")
    ran = run_cli("search", QUERY, "--index", moved / "indexes" / "bags")
    assert (ran.code, ran.stdout, ran.stderr) == (
        1,
        "",
        f"Error: the index names the model ../../model, and {moved / 'model'} is no folder; put the model there, or "
        "pass --model with where it is\n",
    )
    shutil.move(moved / "aside", moved / "model")
    assert hits(run_cli, moved / "indexes" / "bags") == before


@pytest.mark.parametrize("index", ["out", "model/inside", "a/b/c"])
def test_a_build_goes_on_after_a_move(run_cli, moved, monkeypatch, index):
    monkeypatch.chdir(moved)
    assert run_cli("encode", "bags.parquet", "--output", index, "--model", "./model", "--top-terms", 8).code == 0
    name = recorded(moved / index).name
    assert name == {"out": "../model", "model/inside": "./..", "a/b/c": "../../../model"}[index]
    parts = {path.name: path.read_bytes() for path in (moved / index / "collection").iterdir()}
    again = moved.rename(moved.with_name("again"))
    monkeypatch.chdir(again / "indexes")  # where the model is called otherwise
    given = ["index", "../bags.parquet", "--index", f"../{index}", "--top-terms", 8, "--json"]
    for model in ("../model", again / "model"):
        ran = run_cli(*given, "--model", model)
        assert ran.code == 0, ran.stderr
        assert json.loads(ran.stdout)["resumed"]
        assert json.loads(ran.stdout)["encoded"]["rows"] == 0
        assert recorded(again / index).name == name
    assert {path.name: path.read_bytes() for path in (again / index / "collection").iterdir()} == parts
    assert hits(run_cli, again / index) == hits(run_cli, again / "indexes" / "bags")


def test_an_absolute_path_stays_absolute(run_cli, shop, tmp_path):
    vectors = tmp_path / "vectors.jsonl"
    vectors.write_text('{"id": "a", "vector": {"bag": 3, "leather": 5}}\n')
    command = ["index", "--from-collection", vectors, "--index", tmp_path / "x", "--model", shop / "model"]
    assert run_cli(*command).code == 0
    assert recorded(tmp_path / "x").name == str(shop / "model")
    shutil.move(tmp_path / "x", tmp_path / "y")
    assert json.loads(hits(run_cli, tmp_path / "y"))["id"] == "a"


def test_vectors_of_another_tool_have_their_model_beside_them(run_cli, shop, tmp_path, monkeypatch):
    (tmp_path / "vectors.jsonl").write_text('{"id": "a", "vector": {"bag": 3, "leather": 5}}\n')
    shutil.copytree(shop / "model", tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    command = ["index", "--from-collection", "vectors.jsonl", "--index", "x", "--model"]
    assert run_cli(*command, "model").code == 0
    assert recorded(tmp_path / "x").name == "../model"
    assert run_cli(*command, tmp_path / "model", "--json").code == 0
    assert json.loads(hits(run_cli, "x"))["id"] == "a"


def test_a_model_is_named_where_it_is(run_cli, shop, moved):
    before = hits(run_cli, shop / "indexes" / "bags")
    shutil.move(moved / "model", moved / "aside")
    assert hits(run_cli, moved / "indexes" / "bags", "--model", moved / "aside") == before
    expected = run_cli("encode-text", QUERY, "--index", shop / "indexes" / "bags", "--json")
    ran = run_cli("encode-text", QUERY, "--index", moved / "indexes" / "bags", "--model", moved / "aside", "--json")
    assert (ran.code, ran.stdout) == (0, expected.stdout)


def test_the_embedded_model_may_be_named_by_a_folder_with_its_files(run_cli, small_index, tmp_path):
    copy = shutil.copytree(find_model("small").folder, tmp_path / "model")
    assert hits(run_cli, small_index, "--model", copy) == hits(run_cli, small_index)


def test_another_model_is_refused(run_cli, shop, tmp_path):
    """Other weights, or another tokenizer: whatever the digest covers."""
    other = shutil.copytree(shop / "model", tmp_path / "other")
    with (other / "tokenizer.json").open("a") as stream:
        stream.write("\n")
    (tmp_path / "topics.tsv").write_text("1\tbag\n")
    digests = recorded(shop / "indexes" / "bags").documents.digest, find_model(str(other)).digest
    assert digests[0] != digests[1]
    for command in (
        ["search", QUERY],
        ["run", tmp_path / "topics.tsv", "-o", tmp_path / "out.trec"],
        ["serve", "--port", 0],
        ["encode-text", QUERY],
    ):
        ran = run_cli(*command, "--index", shop / "indexes" / "bags", "--model", other)
        assert (ran.code, ran.stdout, ran.stderr) == (
            1,
            "",
            f"Error: the model {other} is not the one that the index was made with (the digest of that is "
            f"{digests[0][:15]} and of this {digests[1][:15]}); pass --model with where that one is\n",
        )


def test_a_model_for_an_index_without_one_is_refused(run_cli, shop, tmp_path):
    (tmp_path / "vectors.jsonl").write_text('{"id": "a", "vector": {"bag": 3}}\n')
    assert run_cli("index", "--from-collection", tmp_path / "vectors.jsonl", "--index", tmp_path / "x").code == 0
    ran = run_cli("search", QUERY, "--index", tmp_path / "x", "--model", shop / "model")
    assert (ran.code, ran.stdout, ran.stderr) == (
        1,
        "",
        f"Error: the index {tmp_path / 'x'} was made of vectors without naming their model, so no text can be "
        "encoded for it; build it again with --from-collection and --model\n",
    )


def test_nothing_lies_beside_an_index_at_a_uri(shop):
    from sparton.errors import SpartonError

    settings = recorded(shop / "indexes" / "bags")
    with pytest.raises(SpartonError) as caught:
        open_query_encoder(settings, 100, index=None)
    assert str(caught.value) == (
        "the index names the model ../../model by its path from the index's folder, and the index is at a URI; pass "
        "model with where the model is"
    )


def searched(index, environment, *options, query=QUERY):
    """A search by a process of its own, which may ask the hub that the environment names."""
    command = [*SPARTON, "search", query, "--index", str(index), "--json", *options]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**clean, **environment}
    )


@pytest.fixture
def environment(model, tmp_path):
    """That of a user of a hub, who has a token and nothing in the cache; and what the hub is asked."""
    with hub(NAME, model) as (address, requests):
        yield {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": "hf_secret"}, requests


def test_a_name_that_only_the_index_has_is_not_asked_for(run_cli, moved, environment):
    """Though the hub has it; but where the user names it, it is fetched, and is in the cache then."""
    variables, requests = environment
    before = hits(run_cli, moved / "indexes" / "bags")
    index = rename_model(moved / "indexes" / "bags", NAME, COMMIT)
    os.makedirs(NAME)  # a folder of that name, in the working directory, is not what the index means
    refused = searched(index, variables)
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        1,
        "",
        f"Error: the index names the model {NAME} at revision {COMMIT}, which is not in the local hub cache, and "
        f"what only an index names is not fetched; pass --model {NAME} to fetch it, or --model with a folder\n",
    )
    assert requests == []
    os.rmdir(NAME)
    fetched = searched(index, variables, "--model", NAME)
    assert (fetched.returncode, fetched.stdout) == (0, before), fetched.stderr
    assert any(f"/{NAME}/" in path for path, _ in requests)
    requests.clear()
    cached = searched(index, variables)
    assert (cached.returncode, cached.stdout, cached.stderr) == (0, before, "")
    assert requests == []


def test_a_name_that_cannot_be_on_a_hub_is_not_asked_for(run_cli, moved):
    index = moved / "indexes" / "bags"
    for name in ("a/b/c", "no spaces", "x" * 3_000, "-", "http://127.0.0.1/x"):
        ran = run_cli("search", QUERY, "--index", rename_model(index, name))
        assert (ran.code, ran.stdout) == (1, "")
        assert ran.stderr == (
            f"Error: the index names the model {name} at revision main, which is not in the local hub cache, and "
            f"what only an index names is not fetched; pass --model {name} to fetch it, or --model with a folder\n"
        )
