"""Models saved by sentence-transformers: the vectors of its encode_document and encode_query, from our encoders."""

import json
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from support.saved_models import (
    SPECIAL,
    TEXTS,
    WORDS,
    needs_sentence_transformers,
    save,
    save_masked_lm,
    splade,
    static,
)
from transformers import AutoTokenizer

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.encoding.open_encoder import open_document_encoder, open_query_encoder
from sparton.pipeline.encoding.pruning import Pruning
from sparton.pipeline.encoding.static_encoder import StaticEncoder
from sparton.pipeline.model.files import find_model
from sparton.pipeline.model.kinds import KINDS, read_encoder
from sparton.pipeline.model.layout import DOCUMENT, QUERY, module_folders
from sparton.pipeline.tokens.tokenizer import Tokenizer

pytestmark = [pytest.mark.slow, needs_sentence_transformers]

# Impacts at this scale show weights to five places, and float32's rounding stays below a few of them.
SCALE = 100_000


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return save_masked_lm(tmp_path_factory.mktemp("models") / "plain")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return save_masked_lm(tmp_path_factory.mktemp("models") / "other", seed=9, model_max_length=40)


def dense(encoder, texts):
    impacts = encoder.encode(texts)
    rows = np.zeros((len(impacts), len(encoder.vocabulary)))
    for row, (terms, values) in zip(rows, impacts, strict=True):
        row[terms] = values
    return rows / SCALE


def assert_same_vectors(folder, model, *, documents=TEXTS, queries=TEXTS, revision=None):
    """Both sides, with the query side opened from what would stand in sparton.json."""
    encoder = open_document_encoder(model=str(folder), revision=revision, device="cpu", dtype="float32", scale=SCALE)
    answers = open_query_encoder(encoder.settings, SCALE)
    for ours, texts, theirs in (
        (encoder, documents, model.encode_document),
        (answers, queries, model.encode_query),
    ):
        expected = theirs(texts).to_dense().double().numpy()
        assert (expected > 0).sum() >= len(texts)
        np.testing.assert_allclose(dense(ours, texts), np.maximum(expected, 0), rtol=1e-5, atol=1.6e-5)
    return encoder, answers


@pytest.mark.parametrize("activation", ["relu", "log1p_relu"])
@pytest.mark.parametrize("pooling", ["max", "sum"])
def test_pooling_and_activation(plain, tmp_path, pooling, activation):
    model = save(splade(plain, pooling, activation), tmp_path / "model")
    encoder, _ = assert_same_vectors(tmp_path / "model", model)
    settings = encoder.settings
    ours = {"relu": "log1p_relu", "log1p_relu": "log1p_log1p_relu"}[activation]
    assert (settings.documents.pooling, settings.documents.activation) == (pooling, ours)
    assert settings.queries is None


def test_prompts(plain, tmp_path):
    prompts = {"query": "query : ", "document": "document : "}
    model = save(splade(plain), tmp_path / "model", prompts=prompts)
    encoder, answers = assert_same_vectors(tmp_path / "model", model)
    documents, queries = encoder.settings.documents, encoder.settings.queries
    assert documents.prompt == "document : "
    assert queries == replace(documents, prompt="query : ")  # of the same model, all else being equal
    assert encoder.settings.shared
    assert encoder.terms("bag") != answers.terms("bag")


def test_a_text_without_a_known_token_has_no_terms_with_a_prompt_either(plain, tmp_path):
    save(splade(plain), tmp_path / "model", prompts={"document": "document : "})
    encoder = open_document_encoder(model=str(tmp_path / "model"), device="cpu", dtype="float32")
    texts = ("", "\u200b", "zzz", "bag", "document :", "zzz bag")
    assert [bool(encoder.terms(text)) for text in texts] == [False, False, False, True, True, True]


def test_every_passage_of_a_long_text_has_the_prompt(plain, tmp_path):
    save(splade(plain), tmp_path / "model", prompts={"document": "document : "})
    encoder = open_document_encoder(model=str(tmp_path / "model"), device="cpu", dtype="float32")
    text = " ".join(f"word{i}" for i in range(150))
    tokens = Tokenizer(replace(encoder.tokenization, split=True)).tokenize(["bag", text])
    prompt = encoder.tokenize(["document :"]).ids[1:3].tolist()
    rows = [tokens.ids[start:stop].tolist() for start, stop in pairwise(tokens.offsets.tolist())]
    assert len(rows) > 3
    assert all(row[1:3] == prompt and len(row) <= 96 for row in rows)
    # A passage's text, encoded on its own, gives the passage's tokens.
    spans = tokens.spans
    passages = [["bag", text][d][a:b] for d, a, b in zip(spans.documents, spans.starts, spans.stops, strict=True)]
    alone = encoder.tokenize(passages)
    assert rows == [alone.ids[start:stop].tolist() for start, stop in pairwise(alone.offsets.tolist())]
    assert passages[0] == "bag"
    assert passages[1].startswith("word0 word1 ")


