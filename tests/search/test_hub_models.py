"""Models by their names on a hub: fetched as they lie there, indexed and searched with no option but the name."""

import json
import os
import subprocess
import sys

import pytest
import torch
from support.hub import COMMIT, LIMITED, Repository, hub_of, user_of
from support.repositories import ACCEPTED, NOT_ACCEPTED, defined_weights, masked_lm, pickled, repository
from support.saved_models import TEXTS
from support.serving import SPARTON
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

import sparton
from sparton.errors import SpartonError
from sparton.storage.manifest import load_manifest

pytestmark = pytest.mark.slow

SPLADE_V3 = "naver/splade-v3"
COCONDENSER = "naver/splade-cocondenser-ensembledistil"
LICENCE = "accept the licence at https://huggingface.co/NAME and set HF_TOKEN to that account's token"
LOADED = """
import sys
import sparton.cli
try:
    sparton.cli.app(sys.argv[1:])
finally:
    print("loaded:", *sorted({"torch", "transformers", "triton"} & sys.modules.keys()), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Gives a repository by its name, made once."""
    root, repositories = tmp_path_factory.mktemp("hub"), {}

    def make(name):
        if name not in repositories:
            repositories[name] = repository(name, root)
        return repositories[name]

    return make


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """Folders with the weights of the repositories as safetensors, by their seeds."""
    root = tmp_path_factory.mktemp("references")
    return [masked_lm(root / str(seed), seed=seed) for seed in range(2)]


@pytest.fixture
def corpus(write_parquet, tmp_path):
    return write_parquet(tmp_path / "corpus.parquet", id=[f"d{i}" for i in range(len(TEXTS))], text=TEXTS)


@pytest.fixture
def topics(tmp_path):
    (tmp_path / "topics.tsv").write_text("".join(f"{i}\t{text}\n" for i, text in enumerate(TEXTS)))
    return tmp_path / "topics.tsv"


def fetched(requests):
    """The files that a hub was asked for."""
    return {path.partition("?")[0].split("/", 5)[5] for path, _ in requests if "/resolve/" in path}


def run_scores(path):
    scores = {}
    for line in path.read_text().splitlines():
        topic, _, document, _, score, _ = line.split()
        scores[int(topic), int(document[1:])] = float(score)
    return scores


def assert_defined(run_cli, folder, corpus, topics, reference, *options):
    """Index a corpus by a model, and run its texts as topics: every document scores what the definition gives."""
    index = folder / "index"
    built = run_cli("index", corpus, "--index", index, "--dtype", "float32", *options)
    assert built.code == 0, built.stderr
    ran = run_cli("run", topics, "--index", index, "-o", folder / "out.trec", "-k", len(TEXTS))
    assert ran.code == 0, ran.stderr
    weights = (100 * defined_weights(reference, TEXTS)).round()
    scores = run_scores(folder / "out.trec")
    assert set(scores) == {
        (a, b) for a, first in enumerate(weights) for b, other in enumerate(weights) if first @ other
    }
    for (topic, document), score in scores.items():
        assert score == pytest.approx(weights[topic] @ weights[document], rel=0.005)
    (line, *_) = run_cli("search", TEXTS[0], "--index", index, "--json", "-k", 1).stdout.splitlines()
    best = max(range(len(TEXTS)), key=lambda document: scores[0, document])
    assert (json.loads(line)["id"], json.loads(line)["score"]) == (f"d{best}", scores[0, best])
    return load_manifest(index).settings.model


