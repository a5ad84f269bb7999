"""Which files of a model folder hold its weights: safetensors, or pickles where it has none. None of them is loaded."""

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import SpartonError, short
from .layout import read_object

SAFETENSORS, PICKLED = "model.safetensors", "pytorch_model.bin"
INDEX = ".index.json"  # behind either name: which of several files has which weight
ATTENTION = ("attn_implementation", "_attn_implementation")  # in config.json
_POINTER = b"version https://git-lfs.github.com/spec/"


def has_safetensors(folder: Path) -> bool:
    """Whether a folder has its weights as safetensors, which are taken then, whatever else it has."""
    return any(os.path.isfile(folder / name) for name in (SAFETENSORS, SAFETENSORS + INDEX))


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The files that hold a folder's weights, where there are several behind their index; none if it has no weights.

    They are looked for in the order of transformers. Raises SpartonError for an index that is none, and for one that
    names a file which is missing or lies elsewhere.
    """
    for name in (SAFETENSORS, PICKLED):
        if os.path.isfile(folder / name):
            return (folder / name,)
        if os.path.isfile(index := folder / (name + INDEX)):
            return (index, *_shards(index, PurePosixPath(name).suffix))
    return ()


def pickles(folder: Path) -> tuple[Path, ...]:
    """The files of a folder's weights where these are pickled, as weight_files; none where they are not."""
    return () if has_safetensors(folder) else weight_files(folder)


def check_whole(path: Path) -> None:
    """Raise SpartonError for a file that only stands for another, as a clone without Git LFS has it."""
    with path.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise SpartonError(
                f"{path} is a pointer of Git LFS and not the file itself; run `git lfs pull` in the clone, or download "
                "the file"
            )


def check_config(path: Path) -> None:
    """Raise SpartonError for a config.json that has transformers read other weights than weight_files names: a pickle,
    or a file that no digest covers; or fetch code from the hub, which transformers does for a kernel of attention."""
    config = read_object(path)
    if (kernel := _kernel(config)) is not None:
        raise SpartonError(
            f"{path} asks for the attention {short(kernel)}, which transformers would fetch as code from the hub; "
            "remove the entry"
        )
    named = config.get("transformers_weights")
    if named not in (None, SAFETENSORS, SAFETENSORS + INDEX):
        raise SpartonError(
            f"{path} sets transformers_weights to {short(named)}; expected {SAFETENSORS}, so call the file that, and "
            "remove the entry"
        )


def _kernel(config: dict[str, Any]) -> Any:
    """What a configuration, or one within it, names as attention and only a hub has; None if it names none."""
    left: list[Any] = [config]
    while left:
        entry = left.pop()
        if isinstance(entry, dict):
            for name in ATTENTION:
                if "/" in str(entry.get(name)):
                    return entry[name]
        left += entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ()
    return None


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pickle_digest(path: Path) -> str:
    """As file_digest; of a file that was not touched since, it is known. A pickle's is asked for twice: as a part of
    what defines its model, and as the name of what it is converted to."""
    status = path.stat()
    return _known(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=256)
def _known(path: Path, *_: int) -> str:
    return file_digest(path)


def digest_of(digests: Mapping[str, str]) -> str:
    """One digest, in hexadecimal digits, of several files': {name: digest}."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _shards(index: Path, suffix: str) -> list[Path]:
    """The files that an index names, each once. suffix: of such files."""
    located = read_object(index).get("weight_map")
    if not isinstance(located, dict) or not located:
        raise SpartonError(f"{index} has the weight_map {short(located)}; expected an object of {{weight: file}}")
    for weight, name in located.items():
        if not isinstance(name, str) or PurePosixPath(name).name != name or not name.endswith(suffix):
            raise SpartonError(
                f"{index} has the weight {short(weight)} in {short(name)}; expected the name of a {suffix} file beside "
                "it"
            )
    shards = [index.with_name(name) for name in sorted(set(located.values()))]
    for shard in shards:
        if not os.path.isfile(shard):  # False for what no file can be called
            raise SpartonError(f"{index} names {short(shard.name)}, which is missing; download or copy the model again")
    return shards
