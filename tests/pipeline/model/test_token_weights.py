"""Models that weigh each token by a scalar: their impacts are those of the definitions that were published."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.own_code import save_own_code
from support.saved_models import TEXTS, save_masked_lm
from support.token_models import (
    WIDTH,
    by_token,
    lexical_weights,
    rounded,
    save_bge_m3,
    save_tildev2,
    save_unicoil,
    save_xlm_roberta,
    scalar,
    token_scores,
)
from support.triton_devices import on_gpu
from transformers import ViTConfig, ViTModel

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.encoding.open_encoder import open_query_encoder
from sparton.pipeline.encoding.pruning import Pruning
from sparton.pipeline.encoding.quantize_tokens import begin_quantize_tokens
from sparton.pipeline.model.base import TokenWeights
from sparton.pipeline.model.files import find_model
from sparton.pipeline.model.kinds import read_encoder

pytestmark = pytest.mark.slow

QUERIES = ["black bag", "bag bag suede bag", "zzz leather zzz", "word5 word7 word5 .", "zzz"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """By name a folder, what its documents and its queries are by definition, and whether it brings code."""
    root = tmp_path_factory.mktemp("models")
    unicoil, bert = save_unicoil(root / "unicoil")
    tilde, tilde_bert = save_tildev2(root / "tildev2")
    gte = save_own_code(root / "gte", "TokenClassification")
    bge, kin = save_bge_m3(root / "bge"), save_bge_m3(root / "kin", pickled=False)

    def of_bert(folder, model, dropped, pool, weigh=lambda weight: weight):
        def vectors(texts):
            tokenizer, scored = token_scores(folder, texts, model)
            unused = set(tokenizer.all_special_ids) if dropped is None else {tokenizer.convert_tokens_to_ids(dropped)}
            return [by_token(tokenizer, ids, [weigh(w) for w in weights], unused, pool) for ids, weights in scored]

        return vectors

    return {
        "bge-m3": (bge, lambda texts: lexical_weights(bge, texts), None, False),
        "its safetensors kin": (kin, lambda texts: lexical_weights(kin, texts), None, False),
        "gte-multilingual": (root / "gte", lambda texts: lexical_weights(root / "gte", texts, gte.new), None, True),
        "uniCOIL": (unicoil, of_bert(unicoil, bert, "[CLS]", max), of_bert(unicoil, bert, "[CLS]", sum), False),
        "TILDEv2": (
            tilde,
            of_bert(tilde, tilde_bert, None, max),
            of_bert(tilde, tilde_bert, None, sum, lambda weight: 1.0),
            False,
        ),
    }


NAMES = ["bge-m3", "its safetensors kin", "gte-multilingual", "uniCOIL", "TILDEv2"]


@pytest.fixture(params=NAMES)
def model(request, models):
    folder, documents, queries, trusted = models[request.param]
    return folder, documents, queries or documents, {"device": "cpu", "trust_remote_code": trusted}


def terms_of(impacts, encoder):
    """{term: impact} of each row."""
    return [dict(zip(map(encoder.vocabulary.__getitem__, t.tolist()), v.tolist(), strict=True)) for t, v in impacts]


def assert_same(found, expected):
    """Impacts that differ by rounding alone: float32 may put a weight on the other side of a half, but seldom."""
    assert len(found) == len(expected)
    different = 0
    for row, other in zip(found, expected, strict=True):
        for term in row.keys() | other.keys():
            assert abs(row.get(term, 0) - other.get(term, 0)) <= 1, term
            different += row.get(term, 0) != other.get(term, 0)
    assert different <= 2


def test_documents_are_those_of_the_definition_in_batches_of_any_size(model):
    folder, documents, _, options = model
    expected = [rounded(vector) for vector in documents(TEXTS)]
    assert sum(map(len, expected)) > 30
    for batch_tokens in (1, 40, 100_000):
        encoder = sparton.Encoder(str(folder), batch_tokens=batch_tokens, **options)
        assert_same(terms_of(encoder.encode(TEXTS), encoder), expected)
        assert_same(terms_of(encoder.encode(TEXTS[::-1]), encoder), expected[::-1])


def test_queries_are_those_of_the_definition_alone_and_among_others(model):
    folder, _, queries, options = model
    encoder = query_encoder(folder, **options)
    # A text without a token that the model knows has no terms, whatever a definition makes of its special tokens.
    expected = [rounded(vector) for vector in queries(QUERIES[:-1])] + [{}]
    assert_same([encoder.terms(query) for query in QUERIES], expected)
    many = QUERIES * 6 + TEXTS
    together = encoder.encode_alone(many)
    alone = [encoder.encode_alone([text]) for text in many]
    for (terms, values), one in zip(together, alone, strict=True):
        np.testing.assert_array_equal(terms, one.terms)
        np.testing.assert_array_equal(values, one.values)


def query_encoder(folder, **options):
    """What encodes the queries of an index that was made with the model."""
    settings = sparton.Encoder(str(folder), **options).settings
    return open_query_encoder(settings, 100.0, model=str(folder), **options)


def test_impacts_scale_and_prune_as_others(models):
    folder, documents, _, _ = models["bge-m3"]
    vectors = documents(TEXTS)
    fine = sparton.Encoder(str(folder), device="cpu", scale=1_000)
    assert_same(terms_of(fine.encode(TEXTS), fine), [rounded(vector, 1_000) for vector in vectors])
    few = sparton.Encoder(str(folder), device="cpu", top_terms=3)
    for found, vector in zip(terms_of(few.encode(TEXTS), few), vectors, strict=True):
        assert sorted(found.values()) == sorted(sorted(rounded(vector).values())[-3:])


def test_what_is_recorded(models):
    specs = {}
    for name in NAMES:
        folder, *_, trusted = models[name]
        settings = sparton.Encoder(str(folder), device="cpu", dtype="float32", trust_remote_code=trusted).settings
        assert settings.documents.kind == settings.for_queries.kind == "token_weights"
        assert settings.shared
        documents, queries = settings.documents, settings.for_queries
        assert (documents.max_length, documents.dtype, documents.prompt) == (96, "float32", "")
        specs[name] = (documents.pooling, documents.activation, queries.pooling, queries.activation)
    assert specs == {
        "bge-m3": ("max", "relu", "max", "relu"),
        "its safetensors kin": ("max", "relu", "max", "relu"),
        "gte-multilingual": ("max", "relu", "max", "relu"),
        "uniCOIL": ("max", "relu", "sum", "relu"),
        "TILDEv2": ("max", "relu", "sum", "one"),
    }


@pytest.mark.parametrize("changed", ["sparse_linear.pt", "model.safetensors", "tokenizer.json", "config.json"])
def test_the_digest_covers_each_file_that_decides_a_weight(models, tmp_path, changed):
    folder = shutil.copytree(models["bge-m3"][0], tmp_path / "model")
    before = find_model(str(folder)).digest
    (folder / "colbert_linear.pt").write_bytes(b"another")
    assert find_model(str(folder)).digest == before
    (folder / changed).write_bytes((folder / changed).read_bytes() + b"\n")
    assert find_model(str(folder)).digest != before


def test_a_dense_model_without_a_scalar_is_none(tmp_path):
    folder = save_bge_m3(tmp_path / "model")
    (folder / "sparse_linear.pt").unlink()
    with pytest.raises(SpartonError) as caught:
        find_model(str(folder))
    assert str(caught.value) == (
        f"{folder / 'modules.json'} sends a document through Transformer + Pooling + Normalize; Sparton knows "
        "Transformer + SpladePooling and SparseStaticEmbedding, alone or behind a Router"
    )


def test_a_masked_lm_and_a_classifier_of_several_labels_stay_what_they_are(tmp_path):
    folder = save_masked_lm(tmp_path / "lm")
    assert find_model(str(folder)).documents.kind == "masked_lm"
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["BertForTokenClassification"], "id2label": {"0": "A", "1": "B"}}
    (folder / "config.json").write_text(json.dumps(config))
    assert find_model(str(folder)).documents.kind == "masked_lm"


@pytest.mark.parametrize("zipped", [True, False])
def test_a_scalar_among_weights_that_are_a_pickle_is_recognized_without_reading_it(models, tmp_path, zipped):
    """The names stand in it; what loads such weights may convert them before."""
    for name in ("uniCOIL", "TILDEv2"):
        folder = shutil.copytree(models[name][0], tmp_path / name)
        weights = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        assert read_encoder(folder, "document").kind == "masked_lm"
        torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
        assert [read_encoder(folder, task).kind for task in ("document", "query")] == ["token_weights"] * 2
        (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04 damaged")
        assert read_encoder(folder, "document").kind == "masked_lm"


def test_a_backbone_whose_code_is_fetched_is_refused(tmp_path):
    folder = save_bge_m3(tmp_path)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "yoso"}))
    refused(
        folder,
        "DIR is of the architecture yoso, whose attention is a CUDA kernel that transformers fetches from the hub; use "
        "a model of another architecture",
    )


def test_a_model_of_images_is_refused(tmp_path):
    config = ViTConfig(
        hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, image_size=8, patch_size=4
    )
    folder = save_xlm_roberta(tmp_path / "model")
    ViTModel(config).save_pretrained(folder)
    torch.save(scalar(), folder / "sparse_linear.pt")
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(folder), device="cpu")
    assert f"{folder} is a ViTModel, " in str(caught.value)


def refused(folder, sentence):
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(folder), device="cpu")
    found = str(caught.value).replace(str(folder), "DIR")
    assert "\n" not in found
    if sentence.endswith("…"):  # what another library says differs by its version
        assert found.startswith(sentence[:-1])
    else:
        assert found == sentence


SHAPES = (
    "DIR/{name} holds sparse_linear with weight {weight} and bias {bias}; expected [1, D] and [1], for one scalar a "
    "token, so save the model again"
)


@pytest.mark.parametrize(
    ("tensors", "weight", "bias"),
    [
        ({"weight": torch.zeros(2, WIDTH), "bias": torch.zeros(2)}, [2, WIDTH], [2]),
        ({"weight": torch.zeros(1, WIDTH)}, [1, WIDTH], None),
        ({"bias": torch.zeros(1)}, None, [1]),
        ({}, None, None),
        ({"weight": torch.zeros(()), "bias": torch.zeros(())}, [], []),
        ({"weight": torch.zeros(1, 1, WIDTH), "bias": torch.zeros(1)}, [1, 1, WIDTH], [1]),
    ],
    ids=["two", "no bias", "no weight", "nothing", "scalars", "three"],
)
def test_a_scalar_of_another_shape_is_refused(tmp_path, tensors, weight, bias):
    folder = save_xlm_roberta(tmp_path / "model")
    torch.save(tensors, folder / "sparse_linear.pt")
    refused(folder, SHAPES.format(name="sparse_linear.pt", weight=weight, bias=bias))


def test_other_shapes_that_say_the_same_are_taken(models, tmp_path):
    folder = shutil.copytree(models["its safetensors kin"][0], tmp_path / "model")
    expected = sparton.Encoder(str(folder), device="cpu").terms("black leather bag")
    flat = {f"sparse_linear.{name}": tensor.flatten() for name, tensor in scalar().items()}
    save_file({**flat, "sparse_linear.bias": scalar()["bias"].reshape(())}, folder / "sparse_linear.safetensors")
    assert sparton.Encoder(str(folder), device="cpu").terms("black leather bag") == expected != {}


def test_a_scalar_among_weights_is_found_in_any_shard(models, tmp_path):
    folder = shutil.copytree(models["uniCOIL"][0], tmp_path / "model")
    expected = sparton.Encoder(str(folder), device="cpu").terms("black leather bag")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    last = {name: weights.pop(name) for name in ("coil_encoder.tok_proj.bias", "coil_encoder.bert.pooler.dense.bias")}
    shards = {"model-00001-of-00002.safetensors": weights, "model-00002-of-00002.safetensors": last}
    for name, tensors in shards.items():
        save_file(tensors, folder / name, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {weight: name for name, tensors in shards.items() for weight in tensors}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert sparton.Encoder(str(folder), device="cpu").terms("black leather bag") == expected != {}
    del last["coil_encoder.tok_proj.bias"]
    save_file(last, folder / "model-00002-of-00002.safetensors", metadata={"format": "pt"})
    refused(
        folder,
        f"DIR holds coil_encoder.tok_proj with weight {[1, WIDTH]} and bias None; expected [1, D] and [1], for one "
        "scalar a token, so save the model again",
    )


def test_a_scalar_for_another_width_is_refused(tmp_path):
    folder = save_xlm_roberta(tmp_path / "model")
    torch.save({"weight": torch.zeros(1, 8), "bias": torch.zeros(1)}, folder / "sparse_linear.pt")
    refused(
        folder,
        "DIR is a XLMRobertaModel, whose hidden states do not fit its scalar a token (they have 32 numbers a "
        "token; expected 8); save both again from one model",
    )


class Runs:
    """What a pickle may do when it is read."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return open, (str(self._path), "w")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("sparse_linear.pt", "begins with b'not tensors', so PyTorch did not save it; download or copy it again"),
        ("sparse_linear.safetensors", "cannot be read as tensors (…"),
    ],
)
def test_a_damaged_file_of_the_scalar_is_named(tmp_path, name, found):
    folder = save_xlm_roberta(tmp_path / "model")
    (folder / name).write_bytes(b"not tensors")
    refused(folder, f"DIR/{name} {found}")


