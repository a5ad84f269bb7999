"""A model's head in 8-bit floats: when it is taken, and what documents get of it."""

import logging

import numpy as np
import pytest
import torch
from support.lexical import save_unbounded
from support.triton_devices import on_gpu

import sparton
from sparton.head import splade_head
from sparton.pipeline.model.float8_head import float8_head_of
from sparton.pipeline.model.language_model import LanguageModel
from sparton.pipeline.packed.backbone import random_texts

float8 = pytest.importorskip("sparton.head.float8", reason="needs Triton", exc_type=ImportError)
from sparton.head.triton_head import HopperError  # noqa: E402

pytestmark = pytest.mark.fresh  # a model that is loaded already has its types
TEXTS = ["Small black leather crossbody bag with a zip", "raincoat", "An evening clutch of satin, lined with silk"]


class Backbone:
    """Hidden states at random, the same of each token."""

    def __init__(self, size=64, scale=1.0):
        self.table = torch.randn(500, size, generator=torch.Generator().manual_seed(0)).bfloat16() * scale

    def run(self, batch):
        ids = torch.from_numpy(np.concatenate(batch).astype(np.int64))
        return self.table[ids], torch.tensor([0, *map(len, batch)]).cumsum(0).int()


def model(size=64):
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(500, size, generator=generator).bfloat16()
    bias = torch.randn(500, generator=generator).bfloat16()
    return LanguageModel(None, weight, bias, None, tuple(map(str, range(500))), 512)


@pytest.fixture
def kernel(monkeypatch):
    """As on a Hopper GPU: a list of one function, which stands for the kernel there, at first by the definition."""
    kernels = [lambda inputs: float8.float8_reference(inputs)]
    for module in ("sparton.head.float8", "sparton.head.triton_head"):
        monkeypatch.setattr(f"{module}.why_not_hopper", lambda inputs: None)
    monkeypatch.setattr(float8, "shipped_config", lambda inputs, kernels: None)
    monkeypatch.setattr(float8, "run_config", lambda inputs, config: (kernels[-1](inputs), None))
    return kernels


def test_a_model_gets_a_head_of_its_weight_and_bias(kernel):
    lm, backbone = model(), Backbone()
    head = float8_head_of(lm, backbone)
    hidden, offsets = backbone.run([np.arange(40), np.arange(7), np.arange(300, 450)])
    expected = splade_head(hidden, lm.weight, lm.bias, cu_seqlens=offsets)
    error = (head(hidden, cu_seqlens=offsets) - expected).norm(dim=1) / expected.norm(dim=1)
    assert 0 < error.max() < 0.05


def test_hidden_states_have_room_above_those_of_the_probe(kernel):
    given = []
    kernel.append(lambda inputs: given.append(inputs) or float8.float8_reference(inputs))
    backbone = Backbone(scale=30)
    float8_head_of(model(), backbone)
    largest = backbone.run(random_texts(model()))[0].abs().max()
    assert 56 <= given[0].hidden.float().abs().max() <= 112
    assert given[0].hidden.float().abs().max() * float8.hidden_scale(float(largest)) == pytest.approx(
        float(largest), rel=0.07
    )


def test_without_a_kernel_for_it_the_head_stays(caplog):
    with caplog.at_level(logging.WARNING):
        assert float8_head_of(model(), Backbone()) is None
    assert not caplog.records


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda inputs: float8.float8_reference(inputs) * 1.5, "gives weights that differ by 0.5 of their norm"),
        (lambda inputs: float8.float8_reference(inputs) * float("nan"), "gives weights that differ by nan"),
    ],
)
def test_a_kernel_that_errs_is_not_taken(kernel, wrong, told, caplog):
    kernel.append(wrong)
    assert float8_head_of(model(), Backbone()) is None
    (record,) = caplog.records
    assert told in record.getMessage()
    assert "stays in torch.bfloat16" in record.getMessage()


def test_a_kernel_that_fails_is_not_taken(kernel, caplog):
    def fails(inputs):
        raise HopperError("AttributeError: no such thing")

    kernel.append(fails)
    assert float8_head_of(model(), Backbone()) is None
    (record,) = caplog.records
    assert "cannot be run here, and stays in torch.bfloat16 (AttributeError: no such thing)" in record.getMessage()


def test_a_model_whose_hidden_states_are_no_numbers_keeps_its_head(kernel, caplog):
    assert float8_head_of(model(), Backbone(scale=float("nan"))) is None
    assert "the largest hidden state is nan" in caplog.text


def dense(impacts, vocabulary):
    table = np.zeros((len(impacts), vocabulary))
    for row, (terms, values) in enumerate(impacts):
        table[row, terms] = values
    return table


@pytest.mark.gpu
@on_gpu
def test_gpu_documents_are_near_those_in_bfloat16(tmp_path):
    if torch.cuda.get_device_capability() != (9, 0):
        pytest.skip("needs a Hopper GPU")
    folder = save_unbounded(tmp_path / "all")
    plain, rounded = (sparton.Encoder(folder, device="cuda", dtype=dtype) for dtype in ("bfloat16", "float8"))
    assert rounded._model._float8 is not None
    assert rounded.settings.documents.dtype == "float8"
    expected, found = (dense(encoder.encode(TEXTS * 30), len(plain.vocabulary)) for encoder in (plain, rounded))
    cosines = (found * expected).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert 0.98 < cosines.min() < 0.99999
    assert (found.reshape(30, 3, -1) == found[:3]).all()


@pytest.mark.gpu
@on_gpu
def test_gpu_the_head_alone_moves_weights_by_its_rounding(monkeypatch):
    """Of the same hidden states."""
    if torch.cuda.get_device_capability() != (9, 0):
        pytest.skip("needs a Hopper GPU")
    model = sparton.Encoder(device="cuda", dtype="float8")._model
    texts = random_texts(model._lm)
    with torch.inference_mode():
        found = model.weights(texts)
        monkeypatch.setattr(model, "_float8", None)
        expected = model.weights(texts)
    assert 0 < (found - expected).norm() / expected.norm() < 0.15
