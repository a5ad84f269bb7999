"""Safetensors of models that have pickles: made once, in the user's cache, and read from there like any others.

A search by a table reads this, so what converts is imported when something is to be converted.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import SpartonError
from ...storage.atomic import cache_folder, locked, make_folder, whole_file
from .weights import INDEX, PICKLED, SAFETENSORS, digest_of, pickle_digest, pickles

if TYPE_CHECKING:
    import torch

# Tied weights are written once for each of their names. A file of a few bytes could ask for terabytes.
_MOST_COPIES = 4
log = logging.getLogger("sparton")


def converted(folder: Path) -> Path | None:
    """A file with a folder's weights as safetensors, in the cache; None for a folder that has its own.

    Raises SpartonError if its pickles cannot be converted.
    """
    files = pickles(folder)
    if not files:
        return None
    target = _target(files)
    if not target.is_file():
        try:
            make_folder(target.parent)
            with locked(target.parent):  # others may want the same now; and of those that were killed nothing is left
                if not target.is_file():
                    _convert(folder, files, target)
        except OSError as error:
            raise SpartonError(
                f"the weights of {folder} are pickled, and {target} cannot be written with them "
                f"({error.strerror or error}); make room there, or name another folder for caches by XDG_CACHE_HOME"
            ) from error
    return target


@contextmanager
def as_safetensors(folder: Path) -> Iterator[Path]:
    """A folder with a model's files where its weights are safetensors: itself, or for a while one of links to its files
    and to the converted weights."""
    weights = converted(folder)
    if weights is None:
        yield folder
        return
    from tempfile import TemporaryDirectory  # milliseconds that a cold search by a table is spared

    with TemporaryDirectory() as scratch:
        linked = Path(scratch) / folder.resolve().name  # by which transformers calls code that a model brings along
        linked.mkdir()
        for path in folder.iterdir():
            if path.is_file() and path.suffix != ".bin" and path.name != PICKLED + INDEX:
                (linked / path.name).symlink_to(path.absolute())
        (linked / SAFETENSORS).symlink_to(weights)
        yield linked


def _target(files: Sequence[Path]) -> Path:
    """Where what some pickles are converted to belongs. By what they are, so that it is made once for all copies."""
    return cache_folder() / "weights" / f"{digest_of({path.name: pickle_digest(path) for path in files})}.safetensors"


def _convert(folder: Path, files: Sequence[Path], target: Path) -> None:
    from .pickled import load_pickled
    from .safetensors_file import write_safetensors

    tensors: dict[str, torch.Tensor] = {}
    for path in files:
        if path.name != PICKLED + INDEX:
            tensors |= load_pickled(path)
    if not tensors:
        raise SpartonError(f"{files[-1]} holds no weights; save the model again")
    size, stored = sum(tensor.nbytes for tensor in tensors.values()), sum(path.stat().st_size for path in files)
    if size > _MOST_COPIES * stored:
        raise SpartonError(
            f"the weights of {folder} take {size:,} bytes, {size // stored:,} times what their files have; save the "
            "model as safetensors"
        )
    with whole_file(target) as stream:
        write_safetensors(tensors, stream)
        if _target(files) != target:
            raise SpartonError(f"the weights of {folder} changed while they were converted; run again")
    log.info("the weights of %s are pickled; as safetensors they are kept in %s", folder, target)
