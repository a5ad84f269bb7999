"""Format and write parts, in processes of their own where one interpreter would not keep up with a GPU."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...processes import Subprocess, ask_all, serve
from ...storage.manifest import Counts
from ..documents import Documents
from ..encoding.impacts import Impacts
from .json_vectors import VectorWriter, Written

WRITER = "sparton.pipeline.parts.part_writer"


@dataclass(frozen=True, slots=True)
class NewPart:
    """What one part shall hold: a row of impacts for each document. counts: those that are known before writing."""

    path: Path
    documents: Documents
    impacts: Impacts
    counts: Counts


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    terms: tuple[str, ...]
    store_text: bool


def write_parts(
    parts: Iterable[NewPart], vocabulary: Sequence[str], *, store_text: bool, workers: Sequence[Subprocess] = ()
) -> Iterator[tuple[NewPart, Written]]:
    """Write each part whole or not at all, and yield it with what was written, in order.

    workers: processes of WRITER that write while the next parts are made, and are closed at the end; at most one more
    part than there are of them is held. Without any, this one writes.
    Raises OSError as the file system does, and SpartonError when a process died.
    """
    if not workers:
        writer = VectorWriter(vocabulary, store_text=store_text)
        for part in parts:
            yield part, writer.write(part.path, part.documents, part.impacts)
        return
    setup = _Vocabulary(tuple(vocabulary), store_text)
    yield from ask_all(workers, setup, ((part, part) for part in parts))


class _Writer:
    """What a process handles."""

    def __init__(self) -> None:
        self._writer: VectorWriter | None = None

    def handle(self, request: _Vocabulary | NewPart) -> Written | None:
        if isinstance(request, _Vocabulary):
            self._writer = VectorWriter(request.terms, store_text=request.store_text)
            return None
        assert self._writer is not None
        return self._writer.write(request.path, request.documents, request.impacts)


def main() -> None:
    """What the process runs."""
    serve(_Writer().handle)
