"""lexical.json of a model's folder: what it may say, what of it is refused, and that it is a part of the model."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file
from support.lexical import TABLE, copied, declare, frequency_factor, save_frequencies
from support.saved_models import needs_sentence_transformers, save, save_masked_lm, splade, static
from support.token_models import save_bge_m3

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.encoding.open_encoder import open_document_encoder, open_query_encoder
from sparton.pipeline.model.files import find_model
from sparton.pipeline.model.lexical import read_lexical
from sparton.storage.manifest import load_manifest

pytestmark = pytest.mark.slow

SIZE = 199
ROWS = [{"id": "d1", "text": "small black leather bag"}, {"id": "d2", "text": "brown suede clutch"}]
BOTH = {"term_frequency": 0.25, "idf_power": 0.5, "document_frequency": TABLE}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return save_masked_lm(tmp_path_factory.mktemp("models") / "plain")


@pytest.fixture(scope="module")
def inference_free(plain):
    folder = shutil.copytree(plain, plain.with_name("inference-free"))
    (folder / "idf.json").write_text(json.dumps({"bag": 1.5, "black": 2, "suede": 3, "leather": 1}))
    return folder


@pytest.fixture
def model(inference_free, tmp_path):
    """A folder that declares both properties, whose table may be changed."""
    folder = copied(inference_free, tmp_path / "model", **BOTH)
    save_frequencies(folder, np.arange(SIZE), 1000)
    return folder


def test_the_small_model_has_as_many_terms(plain):
    assert len(sparton.Encoder(str(plain), device="cpu").vocabulary) == SIZE


def test_a_folder_without_it_keeps_its_digest(plain, inference_free):
    """The digests as they were before there was such a file."""
    from sparton.pipeline.model.files import _digest
    from sparton.pipeline.model.weights import file_digest

    files = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")
    assert find_model(str(plain)).digest == _digest({name: file_digest(plain / name) for name in files})
    files = ("tokenizer.json", "tokenizer_config.json", "idf.json")
    expected = _digest({name: file_digest(inference_free / name) for name in files})
    assert find_model(str(inference_free), queries=True).digest == expected


def digests(folder):
    return [find_model(str(folder), queries=queries).digest for queries in (False, True)]


def test_both_sides_cover_it_and_what_it_names(model):
    every = [digests(model)]
    save_frequencies(model, np.arange(SIZE)[::-1], 1000)
    every.append(digests(model))
    declare(model, **BOTH | {"term_frequency": 0.5})
    every.append(digests(model))
    (model / "lexical.json").unlink()
    every.append(digests(model))
    for side in zip(*every, strict=True):
        assert len(set(side)) == len(every)


def test_both_are_recorded_where_they_belong(run_cli, model, tmp_path):
    sparton.build_index(ROWS, tmp_path / "index", model=str(model), device="cpu")
    settings = load_manifest(tmp_path / "index").settings.model
    assert (settings.documents.term_frequency, settings.documents.idf_power) == (0.25, 0)
    assert (settings.for_queries.term_frequency, settings.for_queries.idf_power) == (0, 0.5)
    assert not settings.shared
    shown = run_cli("info", "--index", tmp_path / "index").stdout
    assert "term frequency 0.25" in shown
    assert "by a table of token weights, impacts × (idf in the index / the model's) ^ 0.5\n" in shown


def test_a_model_for_both_sides_is_still_shared(plain, tmp_path):
    folder = copied(plain, tmp_path / "model", **BOTH)
    save_frequencies(folder, np.arange(SIZE), 1000)
    sparton.build_index(ROWS, tmp_path / "index", model=str(folder), device="cpu")
    settings = load_manifest(tmp_path / "index").settings.model
    assert settings.shared
    assert settings.for_queries.digest == settings.documents.digest
    assert (settings.documents.term_frequency, settings.for_queries.idf_power) == (0.25, 0.5)
    with sparton.Searcher(tmp_path / "index") as searcher:
        searcher.open_documents()
        models = [encoder._model for encoder in (searcher.encoder, searcher._document_encoder())]
        assert models[0] is models[1]
    save_frequencies(folder, np.arange(SIZE)[::-1], 1000)
    with pytest.raises(SpartonError, match="has changed since the index was made"):
        sparton.Searcher(tmp_path / "index")


@pytest.mark.parametrize("change", ["lexical.json", TABLE])
def test_a_changed_file_is_a_changed_model(run_cli, model, tmp_path, change):
    sparton.build_index(ROWS, tmp_path / "index", model=str(model), device="cpu")
    assert run_cli("search", "black bag", "--index", tmp_path / "index").code == 0
    if change == TABLE:
        save_frequencies(model, np.arange(SIZE), 1001)
    else:
        declare(model, **BOTH | {"idf_power": 0.6})
    ran = run_cli("search", "black bag", "--index", tmp_path / "index")
    assert ran.code == 1
    assert f"the model {model} has changed since the index was made" in ran.stderr


def test_a_query_model_of_its_own_brings_its_own(plain, model, tmp_path):
    documents = copied(plain, tmp_path / "documents", term_frequency=0.75)
    sparton.build_index(ROWS, tmp_path / "index", model=str(documents), query_model=str(model), device="cpu")
    settings = load_manifest(tmp_path / "index").settings.model
    assert (settings.documents.term_frequency, settings.documents.idf_power) == (0.75, 0)
    assert (settings.queries.term_frequency, settings.queries.idf_power) == (0, 0.5)
    with sparton.Searcher(tmp_path / "index") as searcher:
        assert searcher.encoder.document_frequencies.documents == 1000


def test_queries_of_tokens_that_weigh_1_are_not_weighed(plain, tmp_path):
    """What is corrected is an idf that a weight has, and a weight of 1 has none."""
    folder = copied(plain, tmp_path / "model", **BOTH)
    save_frequencies(folder, np.arange(SIZE), 1000)
    sparton.build_index(ROWS, tmp_path / "index", model=str(folder), query_terms="ones", device="cpu")
    assert load_manifest(tmp_path / "index").settings.model.for_queries.idf_power == 0
    with sparton.Searcher(tmp_path / "index") as searcher:
        assert set(searcher.terms("the black bag and a clutch").values()) == {100}


def test_queries_of_own_terms_are_weighed_too(plain, tmp_path):
    folder = copied(plain, tmp_path / "model", **BOTH)
    save_frequencies(folder, np.arange(SIZE + 9), 1000)  # more than the tokenizer has, as an embedding may have
    settings = open_document_encoder(model=str(folder), query_terms="own", device="cpu").settings
    assert settings.for_queries.idf_power == 0.5
    assert len(open_query_encoder(settings, 100).document_frequencies.counts) == SIZE + 9


def test_an_index_from_before_it_loads(plain, tmp_path):
    sparton.build_index(ROWS, tmp_path / "index", model=str(plain), device="cpu")
    path = tmp_path / "index" / "sparton.json"
    content = json.loads(path.read_text())
    for name in ("term_frequency", "idf_power"):
        del content["settings"]["model"]["documents"][name]
    path.write_text(json.dumps(content))
    spec = load_manifest(tmp_path / "index").settings.model.documents
    assert (spec.term_frequency, spec.idf_power) == (0, 0)
    with sparton.Searcher(tmp_path / "index") as searcher:
        assert len(searcher.search("black bag")) == 2
    report = sparton.update_index([{"id": "d3", "text": "black bag"}], tmp_path / "index")
    assert report.added == 1


@needs_sentence_transformers
def test_a_router_has_it_at_its_root(plain, tmp_path):
    from sentence_transformers.base.modules import Router

    folder = tmp_path / "model"
    save([Router.for_query_document([static(plain)], splade(plain, "max", "log1p_relu"))], folder)
    before = digests(folder)
    save_frequencies(declare(folder, **BOTH), np.arange(SIZE), 1000)
    settings = open_document_encoder(model=str(folder), device="cpu", dtype="float32").settings
    assert [settings.documents.digest, settings.for_queries.digest] == digests(folder)
    assert not set(before) & set(digests(folder))
    queries = open_query_encoder(settings, 100)
    assert queries.document_frequencies.counts.tolist() == list(range(SIZE))
    assert settings.documents.term_frequency == 0.25
    (folder / "lexical.json").unlink()
    assert digests(folder) == before


@needs_sentence_transformers
def test_documents_of_own_tokens_are_counted(plain, tmp_path):
    folder = tmp_path / "model"
    save([*splade(plain), static(plain)], folder)
    options = {"device": "cpu", "dtype": "float32", "scale": 100_000}
    text = "black black black leather bag bag ."
    base = sparton.Encoder(str(folder), **options).terms(text)
    declare(folder, term_frequency=0.25)
    found = sparton.Encoder(str(folder), **options).terms(text)
    times = {"black": 3, "bag": 2}
    assert {"black", "bag"} < base.keys() <= {"black", "leather", "bag", ".", "[CLS]", "[SEP]"}
    expected = {term: impact * frequency_factor(times.get(term, 1), 0.25) for term, impact in base.items()}
    assert found == pytest.approx(expected, abs=1.2)


FREQUENCY = "term_frequency is {}; expected a number from 0 to 1"
NAME = "document_frequency is {}; expected the name of a .safetensors file beside lexical.json, or null"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is a list; expected an object"),
        ('{"tf": 1}', "tf is 1; expected no such entry"),
        ('{"term_frequency": 0.1, "term_frequency": 0.2}', "term_frequency stands twice in an object; expected once"),
        ('{"term_frequency": 1.5}', FREQUENCY.format("1.5")),
        ('{"term_frequency": -0.5}', FREQUENCY.format("-0.5")),
        ('{"term_frequency": NaN}', FREQUENCY.format("NaN")),
        ('{"term_frequency": true}', FREQUENCY.format("true")),
        ('{"term_frequency": null}', FREQUENCY.format("null")),
        ('{"term_frequency": "0.5"}', FREQUENCY.format('"0.5"')),
        ('{"own_words": 11}', "own_words is 11; expected a number from 0 to 10"),
        ('{"own_words": -1}', "own_words is -1; expected a number from 0 to 10"),
        ('{"mean_length": 0}', "mean_length is 0; expected a number from 1 to 1,000,000, or null"),
        ('{"words": "../a.safetensors"}', NAME.replace("document_frequency", "words").format('"../a.safetensors"')),
        ('{"idf_power": 2}', "idf_power is 2; expected a number from 0 to 1"),
        ('{"document_frequency": 3}', NAME.format("3")),
        ('{"document_frequency": "../model.safetensors"}', NAME.format('"../model.safetensors"')),
        ('{"document_frequency": "/etc/passwd"}', NAME.format('"/etc/passwd"')),
        ('{"document_frequency": "..\\\\a.safetensors"}', NAME.format('"..\\\\a.safetensors"')),
        ('{"document_frequency": ".."}', NAME.format('".."')),
        ('{"document_frequency": ""}', NAME.format('""')),
        ('{"document_frequency": "a\\n.safetensors"}', NAME.format('"a\\n.safetensors"')),
        ('{"document_frequency": "config.json"}', NAME.format('"config.json"')),
    ],
)
def test_what_cannot_be_meant_is_refused(run_cli, plain, bags, tmp_path, content, says):
    folder = shutil.copytree(plain, tmp_path / "model")
    (folder / "lexical.json").write_text(content)
    assert refused(run_cli, bags, folder) == (
        f"{folder / 'lexical.json'} is no lexical.json: {says}; mend it, or remove it with what it names"
    )


def refused(run_cli, bags, folder, *options):
    """The one sentence that `sparton index` says of a model."""
    ran = run_cli("index", bags, "--index", folder.with_name("index"), "--model", folder, "--device", "cpu", *options)
    assert ran.code == 1
    assert ran.stdout == ""
    columns, line = ran.stderr.splitlines()
    assert columns == "columns: id = id, text = text"
    assert line.startswith("Error: ")
    assert not (folder.with_name("index") / "collection").exists()
    return line.removeprefix("Error: ")


def test_a_power_needs_document_frequencies(run_cli, plain, bags, tmp_path):
    folder = copied(plain, tmp_path / "model", idf_power=0.5)
    assert "sets idf_power to 0.5 and names no document_frequency" in refused(run_cli, bags, folder)
    declare(folder, idf_power=0.5, document_frequency=TABLE)
    said = refused(run_cli, bags, folder)
    assert f"names the document_frequency {TABLE}, and the model folder has no such file" in said
    (folder / TABLE).mkdir()
    assert "the model folder has no such file" in refused(run_cli, bags, folder)


def test_own_words_need_a_mean_length_and_the_file_that_is_named(run_cli, plain, bags, tmp_path):
    folder = copied(plain, tmp_path / "model", own_words=1.5)
    assert "sets own_words to 1.5 and no mean_length" in refused(run_cli, bags, folder)
    declare(folder, own_words=1.5, mean_length=80, words="words.safetensors")
    assert "names the words words.safetensors, and the model folder has no such file" in refused(run_cli, bags, folder)


ALONE = np.arange(SIZE, dtype=np.int32)


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"words": ALONE}, "expected word, a vector of int32, and nothing else"),
        ({"word": ALONE, "more": ALONE}, "expected word, a vector of int32, and nothing else"),
        ({"word": ALONE.astype(np.int64)}, "expected word, a vector of int32, and nothing else"),
        ({"word": ALONE[None]}, "expected word, a vector of int32, and nothing else"),
        ({"word": ALONE[1:]}, "has the words of 198 terms and the model 199 terms"),
        (
            {"word": np.where(ALONE == 7, -2, ALONE)},
            "has the word -2 at the term of id 7; expected -1, or the least id",
        ),
        ({"word": np.where(ALONE == 7, 9, ALONE)}, "has the word 9 at the term of id 7"),
        ({"word": np.where(ALONE == 7, 10**6, ALONE)}, "has the word 1000000 at the term of id 7"),
        ({"word": np.where(ALONE == 7, 5, np.where(ALONE == 5, 4, ALONE))}, "has the word 5 at the term of id 7"),
    ],
)
def test_words_that_are_none_are_refused_before_anything_is_encoded(run_cli, plain, bags, tmp_path, tensors, says):
    entries = {"own_words": 1, "mean_length": 80, "words": "words.safetensors"}
    folder = copied(plain, tmp_path / "model", **entries)
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, folder / "words.safetensors")
    said = refused(run_cli, bags, folder)
    assert said.startswith(str(folder / "words.safetensors"))
    assert says in said
    save_file({"word": ALONE}, folder / "words.safetensors")
    before = digests(folder)
    save_file({"word": np.where(ALONE == 7, 6, ALONE)}, folder / "words.safetensors")
    assert not set(before) & set(digests(folder))


COUNTS, TOTAL = np.zeros(SIZE, np.int32), np.array([10], np.int64)


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"documents": TOTAL}, "expected document_frequency, a vector of int32, and documents, one int64"),
        ({"document_frequency": COUNTS}, "expected document_frequency, a vector of int32, and documents, one int64"),
        ({"document_frequency": COUNTS.astype(np.int64), "documents": TOTAL}, "a vector of int32"),
        ({"document_frequency": COUNTS.astype(np.float32), "documents": TOTAL}, "a vector of int32"),
        ({"document_frequency": COUNTS[None], "documents": TOTAL}, "a vector of int32"),
        ({"document_frequency": COUNTS, "documents": TOTAL.astype(np.int32)}, "one int64"),
        ({"document_frequency": COUNTS, "documents": TOTAL.repeat(2)}, "one int64"),
        ({"document_frequency": COUNTS, "documents": TOTAL, "more": TOTAL}, "and nothing else"),
        ({"document_frequency": COUNTS[1:], "documents": TOTAL}, "frequencies of 198 terms and the model 199 terms"),
        ({"document_frequency": COUNTS[:0], "documents": TOTAL}, "frequencies of 0 terms and the model 199 terms"),
        ({"document_frequency": COUNTS, "documents": TOTAL * 0}, "counts 0 documents; expected 1 or more"),
        ({"document_frequency": COUNTS, "documents": -TOTAL}, "counts -10 documents; expected 1 or more"),
        (
            {"document_frequency": COUNTS - 1, "documents": TOTAL},
            "-1 documents with the term of id 0; expected 0 to 10",
        ),
        ({"document_frequency": COUNTS + 11, "documents": TOTAL}, "11 documents with the term of id 0; expected 0 to"),
    ],
)
@pytest.mark.parametrize("side", ["plain", "inference_free"])
def test_a_table_that_is_none_is_refused_before_anything_is_encoded(
    request, run_cli, bags, tmp_path, tensors, says, side
):
    folder = copied(request.getfixturevalue(side), tmp_path / "model", idf_power=0.5, document_frequency=TABLE)
    save_file(tensors, folder / TABLE)
    said = refused(run_cli, bags, folder)
    assert said.startswith(str(folder / TABLE))
    assert says in said


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 40, b"\x08\0\0\0\0\0\0\0" + b"{" * 8])
def test_a_damaged_table_is_refused(run_cli, inference_free, bags, tmp_path, content):
    folder = copied(inference_free, tmp_path / "model", idf_power=0.5, document_frequency=TABLE)
    (folder / TABLE).write_bytes(content)
    assert f"{folder / TABLE} cannot be read" in refused(run_cli, bags, folder)


def test_a_pointer_of_git_lfs_is_told(run_cli, inference_free, bags, tmp_path):
    folder = copied(inference_free, tmp_path / "model", idf_power=0.5, document_frequency=TABLE)
    (folder / TABLE).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    assert "is a pointer of Git LFS" in refused(run_cli, bags, folder)


def test_what_weighs_tokens_cannot_count_them(run_cli, bags, tmp_path):
    save_bge_m3(tmp_path / "model")
    declare(tmp_path / "model", term_frequency=0.25)
    assert refused(run_cli, bags, tmp_path / "model") == (
        f"{tmp_path / 'model' / 'lexical.json'} sets term_frequency to 0.25, which is for models that expand "
        f"documents, and the model {tmp_path / 'model'} encodes them by the weights of their own tokens; leave it out"
    )


def test_an_index_that_says_so_of_such_a_model_is_refused(run_cli, tmp_path):
    save_bge_m3(tmp_path / "model")
    sparton.build_index(ROWS, tmp_path / "index", model=str(tmp_path / "model"), device="cpu")
    path = tmp_path / "index" / "sparton.json"
    content = json.loads(path.read_text())
    for side in ("documents", "queries"):
        content["settings"]["model"][side] = content["settings"]["model"][side] or content["settings"]["model"][
            "documents"
        ] | {"top_terms": None}
        content["settings"]["model"][side] |= {"term_frequency": 0.5}
    path.write_text(json.dumps(content))
    ran = run_cli("search", "bag", "--index", tmp_path / "index")
    assert (ran.code, ran.stderr) == (
        1,
        "Error: the index encodes queries by token_weights with the term_frequency 0.5, which this Sparton does not "
        "know; upgrade it\n",
    )


def test_an_index_that_weighs_by_what_the_model_lacks_is_refused(run_cli, inference_free, tmp_path):
    sparton.build_index(ROWS, tmp_path / "index", model=str(inference_free), device="cpu")
    path = tmp_path / "index" / "sparton.json"
    content = json.loads(path.read_text())
    content["settings"]["model"]["queries"]["idf_power"] = 0.5
    path.write_text(json.dumps(content))
    ran = run_cli("search", "bag", "--index", tmp_path / "index")
    assert ran.code == 1
    assert f"the model in {inference_free} has no lexical.json, which says how; put the old model back" in ran.stderr


def test_a_link_to_nowhere_is_told(run_cli, plain, bags, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "model")
    (folder / "lexical.json").symlink_to("nowhere")
    assert "lexical.json is no lexical.json: it is no file" in refused(run_cli, bags, folder)


def test_an_endless_file_is_not_read(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "model")
    (folder / "lexical.json").write_bytes(b" " * (2**24 + 100))
    with pytest.raises(SpartonError, match="is larger than 16 MiB"):
        read_lexical(folder)