def test_a_prompt_that_leaves_no_room_is_refused(plain, tmp_path):
    save(splade(plain), tmp_path / "model", prompts={"document": "document : " * 5})
    with pytest.raises(SpartonError, match="takes 10 of the 6 tokens that a text may have; raise max_length"):
        open_document_encoder(model=str(tmp_path / "model"), device="cpu", max_length=8)


def test_a_default_prompt_is_for_neither_side(plain, tmp_path):
    model = save(splade(plain), tmp_path / "model", prompts={"any": "find : "}, default_prompt_name="any")
    encoder, _ = assert_same_vectors(tmp_path / "model", model)
    assert encoder.settings.documents.prompt == ""
    assert encoder.settings.queries is None


def test_a_router_with_two_transformers(plain, other, tmp_path):
    from sentence_transformers.base.modules import Router

    router = Router.for_query_document(splade(other, "sum"), splade(plain, "max", "log1p_relu"))
    model = save([router], tmp_path / "model", prompts={"query": "query : "})
    encoder, answers = assert_same_vectors(tmp_path / "model", model)
    queries = encoder.settings.queries
    assert (queries.kind, queries.pooling, queries.prompt, queries.dtype) == ("masked_lm", "sum", "query : ", "float32")
    assert not encoder.settings.shared
    assert (encoder.max_length, answers.max_length) == (96, 40)


def test_a_router_that_shares_its_transformer_is_one_model(plain, tmp_path):
    from sentence_transformers.base.modules import Router

    modules = splade(plain)
    model = save([Router.for_query_document(modules[:1], modules[:1]), modules[1]], tmp_path / "model")
    encoder, _ = assert_same_vectors(tmp_path / "model", model)
    assert encoder.settings.queries is None


