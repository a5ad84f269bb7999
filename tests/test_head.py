"""The fused head: every implementation against the definition in float32 or float64."""

import os
import subprocess
import sys

import pytest
import torch
from packaging.version import Version
from torch import nn

from sparton.pipeline.head import SpartonHead, splade_head

SHAPES = [
    # batch, length, width, vocabulary
    (1, 1, 64, 1),
    (3, 15, 100, 97),
    (2, 17, 128, 513),
    (1, 127, 64, 130),
    (2, 129, 100, 1030),
    (5, 33, 384, 200),
]
MASKS = ["none", "ones", "right", "left", "holes", "one row of zeros", "zeros"]


def make_inputs(batch, length, width, vocabulary, mask, dtype=torch.float32, device="cpu", seed=0):
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(batch, length, width, generator=generator)
    weight = torch.randn(vocabulary, width, generator=generator) * width**-0.5
    bias = torch.randn(vocabulary, generator=generator) * 0.5
    lengths = torch.randint(1, length + 1, (batch, 1), generator=generator)
    steps = torch.arange(length)[None, :]
    masks = {
        "none": None,
        "ones": torch.ones(batch, length, dtype=torch.int64),
        "right": (steps < lengths).long(),
        "left": (steps >= length - lengths).long(),
        "holes": (torch.rand(batch, length, generator=generator) < 0.5).long(),
        "one row of zeros": (steps < lengths).long() * (torch.arange(batch)[:, None] != 0),
        "zeros": torch.zeros(batch, length, dtype=torch.int64),
    }
    chosen = masks[mask]
    return (
        hidden.to(device, dtype),
        weight.to(device, dtype),
        bias.to(device, dtype),
        None if chosen is None else chosen.to(device),
    )


def truth(hidden, weight, bias, mask):
    bias = None if bias is None else bias.double()
    return splade_head(hidden.double(), weight.double(), bias, mask, impl="reference")


def assert_no_worse_than_pytorch(hidden, weight, bias, mask, impl):
    """Error against the truth is at most that of plain PyTorch in the same dtype, plus 1e-5."""
    expected = truth(hidden, weight, bias, mask)
    plain = (splade_head(hidden, weight, bias, mask, impl="reference") - expected).abs().max()
    result = splade_head(hidden, weight, bias, mask, impl=impl)
    assert result.dtype == torch.float32
    assert result.shape == expected.shape
    assert (result - expected).abs().max() <= plain + 1e-5


def test_the_definition_is_log1p_relu_max_over_kept_positions():
    hidden = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]])
    weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    bias = torch.tensor([0.0, 1.0, 0.5])
    mask = torch.tensor([[1, 1, 0]])
    expected = torch.log1p(torch.tensor([[1.0, 3.0, 0.0]]))
    for impl in ("reference", "torch"):
        torch.testing.assert_close(splade_head(hidden, weight, bias, mask, impl=impl), expected)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_tiled_head_matches_the_definition(shape, mask):
    assert_no_worse_than_pytorch(*make_inputs(*shape, mask), impl="torch")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_tiled_head_in_half_precision(dtype):
    assert_no_worse_than_pytorch(*make_inputs(3, 20, 64, 700, "holes", dtype), impl="torch")


@pytest.mark.parametrize("impl", ["torch", "reference"])
def test_rows_without_a_kept_position_are_zero(impl):
    hidden, weight, bias, mask = make_inputs(3, 8, 64, 50, "one row of zeros")
    result = splade_head(hidden, weight, bias.abs() + 1, mask, impl=impl)
    assert (result[0] == 0).all()
    assert (result[1:] > 0).any()


def test_no_bias_and_strided_inputs():
    hidden, weight, _, mask = make_inputs(4, 9, 64, 300, "right")
    strided = hidden.transpose(0, 1).contiguous().transpose(0, 1)
    assert not strided.is_contiguous()
    expected = truth(hidden, weight, None, mask)
    result = splade_head(strided, weight.T.contiguous().T, None, mask, impl="torch")
    torch.testing.assert_close(result, expected.float(), atol=1e-5, rtol=0)


def test_tiled_head_has_the_gradients_of_the_definition():
    hidden, weight, bias, mask = make_inputs(2, 6, 8, 1030, "one row of zeros", torch.float64)
    gradients = []
    for impl in ("reference", "torch"):
        leaves = [tensor.clone().requires_grad_() for tensor in (hidden, weight, bias)]
        splade_head(*leaves, mask, impl=impl).pow(2).sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_module_shares_the_weights_of_a_decoder():
    decoder = nn.Linear(64, 300)
    head = SpartonHead(300, 64)
    head.tie_weights(decoder)
    assert head.weight is decoder.weight
    assert head.bias is decoder.bias
    hidden, _, _, mask = make_inputs(2, 7, 64, 300, "right")
    expected = splade_head(hidden, decoder.weight, decoder.bias, mask, impl="reference")
    torch.testing.assert_close(head(hidden, mask), expected, atol=1e-5, rtol=0)


