"""What a CPU has encoded of a shard, saved while the rest is still to be done.

A part takes a GPU a second and a slow CPU an hour, which a kill must not cost. Batches of a shard are always the same,
so those that were saved need not be encoded again, and the part's bytes do not depend on where it was interrupted.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from time import monotonic

import numpy as np

from ...storage.atomic import remove_folder, whole_file
from ...storage.index_folder import COLLECTION
from ...storage.markers import saved_folder
from .impacts import LARGEST, Impacts, join, offsets_of

SECONDS = 10.0  # of work that a kill may cost, and a batch
_SUFFIX = ".batches"
_DIGEST, _WORD = 32, 8  # bytes


class SavedBatches:
    """The batches of one shard. folder: of the index. generation: of the build; another one's batches do not count.
    terms: how many the vocabulary has."""

    def __init__(self, folder: Path, generation: str, number: int, terms: int) -> None:
        self._folder = saved_folder(folder, generation) / f"{number:05d}"
        self._found: dict[bytes, Impacts] = {}
        self._new: list[tuple[np.ndarray, Impacts]] = []
        self._since = monotonic()
        self._files = 0
        if self._folder.is_dir():
            for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
                self._found |= {rows.tobytes(): impacts for rows, impacts in _load(path, terms)}
                self._files = max(self._files, int(path.stem) + 1)

    def find(self, rows: np.ndarray) -> Impacts | None:
        """The impacts of the batch of these rows of the shard, int64 [n], if they were saved."""
        return self._found.get(rows.tobytes())

    def add(self, rows: np.ndarray, impacts: Impacts) -> None:
        """Keep a batch, and save it with others every few seconds."""
        self._new.append((rows, impacts))
        if monotonic() - self._since > SECONDS:
            self.save()

    def save(self) -> None:
        """Save what was not. Raises OSError as the file system does."""
        if self._new:
            self._folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self._folder / f"{self._files:05d}{_SUFFIX}") as stream:
                stream.write(_packed(self._new))
            self._files += 1
            self._new = []
        self._since = monotonic()

    def remove(self) -> None:
        """Remove all of it: the part is finished."""
        self._new = []
        remove_folder(self._folder)
        with suppress(OSError):  # others are in it, or it was never made
            self._folder.parent.rmdir()


def saved_rows(folder: Path, generation: str) -> int:
    """How many rows are saved in an index folder, of parts that are not finished."""
    files = saved_folder(folder, generation).glob(f"*/*{_SUFFIX}")
    unfinished = (path for path in files if not (folder / COLLECTION / f"part-{path.parent.name}.jsonl").is_file())
    return sum(len(rows) for path in unfinished for rows, _ in _load(path, LARGEST))


def _packed(batches: Sequence[tuple[np.ndarray, Impacts]]) -> bytes:
    """A file's content: a digest, and int64 throughout: three lengths, then rows, where each batch of them ends, and
    their impacts in one."""
    rows = np.concatenate([some for some, _ in batches])
    ends = np.cumsum([len(some) for some, _ in batches])
    positions = np.split(np.arange(len(rows)), ends[:-1])
    impacts = join([some for _, some in batches], positions, len(rows))
    lengths = len(rows), len(ends), len(impacts.terms)
    content = np.concatenate([lengths, rows, ends, impacts.offsets, impacts.terms, impacts.values], dtype="<i8")
    return hashlib.sha256(content.tobytes()).digest() + content.tobytes()


def _load(path: Path, most: int) -> list[tuple[np.ndarray, Impacts]]:
    """The batches in a file; none of one that is damaged, which costs encoding them again. most: terms there are."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    digest, content = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(content).digest() != digest or len(content) < 3 * _WORD or len(content) % _WORD:
        return []
    numbers = np.frombuffer(content, "<i8").astype(np.int64)
    rows, batches, postings = numbers[:3].tolist()
    if min(rows, batches, postings) < 0 or len(numbers) != 3 + rows + batches + (rows + 1) + 2 * postings:
        return []
    bounds = np.cumsum([3, rows, batches, rows + 1, postings])
    return list(_split(*np.split(numbers, bounds)[1:], most=most))


def _split(
    rows: np.ndarray, ends: np.ndarray, offsets: np.ndarray, terms: np.ndarray, values: np.ndarray, *, most: int
) -> Iterator[tuple[np.ndarray, Impacts]]:
    """The batches that arrays from a file hold; none if they do not fit together."""
    sound = ((terms >= 0) & (terms < most)).all() and ((values > 0) & (values <= LARGEST)).all()
    if not sound or not _ascends(ends, 0, len(rows)) or not _ascends(offsets, offsets[0], len(terms)) or offsets[0]:
        return
    for start, stop in pairwise([0, *ends.tolist()]):
        first, last = offsets[start], offsets[stop]
        impacts = Impacts(
            offsets_of(np.diff(offsets[start : stop + 1])),
            terms[first:last].astype(np.int32),
            values[first:last].astype(np.int32),
        )
        yield rows[start:stop], impacts


def _ascends(numbers: np.ndarray, first: int, last: int) -> bool:
    return bool(len(numbers) and (np.diff(numbers, prepend=first) >= 0).all() and numbers[-1] == last)
