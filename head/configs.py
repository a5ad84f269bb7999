"""Block sizes of the Triton kernels, from a small table: by chip, kernel and class of shape.

benchmarks/tune_head.py measured what configs.json holds. A class is wide on purpose: no new length or batch size
compiles or measures anything.
"""

import functools
import json
from dataclasses import dataclass
from importlib.resources import files

import torch

from .inputs import HeadInputs


@dataclass(frozen=True, slots=True)
class HopperConfig:
    """Of the Hopper kernel: hidden dimensions in a stage, stages in the ring, products in flight besides the newest,
    vocabulary tiles that go over the tokens together."""

    block_d: int
    stages: int
    in_flight: int
    group_v: int


@dataclass(frozen=True, slots=True)
class PortableConfig:
    """Of the portable kernel: terms, positions and hidden dimensions of a block, warps a program, pipeline stages."""

    block_v: int
    block_t: int
    block_d: int
    warps: int
    stages: int


Config = HopperConfig | PortableConfig
KERNELS: dict[str, type[Config]] = {"hopper": HopperConfig, "portable": PortableConfig}


def shape_class(inputs: HeadInputs) -> str:
    """As in "half short masked": "half", "float32" or "float8"; "query" for up to 64 tokens, else by the mean length
    "tiny" (up to 32), "short" (up to 255) or "long"; "masked" where a mask was given, "packed" where documents lie end
    to end."""
    kind = {torch.float32: "float32", torch.float8_e4m3fn: "float8"}.get(inputs.hidden.dtype, "half")
    mean = inputs.tokens / max(1, inputs.documents)
    size = "query" if inputs.tokens <= 64 else "tiny" if mean <= 32 else "short" if mean < 256 else "long"
    return f"{kind} {size}" + (" masked" if inputs.mask is not None else "" if inputs.cu_seqlens is None else " packed")


def chip(device: torch.device) -> str:
    """The table's name of a device: its compute capability, as "sm_90", or "other"."""
    if device.type != "cuda" or torch.version.hip is not None:
        return "other"
    return "sm_{}{}".format(*torch.cuda.get_device_capability(device))


def shipped_config(inputs: HeadInputs, kernels: tuple[str, ...]) -> Config:
    """The table's choice for these inputs among `kernels`, the first that has one."""
    table = _table()
    of_class = shape_class(inputs)
    for name in (chip(inputs.hidden.device), "other"):
        for kernel in kernels:
            numbers = table.get(name, {}).get(kernel, {}).get(of_class)
            if numbers is not None:
                return KERNELS[kernel](*numbers)
    raise LookupError(f"configs.json has no entry for {of_class!r} and the kernels {', '.join(kernels)}")


@functools.cache
def _table() -> dict[str, dict[str, dict[str, list[int]]]]:
    table: dict[str, dict[str, dict[str, list[int]]]] = json.loads((files(__package__) / "configs.json").read_text())
    return table
