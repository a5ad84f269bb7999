"""Which floating types run where, and that bfloat16 on a CPU stays near float32."""

import numpy as np
import pytest
import torch

import sparton
from sparton.pipeline.model import precision
from sparton.pipeline.model.precision import auto_dtype, backbone_and_head, cpu_multiplies_bfloat16

CPU, GPU = torch.device("cpu"), torch.device("cuda")
TEXTS = ["Small black leather crossbody bag with a zip", "raincoat", "An evening clutch of satin, lined with silk"]


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


def test_on_a_cpu_bfloat16_is_for_the_head_alone(capable):
    assert backbone_and_head("bfloat16", CPU) == (torch.float32, torch.bfloat16 if capable else torch.float32)


@pytest.mark.parametrize(("dtype", "device"), [("float32", CPU), ("float16", CPU), ("bfloat16", GPU), ("float16", GPU)])
def test_otherwise_backbone_and_head_run_in_the_same_type(dtype, device, capable):
    assert backbone_and_head(dtype, device) == (getattr(torch, dtype),) * 2


def test_auto_is_bfloat16_where_the_cpu_has_it(capable):
    assert auto_dtype(CPU) == ("bfloat16" if capable else "float32")
    assert sparton.Encoder("tiny", device="cpu").settings.documents.dtype == auto_dtype(CPU)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True, "avx512_bf16": False}, False)],
)
def test_the_cpu_is_asked_for_its_instructions(capabilities, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert cpu_multiplies_bfloat16() is expected


def test_a_pytorch_that_cannot_be_asked_means_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert auto_dtype(CPU) == "float32"


@pytest.mark.slow
def test_a_head_in_bfloat16_moves_impacts_by_its_rounding(monkeypatch):
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: True)
    plain = sparton.Encoder("tiny", device="cpu", dtype="float32")
    rounded = sparton.Encoder("tiny", device="cpu", dtype="bfloat16")
    expected = dense(plain.encode(TEXTS), len(plain.vocabulary))
    impacts = rounded.encode(TEXTS)
    found = dense(impacts, len(plain.vocabulary))
    assert not np.array_equal(found, expected)
    # Hidden states, weights and logits are each rounded to 8 bits, some thousandths of a logit.
    assert np.abs(found - expected).max() <= 3
    cosines = (found * expected).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.9999
    again = sparton.Encoder("tiny", device="cpu", dtype="bfloat16").encode(TEXTS)
    np.testing.assert_array_equal(again.terms, impacts.terms)
    np.testing.assert_array_equal(again.values, impacts.values)


def test_a_cpu_without_it_takes_the_settings_and_multiplies_in_float32(monkeypatch):
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: False)
    asked, plain = (sparton.Encoder("tiny", device="cpu", dtype=dtype) for dtype in ("bfloat16", "float32"))
    assert (asked.settings.documents.dtype, plain.settings.documents.dtype) == ("bfloat16", "float32")
    np.testing.assert_array_equal(asked.encode(TEXTS).values, plain.encode(TEXTS).values)
