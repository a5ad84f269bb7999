"""The table of block sizes, and measuring one's own."""

import dataclasses
import json
import os
import subprocess
import sys
from importlib.resources import files

import pytest
import torch
from support.head_inputs import make_inputs, make_packed
from support.triton_devices import on_gpu

from sparton.errors import SpartonError
from sparton.head import splade_head
from sparton.head.configs import KERNELS, HopperConfig, PortableConfig, shape_class, shipped_config
from sparton.head.inputs import check_inputs

autotune = pytest.importorskip("sparton.head.autotune", reason="needs Triton", exc_type=ImportError)

PORTABLE = ("portable",)


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
    assert shape_class(check_inputs(hidden, weight, bias, None, cu_seqlens)) == f"float32 {expected} packed"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("mask", ["none", "right"])
@pytest.mark.parametrize(("batch", "length"), [(1, 3), (9, 20), (9, 100), (2, 400)])
def test_the_table_has_every_class(batch, length, mask, dtype):
    assert isinstance(shipped_config(inputs_of(batch, length, mask, dtype), PORTABLE), PortableConfig)


def test_the_table_holds_what_its_kernels_take():
    table = json.loads((files("sparton.head") / "configs.json").read_text())
    for kernels in table.values():
        for kernel, classes in kernels.items():
            for numbers in classes.values():
                assert all(number > 0 for number in dataclasses.astuple(KERNELS[kernel](*numbers)))


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
    monkeypatch.setattr(autotune, "_configs", {})
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
    assert kept == {
        "GPU of a test": {f"half {size}, portable, revision {autotune._REVISION}": entry for size in ("short", "long")}
    }
    assert "half short" in capsys.readouterr().err


def test_another_process_reads_what_was_measured(measured, monkeypatch):
    autotune.tuned_config(inputs_of(9, 100), PORTABLE, print)
    monkeypatch.setattr(autotune, "_configs", {})
    assert autotune.tuned_config(inputs_of(9, 100), PORTABLE, print) == PortableConfig(64, 32, 16, 4, 2)
    assert len(measured) == 1


def test_what_another_kernel_measured_does_not_count(measured):
    for kernels in (("hopper", "portable"), PORTABLE):
        autotune.tuned_config(inputs_of(9, 100), kernels, print)
    assert measured == [("hopper", "portable"), PORTABLE]


def test_a_folder_that_cannot_be_written_is_reported(measured, monkeypatch, tmp_path, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert autotune.tuned_config(inputs_of(9, 100), PORTABLE, print) == PortableConfig(64, 32, 16, 4, 2)
    assert "cannot be written (Not a directory); the next process measures again" in capsys.readouterr().err


KEEP = """
import sys
from sparton.head.autotune import PortableConfig, _keep
for index in range(40):
    _keep("GPU of a test", f"class {sys.argv[1]} {index}", PortableConfig(64, 32, 16, 4, 2))
"""


@pytest.mark.slow
def test_processes_that_measure_at_once_lose_nothing(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    processes = [subprocess.Popen([sys.executable, "-c", KEEP, str(number)], env=environment) for number in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    kept = json.loads((tmp_path / "sparton" / "head-configs.json").read_text())
    assert len(kept["GPU of a test"]) == 3 * 40


@pytest.mark.parametrize("content", ["{", "[]", '{"GPU": []}', '{"GPU": {"half": {"portable": [1, 2]}}}'])
def test_damaged_measurements_are_named(measured, tmp_path, content):
    path = tmp_path / "sparton" / "head-configs.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(
        SpartonError, match=r"head-configs.json holds no measurements .*; delete it, and SPARTON_AUTOTU"
    ):
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
    monkeypatch.setattr(autotune, "_configs", {})
    arguments = make_inputs(8, 100, 64, 1030, "right", torch.bfloat16, "cuda")
    tuned = splade_head(*arguments, impl="triton")
    (classes,) = json.loads(autotune.cache_file().read_text()).values()
    assert [entry.split(",")[0] for entry in classes] == ["half short masked"]
    monkeypatch.delenv("SPARTON_AUTOTUNE")
    torch.testing.assert_close(tuned, splade_head(*arguments, impl="triton"), atol=1e-5, rtol=0)
