"""An index at a URI, and the local folder in which it is built.

Parts and the Lucene index are written to a local disk and uploaded whole. A part is finished once its marker is
remote, which is uploaded after it. So a build that was interrupted goes on from what is remote, on any machine.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import SpartonError
from .atomic import cache_folder, locked, remove_folder, whole_file, within
from .generations import files_beside, is_replaceable, named_files
from .index_folder import BESIDE, COLLECTION, LUCENE, MARKERS, in_use, marker_of, part_path
from .manifest import NAME, Manifest
from .markers import finished_counts, has_beside, marker_generation
from .redaction import redacted
from .remote import RemoteFolder
from .untrusted import UnexpectedError, parse_json, read

_REQUESTS = 16  # at once, of those that are many and small
_MARKER = re.compile(rf"{MARKERS}/part-(\d+)\.json")
_PART = re.compile(rf"{COLLECTION}/part-(\d+)\.jsonl")


class StagedIndex:
    """An IndexLocation at a URI, and the local folder in which it is built. Methods raise OSError."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder, self.uri = folder, uri
        self._remote = RemoteFolder(uri)
        self._known: set[int] = set()

    @property
    def name(self) -> str:
        """Where the index is in the end, as it may be printed."""
        return redacted(self.uri)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the local folder, which begins with what is remote. Raises SpartonError if it is taken."""
        with locked(lock_folder(self.folder), in_use(self.name)), naming_remote(self.folder, self.name):
            self._sync_from_remote()
            yield

    def join(self, generation: str) -> None:
        """Make the local folder, and learn which parts of this build are remote. Others work on the same index."""
        for name in (COLLECTION, MARKERS):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._check_links()
        self._known = self._finished(generation)

    def begin_anew(self) -> None:
        """Upload the manifest, and remove what an older build left."""
        self._remote.put(self.folder / NAME, NAME)  # from now on what bears another generation counts for nothing
        for name in (MARKERS, COLLECTION, LUCENE, *BESIDE):
            self._remote.remove(name)
        self._known.clear()

    def get_parts(self, generation: str, wanted: Callable[[int], bool] = lambda number: True) -> None:
        """Download what is finished of a build, of the shards that are wanted. A part that is not what was written any
        more is not finished."""
        for number in sorted(filter(wanted, self._known)):
            part = part_path(self.folder, number)
            with suppress(FileNotFoundError):  # somebody removed it
                self.get_part(part, generation)
            if finished_counts(part, generation) is None:
                self._known.discard(number)

    def get_part(self, part: Path, generation: str) -> None:
        """Download a finished part and its marker, unless they are local already and what was written."""
        if finished_counts(part, generation) is None:
            for path in (part, marker_of(part)):
                self._remote.get(self._name(path), within(self.folder, path))

    def put_part(self, part: Path) -> None:
        """Upload a finished part, and then its marker, which says that it is whole."""
        number = int(part.stem.rpartition("-")[2])
        if number not in self._known:
            for path in (part, marker_of(part)):
                self._remote.put(within(self.folder, path), self._name(path))
            self._known.add(number)

    def has_lucene(self, indexes: Sequence[str]) -> bool:
        """Whether the Lucene indexes of these names are remote, all of them."""
        return all(any(self._remote.files(name)) for name in indexes)

    def save(self, manifest: Manifest) -> Manifest:
        """Write the manifest to the local folder and upload it; return it."""
        manifest.save(self.folder)
        self._remote.put(self.folder / NAME, NAME)
        return manifest

    def put_lucene(self) -> None:
        """Upload the Lucene index."""
        self._remote.remove(LUCENE)
        for path in sorted((self.folder / LUCENE).rglob("*")):
            if path.is_file():
                self._remote.put(within(self.folder, path), self._name(path))

    def put_file(self, name: str) -> None:
        """Upload a file of the local folder."""
        self._remote.put(within(self.folder, self.folder / name), name)

    def get_generation(self, manifest: Manifest) -> None:
        """Download all that a finished index consists of, but for what is beside the impact index, which is never
        changed. Nothing else stays in the local folder: an update that was killed may have left other files of the same
        names."""
        for name in (COLLECTION, MARKERS, LUCENE, *BESIDE):
            remove_folder(self.folder / name)
        every = named_files(manifest) if manifest.updated else self._files_of_generations()
        names = [name for name in every if name.partition("/")[0] not in BESIDE]
        with ThreadPoolExecutor(_REQUESTS) as pool:
            downloads = [pool.submit(self._remote.get, name, within(self.folder, self.folder / name)) for name in names]
            for download in downloads:
                download.result()

    def put_generation(self, manifest: Manifest, before: Manifest) -> Manifest:
        """Upload what is new of an updated index and then its manifest, which makes it count, and remove what is of no
        use any more; return the manifest. before: of the generation from which the update began. New files have names
        that no other update gives, so that two machines overwrite nothing of each other.

        Raises SpartonError where another machine has changed the index meanwhile.
        """
        named, known = named_files(manifest), self._files_of_generations()
        self._put_new(sorted(named - named_files(before)), manifest, before)
        self._remove_files(known - named)  # and not what others have put meanwhile
        return manifest

    def has_beside(self, manifest: Manifest, name: str) -> bool:
        """Whether an index beside the impact index, of the generation that a manifest names, is remote as it was
        written. name: of that index. Downloads it."""
        names = files_beside(manifest, [name])
        if not {*names} <= {*self._remote.files(name)}:
            return False
        for file in names:
            self._remote.get(file, within(self.folder, self.folder / file))
        return has_beside(self.folder, manifest, name)

    def put_beside(self, manifest: Manifest, before: Manifest) -> Manifest:
        """Upload what a manifest has beside the impact index and then that manifest, and remove older ones; return the
        manifest. before: the manifest that it replaces. Raises SpartonError as put_generation."""
        named, known = {*files_beside(manifest)}, {file for name in BESIDE for file in self._remote.files(name)}
        self._put_new(sorted(named - {*files_beside(before)}), manifest, before)
        self._remove_files(known - named)
        return manifest

    def _put_new(self, new: Sequence[str], manifest: Manifest, before: Manifest) -> None:
        """Upload new files and then the manifest that names them, if nobody has replaced the one before."""
        self._check_unchanged(before)
        for name in new:
            self._remote.put(within(self.folder, self.folder / name), name)
        try:
            self._check_unchanged(before)
        except SpartonError:
            self._remove_files(new)
            raise
        self.save(manifest)

    def discard(self) -> None:
        """Remove the local folder. For the process that holds its lock."""
        remove_folder(self.folder)

    def _sync_from_remote(self) -> None:
        """Go by what is remote: another machine may have gone on with it, or somebody removed it."""
        manifest = self._remote.read(NAME)
        local = self.folder / NAME
        generation = _build(manifest)
        if generation is None or not local.is_file() or _build(local.read_bytes()) != generation:
            remove_folder(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_links()
        if manifest:
            with whole_file(local) as stream:
                stream.write(manifest)
        if (_state(manifest) or ("", 0))[1]:  # an update says by itself what counts
            return
        self._known = self._finished(generation or "")
        for number in self._numbers(MARKERS, _MARKER) - self._known:
            self._remote.remove_file(self._name(marker_of(part_path(self.folder, number))))  # of an older build
        for number in self._numbers(COLLECTION, _PART) - self._known:
            self._remote.remove_file(self._name(part_path(self.folder, number)))  # likewise, or put in part

    def _check_unchanged(self, before: Manifest) -> None:
        """Raise SpartonError where what is remote is not the generation from which an update began."""
        if _state(self._remote.read(NAME)) != (before.generation, before.number):
            raise SpartonError(
                f"the index {self.name} was changed by another machine meanwhile; run the same command again"
            )

    def _remove_files(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            with suppress(FileNotFoundError):  # another machine's update has removed it
                self._remote.remove_file(name)

    def _files_of_generations(self) -> set[str]:
        """What is remote that an update may replace, whichever generation it is of."""
        rooms = (COLLECTION, MARKERS, LUCENE, *BESIDE)
        return {name for room in rooms for name in self._remote.files(room) if is_replaceable(name)}

    def _finished(self, generation: str) -> set[int]:
        """The parts of a build that are finished."""
        read, numbers = self._remote.read, sorted(self._numbers(MARKERS, _MARKER))
        names = (self._name(marker_of(part_path(self.folder, number))) for number in numbers)
        with ThreadPoolExecutor(_REQUESTS) as pool:
            found = pool.map(lambda name: marker_generation(read(name)), names)
            return {number for number, named in zip(numbers, found, strict=True) if named == generation}

    def _check_links(self) -> None:
        """Raise SpartonError where a link leads out of the local folder: a build writes and removes in it."""
        for path in self.folder.iterdir():
            within(self.folder, path)

    def _numbers(self, below: str, pattern: re.Pattern[str]) -> set[int]:
        return {int(found[1]) for name in self._remote.files(below) if (found := pattern.fullmatch(name))}

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


@contextmanager
def naming_remote(folder: Path, name: str) -> Iterator[None]:
    """Have a SpartonError that names the local folder of a URI name that instead. name: the URI, as it may be
    printed."""
    try:
        yield
    except SpartonError as error:
        parts = (part.replace(str(folder), name) if isinstance(part, str) else part for part in error.args)
        raise type(error)(*parts) from error


def staging_folder(uri: str, purpose: str) -> Path:
    """The local folder for a URI: below $SPARTON_SCRATCH, or the user's cache folder."""
    scratch = os.environ.get("SPARTON_SCRATCH")
    base = Path(scratch) if scratch else cache_folder()
    return within(base, base / purpose / sha256(uri.rstrip("/").encode(errors="surrogateescape")).hexdigest()[:16])


def lock_folder(folder: Path) -> Path:
    """Where the lock of a folder stands that may itself be removed while it is locked."""
    beside = folder.with_name(f"{folder.name}.held")
    within(folder.parent, beside).mkdir(parents=True, exist_ok=True)
    return beside


def _build(manifest: bytes | None) -> str | None:
    """The name of the build; None of no manifest, or a damaged one."""
    state = _state(manifest)
    return None if state is None else state[0]


def _state(manifest: bytes | None) -> tuple[str, int] | None:
    """The build and the number of the generation; None of no manifest, or a damaged one."""
    try:
        entries = {} if manifest is None else read(dict[str, Any], parse_json(manifest))
    except UnexpectedError:
        return None
    build, updated = entries.get("generation"), entries.get("updated")
    number = updated.get("number") if isinstance(updated, dict) else 0
    return (build, number) if isinstance(build, str) and isinstance(number, int) else None
