"""The files of a JsonVectorCollection, cut into splits that one process indexes at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..errors import SpartonError
from ..storage.manifest import NAME as MANIFEST
from ..storage.walk import Files
from ..storage.zipped import begins_as_gzip

SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
SPLIT_BYTES = 2**24


@dataclass(frozen=True, slots=True)
class Split:
    """The lines of a file that begin at byte `start` or later and before `stop`, as of the file's last change.

    label: what the file is called within its collection, wherever that lies. zipped: whether the file is a gzip file,
    of which the lines are.
    """

    path: Path
    label: str
    start: int
    stop: int
    changed_ns: int
    zipped: bool = False

    def name(self) -> str:
        """What identifies it: the same name means the same bytes."""
        return f"{self.label}:{self.start}-{self.stop}:{self.changed_ns}"

    @property
    def bytes(self) -> int:
        """Its size, as the file holds it."""
        return self.stop - self.start


def cut(path: Path, label: str | None = None, most: int = SPLIT_BYTES) -> Iterator[Split]:
    """The splits of a file, of about `most` bytes each; a gzip file is one. Raises OSError if it is not there.

    label: the file's name unless it says otherwise.
    """
    path = path.absolute()
    label = label or path.name
    stat = path.stat()
    with path.open("rb") as stream:
        zipped = begins_as_gzip(stream)
    count = 1 if zipped else max(1, round(stat.st_size / most))
    bounds = [stat.st_size * index // count for index in range(count + 1)]
    for start, stop in pairwise(bounds):
        yield Split(path, label, start, stop, stat.st_mtime_ns, zipped)


def find_files(collection: Path) -> list[Path]:
    """The files of a collection, in name order, each once: a folder is searched through, but for what is hidden or an
    index.

    Raises SpartonError when it is missing or holds no such file, and as Files.
    """
    if collection.is_file() and collection.name.endswith(SUFFIXES):
        return [collection]
    if not collection.is_dir():
        what = "is not a file of JSON lines" if collection.exists() else "does not exist"
        raise SpartonError(f"the collection {collection} {what}; name a folder with {', '.join(SUFFIXES)} files")
    files = Files(lambda name: name.endswith(SUFFIXES) and name != MANIFEST)
    found = files.below(collection, though_index=True)
    if not found:
        raise SpartonError(f"the collection {collection} holds no {', '.join(SUFFIXES)} file")
    files.report()
    return found