def test_a_pickle_that_wants_more_than_tensors_runs_nothing(tmp_path):
    folder = save_xlm_roberta(tmp_path / "model")
    torch.save({"weight": Runs(tmp_path / "run")}, folder / "sparse_linear.pt")
    refused(
        folder,
        "DIR/sparse_linear.pt is a pickle that wants 'io.open'; of pickles only tensors are read, for anything else "
        "may be code, so save the model's state_dict alone, or as safetensors",
    )
    assert not (tmp_path / "run").exists()
    torch.save([torch.zeros(1)], folder / "sparse_linear.pt")
    refused(folder, "DIR/sparse_linear.pt holds a list; expected a state_dict, {name: tensor}")


def test_missing_weights_of_the_backbone_are_named_but_for_a_poolers(tmp_path):
    folder = save_bge_m3(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("pooler")}
    assert len(kept) == len(weights) - 2
    expected = sparton.Encoder(str(folder), device="cpu").terms("black leather bag")
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    assert sparton.Encoder(str(folder), device="cpu").terms("black leather bag") == expected != {}
    del kept["embeddings.LayerNorm.bias"]
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    refused(
        folder,
        "DIR lacks the weights embeddings.LayerNorm.bias, which its config.json asks for; save both again from one "
        "model",
    )


def token_weights(pooling):
    ids = np.array([5, 2, 5, 9, 2, 2, 7], np.int32)
    weights = torch.tensor([0.5, 0.25, 0.125, 0.0, 0.375, 0.5, 0.004])
    return TokenWeights(ids, np.array([0, 4, 7]), weights, pooling)


