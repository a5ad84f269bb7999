"""Write tensors as safetensors: each whole, also where several share their memory, and the same bytes anywhere."""

import json
from collections.abc import Mapping
from typing import BinaryIO

import torch

from ...errors import SpartonError, short

_METADATA = "__metadata__"
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def write_safetensors(tensors: Mapping[str, torch.Tensor], stream: BinaryIO) -> None:
    """Write tensors, one by one, so that no more than one of them need be in memory if they are mapped from files.

    The library's own function refuses tensors that share memory, as tied weights do, and its like in transformers keeps
    one name of them: that of an LM head may be lost. Raises SpartonError for what the format cannot say.
    """
    # The largest types first, so that each tensor lies at a multiple of its type's size.
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, object] = {_METADATA: {"format": "pt"}}
    start = 0
    for name in names:
        tensor = tensors[name]
        if name == _METADATA or not name.isprintable() or tensor.dtype not in _DTYPES:
            raise SpartonError(
                f"the weight {short(name)} of type {tensor.dtype} cannot be kept as safetensors; save the model again"
            )
        stop = start + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    stream.write(len(text).to_bytes(8, "little"))
    stream.write(text)
    for name in names:
        stream.write(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data)
