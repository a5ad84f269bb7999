"""Which types run where, and that those of 16 and 8 bits on a CPU stay near float32."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from support.lexical import save_unbounded
from support.token_models import save_unicoil

import sparton
from sparton.pipeline.model import precision
from sparton.pipeline.model.base import Runtime
from sparton.pipeline.model.placement import place
from sparton.pipeline.model.precision import (
    auto_dtype,
    backbone_and_head,
    cpu_has_bfloat16,
    cpu_multiplies_bfloat16,
    multiplies_int8,
    rounds_products,
)

CPU, GPU = torch.device("cpu"), torch.device("cuda")
TEXTS = ["Small black leather crossbody bag with a zip", "raincoat", "An evening clutch of satin, lined with silk"]

on_vnni = pytest.mark.skipif(not multiplies_int8(CPU), reason="needs a CPU that multiplies 8-bit integers")
pytestmark = pytest.mark.fresh  # a model that is loaded already has its types


@pytest.fixture(params=[True, False])
def capable(request, monkeypatch):
    """Whether the CPU is taken to have the instructions. PyTorch multiplies bfloat16 without them too, but slowly."""
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: request.param)
    return request.param


def dense(impacts, vocabulary):
    table = np.zeros((len(impacts), vocabulary))
    for row, (terms, values) in enumerate(impacts):
        table[row, terms] = values
    return table


def test_on_a_cpu_bfloat16_is_for_products_alone(capable):
    assert backbone_and_head("bfloat16", CPU) == (torch.float32, torch.bfloat16 if capable else torch.float32)


@pytest.mark.parametrize(
    ("dtype", "device", "may"),
    [("bfloat16", CPU, True), ("int8", CPU, True), ("float32", CPU, False), ("bfloat16", GPU, False)],
)
def test_products_of_a_backbone_are_rounded_on_a_cpu_that_is_faster_so(dtype, device, may, capable):
    assert rounds_products(dtype, device) is (may and capable)


def test_products_of_a_model_that_encodes_queries_are_not_rounded(capable):
    alone, both = (place(Runtime(device="cpu", dtype="bfloat16", rounds=one)) for one in (True, False))
    assert (alone.rounds, both.rounds) == (capable, False)


@pytest.mark.parametrize(("dtype", "device"), [("float32", CPU), ("float16", CPU), ("bfloat16", GPU), ("float16", GPU)])
def test_otherwise_backbone_and_head_run_in_the_same_type(dtype, device, capable):
    assert backbone_and_head(dtype, device) == (getattr(torch, dtype),) * 2


def test_auto_is_bfloat16_where_the_cpu_has_it(capable):
    assert auto_dtype(CPU) == ("bfloat16" if capable else "float32")
    assert sparton.Encoder(device="cpu").settings.documents.dtype == auto_dtype(CPU)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True, "avx512_bf16": False}, False)],
)
def test_the_cpu_is_asked_for_its_instructions(capabilities, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert cpu_has_bfloat16() is expected


@pytest.mark.parametrize(
    ("capabilities", "seconds", "expected"),
    [
        ({"avx512_bf16": True}, {torch.bfloat16: 1, torch.float32: 2}, True),
        ({"avx512_bf16": True}, {torch.bfloat16: 2, torch.float32: 1}, False),
        ({"amx_bf16": True, "avx512_bf16": True}, {torch.bfloat16: 2, torch.float32: 1}, True),  # nothing is timed
        ({"avx2": True}, {torch.bfloat16: 1, torch.float32: 2}, False),
    ],
)
def test_a_type_counts_only_where_it_is_sooner(capabilities, seconds, expected, monkeypatch):
    """Of each type one product is quick, and the others are held up by what else runs."""
    clock, held_up = [0.0], {torch.bfloat16: [5, 0, 9, 7], torch.float32: [0, 4, 9, 8]}

    def linear(rows, weight):
        clock[0] += seconds[rows.dtype] + held_up[rows.dtype].pop()

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.setattr(precision, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(precision, "linear", linear)
    precision._bfloat16_is_sooner.cache_clear()
    try:
        assert cpu_multiplies_bfloat16() is expected
        assert cpu_multiplies_bfloat16() is expected  # which times nothing again
    finally:
        precision._bfloat16_is_sooner.cache_clear()


def test_products_of_this_cpu_are_timed(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    precision._bfloat16_is_sooner.cache_clear()
    assert cpu_multiplies_bfloat16() is cpu_multiplies_bfloat16()
    assert precision._bfloat16_is_sooner.cache_info().misses == 1


def test_a_pytorch_that_cannot_be_asked_means_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert auto_dtype(CPU) == "float32"


@pytest.fixture(scope="module")
def all_terms(tmp_path_factory):
    return save_unbounded(tmp_path_factory.mktemp("models") / "all")


@pytest.mark.slow
def test_products_in_bfloat16_move_impacts_by_their_rounding(all_terms, monkeypatch):
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: True)
    plain = sparton.Encoder(all_terms, device="cpu", dtype="float32")
    rounded = sparton.Encoder(all_terms, device="cpu", dtype="bfloat16")
    expected = dense(plain.encode(TEXTS), len(plain.vocabulary))
    impacts = rounded.encode(TEXTS)
    found = dense(impacts, len(plain.vocabulary))
    assert not np.array_equal(found, expected)
    # What six layers and the head multiply, and what they give, is each rounded to 8 bits.
    assert np.abs(found - expected).max() <= 6
    cosines = (found * expected).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.9998
    again = sparton.Encoder(all_terms, device="cpu", dtype="bfloat16").encode(TEXTS)
    np.testing.assert_array_equal(again.terms, impacts.terms)
    np.testing.assert_array_equal(again.values, impacts.values)


@pytest.mark.slow
def test_a_cpu_without_it_takes_the_settings_and_multiplies_in_float32(monkeypatch):
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: False)
    asked, plain = (sparton.Encoder(device="cpu", dtype=dtype) for dtype in ("bfloat16", "float32"))
    assert (asked.settings.documents.dtype, plain.settings.documents.dtype) == ("bfloat16", "float32")
    np.testing.assert_array_equal(asked.encode(TEXTS).values, plain.encode(TEXTS).values)


@pytest.mark.parametrize(("dtype", "device", "rest"), [("float8", GPU, torch.bfloat16), ("int8", CPU, torch.float32)])
def test_types_of_8_bits_are_of_products_alone(dtype, device, rest, capable):
    assert backbone_and_head(dtype, device) == (rest, rest)


@on_vnni
@pytest.mark.slow
def test_a_head_in_8_bit_integers_moves_impacts_by_its_rounding(all_terms):
    plain, rounded = (sparton.Encoder(all_terms, device="cpu", dtype=dtype) for dtype in ("float32", "int8"))
    assert rounded.settings.documents.dtype == "int8"
    expected, found = (dense(encoder.encode(TEXTS), len(plain.vocabulary)) for encoder in (plain, rounded))
    assert not np.array_equal(found, expected)
    cosines = (found * expected).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert 0.99 < cosines.min() < 0.99999
    # A text has the same impacts alone, whatever it is beside.
    for row, text in enumerate(TEXTS):
        assert next(iter(rounded.encode_alone([text])))[1].tolist() == found[row][found[row] > 0].tolist()


def test_documents_in_8_bit_floats_need_a_gpu(run_cli, bags, tmp_path):
    done = run_cli("encode", bags, "--output", tmp_path / "index", "--device", "cpu", "--dtype", "float8")
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        "Error: float8 needs an NVIDIA GPU of compute capability 8.9 or later, and documents would be encoded on "
        "cpu; use another --device, or for a new index --dtype bfloat16"
    )


@pytest.mark.slow
def test_queries_of_documents_in_8_bit_floats_are_encoded_anywhere(small_index, tmp_path):
    """As those of documents in bfloat16."""
    indexes = []
    for dtype in ("float8", "bfloat16"):
        indexes.append(shutil.copytree(small_index, tmp_path / dtype))
        path = indexes[-1] / "sparton.json"
        content = json.loads(path.read_text())
        content["settings"]["model"]["documents"]["dtype"] = dtype
        path.write_text(json.dumps(content))
    found = [
        [[(hit.id, hit.score) for hit in sparton.Searcher(index, device="cpu").search(text)] for text in TEXTS]
        for index in indexes
    ]
    assert found[0] == found[1]
    assert any(found[0])


def test_without_the_instructions_int8_is_refused_for_documents_and_bfloat16_for_queries(
    run_cli, bags, monkeypatch, tmp_path
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    done = run_cli("encode", bags, "--output", tmp_path / "index", "--device", "cpu", "--dtype", "int8")
    assert (done.code, done.stdout) == (1, "")
    assert "int8 needs a CPU with AVX512-VNNI, AVX-VNNI or AMX, and documents would be encoded on cpu" in done.stderr
    assert place(Runtime(device="cpu", dtype="int8", for_texts=True)).dtype == "bfloat16"


@on_vnni
def test_int8_is_refused_where_it_is_for_nothing(run_cli, bags, tmp_path):
    save_unicoil(tmp_path / "model")
    options = ("--model", tmp_path / "model", "--device", "cpu", "--dtype", "int8")
    done = run_cli("encode", bags, "--output", tmp_path / "index", *options)
    assert done.code == 1
    assert "int8 is for products with a vocabulary; use --dtype bfloat16" in done.stderr


@on_vnni
@pytest.mark.slow
def test_an_index_in_8_bit_integers_is_updated_and_searched_so(run_cli, bags, write_parquet, tmp_path):
    """As one that was built of all rows at once."""
    changed = write_parquet(
        tmp_path / "changed.parquet", id=["d07", "new"], text=["an evening clutch", "a satin purse"]
    )
    rows = pq.read_table(bags).to_pylist()
    rows[7]["text"] = "an evening clutch"
    whole = write_parquet(
        tmp_path / "whole.parquet",
        id=[*(row["id"] for row in rows), "new"],
        text=[*(row["text"] for row in rows), "a satin purse"],
    )
    for name, corpus in (("updated", bags), ("fresh", whole)):
        done = run_cli("index", corpus, "--index", tmp_path / name, "--model", "small", "--dtype", "int8")
        assert done.code == 0, done.stderr
    done = run_cli("update", tmp_path / "updated", changed)
    assert done.code == 0, done.stderr
    updated, fresh = (sparton.Searcher(tmp_path / name) for name in ("updated", "fresh"))
    assert updated.manifest.settings.model.documents.dtype == "int8"
    for text in ("evening clutch", "satin purse", "black leather bag"):
        found, expected = ({hit.id: hit.score for hit in one.search(text, k=100)} for one in (updated, fresh))
        assert found == expected
        assert updated.document_terms(text) == sparton.Encoder(device="cpu", dtype="int8").terms(text)
    updated.close()
    fresh.close()