@pytest.mark.parametrize(
    ("name", "files"),
    [
        (SPLADE_V3, {"pytorch_model.bin", "1_SpladePooling/config.json", "sentence_bert_config.json", "modules.json"}),
        (COCONDENSER, {"pytorch_model.bin"}),
        ("someone/splade-sharded", {f"pytorch_model-0000{i}-of-00003.bin" for i in (1, 2, 3)}
                                   | {"pytorch_model.bin.index.json"}),
        ("someone/splade-both", {"model.safetensors"}),
    ],
)  # fmt: skip
def test_a_model_is_indexed_and_searched_by_its_name(run_cli, made, references, corpus, topics, tmp_path, name, files):
    with hub_of(made(name)) as (address, requests), user_of(address, tmp_path / "home", ACCEPTED):
        model = assert_defined(run_cli, tmp_path, corpus, topics, references[0], "--model", name)
        assert (model.name, model.revision, model.queries) == (name, COMMIT, None)
        modules = {"config_sentence_transformers.json"} if "modules.json" in files else set()
        usual = {"config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"}
        assert fetched(requests) == usual | files | modules
        requests.clear()
        again = run_cli("search", TEXTS[0], "--index", tmp_path / "index", "--json", "-k", 1)
        assert (again.code, again.stderr) == (0, "")
        assert requests == []


def test_a_distilbert_by_its_name(run_cli, made, corpus, topics, tmp_path):
    """Whose reference is transformers' model with every weight of the pickle put into it."""
    name = "naver/splade-v3-distilbert"
    folder = made(name).folders["main"]
    reference = AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(folder))
    reference.load_state_dict(torch.load(folder / "pytorch_model.bin"), strict=True)
    reference.save_pretrained(tmp_path / "reference")
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "reference")
    with hub_of(made(name)) as (address, _), user_of(address, tmp_path / "home", ACCEPTED):
        assert_defined(run_cli, tmp_path, corpus, topics, tmp_path / "reference", "--model", name)


def test_a_pull_request_is_another_revision(run_cli, made, references, corpus, topics, tmp_path):
    repository = made(COCONDENSER)
    with hub_of(repository) as (address, requests), user_of(address, tmp_path / "home"):
        options = ["--model", COCONDENSER, "--revision", "refs/pr/1"]
        model = assert_defined(run_cli, tmp_path, corpus, topics, references[1], *options)
        assert model.revision == repository.commit("refs/pr/1") != COMMIT
        assert "model.safetensors" in fetched(requests)
        assert "pytorch_model.bin" not in fetched(requests)
        requests.clear()
        here = run_cli("search", TEXTS[0], "--index", tmp_path / "index", "--json")
        named = run_cli("search", TEXTS[0], "--index", tmp_path / "index", "--json", "--model", COCONDENSER)
        assert (named.code, named.stdout) == (0, here.stdout)
        assert requests == []  # a commit that is in the cache
        main = run_cli("encode-text", TEXTS[0], "--model", COCONDENSER, "--json")
        expected = run_cli("encode-text", TEXTS[0], "--model", references[0], "--json")
    assert (main.code, main.stdout) == (0, expected.stdout)


def test_a_revision_that_nobody_has(run_cli, made, corpus, tmp_path):
    with hub_of(made(COCONDENSER)) as (address, _), user_of(address, tmp_path / "home"):
        options = ["--model", COCONDENSER, "--revision", "refs/pr/2"]
        ran = run_cli("encode", corpus, "--output", tmp_path / "out", *options)
    assert (ran.code, ran.stdout, ran.stderr.splitlines()[-1]) == (
        1,
        "",
        f"Error: the model '{COCONDENSER}' has no revision 'refs/pr/2' on the Hugging Face hub; name a commit, tag, "
        "branch, or pull request as refs/pr/1",
    )


def test_a_revision_is_not_empty(run_cli, corpus, tmp_path):
    ran = run_cli("encode", corpus, "--output", tmp_path / "out", "--model", COCONDENSER, "--revision", "")
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr == (
        "Error: --revision is ''; expected the name of a commit, a tag, a branch or a pull request, which is not "
        "empty\n"
    )


UNLISTED = "someone/unlisted"
LIMITS = f"the hub refused the model 'NAME' to your token (403); {LICENCE}, which may read gated models"
GATED = f"the model 'NAME' is gated, and the hub refused its files (STATUS); {LICENCE}"
PRIVATE = (
    "the model 'someone/private' is neither a folder, nor in the local cache, and without a token the hub does not "
    f"give it (401); check the name, or {LICENCE}"
)
UNKNOWN = (
    "the model 'someone/private' is neither a folder, nor in the local cache, nor found on the Hugging Face hub; check "
    "the name, the network and, for a private model, your token"
)