def test_module_refuses_a_decoder_of_another_shape():
    with pytest.raises(ValueError, match=r"decoder is \[30, 64\]; expected \[300, 64\]"):
        SpartonHead(300, 64).tie_weights(nn.Linear(64, 30))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": torch.zeros(2, 3, 5)}, r"hidden is \[2, 3, 5\] and weight \[7, 4\]; expected"),
        ({"hidden": torch.zeros(2, 3, 4, dtype=torch.float64)}, "expected one floating dtype for both"),
        ({"hidden": torch.zeros(2, 0, 4)}, "no positions"),
        ({"bias": torch.zeros(6)}, r"bias is \[6\]; expected \[7\]"),
        ({"attention_mask": torch.ones(3, 2)}, r"attention_mask is \[3, 2\]; expected \[2, 3\]"),
        ({"impl": "fast"}, "impl is 'fast'; expected one of auto, triton, torch, reference"),
    ],
)
def test_arguments_that_do_not_fit_are_named(change, message):
    arguments = {"hidden": torch.zeros(2, 3, 4), "weight": torch.zeros(7, 4), **change}
    with pytest.raises(ValueError, match=message):
        splade_head(**arguments)


def test_triton_on_a_cpu_says_why_not(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(RuntimeError, match="impl='triton' cannot run: "):
        splade_head(torch.zeros(1, 2, 4), torch.zeros(3, 4), impl="triton")


def test_triton_with_gradients_says_why_not():
    with pytest.raises(RuntimeError, match="the Triton head has no backward yet; train with impl='torch'"):
        splade_head(torch.zeros(1, 2, 4, requires_grad=True), torch.zeros(3, 4), impl="triton")


def test_triton_kernel_in_the_interpreter():
    """The same kernel, interpreted on the CPU in a process of its own: Triton reads TRITON_INTERPRET at import."""
    triton = pytest.importorskip("triton")
    if Version(triton.__version__) < Version("3.7"):
        pytest.skip("the interpreter of Triton before 3.7 does not run on NumPy 2.4")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "interpreted"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(SHAPES) * 3 + 2} passed" in done.stdout


interpreted = pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="runs under TRITON_INTERPRET=1")


@interpreted
@pytest.mark.parametrize("mask", ["none", "holes", "one row of zeros"])
@pytest.mark.parametrize("shape", SHAPES)
def test_interpreted_kernel_matches_the_definition(shape, mask):
    assert_no_worse_than_pytorch(*make_inputs(*shape, mask), impl="triton")


@interpreted
def test_interpreted_kernel_in_half_precision():
    # Not bfloat16, whose bit patterns the interpreter of Triton 3.7 multiplies as integers; the GPU tests have it.
    assert_no_worse_than_pytorch(*make_inputs(2, 20, 64, 150, "right", torch.float16), impl="triton")


@interpreted
def test_interpreted_kernel_does_not_hide_nan():
    hidden, weight, bias, mask = make_inputs(2, 20, 64, 150, "right")
    hidden[1, 0, 3] = float("nan")
    result = splade_head(hidden, weight, bias, mask, impl="triton")
    assert result[0].isfinite().all()
    assert not result[1].isfinite().any()


GPU_SHAPES = [
    (1, 1, 64, 1),
    (3, 15, 100, 97),
    (3, 17, 128, 30_522),
    (257, 127, 64, 97),
    (3, 129, 384, 30_522),
    (3, 513, 768, 30_522),
    (1, 513, 1024, 250_002),
]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("shape", GPU_SHAPES)
def test_gpu_kernel_matches_the_definition(shape, mask, dtype):
    assert_no_worse_than_pytorch(*make_inputs(*shape, mask, dtype, "cuda"), impl="triton")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_kernel_does_not_hide_nan():
    hidden, weight, bias, mask = make_inputs(2, 20, 64, 150, "right", torch.bfloat16, "cuda")
    hidden[1, 0, 3] = float("nan")
    result = splade_head(hidden, weight, bias, mask, impl="triton")
    assert result[0].isfinite().all()
    assert not result[1].isfinite().any()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_kernel_takes_strided_inputs_and_no_bias():
    hidden, weight, _, mask = make_inputs(4, 33, 128, 1000, "holes", torch.bfloat16, "cuda")
    strided = hidden.transpose(0, 1).contiguous().transpose(0, 1)
    result = splade_head(strided, weight.T.contiguous().T, None, mask, impl="triton")
    torch.testing.assert_close(result, splade_head(hidden, weight, None, mask, impl="triton"))
    torch.testing.assert_close(result, truth(hidden, weight, None, mask).float(), atol=2e-2, rtol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_kernel_writes_every_weight_when_there_are_more_than_two_to_the_31():
    batch, vocabulary = 8_600, 250_002
    hidden = torch.randn(batch, 1, 16, device="cuda", dtype=torch.bfloat16)
    weight = torch.randn(vocabulary, 16, device="cuda", dtype=torch.bfloat16)
    result = splade_head(hidden, weight, impl="triton")
    for rows in (slice(0, 2), slice(batch - 2, batch)):
        expected = truth(hidden[rows], weight, None, None)
        torch.testing.assert_close(result[rows], expected, atol=1e-2, rtol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_kernel_needs_no_memory_beyond_its_result():
    hidden, weight, bias, mask = make_inputs(16, 128, 128, 30_522, "right", torch.bfloat16, "cuda")
    splade_head(hidden, weight, bias, mask, impl="triton")
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = splade_head(hidden, weight, bias, mask, impl="triton")
    extra = torch.cuda.max_memory_allocated() - before - result.numel() * result.element_size()
    assert extra <= 2**20