def test_a_router_with_mappings(plain, tmp_path):
    from sentence_transformers.base.modules import Router

    router = Router(
        {"heavy": splade(plain), "light": [static(plain)]},
        route_mappings={("query", None): "light", (None, "text"): "heavy"},
    )
    _, answers = assert_same_vectors(tmp_path / "model", save([router], tmp_path / "model"))
    assert isinstance(answers, StaticEncoder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_inference_free_queries(plain, tmp_path, dtype):
    from sentence_transformers.base.modules import Router

    table = (torch.rand(len(WORDS) + 5, generator=torch.Generator().manual_seed(1)) * 4 - 1).to(dtype)
    router = Router.for_query_document([static(plain, table)], splade(plain, "max", "log1p_relu"))
    model = save([router], tmp_path / "model", prompts={"query": "find "})
    assert model[0].sub_modules["query"][0].weight.dtype == torch.float32  # loaded into a float32 module
    _, answers = assert_same_vectors(tmp_path / "model", model)
    assert isinstance(answers, StaticEncoder)


def test_static_embeddings_on_both_sides(plain, tmp_path):
    model = save([static(plain)], tmp_path / "model")
    encoder, answers = assert_same_vectors(tmp_path / "model", model, documents=[*TEXTS, "word1 " * 200 + "bag"])
    assert isinstance(encoder, StaticEncoder)
    assert isinstance(answers, StaticEncoder)
    assert "bag" not in encoder.terms("word1 " * 200 + "bag")


def test_idf_json_of_a_folder_without_modules(plain, tmp_path):
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding
    from transformers import BertTokenizer

    folder = shutil.copytree(plain, tmp_path / "model")
    idf = {word: round(9 / (i + 1), 4) for i, word in enumerate(WORDS)} | {"unheard": 0.25}
    (folder / "idf.json").write_text(json.dumps(idf))
    table = SparseStaticEmbedding.from_json(str(folder / "idf.json"), BertTokenizer.from_pretrained(plain))
    model = SparseEncoder(modules=[Router.for_query_document([table], splade(plain))], device="cpu")
    _, answers = assert_same_vectors(folder, model)
    assert isinstance(answers, StaticEncoder)


def test_a_router_whose_table_is_idf_json(plain, tmp_path):
    from sentence_transformers.base.modules import Router

    folder = tmp_path / "model"
    save([Router.for_query_document([static(plain)], splade(plain))], folder)
    (folder / "query_0_SparseStaticEmbedding" / "model.safetensors").unlink()
    (folder / "query_0_SparseStaticEmbedding" / "config.json").write_text('{"frozen": true, "path": "idf.json"}')
    (folder / "idf.json").write_text('{"bag": 1.5, "black": 2.25}')
    settings = open_document_encoder(model=str(folder), device="cpu", dtype="float32").settings
    assert open_query_encoder(settings, 100).terms("black bag") == {"black": 225, "bag": 150}


def test_lengths_are_those_of_the_files(plain, tmp_path):
    model = save(splade(plain, document_length=12, query_length=7), tmp_path / "model")
    encoder, answers = assert_same_vectors(tmp_path / "model", model)
    assert (encoder.max_length, answers.max_length) == (12, 7)
    longer = open_document_encoder(model=str(tmp_path / "model"), device="cpu", max_length=20)
    assert (longer.max_length, open_query_encoder(longer.settings, 100).max_length) == (20, 20)


def test_max_active_dims(plain, tmp_path):
    model = save(splade(plain), tmp_path / "model", max_active_dims=9)
    encoder, answers = assert_same_vectors(tmp_path / "model", model)
    assert encoder.pruning == answers.pruning == Pruning(top_terms=9)
    assert encoder.settings.for_queries.top_terms == encoder.settings.documents.top_terms == 9


def test_a_model_in_the_root_has_the_digest_of_the_plain_folder(plain, tmp_path):
    save(splade(plain), tmp_path / "model")
    before = find_model(str(tmp_path / "model")).digest
    (tmp_path / "model" / "modules.json").unlink()
    assert find_model(str(tmp_path / "model")).digest == before


def test_prompts_changed_in_the_files_do_not_change_an_index(plain, tmp_path):
    folder = tmp_path / "model"
    save(splade(plain, "sum"), folder, prompts={"query": "query : "})
    settings = open_document_encoder(model=str(folder), device="cpu", dtype="float32").settings
    before = open_query_encoder(settings, 100).terms("bag")
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {"query": "find "}}')
    (folder / "1_SpladePooling" / "config.json").write_text('{"pooling_strategy": "max"}')
    assert open_query_encoder(settings, 100).terms("bag") == before


def test_another_table_is_another_model(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "model")
    (folder / "idf.json").write_text('{"bag": 1}')
    settings = open_document_encoder(model=str(folder), device="cpu", dtype="float32").settings
    (folder / "idf.json").write_text('{"bag": 2}')
    with pytest.raises(SpartonError, match="has changed since the index was made"):
        open_query_encoder(settings, 100)


def test_a_table_that_came_later_does_not_change_an_index(plain, tmp_path):
    """Its queries went through the masked LM, and still do, with its own prompt as without one."""
    folder = shutil.copytree(plain, tmp_path / "model")
    encoder = open_document_encoder(model=str(folder), device="cpu", dtype="float32")
    settings = encoder.settings
    with_prompt = replace(settings, queries=replace(settings.documents, prompt="red "))
    before = [open_query_encoder(model, 100).terms("black bag") for model in (settings, with_prompt)]
    assert before[0] == encoder.terms("black bag") != before[1]
    (folder / "idf.json").write_text('{"bag": 1}')
    assert [open_query_encoder(model, 100).terms("black bag") for model in (settings, with_prompt)] == before


@pytest.mark.parametrize("change", [{"kind": "diffusion_lm"}, {"pooling": "mean"}, {"activation": "gelu"}])
def test_an_encoder_that_is_not_known_is_a_sentence(plain, change):
    settings = open_document_encoder(model=str(plain), device="cpu").settings
    for unknown in (
        replace(settings, documents=replace(settings.documents, **change)),
        replace(settings, queries=replace(settings.documents, **change)),
    ):
        how = {"kind": "masked_lm", "pooling": "max", "activation": "log1p_relu"} | change
        with pytest.raises(SpartonError) as caught:
            open_query_encoder(unknown, 100)
        assert str(caught.value) == (
            f"the index encodes queries by {how['kind']}, {how['pooling']} and {how['activation']}, which this Sparton "
            "does not know; upgrade it"
        )


