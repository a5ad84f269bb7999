"""The table of block sizes, and measuring one's own."""

import dataclasses
import json

import pytest
import torch
from head_inputs import make_inputs, make_packed

from sparton.errors import SpartonError
from sparton.pipeline.head import splade_head
from sparton.pipeline.head.configs import HopperConfig, PortableConfig, shape_class, shipped_config
from sparton.pipeline.head.inputs import check_inputs

autotune = pytest.importorskip("sparton.pipeline.head.autotune", reason="needs Triton", exc_type=ImportError)

PORTABLE = ("portable",)
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def inputs_of(batch, length, mask="none", dtype=torch.bfloat16, device="cpu"):
    return check_inputs(*make_inputs(batch, length, 16, 40, mask, dtype, device), None)


@pytest.mark.parametrize(
    ("batch", "length", "mask", "dtype", "expected"),
    [
        (1, 16, "none", torch.bfloat16, "half query"),
        (4, 16, "right", torch.float16, "half query masked"),
        (5, 16, "none", torch.float32, "float32 tiny"),
        (1, 65, "none", torch.float32, "float32 short"),
        (9, 255, "ones", torch.bfloat16, "half short masked"),
        (1, 256, "none", torch.bfloat16, "half long"),
    ],
)
def test_shapes_fall_into_classes(batch, length, mask, dtype, expected):
    assert shape_class(inputs_of(batch, length, mask, dtype)) == expected


@pytest.mark.parametrize(("lengths", "expected"), [([10, 500], "short"), ([12, 500], "long"), ([1] * 70, "tiny")])
def test_packed_documents_fall_into_the_class_of_their_mean_length(lengths, expected):
    hidden, weight, bias, cu_seqlens = make_packed(lengths, 16, 40)
    assert shape_class(check_inputs(hidden, weight, bias, None, cu_seqlens)) == f"float32 {expected}"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("mask", ["none", "right"])
@pytest.mark.parametrize(("batch", "length"), [(1, 3), (9, 20), (9, 100), (2, 400)])
def test_the_table_has_every_class(batch, length, mask, dtype):
    assert isinstance(shipped_config(inputs_of(batch, length, mask, dtype), PORTABLE), PortableConfig)


def test_a_class_that_no_kernel_has_is_named():
    with pytest.raises(LookupError, match="'half long' and the kernels wide"):
        shipped_config(inputs_of(1, 300), ("wide",))


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Have measuring take no time; what was measured, in order."""
    calls = []

    def measure(kernels, run):
        calls.append(tuple(kernels))
        return {HopperConfig(32, 8, 1, 4): 3.0, PortableConfig(64, 32, 16, 4, 2): 2.0}

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(autotune, "measure", measure)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "GPU of a test")
    return calls


def test_a_class_is_measured_once_and_kept(measured, tmp_path, capsys):
    best = PortableConfig(64, 32, 16, 4, 2)
    for batch in (9, 11):
        assert autotune.tuned_config(inputs_of(batch, 100), PORTABLE, print) == best
    assert len(measured) == 1
    assert autotune.tuned_config(inputs_of(9, 300), PORTABLE, print) == best
    assert len(measured) == 2
    kept = json.loads((tmp_path / "sparton" / "head-configs.json").read_text())
    entry = {"portable": list(dataclasses.astuple(best))}
    assert kept == {"GPU of a test": {"half short": entry, "half long": entry}}
    assert "half short" in capsys.readouterr().err


def test_damaged_measurements_are_named(measured, tmp_path):
    path = tmp_path / "sparton" / "head-configs.json"
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(SpartonError, match=r"head-configs.json holds no JSON .*; delete it, and SPARTON_AUTOTUNE=1"):
        autotune.tuned_config(inputs_of(9, 100), PORTABLE, print)
    assert measured == []


def test_tuning_is_off_unless_asked_for(monkeypatch):
    monkeypatch.delenv("SPARTON_AUTOTUNE", raising=False)
    assert not autotune.asked_for()
    monkeypatch.setenv("SPARTON_AUTOTUNE", "1")
    assert autotune.asked_for()


@pytest.mark.gpu
@on_gpu
def test_gpu_tuning_finds_blocks_and_uses_them(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("SPARTON_AUTOTUNE", "1")
    some = {name: candidates[:2] for name, candidates in autotune.CANDIDATES.items()}
    monkeypatch.setattr(autotune, "CANDIDATES", some)
    arguments = make_inputs(8, 100, 64, 1030, "right", torch.bfloat16, "cuda")
    tuned = splade_head(*arguments, impl="triton")
    (classes,) = json.loads(autotune.cache_file().read_text()).values()
    assert list(classes) == ["half short masked"]
    monkeypatch.delenv("SPARTON_AUTOTUNE")
    torch.testing.assert_close(tuned, splade_head(*arguments, impl="triton"), atol=1e-5, rtol=0)
