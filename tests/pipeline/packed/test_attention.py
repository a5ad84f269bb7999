"""The kernel for attention within packed texts: what PyTorch's gives for each text alone."""

import subprocess
import sys

import pytest
import torch
from support.triton_devices import DEVICES
from torch.nn.functional import scaled_dot_product_attention

pytest.importorskip("triton")

from sparton.pipeline.packed.attention import BlockAttention, Blocks, Rotation, work_items
from sparton.pipeline.packed.decoder_kernels import rotate

# Less than a block, a block, one token more, two blocks, several.
LENGTHS = [5, 16, 1, 17, 32, 35]
SMALL = Blocks(rows=32, keys=16, heads=2, warps=4, stages=1)


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def alone(query, key, value, scale, causal, window=None):
    """Each text alone, by PyTorch in float32."""
    parts = []
    for one in zip(*(tensor.float().split(LENGTHS) for tensor in (query, key, value)), strict=True):
        length = len(one[0])
        distance = torch.arange(length)[:, None] - torch.arange(length)
        seen = (distance >= 0) if causal else torch.ones_like(distance, dtype=torch.bool)
        seen = (seen if window is None else seen & (distance < window)).to(query.device)
        by_head = (tensor.transpose(0, 1)[None] for tensor in one)
        attended = scaled_dot_product_attention(*by_head, attn_mask=seen, scale=scale, enable_gqa=True)
        parts.append(attended[0].transpose(0, 1))
    return torch.cat(parts)


def packed(device, queries, keys, size, dtype=torch.float32):
    """Queries, keys and values side by side, [T, queries + 2 keys, size], and where texts begin."""
    generator = torch.Generator().manual_seed(3)
    projected = torch.randn(sum(LENGTHS), queries + 2 * keys, size, generator=generator).to(device, dtype)
    return projected, torch.tensor([0, *LENGTHS], device=device).cumsum(0).int()


@pytest.mark.parametrize(
    ("queries", "keys", "size", "causal", "window", "scale"),
    [
        (2, 2, 32, False, None, None),
        (2, 2, 32, True, None, None),
        (4, 2, 32, True, None, 0.3),
        (4, 2, 64, False, None, None),
        (6, 2, 24, True, None, None),  # heads of a size that no block has, and three that share keys
        (4, 2, 16, True, 7, None),
        (2, 1, 32, True, 20, None),
    ],
)
def test_attention_is_that_of_each_text_alone(device, queries, keys, size, causal, window, scale):
    projected, offsets = packed(device, queries, keys, size)
    parts = projected.split((queries, keys, keys), dim=1)
    found = BlockAttention(SMALL)(*parts, offsets, max(LENGTHS), scale, causal, window)
    torch.testing.assert_close(found, alone(*parts, scale, causal, window), atol=2e-6, rtol=2e-5)


@pytest.mark.parametrize("blocks", [SMALL, Blocks(64, 16, 3, 4, 1), Blocks(16, 64, 1, 4, 1), None])
def test_any_blocks_give_the_same(device, blocks):
    projected, offsets = packed(device, 6, 2, 32)
    parts = projected.split((6, 2, 2), dim=1)
    found = BlockAttention(blocks)(*parts, offsets, max(LENGTHS), None, True)
    torch.testing.assert_close(found, alone(*parts, None, True), atol=2e-6, rtol=2e-5)


@pytest.mark.parametrize("has_norms", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_queries_and_keys_are_rotated_on_their_way(device, has_norms, causal):
    projected, offsets = packed(device, 4, 2, 32)
    norms = (torch.rand(32, device=device) + 0.5, torch.rand(32, device=device) + 0.5) if has_norms else None
    angles = torch.randn(len(projected), 16, device=device).repeat(1, 2)
    tables = angles.cos(), angles.sin()
    parts = projected.split((4, 2, 2), dim=1)
    rotation = Rotation(tables, norms, 1e-6)
    found = BlockAttention(SMALL)(*parts, offsets, max(LENGTHS), None, causal, rotation=rotation)
    rotated = projected.clone()
    rotate(rotated.view(len(rotated), -1), (4, 2), 32, tables, norms, 1e-6)
    assert not torch.equal(rotated, projected)
    expected = alone(*rotated.split((4, 2, 2), dim=1), None, causal)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_keys_of_transformers_shapes_are_taken(device):
    """[1, heads, T, size], heads before tokens in memory too."""
    projected, offsets = packed(device, 2, 2, 32)
    apart = projected.transpose(0, 1).contiguous().transpose(0, 1)
    parts = apart.split((2, 2, 2), dim=1)
    found = BlockAttention(SMALL)(*parts, offsets, max(LENGTHS), None, False)
    torch.testing.assert_close(found, alone(*parts, None, False), atol=2e-6, rtol=2e-5)


def test_a_text_without_numbers_spoils_no_other(device):
    projected, offsets = packed(device, 2, 2, 32)
    starts = offsets.tolist()
    projected[starts[1] : starts[2]] = float("nan")
    found = BlockAttention(SMALL)(*projected.split((2, 2, 2), dim=1), offsets, max(LENGTHS), None, False)
    assert found[starts[1] : starts[2]].isnan().all()
    found[starts[1] : starts[2]] = 0
    assert found.isfinite().all()


def test_another_batch_has_items_of_its_own(device):
    projected, offsets = packed(device, 2, 2, 32)
    parts = projected.split((2, 2, 2), dim=1)
    attend = BlockAttention(SMALL)
    attend(*parts, offsets, max(LENGTHS), None, False)
    whole = torch.tensor([0, len(projected)], device=device).int()
    found = attend(*parts, whole, len(projected), None, False)
    expected = scaled_dot_product_attention(*(part.transpose(0, 1) for part in parts)).transpose(0, 1)
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=2e-5)


def test_items_are_the_blocks_of_every_text():
    offsets = torch.tensor([0, 5, 5, 22, 54]).int()
    items = work_items(offsets, 54, 16).tolist()
    inside = [item for item in items if item[2] < item[1]]
    assert inside == [[0, 5, 0], [5, 17, 0], [5, 17, 16], [22, 32, 0], [22, 32, 16]]
    assert len(items) == 54 // 16 + 4


COMPILE = '''
import torch
import triton
from triton.backends.compiler import GPUTarget

from sparton.pipeline.packed.attention import _attend


class Hopper:
    """A driver that knows what to compile for, and launches nothing."""

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device=None):
        return 0


triton.runtime.driver.set_active(Hopper())
for kind, size, causal, rotates in (
    (torch.bfloat16, 128, True, True),
    (torch.float16, 128, False, False),
    (torch.bfloat16, 64, False, False),
):
    compiled = _attend.warmup(
        *[kind] * 4, torch.int32, *[kind] * 4, 4096, 128, 4096, 128, 4096, 128, 2048, 128, 8, 0.1, 1e-6, 0,
        SIZE=size, HALF=size // 2, WHOLE=size, HEADS=1, GROUP=1, ROWS=64, KEYS=64, CAUSAL=causal, WINDOWED=False,
        ROTATES=rotates, HAS_NORM=rotates, num_warps=4, num_stages=2, grid=(1,),
    )
    assert "wgmma" in compiled.asm["ptx"]
    assert "st.local" not in compiled.asm["ptx"]
    print("compiled")
'''


@pytest.mark.slow
def test_the_kernel_compiles_without_a_gpu():
    done = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout.split() == ["compiled"] * 3