@pytest.mark.parametrize(
    ("name", "token", "sentence"),
    [
        (UNLISTED, None, GATED.replace("STATUS", "401")),
        (UNLISTED, NOT_ACCEPTED, GATED.replace("STATUS", "403")),
        (SPLADE_V3, LIMITED, LIMITS),
        (UNLISTED, LIMITED, LIMITS),
        (SPLADE_V3, None, GATED.replace("STATUS", "401")),
        (SPLADE_V3, NOT_ACCEPTED, GATED.replace("STATUS", "403")),
        ("someone/private", None, PRIVATE),
        ("someone/private", NOT_ACCEPTED, UNKNOWN),
        (SPLADE_V3, "no-token", f"the hub did not take the token that was sent for the model '{SPLADE_V3}' (401); set "
                                "HF_TOKEN to a valid one"),
    ],
    ids=["all gated", "all gated to others", "limited", "all limited", "gated", "gated to others", "private",
         "private to others", "token"],
)  # fmt: skip
def test_a_model_that_the_hub_does_not_give_is_one_sentence(run_cli, made, references, tmp_path, name, token, sentence):
    private = Repository("someone/private", {"main": references[0]}, readers=(ACCEPTED,), private=True)
    unlisted = Repository(UNLISTED, {"main": references[0]}, readers=(ACCEPTED,), listed=False)
    with hub_of(made(SPLADE_V3), private, unlisted) as (address, _), user_of(address, tmp_path / "home", token):
        ran = run_cli("encode-text", "bag", "--model", name)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == f"Error: {sentence.replace('NAME', name)}"
    assert "Traceback" not in ran.stderr


def test_a_private_model_is_given_to_its_readers(run_cli, references, tmp_path):
    private = Repository("someone/private", {"main": references[0]}, readers=(ACCEPTED,), private=True)
    expected = run_cli("encode-text", TEXTS[0], "--model", references[0], "--json")
    with hub_of(private) as (address, _), user_of(address, tmp_path / "home", ACCEPTED):
        ran = run_cli("encode-text", TEXTS[0], "--model", private.name, "--json")
    assert (ran.code, ran.stdout) == (0, expected.stdout)


def test_a_licence_that_was_accepted_later(made, references, tmp_path):
    """What a refused request left in the cache is not taken for the model; what was fetched is the user's."""
    options = {"device": "cpu", "dtype": "float32"}
    expected = sparton.Encoder(str(references[0]), **options).terms(TEXTS[0])
    with hub_of(made(SPLADE_V3)) as (address, _):
        for revision in (None, COMMIT):
            with user_of(address, tmp_path / "home"), pytest.raises(SpartonError, match="is gated"):
                sparton.Encoder(SPLADE_V3, revision=revision, **options)
        for token in (ACCEPTED, None):
            with user_of(address, tmp_path / "home", token):
                assert sparton.Encoder(SPLADE_V3, revision=COMMIT, **options).terms(TEXTS[0]) == expected


def without(name):
    return lambda folder: (folder / name).unlink()


INCOMPLETE = [
    (without("config.json"), "the model NAME has no config.json, which says what its weights are; download or copy the "
                             "model again"),
    (without("pytorch_model.bin"), "the model NAME has no weights that can be read (found: none); expected "
                                   "model.safetensors or pytorch_model.bin, or several files with "
                                   "model.safetensors.index.json or pytorch_model.bin.index.json"),
    (lambda folder: [path.unlink() for path in folder.glob("[tv]o*")],
     "DIR has no tokenizer; expected tokenizer.json, vocab.txt, vocab.json with merges.txt, or a SentencePiece model "
     "(*.model) beside the weights, so save the one that the model was trained with"),
    (lambda folder: (folder / "modules.json").write_text(json.dumps([
        {"type": "sentence_transformers.models.MLMTransformer", "path": ""},
        {"type": "sentence_transformers.models.SpladePooling", "path": "1_SpladePooling"}])),
     "DIR/modules.json names the folder 1_SpladePooling, which is missing; download or copy the model again"),
    (lambda folder: (folder / "modules.json").write_text(json.dumps([
        {"type": "sentence_transformers.models.MLMTransformer", "path": "../../.."},
        {"type": "sentence_transformers.models.SpladePooling", "path": ""}])),
     "DIR/modules.json names the folder ../../.., which lies outside the model; it cannot be used"),
    (lambda folder: (folder / "pytorch_model.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
     "DIR/pytorch_model.bin is a pointer of Git LFS and not the file itself; run `git lfs pull` in the clone, or "
     "download the file"),
    (lambda folder: (folder / "pytorch_model.bin").rename(folder / "pytorch_model-1.bin") and
        (folder / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "pytorch_model-2.bin"}}'),
     "DIR/pytorch_model.bin.index.json names 'pytorch_model-2.bin', which is missing; download or copy the model "
     "again"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), INCOMPLETE)