def test_equal_tokens_become_one_term_within_each_text():
    for pooling, expected in (("max", [[(2, 2), (5, 4)], [(2, 4)]]), ("sum", [[(2, 2), (5, 5)], [(2, 7)]])):
        impacts = begin_quantize_tokens(token_weights(pooling), 8)()
        rows = [list(zip(terms.tolist(), values.tolist(), strict=True)) for terms, values in impacts]
        assert rows == expected
        assert (impacts.terms.dtype, impacts.values.dtype) == (np.int32, np.int32)
    kept = begin_quantize_tokens(token_weights("max"), 8, Pruning(top_terms=1))()
    assert [terms.tolist() for terms, _ in kept] == [[5], [2]]


def test_halves_are_rounded_to_even():
    weights = TokenWeights(np.arange(4, dtype=np.int32), np.array([0, 4]), torch.tensor([0.5, 1.5, 2.5, 3.5]))
    impacts = begin_quantize_tokens(weights, 1)()
    assert (impacts.terms.tolist(), impacts.values.tolist()) == ([1, 2, 3], [2, 2, 4])


@pytest.mark.parametrize(
    ("weight", "told"), [(float("nan"), "nan"), (float("inf"), "inf"), (3e38, "inf"), (2**31 / 100, "2.14748e+07")]
)
def test_a_weight_that_is_no_impact_is_refused(weight, told):
    weights = TokenWeights(np.array([1, 2], np.int32), np.array([0, 2]), torch.tensor([1.0, weight]))
    with pytest.raises(SpartonError) as caught:
        begin_quantize_tokens(weights, 100)()
    assert str(caught.value) == (
        f"the model gave a weight of {told}, which at scale 100 is no impact from 1 to 2147483647; lower scale, or try "
        "dtype='float32' if the weight is not finite"
    )


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_packed_documents_are_those_of_the_definition(models, dtype):
    folder, documents, _, _ = models["bge-m3"]
    vectors = documents(TEXTS)
    encoder = sparton.Encoder(str(folder), device="cuda", dtype=dtype, scale=1_000)
    assert encoder._model.packs
    exact = sparton.Encoder(str(folder), device="cuda", dtype="float32", scale=1_000)
    assert not exact._model.packs
    assert_same(terms_of(exact.encode(TEXTS), exact), [rounded(vector, 1_000) for vector in vectors])
    most = 60 if dtype == "bfloat16" else 8
    for found, vector in zip(terms_of(encoder.encode(TEXTS * 40), encoder), vectors * 40, strict=True):
        expected = rounded(vector, 1_000)
        assert all(abs(found.get(term, 0) - expected.get(term, 0)) <= most for term in found.keys() | expected.keys())
    for text, vector in zip(TEXTS, terms_of(encoder.encode_alone(TEXTS), encoder), strict=True):
        assert encoder.terms(text) == vector
