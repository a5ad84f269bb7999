"""Tensors from a pickle, as torch.save writes it, and nothing else from it: none of the code that a pickle can name."""

import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import torch
from torch.torch_version import TorchVersion

from ...errors import SpartonError, short
from .checkpoint import reason
from .weights import check_whole

# Before it, a pickle that asks for nothing but tensors could write where it should not (CVE-2026-24747), or run code
# (CVE-2025-32434, before 2.6).
_SAFE = "2.10"
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"  # as files of torch.save begin, since PyTorch 1.6 and before
_OWN = re.compile(r"torch\.|collections\.OrderedDict$")
_AGAIN = "download or copy it again"


def load_pickled(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file, by name, on the CPU; where the file can be mapped into memory, they are read when used.

    Raises SpartonError for a file that asks for more than tensors, of which nothing is run, and for what is none.
    """
    if TorchVersion(torch.__version__) < _SAFE:
        raise SpartonError(
            f"{path} is a pickle, which PyTorch reads safely from version {_SAFE} on, and this is "
            f"{torch.__version__}; upgrade PyTorch, or convert the model to safetensors"
        )
    check_whole(path)
    with path.open("rb") as stream:
        start = stream.read(40)
    if not start.startswith((_ZIP, _PICKLE)):
        what = f"begins with {short(start)}, so PyTorch did not save it" if start else "is empty"
        raise SpartonError(f"{path} {what}; {_AGAIN}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to those who saved it
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=_can_be_mapped(path))
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        wanted = found[1] if found else _wanted(path)
        if wanted is None:
            said = re.search(r"WeightsUnpickler error:\s*(.*)", str(error))
            why = said[1].rstrip(".") if said else type(error).__name__
            raise SpartonError(f"{path} is no pickle of tensors ({why}); {_AGAIN}, or save the model again") from error
        raise SpartonError(
            f"{path} is a pickle that wants {short(wanted)}; of pickles only tensors are read, for anything else may "
            "be code, so save the model's state_dict alone, or as safetensors"
        ) from error
    except Exception as error:  # of readers that were not written for damaged files
        raise SpartonError(f"{path} cannot be read ({reason(error)}); {_AGAIN}") from error
    return _checked(content, path)


def _can_be_mapped(path: Path) -> bool:
    """Whether the tensors lie in the file as they are in memory: in a zip whose files are not compressed."""
    if not _is_zip(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_ZIP)) == _ZIP


def _wanted(path: Path) -> str | None:
    """The first name, other than PyTorch's own, that a pickle would look up, as far as it can be read; None if there is
    none. Nothing is looked up or run."""
    with suppress(ValueError), ExitStack() as stack:  # the end of what is a pickle
        stream: IO[bytes] = stack.enter_context(path.open("rb"))
        if _is_zip(path):
            archive = stack.enter_context(zipfile.ZipFile(stream))
            (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            stream = stack.enter_context(archive.open(name))
        return next((name for name in _names(stream) if not _OWN.match(name)), None)
    return None


def _names(stream: IO[bytes]) -> Iterator[str]:
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".")
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(strings[-2:])
        elif isinstance(argument, str):
            strings.append(argument)


def _checked(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """What was read, if it is named tensors that lie in memory as they are. Raises SpartonError for anything else."""
    if not isinstance(content, dict):
        raise SpartonError(f"{path} holds a {type(content).__name__}; expected a state_dict, {{name: tensor}}")
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise SpartonError(
                f"{path} holds a {type(tensor).__name__} named {short(name)}; expected a state_dict, {{name: tensor}}"
            )
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise SpartonError(f"{path} holds the tensor {short(name)}, which is not dense; save the model again")
    return {name: tensor.detach() for name, tensor in content.items()}
