"""The backward's kernels compile for GPUs with the Triton that is installed; no GPU is needed for that."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

COMPILE = '''
import torch
import triton
from triton.backends.compiler import GPUTarget

from sparton.head import triton_grad_hidden as h, triton_grad_weight as w, triton_row_lists as r


class Chip:
    """A driver that knows what to compile for, and launches nothing."""

    def __init__(self, capability):
        self.capability = capability

    def get_current_target(self):
        return GPUTarget("cuda", self.capability, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device=None):
        return 0


for capability in (80, 90):
    triton.runtime.driver.set_active(Chip(capability))
    for dtype, positions, keys in (
        (torch.bfloat16, torch.int16, torch.int16), (torch.float32, torch.int32, torch.int32),
    ):
        f = torch.float32
        kernels = [
            w.weight_gradient_kernel.warmup(f, f, positions, dtype, f, f, 32, 512, 30522, 768, BLOCK_V=w.BLOCK_V,
                BLOCK_D=w.BLOCK_D, num_warps=w.WARPS, grid=(1,)),
            r.key_kernel.warmup(f, f, positions, keys, f, 2**20, 30522, 512, 512, BLOCK=1024, num_warps=4, grid=(1,)),
            r.pair_kernel.warmup(torch.int64, f, torch.int32, f, 2**20, 30522, BLOCK=1024, num_warps=4, grid=(1,)),
            h.add_kernel.warmup(keys, torch.int32, f, torch.int32, dtype, f, dtype, 512, 600, 768, CHUNK=h.CHUNK,
                BLOCK_P=h.BLOCK_P, BLOCK_D=h.BLOCK_D, num_warps=1, grid=(1,)),
            h.join_kernel.warmup(keys, torch.int32, f, dtype, 512, 768, CHUNK=h.CHUNK, BLOCK_D=h.BLOCK_D,
                num_warps=1, grid=(1,)),
        ]
        for compiled in kernels:
            code = compiled.asm["ptx"]
            # Sums stay in registers, and rows are read 16 bytes a thread.
            assert "st.local" not in code
            assert "ld.global.v4" in code or compiled.metadata.name in ("key_kernel", "pair_kernel")
        print("compiled")
'''


def test_backward_kernels_compile_without_a_gpu():
    pytest.importorskip("triton")
    done = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout.split() == ["compiled"] * 4
