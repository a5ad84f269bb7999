"""The files of a JsonVectorCollection, cut into pieces that one process indexes at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..errors import SpartonError
from ..manifest import NAME as MANIFEST

SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
PIECE_BYTES = 2**24


@dataclass(frozen=True, slots=True)
class Piece:
    """The lines of a file that begin at byte `start` or later and before `stop`, as of the file's last change.

    label: what the file is called within its collection, wherever that lies.
    """

    path: Path
    label: str
    start: int
    stop: int
    changed_ns: int

    def name(self) -> str:
        """What identifies it: the same name means the same bytes."""
        return f"{self.label}:{self.start}-{self.stop}:{self.changed_ns}"

    @property
    def bytes(self) -> int:
        """Its size, as the file holds it."""
        return self.stop - self.start


def cut(path: Path, label: str | None = None, most: int = PIECE_BYTES) -> Iterator[Piece]:
    """The pieces of a file, of about `most` bytes each; a gzip file is one. Raises OSError if it is not there.

    label: the file's name unless it says otherwise.
    """
    path = path.absolute()
    label = label or path.name
    stat = path.stat()
    count = 1 if path.suffix == ".gz" else max(1, round(stat.st_size / most))
    bounds = [stat.st_size * place // count for place in range(count + 1)]
    for start, stop in pairwise(bounds):
        yield Piece(path, label, start, stop, stat.st_mtime_ns)


def find_files(collection: Path) -> list[Path]:
    """The files of a collection, in name order: a folder is searched through, but for what is hidden or an index.

    Raises SpartonError when it is missing or holds no such file.
    """
    if collection.is_file() and collection.name.endswith(SUFFIXES):
        return [collection]
    if not collection.is_dir():
        found = "is not a file of JSON lines" if collection.exists() else "does not exist"
        raise SpartonError(f"the collection {collection} {found}; name a folder with {', '.join(SUFFIXES)} files")
    files = sorted(_files_in(collection))
    if not files:
        raise SpartonError(f"the collection {collection} holds no {', '.join(SUFFIXES)} file")
    return files


def _files_in(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if not (path / MANIFEST).exists():
                yield from _files_in(path)
        elif path.name.endswith(SUFFIXES) and path.name != MANIFEST:
            yield path
