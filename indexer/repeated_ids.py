"""Find an id that two lines of a collection have: with both, a search would find either."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import numpy as np

from ..errors import SpartonError
from .read_vectors import OnBad, first_line, numbered_vectors
from .splits import Split


def id_hashes(ids: Iterable[str]) -> np.ndarray:
    """uint64 [n], the same in every process. Equal ids have equal hashes."""
    return np.array([int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) for name in ids], np.uint64)


def refuse_repeated_ids(hashes: Mapping[Split, np.ndarray], scale: float | None, on_bad: OnBad | None = None) -> None:
    """Raise SpartonError, naming file and line of both, for a repeated id. hashes: of the ids of each split.

    Equal hashes are looked up again before they are called equal ids. scale, on_bad: as read_vectors has them.
    """
    every = np.sort(np.concatenate([np.empty(0, np.uint64), *hashes.values()]))
    suspects = np.unique(every[1:][every[1:] == every[:-1]])
    seen: dict[str, str] = {}
    for split in sorted(hashes, key=lambda split: (split.label, split.start)):
        suspected = np.isin(hashes[split], suspects)
        if not suspected.any():
            continue
        before = first_line(split) - 1
        for (line, vector), suspect in zip(numbered_vectors(split, scale, on_bad=on_bad), suspected, strict=True):
            if not suspect:
                continue
            location = f"{split.path} line {before + line}"
            if vector.id in seen:
                raise SpartonError(
                    f"the id {vector.id!r} stands twice: at {seen[vector.id]} and at {location}; make ids unique"
                )
            seen[vector.id] = location
