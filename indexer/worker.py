"""A process that indexes splits into a folder of its own, asked by LuceneBuild."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SpartonError
from ..processes import serve
from ..storage.atomic import remove_folder
from .index_writer import IndexedCounts, LuceneWriter, committed_counts, count_postings, lucene_trouble
from .java import java_exception, start_jvm
from .options import LucenePlan
from .read_vectors import Vector, read_vectors
from .repeated_ids import id_hashes
from .splits import Split

_COMMIT_SECONDS = 15.0  # lost at most if the process is killed; a commit costs a fifth of a second
_LOCK_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Start:
    """Continue the index in `folder`, or begin it. Returns what it contains."""

    folder: Path
    key: str
    plan: LucenePlan
    scale: float | None


@dataclass(frozen=True, slots=True)
class Index:
    """Add a split. Returns what was in it. hashes: whether those of its ids are wanted."""

    split: Split
    hashes: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """What was in a split; nothing, if it was indexed before. hashes: of its ids (see repeated_ids.py)."""

    counts: IndexedCounts
    hashes: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Hash:
    """Returns hashes of the ids of a split."""

    split: Split
    scale: float | None


@dataclass(frozen=True, slots=True)
class Finish:
    """Merge to one segment, commit, and close the folder. Returns None."""


@dataclass(frozen=True, slots=True)
class Read:
    """Returns what each of the folders contains, None for one that cannot be continued."""

    folders: tuple[Path, ...]
    plan: LucenePlan


@dataclass(frozen=True, slots=True)
class Join:
    """Make one index of those in `folders`. Returns what it contains."""

    folders: tuple[Path, ...]
    into: Path
    plan: LucenePlan


class LuceneWorker:
    """Handles the requests above."""

    def __init__(self) -> None:
        self._writer: LuceneWriter | None = None
        self._folder = Path()
        self._scale: float | None = None
        self._committed = 0.0

    def handle(self, request: Start | Index | Hash | Finish | Read | Join) -> Any:
        """Do what is asked for. Raises SpartonError for bad lines, and where Lucene cannot write."""
        match request:
            case Start():
                return self._start(request)
            case Index(split, hashes):
                return self._index(split, hashes)
            case Hash(split, scale):
                return id_hashes(vector.id for vector in read_vectors(split, scale))
            case Finish():
                self._finish()
                return None
            case Read(folders, plan):
                _start_jvm(plan)
                return tuple(committed_counts(folder) for folder in folders)
            case Join():
                return _join(request)

    def _start(self, request: Start) -> IndexedCounts:
        _start_jvm(request.plan)
        self._folder, self._scale = request.folder, request.scale
        until = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                self._writer = LuceneWriter(request.folder, request.plan.buffer_mb, request.key)
                break
            except SpartonError as error:
                # A process of a run that was killed may not have noticed yet.
                if "Lock held by" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.1)
        self._committed = time.monotonic()
        return self._writer.counts

    def _index(self, split: Split, hashes: bool) -> Added:
        assert self._writer is not None
        if split.name() in self._writer.counts.splits:  # asked for again, because the result was lost
            ids = (vector.id for vector in read_vectors(split, self._scale))
            return Added(IndexedCounts(), id_hashes(ids) if hashes else None)
        names: list[str] = []
        vectors = read_vectors(split, self._scale)
        try:
            counts = self._writer.add(split.name(), _noting(names, vectors) if hashes else vectors)
        except java_exception() as error:
            for _ in read_vectors(split, self._scale, careful=True):
                pass  # raises where the fault is in the line rather than in Lucene
            raise lucene_trouble(self._folder, error) from error
        if time.monotonic() - self._committed > _COMMIT_SECONDS:
            self._writer.commit()
            self._committed = time.monotonic()
        return Added(counts, id_hashes(names) if hashes else None)

    def _finish(self) -> None:
        assert self._writer is not None
        self._writer.merge(1)  # each segment costs every query anew
        self._writer.commit()
        counts = self._writer.counts
        self._writer.close()
        self._writer = None
        if (postings := count_postings(self._folder)) != counts.postings:
            raise SpartonError(
                f"Lucene counts {postings} postings and the vectors have {counts.postings}: a vector has a term twice; "
                "let each stand once"
            )


def _noting(ids: list[str], vectors: Iterable[Vector]) -> Iterator[Vector]:
    for vector in vectors:
        ids.append(vector.id)
        yield vector


def _join(request: Join) -> IndexedCounts:
    _start_jvm(request.plan)
    remove_folder(request.into)
    writer = LuceneWriter(request.into, request.plan.buffer_mb)
    try:
        writer.join(request.folders)
        if request.plan.segments:
            writer.merge(request.plan.segments)
        writer.commit()
        return writer.counts
    finally:
        writer.close()


def _start_jvm(plan: LucenePlan) -> None:
    start_jvm((f"-Xms{plan.heap_mb}m", f"-Xmx{plan.heap_mb}m", "-XX:+AlwaysPreTouch"))


def main() -> None:
    """What the process runs."""
    serve(LuceneWorker().handle)
