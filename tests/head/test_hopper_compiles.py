"""The Hopper kernel compiles for its GPU with the Triton that is installed; no GPU is needed for that."""

import subprocess
import sys

import pytest
from packaging.version import Version

pytestmark = pytest.mark.slow

COMPILE = '''
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

from sparton.head.hopper_kernel import head_kernel


class Hopper:
    """A driver that knows what to compile for, and launches nothing."""

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device=None):
        return 0


triton.runtime.driver.set_active(Hopper())
FLOAT8 = torch.float8_e4m3fn
for dtype, masked, packed, out, block_d, stages in (
    (torch.bfloat16, False, False, torch.int32, 64, 4),
    (torch.float16, False, True, torch.int32, 32, 9),
    (torch.bfloat16, True, True, torch.int32, 32, 9),
    (torch.bfloat16, True, True, torch.int64, 64, 4),
    (FLOAT8, False, True, torch.int32, 128, 4),
    (FLOAT8, True, True, torch.int64, 64, 8),
):
    size = dtype.itemsize
    layout = gl.NVMMASharedLayout(swizzle_byte_width=size * block_d, element_bitwidth=8 * size, rank=2)
    tensor = torch.empty(512, 768, dtype=dtype)

    def box(rows):
        return TensorDescriptor.from_tensor(tensor, [rows, block_d], layout)

    rows = (box(32), box(8)) if masked else (box(256), box(256))
    windows = torch.int32 if masked else None
    compiled = head_kernel.warmup(
        *rows, box(64), torch.bfloat16 if dtype == FLOAT8 else dtype, torch.float32 if dtype == FLOAT8 else None,
        windows, windows, torch.int32 if packed else None, torch.int32, torch.int32, out,
        512, 768, 512, 4, BLOCK_D=block_d, STAGES=stages, IN_FLIGHT=1, GROUP_V=12, num_warps=4, grid=(132,),
    )
    code = compiled.asm["ptx"]
    assert compiled.metadata.shared <= 227 * 1024, compiled.metadata.shared
    kind = {torch.bfloat16: "bf16", torch.float16: "f16", FLOAT8: "e4m3"}[dtype]
    product = f"wgmma.mma_async.sync.aligned.m64n256k{32 // size}.f32.{kind}.{kind}"
    for wanted in (product, "cp.async.bulk.tensor", "setmaxnreg"):
        assert wanted in code, wanted
    # The compiler must not have put the logits, 128 numbers a thread, into memory.
    assert "st.local" not in code
    print("compiled")
'''


def test_hopper_kernel_compiles_without_a_gpu():
    triton = pytest.importorskip("triton")
    if Version(triton.__version__) < Version("3.6"):
        pytest.skip("the kernel needs the Gluon of Triton 3.6")
    done = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout.split() == ["compiled"] * 6