def test_a_kind_for_documents_alone_is_not_asked_about_queries(plain, tmp_path, monkeypatch):
    masked_lm = KINDS["masked_lm"]
    settings = open_document_encoder(model=str(plain), device="cpu").settings
    monkeypatch.setitem(KINDS, "masked_lm", replace(masked_lm, tasks=(DOCUMENT,)))
    with pytest.raises(SpartonError, match="encodes queries by masked_lm, max and log1p_relu, which this Sparton"):
        open_query_encoder(settings, 100)
    folder = tmp_path / "model"
    save(splade(plain), folder)
    assert read_encoder(folder, DOCUMENT).kind == "masked_lm"
    with pytest.raises(SpartonError, match="sends a query through Transformer"):
        read_encoder(folder, QUERY)


def test_encoder_says_that_a_table_is_none(plain, tmp_path):
    save([static(plain)], tmp_path / "model")
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(tmp_path / "model"), device="cpu")
    assert str(caught.value) == (
        f"the model {tmp_path / 'model'} encodes by a table of token weights, and Encoder takes a model that computes "
        "them; index with it, or name another with model"
    )


def test_modules_that_are_not_known_are_named(plain, tmp_path):
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    folder = tmp_path / "model"
    save(splade(plain), folder)
    modules = json.loads((folder / "modules.json").read_text())
    cases = [
        ([{**modules[0], "type": "mine.Transformer"}, modules[1]], "sends a document through mine.Transformer"),
        ([modules[0]], "sends a document through Transformer; Sparton knows"),
        ([modules[0], {**modules[1], "path": "../other"}], "lies outside the model"),
        ([modules[0], {"idx": 1}], "lacks an entry or has one of a wrong type"),
        ("modules", "lacks an entry or has one of a wrong type"),
    ]
    for content, sentence in cases:
        (folder / "modules.json").write_text(json.dumps(content))
        with pytest.raises(SpartonError, match=sentence):
            read_encoder(folder, DOCUMENT)
    (folder / "modules.json").write_text("[")
    with pytest.raises(SpartonError, match=r"modules\.json is not JSON"):
        read_encoder(folder, DOCUMENT)
    assert SpladePooling.SPLADE_ACTIVATION == ["relu", "log1p_relu"]  # a third one would have to be learned


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("sentence_bert_config.json", {"do_lower_case": True}, "sets do_lower_case, which Sparton does not read"),
        ("sentence_bert_config.json", {"transformer_task": "feature-extraction"}, "is for the task feature-extraction"),
        ("sentence_bert_config.json", {"max_seq_length": "long"}, "sets max_seq_length to 'long'; expected a number"),
        ("config_sentence_transformers.json", {"max_active_dims": -1}, "sets max_active_dims to -1; expected a number"),
        ("config_sentence_transformers.json", {"prompts": ["query"]}, "holds a list where an object was expected"),
        ("1_SpladePooling/config.json", {"pooling_strategy": "mean"}, "asks for pooling 'mean' with activation 'relu'"),
    ],
)
def test_settings_that_cannot_be_followed_are_refused(plain, tmp_path, file, content, sentence):
    folder = tmp_path / "model"
    save(splade(plain), folder)
    before = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**before, **content}))
    with pytest.raises(SpartonError, match=sentence):
        read_encoder(folder, DOCUMENT)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("config_sentence_transformers.json", [1],
         "PATH holds a list where an object was expected; save the model again"),
        ("config_sentence_transformers.json", {"prompts": {"document": ["find "]}},
         "PATH sets the prompt document to ['find ']; expected a string, or null"),
        ("1_SpladePooling/config.json", [1], "PATH holds a list where an object was expected; save the model again"),
        ("1_SpladePooling/config.json", {"activation_function": ["relu"]},
         "PATH asks for pooling 'max' with activation ['relu']; expected max or sum with relu or log1p_relu"),
        ("1_SpladePooling/config.json", {"pooling_strategy": ["max"]},
         "PATH asks for pooling ['max'] with activation 'relu'; expected max or sum with relu or log1p_relu"),
        ("sentence_bert_config.json", [1], "PATH holds a list where an object was expected; save the model again"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask", "max_seq_length": True},
         "PATH sets max_seq_length to True; expected a number above 0, or null"),
    ],
)  # fmt: skip
def test_files_that_are_of_other_types_are_named(plain, tmp_path, file, content, sentence):
    folder = tmp_path / "model"
    save(splade(plain), folder)
    (folder / file).write_text(json.dumps(content))
    with pytest.raises(SpartonError) as caught:
        read_encoder(folder, DOCUMENT)
    assert str(caught.value) == sentence.replace("PATH", str(folder / file))


