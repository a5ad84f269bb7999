"""A process that indexes splits into a folder of its own, asked by LuceneBuild."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Parameter, SpartonError
from ..processes import serve
from ..storage.atomic import remove_folder
from ..storage.fields import Field
from ..storage.skipped_rows import SkippedRows
from .index_writer import IndexedCounts, LuceneWriter, committed_counts, count_postings, lucene_trouble
from .java import java_exception, start_jvm
from .left_out import save_left_out
from .options import LucenePlan
from .read_vectors import OnBad, Vector, passed_over, read_vectors
from .repeated_ids import id_hashes
from .splits import Split

_COMMIT_SECONDS = 15.0  # lost at most if the process is killed; a commit costs a fifth of a second
_LOCK_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Start:
    """Continue the index in `folder`, or begin it. Returns what it contains.

    left_out: the folder in which is kept which lines are left out, being no vectors (see left_out.py). Without it none
    are: the first one is an error. fields: that documents may have.
    """

    folder: Path
    key: str
    plan: LucenePlan
    scale: float | None
    left_out: Path | None = None
    fields: tuple[Field, ...] = ()


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
    """Returns hashes of the ids of a split. skip_bad: pass over lines that are no vectors."""

    split: Split
    scale: float | None
    skip_bad: bool = False


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
        self._left_out: Path | None = None
        self._fields: tuple[Field, ...] = ()
        self._committed = 0.0

    def handle(self, request: Start | Index | Hash | Finish | Read | Join) -> Any:
        """Do what is asked for. Raises SpartonError for bad lines, and where Lucene cannot write."""
        match request:
            case Start():
                return self._start(request)
            case Index(split, hashes):
                return self._index(split, hashes)
            case Hash(split, scale, skip_bad):
                return _hashes(split, scale, passed_over if skip_bad else None)
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
        self._folder, self._scale, self._left_out = request.folder, request.scale, request.left_out
        self._fields = request.fields
        until = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                self._writer = LuceneWriter(request.folder, request.plan.buffer_mb, request.key, request.fields)
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
            on_bad = passed_over if self._left_out else None
            return Added(IndexedCounts(), _hashes(split, self._scale, on_bad) if hashes else None)
        names: list[str] | None = [] if hashes else None
        if self._left_out is None:
            counts = self._add(split, names)
        else:
            with closing(SkippedRows()) as skipped:
                counts = self._add(split, names, skipped)
                save_left_out(self._left_out, split, skipped)  # before a commit has the split
        if time.monotonic() - self._committed > _COMMIT_SECONDS:
            self._writer.commit()
            self._committed = time.monotonic()
        return Added(counts, None if names is None else id_hashes(names))

    def _add(self, split: Split, names: list[str] | None, skipped: SkippedRows | None = None) -> IndexedCounts:
        """Add a split to the index. names: gets the ids. skipped: gets lines that are no vectors."""
        assert self._writer is not None
        on_bad = partial(skipped.add, str(split.path), "line") if skipped is not None else None
        vectors = read_vectors(split, self._scale, on_bad=on_bad, fields=self._fields)
        try:
            return self._writer.add(split.name(), vectors if names is None else _noting(names, vectors), skipped)
        except java_exception() as error:
            if skipped is None:
                for _ in read_vectors(split, self._scale, careful=True, fields=self._fields):
                    pass  # raises where the fault is in the line rather than in Lucene
            raise lucene_trouble(self._folder, error) from error

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
                "let each stand once, or leave out such rows with ",
                Parameter("skip_bad_rows", True),
            )


def _hashes(split: Split, scale: float | None, on_bad: OnBad | None) -> np.ndarray:
    return id_hashes(vector.id for vector in read_vectors(split, scale, on_bad=on_bad))


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
