"""Kernels that go over rows between two products, against PyTorch's own operations."""

import subprocess
import sys

import pytest
import torch
from support.triton_devices import DEVICES
from torch.nn import functional

from sparton.pipeline.packed.row_kernels import FLOAT8, ScaledRows, activate, add_and_layer_norm

PLAIN = {
    "gelu": lambda rows: functional.gelu(rows, approximate="tanh"),
    "silu": functional.silu,
    "relu": functional.relu,
    "none": lambda rows: rows,
}


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def numbers(device, rows, size, seed=0):
    """Rows of very different sizes, one of zeros."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.randn(rows, size, generator=generator) * 10.0 ** torch.arange(-2, rows - 2)[:, None]
    found[1] = 0
    return found.to(device)


def assert_scaled(scaled, expected):
    """Each number within the rounding of its 8-bit float: three bits behind the first, and no less than a row's least
    step."""
    assert scaled.values.dtype == FLOAT8
    largest = expected.abs().amax(1, keepdim=True)
    torch.testing.assert_close(scaled.scales, torch.where(largest > 0, largest / 448, 1), atol=0, rtol=1e-5)
    found = scaled.values.float() * scaled.scales
    error, step = (found - expected).abs(), torch.maximum(expected.abs() / 16, largest / 448 / 2**9) * 1.01
    if not found.is_cuda:
        # Triton's interpreter has no numbers below the normal ones, and halves what it should round up to a power of 2.
        step = torch.maximum(step, largest / 448 / 2**6)
        halved = found.abs() < expected.abs() * 0.53
        step = torch.maximum(step, torch.where(halved, expected.abs() * 0.54, 0))
    assert (error <= step).all()


@pytest.mark.parametrize("with_branch", [True, False])
@pytest.mark.parametrize("with_weights", [True, False])
@pytest.mark.parametrize("size", [48, 128])
def test_norms_are_those_of_pytorch(device, size, with_weights, with_branch):
    residual, branch = numbers(device, 5, size), numbers(device, 5, size, 1)
    weight, bias = (torch.rand(2, size, device=device) + 0.5) if with_weights else (None, None)
    total, normed = torch.full_like(residual, 7), torch.full_like(residual, 7)
    scaled = ScaledRows.like(residual)
    add_and_layer_norm(
        *(branch if with_branch else None, residual, weight, bias, 1e-5), total=total, normed=normed, scaled=scaled
    )
    added = residual + branch if with_branch else residual
    expected = functional.layer_norm(added, (size,), weight, bias, 1e-5)
    torch.testing.assert_close(total, added)
    torch.testing.assert_close(normed, expected, atol=2e-5, rtol=2e-5)
    assert_scaled(scaled, expected)


def test_rows_apart_from_each_other_are_normed(device):
    """As of one of several joined products."""
    wide = numbers(device, 5, 3 * 32)
    normed = torch.empty(5, 32, device=device)
    residual = numbers(device, 5, 32, 1)
    add_and_layer_norm(wide[:, 32:64], residual, None, None, 1e-5, total=None, normed=normed, scaled=None)
    expected = functional.layer_norm(wide[:, 32:64] + residual, (32,), eps=1e-5)
    torch.testing.assert_close(normed, expected, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("activation", list(PLAIN))
def test_activations_are_those_of_pytorch(device, activation, gated):
    wide = numbers(device, 5, 2 * 48)
    rows, other = wide[:, :48], wide[:, 48:] if gated else None
    result, scaled = torch.full((5, 48), 7.0, device=device), ScaledRows.like(rows)
    activate(rows, other, activation, result=result, scaled=scaled)
    expected = PLAIN[activation](rows) * (other if gated else 1)
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=2e-5)
    assert_scaled(scaled, expected)


COMPILE = '''
import sys

import torch
import triton
from triton.backends.compiler import GPUTarget

from sparton.pipeline.packed.row_kernels import FLOAT8, _activate, _add_and_layer_norm


capability, scales = int(sys.argv[1]), sys.argv[2] == "scales"


class Gpu:
    """A driver that knows what to compile for, and launches nothing."""

    def get_current_target(self):
        return GPUTarget("cuda", capability, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device=None):
        return 0


triton.runtime.driver.set_active(Gpu())
for kind in (torch.bfloat16, torch.float16):
    values = FLOAT8 if scales else kind
    of = torch.float32 if scales else kind
    _add_and_layer_norm.warmup(
        kind, kind, kind, kind, kind, kind, values, of, 768, 1e-12, 768, 768, ADDS=True, HAS_WEIGHT=True,
        HAS_BIAS=True, KEEPS_TOTAL=True, KEEPS_NORMED=True, SCALES=scales, BLOCK=1024, num_warps=1, grid=(1,),
    )
    for activation in ("gelu", "silu", "relu", "none"):
        _activate.warmup(
            kind, kind, kind, values, of, 3072, 3072, 3072, ACTIVATION=activation, GATES=True, KEEPS=True,
            SCALES=scales, BLOCK=4096, num_warps=4, grid=(1,),
        )
    print("compiled")
'''


@pytest.mark.slow
@pytest.mark.parametrize(("capability", "scales"), [("80", ""), ("90", "scales")])
def test_kernels_compile_without_a_gpu(capability, scales):
    pytest.importorskip("triton")
    command = [sys.executable, "-c", COMPILE, capability, scales]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout.split() == ["compiled"] * 2