def test_a_table_of_a_configuration_of_another_type_is_named(plain, tmp_path):
    folder = tmp_path / "model"
    save([static(plain)], folder)
    (module,) = json.loads((folder / "modules.json").read_text())
    path = folder / module["path"] / "config.json"
    for content, sentence in (
        ([1], "holds a list where an object was expected; save the model again"),
        ({"path": "x" * 300 + ".json"}, f"names the table {'x' * 59}…, and the model folder has no such file"),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(SpartonError) as caught:
            read_encoder(folder, DOCUMENT)
        assert str(caught.value) == f"{path} {sentence}"


def test_a_router_on_the_hub_brings_its_folders(plain, tmp_path, monkeypatch):
    """From the hub's cache, laid out as huggingface_hub lays it out."""
    from huggingface_hub import constants
    from sentence_transformers.base.modules import Router

    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "models--someone--sparse" / "snapshots" / commit
    model = save([Router.for_query_document([static(plain)], splade(plain))], snapshot)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    folders = ["document_0_Transformer", "document_1_SpladePooling", "query_0_SparseStaticEmbedding"]
    assert module_folders(snapshot) == folders
    encoder, _ = assert_same_vectors("someone/sparse", model, revision=commit)
    assert encoder.settings.revision == commit


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"bag": "heavy"}', "is no table of {token: weight}"),
        ('["bag"]', "is no table of {token: weight}"),
        ('{"bag": 1e12}', "has a weight of 1e.12, which at scale 100 is no impact from 1 to 2147483647; lower scale"),
        ('{"bag": NaN}', "has the weight nan at the token id 10; expected numbers that are finite, so save it again"),
        ('{"bag": 1, "black": -Infinity}', "has the weight -inf at the token id 5; expected numbers"),
        ('{"bag": 0, "[PAD]": 2, "black": -1}', "has no weight above 0 for a token of"),
        ('{"unheard": 2}', "has no weight above 0 for a token of"),
    ],
)
def test_a_table_that_cannot_be_used_is_a_sentence(plain, tmp_path, content, sentence):
    folder = shutil.copytree(plain, tmp_path / "model")
    (folder / "idf.json").write_text(content)
    with pytest.raises(SpartonError, match=sentence):
        open_query_encoder(open_document_encoder(model=str(folder), device="cpu").settings, 100)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            '{"bag": NaN}',
            "the table in DIR/idf.json has the weight nan at the token id 10; expected numbers that are finite, so "
            "save it again",
        ),
        (
            '{"bag": -1}',
            "the table in DIR/idf.json has no weight above 0 for a token of DIR/tokenizer.json, so that no text would "
            "have a term; save both again from one model",
        ),
    ],
)
def test_a_table_for_queries_is_looked_at_when_documents_are_indexed(plain, tmp_path, bags, content, sentence):
    folder = shutil.copytree(plain, tmp_path / "model")
    (folder / "idf.json").write_text(content)
    with pytest.raises(SpartonError) as caught:
        sparton.build_index(bags, tmp_path / "index", model=str(folder), device="cpu", lucene=False)
    assert str(caught.value).replace(str(folder), "DIR") == sentence
    assert not (tmp_path / "index").exists()


def test_negative_weights_of_a_table_are_told(plain, tmp_path, caplog):
    caplog.set_level("INFO", logger="sparton")
    folder = shutil.copytree(plain, tmp_path / "model")
    (folder / "idf.json").write_text('{"bag": 1, "black": -0.5, "red": -2}')
    settings = open_document_encoder(model=str(folder), device="cpu").settings
    assert caplog.messages == [f"the table of {folder} has 2 negative weights, which count as 0"]
    assert open_query_encoder(settings, 100).terms("black red bag") == {"bag": 100}


def test_a_table_without_the_tokenizer_that_it_needs_says_how_to_make_it(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in [*SPECIAL, *WORDS]))
    for options in ({"query_terms": "ones"}, {}):
        (folder / "idf.json").write_text('{"bag": 1}')
        with pytest.raises(SpartonError) as caught:
            open_query_encoder(open_document_encoder(model=str(folder), device="cpu", **options).settings, 100)
        assert str(caught.value) == (
            f"{folder} has no tokenizer.json, which cuts texts where no model runs; write it by transformers' "
            "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
        )
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    settings = open_document_encoder(model=str(folder), device="cpu", query_terms="ones").settings
    assert open_query_encoder(settings, 100).terms("black bag") == {"black": 100, "bag": 100}
