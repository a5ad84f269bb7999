"""An index folder elsewhere, and the folder here that stands for it while it is built or searched.

Parts and the Lucene index are made here, on a local disk, and put there whole. A part counts as finished once its
marker is there, which is put after it; so a build that was interrupted goes on from what is there, on any machine.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from .errors import SpartonError
from .files import cache_folder, locked, remove_folder, whole_file
from .folder import COLLECTION, LUCENE, MARKERS, marker_of, part_path
from .manifest import NAME
from .remote import RemoteFolder, is_uri, local_path, unreachable


class Mirror:
    """The folder of an index, and where it is put. uri: None for an index that is here. Methods raise OSError."""

    def __init__(self, folder: Path, uri: str | None = None) -> None:
        self.folder, self.uri = folder, uri
        self._there = RemoteFolder(uri) if uri else None
        self._known = set(self._there.files(MARKERS)) if self._there else set()

    def begin_anew(self) -> None:
        """Put the manifest there, and remove what an older build left."""
        self.put_manifest()
        if self._there:
            for name in (MARKERS, COLLECTION, LUCENE):
                self._there.remove(name)
            self._known.clear()

    def get_parts(self, wanted: Callable[[int], bool] = lambda number: True) -> None:
        """Have here what is finished there, of the shards that are wanted."""
        for marker in sorted(self._known):
            number = int(Path(marker).stem.rpartition("-")[2])
            if wanted(number):
                self.get_part(part_path(self.folder, number))

    def get_part(self, part: Path) -> None:
        """Have a part here that is finished there, and its marker."""
        if self._there and not (part.is_file() and marker_of(part).is_file()):
            for path in (part, marker_of(part)):
                self._there.get(self._name(path), path)

    def put_part(self, part: Path) -> None:
        """Put a part that is finished here there, and then its marker, which says that it is whole."""
        name = self._name(marker_of(part))
        if self._there and name not in self._known:
            for path in (part, marker_of(part)):
                self._there.put(path, self._name(path))
            self._known.add(name)

    def has_lucene(self) -> bool:
        """Whether there is a Lucene index."""
        return any(self._there.files(LUCENE)) if self._there else (self.folder / LUCENE).is_dir()

    def put_manifest(self) -> None:
        """Put the manifest there as it is here."""
        if self._there:
            self._there.put(self.folder / NAME, NAME)

    def put_lucene(self) -> None:
        """Put the Lucene index there."""
        if self._there:
            self._there.remove(LUCENE)
            for path in sorted((self.folder / LUCENE).rglob("*")):
                if path.is_file():
                    self._there.put(path, self._name(path))

    def discard(self) -> None:
        """Remove the folder here, if it only stood for another."""
        if self._there:
            remove_folder(self.folder)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def open_mirror(index: str | Path) -> Mirror:
    """The folder that a path or a URI names; for one elsewhere, a folder here with the manifest that is there.

    Raises SpartonError where the URI cannot be reached, or holds files and no index.
    """
    if not is_uri(index):
        return Mirror(Path(index))
    if (path := local_path(str(index))) is not None:
        return Mirror(path)
    there, folder = RemoteFolder(str(index)), stand_in(str(index), "built")
    try:
        manifest = there.read(NAME)
        if manifest is None and next(there.files(), None) is not None:
            raise SpartonError(
                f"{index} holds files but no {NAME}, so it is not a Sparton index; name another with --index"
            )
        # Another machine may have gone on with it, or somebody removed it: what is there counts.
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, f"another run is writing the index {index}; wait for it, or name another folder"):
            if manifest is None:
                remove_folder(folder)
                folder.mkdir()
            else:
                with whole_file(folder / NAME) as stream:
                    stream.write(manifest)
        return Mirror(folder, str(index))
    except OSError as error:
        raise unreachable(str(index), error) from error


def local_index(index: str | Path, *, lucene: bool = True) -> Path:
    """A folder here with the manifest and the Lucene index: the one named, or a copy of what a URI names, made anew
    when that has changed. lucene: whether more than the manifest is wanted.

    Raises SpartonError where there is no index, or it cannot be reached.
    """
    if not is_uri(index):
        return Path(index)
    if (path := local_path(str(index))) is not None:
        return path
    there, folder = RemoteFolder(str(index)), stand_in(str(index), "searched" if lucene else "looked-at")
    try:
        manifest = there.read(NAME)
        if manifest is None:
            raise SpartonError(f"the index {index} does not exist; make it with `sparton index CORPUS --index {index}`")
        path = folder / NAME
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.parent):  # who else wants it waits until it is here
            if not path.is_file() or path.read_bytes() != manifest:
                remove_folder(folder)
                folder.mkdir()
                for name in there.files(LUCENE) if lucene else ():
                    there.get(name, folder / name)
                with whole_file(path) as stream:
                    stream.write(manifest)
    except OSError as error:
        raise unreachable(str(index), error) from error
    return folder


def stand_in(uri: str, purpose: str) -> Path:
    """The folder here for a URI: below $SPARTON_SCRATCH, or the user's cache folder."""
    scratch = os.environ.get("SPARTON_SCRATCH")
    base = Path(scratch) if scratch else cache_folder()
    return base / purpose / sha256(uri.encode()).hexdigest()[:16]
