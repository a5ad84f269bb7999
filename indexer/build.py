"""Build a Lucene index from JsonVectorCollection files, several processes at a time, each into an index of its own.

The processes' indexes are in `lucene.tmp`, and each commit says of which splits it is made, so that a build that was
interrupted goes on from there. At the end they are joined, and the result is renamed to `lucene`; or, not to be
joined, all of them are: then `lucene` holds a folder for each.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from ..errors import Parameter, SpartonError
from ..processes import Subprocess, Worker
from ..storage.atomic import remove_folder, sync_folder
from ..storage.fields import Field
from ..storage.skipped_rows import SkippedRows
from ..storage.untrusted import UnexpectedError
from .index_writer import IndexedCounts
from .left_out import collect_left_out
from .options import LuceneOptions, LucenePlan, plan_build
from .read_vectors import passed_over
from .repeated_ids import refuse_repeated_ids
from .splits import Split, cut
from .worker import Finish, Hash, Index, Join, Read, Start

_MODULE = "sparton.indexer.worker"
_JOINED = "joined"
_FORMAT = 2  # of what is left behind
_ROUNDS = 4
log = logging.getLogger("sparton")


def start_worker() -> Worker:
    """Start a process of this machine that indexes; see worker.py."""
    return Subprocess(_MODULE)


@dataclass(slots=True)
class _WorkerFolder:
    """A worker, the folder that it writes to, and whether it has it open."""

    worker: Worker
    folder: Path
    open: bool = False


class LuceneBuild:
    """An index on its way to `folder`, which is whole or absent, and keeps the old index until the end.

    key: of the settings that decide the index; what was made with other ones is not gone on with. scale: for
    collections with float weights; see read_vectors. on_bytes hears, from several threads, how many bytes
    of the files have been dealt with. new_worker: starts what handles requests as worker.py does. unique: refuse
    repeated ids, for files whose ids nobody has checked; that holds 8 bytes a document. skipped: gets lines that are
    no vectors, in the order of files and lines; without it the first one is an error. What is left out is kept in
    `folder`.left-out, for a build that goes on, until the caller removes that. fields: that documents may have. To be
    used as a context manager: leaving it ends the processes. One build at a time may be on its way to a folder; that
    is for the caller to see to.
    """

    def __init__(
        self,
        folder: Path,
        plan: LucenePlan | None = None,
        key: str = "",
        scale: float | None = None,
        on_bytes: Callable[[int], None] = lambda count: None,
        new_worker: Callable[[], Worker] = start_worker,
        unique: bool = False,
        skipped: SkippedRows | None = None,
        fields: Sequence[Field] = (),
    ) -> None:
        self._folder = folder
        self._building = folder.with_name(folder.name + ".tmp")
        self._left_out = None if skipped is None else folder.with_name(folder.name + ".left-out")
        self._skipped = skipped
        self._plan = plan or plan_build(LuceneOptions())
        # Without `skipped` some lines are let pass that are left out with it.
        self._key = f"{_FORMAT} {key}" if skipped is None else f"{_FORMAT} {key} skipping"
        self._scale, self._on_bytes, self._new_worker = scale, on_bytes, new_worker
        self._unique, self._fields = unique, tuple(fields)
        self._hashes: dict[Split, np.ndarray] = {}
        self._pool = ThreadPoolExecutor(self._plan.processes)
        self._processes: list[_WorkerFolder] = []
        self._idle: list[_WorkerFolder] = []
        self._lock = threading.Lock()
        self._splits: dict[str, Split] = {}
        self._running: list[Future[None]] = []
        self._done: frozenset[str] | None = None
        self._left = False
        self._existing: IndexedCounts | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._left = True
        for process in self._processes:
            process.worker.close()
        self._pool.shutdown()

    @property
    def process_ids(self) -> list[int]:
        """The numbers of the processes that were started."""
        return [process.worker.pid for process in self._processes]

    def add(self, path: Path, label: str | None = None) -> None:
        """Index a file as soon as a process is free. Raises what kept an earlier one from being indexed.

        label: what the file is called within its collection, if not by its name.
        """
        if self._done is None:
            # The whole index may exist, made by a process that was killed before it could say so.
            self._existing = self._find_existing()
            self._done = frozenset((self._existing or self._committed()).splits)
        self._running = [future for future in self._running if not _is_done(future)]
        for split in cut(path, label):
            self._splits[split.name()] = split
            if split.name() in self._done:
                self._on_bytes(split.bytes)
                if self._unique:
                    self._running.append(self._pool.submit(self._hash, split))
            else:
                self._running.append(self._pool.submit(self._index, split))

    @property
    def indexes(self) -> tuple[str, ...]:
        """The indexes in the folder, named as the manifest does."""
        return tuple(str(path.relative_to(self._folder.parent)) for path in sub_indexes(self._folder))

    def finish(self, documents: int | None = None) -> IndexedCounts:
        """Wait for all files, and put the index in its place; return what it contains.

        Raises SpartonError for a line that is no vector of impacts, naming file and line; when Lucene cannot write;
        when a process died; when there is no document, or not as many as `documents` says; for a repeated id.
        """
        counts = self._finish()
        if self._existing is not None and set(self._existing.splits) == set(self._splits):
            self._refuse_repeated_ids()
            self._collect_left_out(self._existing)
            remove_folder(self._building)
            return self._existing
        if set(counts.splits) - set(self._splits) or len(set(counts.splits)) < len(counts.splits):
            remove_folder(self._building)  # an earlier run's, of files that have changed since
            counts = IndexedCounts()
        for _ in range(_ROUNDS):
            missing = set(self._splits) - set(counts.splits)  # or lost with a process that was started again
            if not missing:
                break
            self._running = [self._pool.submit(self._index, self._splits[name]) for name in sorted(missing)]
            counts = self._finish()
        else:
            raise self._not_kept(self._building)
        self._refuse_repeated_ids()
        self._collect_left_out(counts)
        if not counts.documents:
            raise SpartonError(f"{_nothing(counts)}; there is nothing to index")
        if documents not in (None, counts.documents):
            raise SpartonError(
                f"Lucene holds {counts.documents} documents and the collection should have {documents}; "
                "files in the collection were changed, so build the index again with ",
                Parameter("overwrite", True),
            )
        self._put_in_place(counts)
        remove_folder(self._building)
        return counts

    def _index(self, split: Split) -> None:
        process = self._take()
        if not process.open:
            process.worker.ask(Start(process.folder, self._key, self._plan, self._scale, self._left_out, self._fields))
            process.open = True
        added = process.worker.ask(Index(split, self._unique))
        self._give_back(process)
        if self._unique:
            self._hashes[split] = added.hashes
        self._on_bytes(split.bytes)

    def _hash(self, split: Split) -> None:
        """Learn the ids of a split that an earlier run has indexed."""
        process = self._take()
        self._hashes[split] = process.worker.ask(Hash(split, self._scale, self._skipped is not None))
        self._give_back(process)

    def _refuse_repeated_ids(self) -> None:
        refuse_repeated_ids(self._hashes, self._scale, passed_over if self._skipped is not None else None)

    def _collect_left_out(self, counts: IndexedCounts) -> None:
        """Have `skipped` hear of all lines that were left out."""
        if self._skipped is None or self._left_out is None:
            return
        try:
            collect_left_out(self._left_out, self._splits.values(), self._skipped)
        except UnexpectedError as error:
            log.debug("%s", error)
        if self._skipped.kinds.total() != counts.bad:
            self._skipped.forget()
            remove_folder(self._building)
            remove_folder(self._folder)
            raise self._not_kept(self._left_out)

    def _not_kept(self, folder: Path) -> SpartonError:
        return SpartonError(f"{folder} does not keep what is written to it; see to that disk and run again")

    def _take(self) -> _WorkerFolder:
        """A process that is idle, or a new one. There is a thread a process, so there are never too many."""
        with self._lock:
            if self._left:
                raise CancelledError
            if self._idle:
                return self._idle.pop()
            process = _WorkerFolder(self._new_worker(), self._building / str(len(self._processes)))
            self._processes.append(process)
            return process

    def _give_back(self, process: _WorkerFolder) -> None:
        with self._lock:
            self._idle.append(process)

    def _finish(self) -> IndexedCounts:
        """Wait until all is indexed and every process has closed its folder; return what the folders contain."""
        wait(self._running, return_when=FIRST_EXCEPTION)
        for future in self._running:
            if future.done():
                future.result()
        self._running = [self._pool.submit(self._close, process) for process in self._processes if process.open]
        for future in self._running:
            future.result()
        return self._committed()

    def _close(self, process: _WorkerFolder) -> None:
        process.worker.ask(Finish())
        process.open = False

    def _find_existing(self) -> IndexedCounts | None:
        """What the folder contains already, if it was made with these settings."""
        if not self._folder.is_dir():
            return None
        parts = self._read(sub_indexes(self._folder))
        return None if None in parts else sum((counts for counts in parts if counts is not None), IndexedCounts())

    def _folders(self) -> tuple[Path, ...]:
        return _numbered(self._building)

    def _committed(self) -> IndexedCounts:
        """What was committed to the folders. A folder that is damaged or has other settings is removed."""
        folders = self._folders()
        found = self._read(folders)
        for folder, counts in zip(folders, found, strict=True):
            if counts is None:
                remove_folder(folder)
        return sum((counts for counts in found if counts is not None), IndexedCounts())

    def _read(self, folders: tuple[Path, ...]) -> list[IndexedCounts | None]:
        """What each folder contains; None for a folder without an index of these settings."""
        if not folders:
            return []
        process = self._take()
        found = process.worker.ask(Read(folders, self._plan))
        self._give_back(process)
        return [counts if counts is not None and counts.key == self._key else None for counts in found]

    def _put_in_place(self, counts: IndexedCounts) -> None:
        folders = self._folders()
        whole = folders[0]
        if len(folders) > 1 and not self._plan.join:
            remove_folder(self._building / _JOINED)
            whole = self._building
        elif len(folders) > 1 or self._plan.segments:
            whole = self._building / _JOINED
            process = self._take()
            joined = process.worker.ask(Join(folders, whole, self._plan))
            self._give_back(process)
            if joined.documents != counts.documents:
                raise SpartonError(f"{whole} holds {joined.documents} documents of {counts.documents}; run again")
        remove_folder(self._folder)
        whole.replace(self._folder)
        sync_folder(self._folder.parent)


def _nothing(counts: IndexedCounts) -> str:
    """What there is where there is no document."""
    left_out = f", and {counts.bad} lines that are no vectors of impacts are left out" if counts.bad else ""
    if counts.empty:
        return f"none of the {counts.empty} documents has a term{left_out}"
    return f"the collection holds no document{left_out}"


def sub_indexes(folder: Path) -> tuple[Path, ...]:
    """The Lucene indexes in `folder`: those next to each other in it, or itself."""
    return _numbered(folder) or (folder,)


def _numbered(folder: Path) -> tuple[Path, ...]:
    """The folders in it whose names are numbers, in their order."""
    return tuple(sorted((path for path in folder.glob("*") if path.name.isdecimal()), key=lambda path: int(path.name)))


def _is_done(future: Future[None]) -> bool:
    """Whether it has ended. Raises what it ended with."""
    return future.done() and future.result() is None
