"""Find an id that two lines of a collection have: with both, a search would find either."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import numpy as np

from ..errors import SpartonError
from .read_vectors import first_line, read_vectors
from .splits import Piece


def id_hashes(ids: Iterable[str]) -> np.ndarray:
    """uint64 [n], the same in every process. Equal ids have equal hashes."""
    return np.array([int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) for name in ids], np.uint64)


def refuse_repeated_ids(hashes: Mapping[Piece, np.ndarray], scale: float | None) -> None:
    """Raise SpartonError, naming file and line of both, for an id that stands twice. hashes: of the ids of each piece.

    Equal hashes are looked up again before they are called equal ids. scale: as read_vectors has it.
    """
    every = np.sort(np.concatenate([np.empty(0, np.uint64), *hashes.values()]))
    suspects = np.unique(every[1:][every[1:] == every[:-1]])
    seen: dict[str, str] = {}
    for piece in sorted(hashes, key=lambda piece: (piece.label, piece.start)):
        suspected = np.isin(hashes[piece], suspects)
        if not suspected.any():
            continue
        start = first_line(piece)
        for line, (vector, suspect) in enumerate(zip(read_vectors(piece, scale), suspected, strict=True), start=start):
            if not suspect:
                continue
            location = f"{piece.path} line {line}"
            if vector.id in seen:
                raise SpartonError(
                    f"the id {vector.id!r} stands twice: at {seen[vector.id]} and at {location}; make ids unique"
                )
            seen[vector.id] = location
