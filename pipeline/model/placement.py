"""Where a model runs, and in which types."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch

from ...errors import Parameter, SpartonError
from ...machine import cores
from ...options import checked
from ..options import ONE_DEVICE
from .base import Runtime
from .precision import FLOAT8, INT8, auto_dtype, backbone_and_head, multiplies_float8, multiplies_int8, rounds_products


@dataclass(frozen=True, slots=True)
class Placement:
    """A device that was tried, and types. dtype: as sparton.json has it. backbone, head: what that means here. float8:
    whether the backbone's products take 8-bit floats. int8: whether the head's takes 8-bit integers. traces: whether
    it encodes so many texts that seconds for a quicker backbone pay. rounds: see precision.rounds_products."""

    device: torch.device
    dtype: str
    backbone: torch.dtype
    head: torch.dtype
    traces: bool = True
    rounds: bool = False

    @property
    def float8(self) -> bool:
        """See the class."""
        return self.dtype == FLOAT8

    @property
    def int8(self) -> bool:
        """See the class."""
        return self.dtype == INT8

    def check_float8(self, folder: Path, packs: bool) -> None:
        """Raise SpartonError where 8-bit floats are asked for and a model has no backbone that takes them."""
        if self.float8 and not packs:
            raise SpartonError(
                f"the model in {folder} cannot be run in float8 here: that takes Triton, operations that can be traced "
                "over documents end to end, and hidden states that stay near the model's own; use ",
                Parameter("dtype", "bfloat16"),
            )


def place(runtime: Runtime) -> Placement:
    """Where and how a model shall run. Raises UsageError and SpartonError for a device that it cannot run on."""
    # What is encoded in integers is encoded on a CPU.
    device = _device("cpu" if runtime.device == "auto" and runtime.dtype == INT8 else runtime.device)
    if device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ and cores() < torch.get_num_threads():
        torch.set_num_threads(cores())  # PyTorch counts the machine's, whatever a container may use of them
    dtype = auto_dtype(device) if runtime.dtype == "auto" else runtime.dtype
    if runtime.for_texts:
        dtype = "bfloat16" if dtype == FLOAT8 or (dtype == INT8 and not multiplies_int8(device)) else dtype
    elif dtype == FLOAT8 and not multiplies_float8(device):
        raise _elsewhere("float8 needs an NVIDIA GPU of compute capability 8.9 or later", device)
    elif dtype == INT8 and not multiplies_int8(device):
        raise _elsewhere("int8 needs a CPU with AVX512-VNNI, AVX-VNNI or AMX", device)
    return Placement(
        device,
        dtype,
        *backbone_and_head(dtype, device),
        traces=not runtime.for_texts,
        rounds=runtime.rounds and rounds_products(dtype, device),
    )


def _elsewhere(reason: str, device: torch.device) -> SpartonError:
    return SpartonError(
        f"{reason}, and documents would be encoded on {device}; use another ",
        Parameter("device"),
        ", or for a new index ",
        Parameter("dtype", "bfloat16"),
    )


@contextmanager
def told_if_too_large(folder: Path, device: torch.device) -> Iterator[None]:
    """Raise SpartonError where the model of a folder does not fit into the device's memory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SpartonError(
            f"the model in {folder} does not fit into the free memory of {device}; free some, or choose another with ",
            Parameter("device"),
        ) from error


def _device(name: str) -> torch.device:
    name = checked(Parameter("device"), name, Annotated[str, ONE_DEVICE])
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SpartonError(f"the device {name!r} cannot be used here: {str(error).splitlines()[0]}") from error
    return device
