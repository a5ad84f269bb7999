"""Which types a model runs in: what "auto" means on a device, bfloat16 on a CPU, and the types of 8 bits."""

import math
from collections.abc import Mapping
from functools import cache
from time import perf_counter

import torch
from torch.nn.functional import linear

FLOAT8, INT8 = "float8", "int8"
_ROWS, _SIZE, _TIMES = 1_024, 384, 4  # of the product that is timed


def auto_dtype(device: torch.device) -> str:
    """bfloat16 where the device multiplies it sooner than float32, else float32."""
    fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_multiplies_bfloat16()
    return "bfloat16" if fast else "float32"


def backbone_and_head(dtype: str, device: torch.device) -> tuple[torch.dtype, torch.dtype]:
    """The types of the backbone and of the head's product.

    On a CPU bfloat16 is for products alone: that of the head, and where queries have another model, those of the
    backbone (rounds_products). A CPU that multiplies it no sooner does so in float32 instead, which is nearer to the
    truth, so a query may be encoded on any machine.
    With float8 the backbone's products take 8-bit floats, and these are the types of all else (packed/float8.py); with
    int8 the head's product takes 8-bit integers (head/torch_int8.py).
    """
    named: torch.dtype = {FLOAT8: torch.bfloat16, INT8: torch.float32}.get(dtype) or getattr(torch, dtype)
    if device.type != "cpu" or named != torch.bfloat16:
        return named, named
    return torch.float32, torch.bfloat16 if cpu_multiplies_bfloat16() else torch.float32


def rounds_products(dtype: str, device: torch.device) -> bool:
    """Whether a backbone of documents alone multiplies in bfloat16, with a head in bfloat16 or in 8-bit integers.

    One that encodes queries, too, stays in float32: a query's few rows are multiplied no sooner in bfloat16, and a text
    has the same weights as a document and as a query.
    """
    return device.type == "cpu" and dtype in ("bfloat16", INT8) and cpu_multiplies_bfloat16()


def multiplies_float8(device: torch.device) -> bool:
    """Whether a device has products of 8-bit floats with a scale for each row."""
    capable = device.type == "cuda" and torch.version.hip is None
    return capable and torch.cuda.get_device_capability(device) >= (8, 9)


def cpu_multiplies_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 sooner than float32: with AMX, and with AVX512-BF16 where a product that is
    timed once says so. AMD's takes half the time with it, and Intel's twice the time where it has no AMX."""
    return _cpu_has("amx_bf16") or (cpu_has_bfloat16() and _bfloat16_is_sooner())


def cpu_has_bfloat16() -> bool:
    """Whether this CPU has AVX512-BF16 or AMX. A PyTorch too old to be asked counts as no."""
    return _cpu_has("avx512_bf16", "amx_bf16")


@cache
@torch.inference_mode()
def _bfloat16_is_sooner() -> bool:
    """Some milliseconds decide, of which each type's least counts: both are far enough apart for a busy machine."""
    least = {torch.bfloat16: math.inf, torch.float32: math.inf}
    factors = {dtype: (torch.ones(_ROWS, _SIZE, dtype=dtype), torch.ones(_SIZE, _SIZE, dtype=dtype)) for dtype in least}
    for _ in range(_TIMES):
        for dtype, (rows, weight) in factors.items():
            begin = perf_counter()
            linear(rows, weight)
            least[dtype] = min(least[dtype], perf_counter() - begin)
    return least[torch.bfloat16] < least[torch.float32]


def multiplies_int8(device: torch.device) -> bool:
    """Whether a device is a CPU with AVX512-VNNI, AVX-VNNI or AMX; without them oneDNN's sums end at 16 bits."""
    return device.type == "cpu" and _cpu_has("avx512_vnni", "avx_vnni", "amx_int8")


def _cpu_has(*instructions: str) -> bool:
    capabilities: Mapping[str, bool | int | str] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(map(capabilities.get, instructions))
