"""An index folder elsewhere, and the folder here that stands for it while the index is built.

Parts and the Lucene index are made here, on a local disk, and put there whole. A part counts as finished once its
marker is there, which is put after it; so a build that was interrupted goes on from what is there, on any machine.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import Parameter, SpartonError
from .atomic import cache_folder, locked, make_folder, remove_folder, whole_file, within
from .index_folder import COLLECTION, LUCENE, MARKERS, marker_of, part_path, standing
from .manifest import NAME, Manifest
from .markers import finished_counts, marker_generation
from .redaction import redacted
from .remote import RemoteFolder, local_path, unreachable
from .untrusted import UnexpectedError, parse_json, read

_REQUESTS = 16  # at once, of those that are many and small
_MARKER = re.compile(rf"{MARKERS}/part-(\d+)\.json")
_PART = re.compile(rf"{COLLECTION}/part-(\d+)\.jsonl")


class Mirror:
    """The folder of an index, and where it is put. uri: None for an index that is here. Methods raise OSError."""

    def __init__(self, folder: Path, uri: str | None = None) -> None:
        self.folder, self.uri = folder, uri
        self._there = RemoteFolder(uri) if uri else None
        self._known: set[int] = set()

    @property
    def place(self) -> Path | str:
        """Where the index is in the end, as it may be printed."""
        return redacted(self.uri) if self.uri else self.folder

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock of the folder here, which begins with what is there. Raises SpartonError if it is taken."""
        lock = beside(self.folder) if self._there else self.folder
        make_folder(lock)
        with locked(lock, f"another run is writing the index {self.place}; wait for it, or name another folder"):
            try:
                self._take_over()
                yield
            except SpartonError as error:
                parts = (
                    part.replace(str(self.folder), str(self.place)) if isinstance(part, str) else part
                    for part in error.args
                )
                raise type(error)(*parts) from error

    def join(self, generation: str) -> None:
        """Work in a folder that others work in too, for the same place: make it, and learn what is finished there of
        this build."""
        if self._there:
            for name in (COLLECTION, MARKERS):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            self._check_links()
            self._known = self._finished(generation)

    def begin_anew(self) -> None:
        """Put the manifest there, and remove what an older build left."""
        if self._there:
            self._there.put(self.folder / NAME, NAME)  # from now on what bears another generation counts for nothing
            for name in (MARKERS, COLLECTION, LUCENE):
                self._there.remove(name)
            self._known.clear()

    def get_parts(self, generation: str, wanted: Callable[[int], bool] = lambda number: True) -> None:
        """Have here what is finished there of a build, of the shards that are wanted. A part that is not what was
        written any more is not finished."""
        for number in sorted(filter(wanted, self._known)):
            part = part_path(self.folder, number)
            with suppress(FileNotFoundError):  # somebody removed it
                self.get_part(part, generation)
            if finished_counts(part, generation) is None:
                self._known.discard(number)

    def get_part(self, part: Path, generation: str) -> None:
        """Have a part here that is finished there, and its marker. One that is here already counts if it is what was
        written."""
        if self._there and finished_counts(part, generation) is None:
            for path in (part, marker_of(part)):
                self._there.get(self._name(path), within(self.folder, path))

    def put_part(self, part: Path) -> None:
        """Put a part that is finished here there, and then its marker, which says that it is whole."""
        number = int(part.stem.rpartition("-")[2])
        if self._there and number not in self._known:
            for path in (part, marker_of(part)):
                self._there.put(within(self.folder, path), self._name(path))
            self._known.add(number)

    def has_lucene(self, indexes: Sequence[str]) -> bool:
        """Whether the Lucene indexes of these names are there, all of them."""
        if self._there:
            return all(any(self._there.files(name)) for name in indexes)
        return all((self.folder / name).is_dir() for name in indexes)

    def save(self, manifest: Manifest) -> Manifest:
        """Write the manifest here and there; return it."""
        manifest.save(self.folder)
        if self._there:
            self._there.put(self.folder / NAME, NAME)
        return manifest

    def put_lucene(self) -> None:
        """Put the Lucene index there."""
        if self._there:
            self._there.remove(LUCENE)
            for path in sorted((self.folder / LUCENE).rglob("*")):
                if path.is_file():
                    self._there.put(within(self.folder, path), self._name(path))

    def discard(self) -> None:
        """Remove the folder here, if it only stood for another. For who holds it."""
        if self._there:
            remove_folder(self.folder)

    def _take_over(self) -> None:
        """Go by what is there: another machine may have gone on with it, or somebody removed it."""
        if not self._there:
            return
        manifest = self._there.read(NAME)
        here = self.folder / NAME
        generation = _generation(manifest)
        if generation is None or not here.is_file() or _generation(here.read_bytes()) != generation:
            remove_folder(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_links()
        if manifest:
            with whole_file(here) as stream:
                stream.write(manifest)
        self._known = self._finished(generation or "")
        for number in self._numbers(MARKERS, _MARKER) - self._known:
            self._there.remove_file(self._name(marker_of(part_path(self.folder, number))))  # of an older build
        for number in self._numbers(COLLECTION, _PART) - self._known:
            self._there.remove_file(self._name(part_path(self.folder, number)))  # likewise, or put in part

    def _finished(self, generation: str) -> set[int]:
        """The parts of a build that are finished there."""
        assert self._there
        read, numbers = self._there.read, sorted(self._numbers(MARKERS, _MARKER))
        names = (self._name(marker_of(part_path(self.folder, number))) for number in numbers)
        with ThreadPoolExecutor(_REQUESTS) as pool:
            found = pool.map(lambda name: marker_generation(read(name)), names)
            return {number for number, named in zip(numbers, found, strict=True) if named == generation}

    def _check_links(self) -> None:
        """Raise SpartonError where a link leads out of the local folder: a build writes and removes in it."""
        for path in self.folder.iterdir():
            within(self.folder, path)

    def _numbers(self, below: str, pattern: re.Pattern[str]) -> set[int]:
        assert self._there
        return {int(found[1]) for name in self._there.files(below) if (found := pattern.fullmatch(name))}

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def open_mirror(index: str | Path, overwrite: bool) -> Mirror:
    """The folder that a path or a URI names; for one elsewhere, a folder here that will stand for it.

    Raises SpartonError where the URI cannot be reached, for a place that holds files and no index, and as `standing`.
    """
    if (path := local_path(index)) is not None:
        standing(path, overwrite)
        return Mirror(path)
    there, name = RemoteFolder(str(index)), redacted(str(index))
    try:
        if not there.read(NAME) and next(there.files(), NAME) != NAME:
            raise SpartonError(
                f"{name} holds files but no {NAME}, so it is not a Sparton index; name another with ",
                Parameter("index"),
            )
    except OSError as error:
        raise unreachable(str(index), error) from error
    return Mirror(stand_in(str(index), "built"), str(index))


def stand_in(uri: str, purpose: str) -> Path:
    """The folder here for a URI: below $SPARTON_SCRATCH, or the user's cache folder."""
    scratch = os.environ.get("SPARTON_SCRATCH")
    base = Path(scratch) if scratch else cache_folder()
    return within(base, base / purpose / sha256(uri.rstrip("/").encode(errors="surrogateescape")).hexdigest()[:16])


def beside(folder: Path) -> Path:
    """Where the lock of a folder stands that may itself be removed while it is held."""
    place = folder.with_name(f"{folder.name}.held")
    within(folder.parent, place).mkdir(parents=True, exist_ok=True)
    return place


def _generation(manifest: bytes | None) -> str | None:
    """That of the build; None of no manifest, or a damaged one."""
    try:
        found = None if manifest is None else read(dict[str, Any], parse_json(manifest)).get("generation")
    except UnexpectedError:
        return None
    return found if isinstance(found, str) else None