def test_a_repository_that_is_incomplete_is_one_sentence(run_cli, tmp_path, change, sentence):
    folder = pickled(masked_lm(tmp_path / "model"))
    change(folder)
    name = "someone/incomplete"
    with hub_of(Repository(name, {"main": folder})) as (address, _), user_of(address, tmp_path / "home"):
        ran = run_cli("encode-text", "bag", "--model", name)
    snapshot = tmp_path / "home" / "hub" / "models--someone--incomplete" / "snapshots" / COMMIT
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == "Error: " + sentence.replace("DIR", str(snapshot)).replace("NAME", name)


def test_a_process_asks_the_hub_that_its_environment_names(run_cli, made, references, tmp_path):
    expected = run_cli("encode-text", TEXTS[0], "--model", references[0], "--json")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    with hub_of(made(SPLADE_V3)) as (address, requests):
        environment = {
            **clean,
            "HF_ENDPOINT": address,
            "HF_HOME": str(tmp_path / "home"),
            "HF_TOKEN": ACCEPTED,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        command = [*SPARTON, "encode-text", TEXTS[0], "--model", SPLADE_V3, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert (done.returncode, done.stdout) == (0, expected.stdout), done.stderr
    assert {sent for path, sent in requests if SPLADE_V3 in path} == {f"Bearer {ACCEPTED}"}
    (made_of_it,) = (tmp_path / "cache" / "sparton" / "weights").glob("*.safetensors")
    assert f"as safetensors they are kept in {made_of_it}" in done.stderr


def test_a_table_that_was_converted_is_searched_without_torch(run_cli, made, corpus, tmp_path):
    name = "someone/inference-free"
    index, home = tmp_path / "index", tmp_path / "home"
    with hub_of(made(name)) as (address, _), user_of(address, home):
        # Some processors would take bfloat16, which the weights below are not rounded to.
        built = run_cli("index", corpus, "--index", index, "--model", name, "--dtype", "float32")
        assert built.code == 0, built.stderr
    for converted in (home / "sparton" / "weights").iterdir():
        converted.unlink()  # as on another machine
    environment = {**os.environ, "HF_HUB_CACHE": str(home / "hub"), "XDG_CACHE_HOME": str(home)}
    command = [sys.executable, "-c", LOADED, "search", "black suede bag", "--index", str(index), "--json"]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
        for _ in range(2)
    )
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert "are pickled; as safetensors they are kept in" in first.stderr
    assert first.stderr.splitlines()[-1] == "loaded: torch"
    assert second.stderr == "loaded:\n"
    hits = {json.loads(line)["id"]: json.loads(line)["score"] for line in second.stdout.splitlines()}
    folder = made(name).folders["main"]
    table = torch.load(folder / "query_0_SparseStaticEmbedding" / "pytorch_model.bin")["weight"]
    tokenizer = AutoTokenizer.from_pretrained(folder / "query_0_SparseStaticEmbedding")
    ids = tokenizer("black suede bag", add_special_tokens=False).input_ids
    reference = masked_lm(tmp_path / "reference")
    weights = (100 * defined_weights(reference, TEXTS)).round()
    for number, row in enumerate(weights):
        assert hits[f"d{number}"] == pytest.approx(sum(round(float(table[i]) * 100) * row[i] for i in ids), rel=0.005)
