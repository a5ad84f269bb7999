"""A local copy of a remote index, to be searched or exported."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from ..errors import SpartonError
from .atomic import locked, remove_folder, whole_file, within
from .generations import files_beside, named_files, remove_other_beside
from .index_folder import COLLECTION, LUCENE, MARKERS
from .manifest import COMPLETE, NAME, Manifest, load_manifest, parse_manifest
from .redaction import redacted
from .remote import RemoteFolder, local_path, unreachable
from .staging import lock_folder, naming_remote, staging_folder


def local_index(index: str | Path, *, lucene: bool = True, beside: Collection[str] = ()) -> Path:
    """A local folder with the manifest and the Lucene index: the one named, or a copy of what a URI names, made anew
    when that has changed. lucene: whether more than the manifest is wanted. beside: names of indexes beside the
    impact index that are wanted too, if they are there.

    Raises SpartonError where there is no index, or it cannot be reached.
    """
    if (path := local_path(index)) is not None:
        return path
    folder = staging_folder(str(index), "searched" if lucene else "looked-at")
    try:
        with locked(lock_folder(folder)):  # other processes wait until it is complete
            _refresh(folder, str(index), (LUCENE,) if lucene else (), beside)
    except OSError as error:
        raise unreachable(str(index), error) from error
    return folder


@contextmanager
def local_collection(index: str | Path) -> Iterator[Path]:
    """A local folder with the manifest and the collection, while it is used: the one named, or a copy of what a URI
    names, which is removed afterwards, and where it is found to be wrong. Who interrupts this goes on with it.

    Raises SpartonError as local_index, and where another process has a copy.
    """
    if (path := local_path(index)) is not None:
        yield path
        return
    folder, name = staging_folder(str(index), "exported"), redacted(str(index))
    taken = f"another run is exporting the index {name}; wait for it"
    with locked(lock_folder(folder), taken), naming_remote(folder, name):
        try:
            _refresh(folder, str(index), (COLLECTION, MARKERS))
        except OSError as error:
            raise unreachable(str(index), error) from error
        try:
            yield folder
        except SpartonError:
            remove_folder(folder)  # what is remote may be mended, under the same manifest
            raise
        remove_folder(folder)


def _refresh(folder: Path, uri: str, rooms: Sequence[str], wanted: Collection[str] = ()) -> None:
    """Have in a folder the manifest that is remote, and of a complete index the files of some of its folders."""
    remote, name = RemoteFolder(uri), redacted(uri)
    while True:
        content = remote.read(NAME)
        if not content:
            raise SpartonError(f"the index {name} does not exist; make it with `sparton index CORPUS --index {name}`")
        path = folder / NAME
        manifest, known = parse_manifest(content, path), _known(folder)
        beside = set(files_beside(manifest, wanted)) if manifest.stage == COMPLETE else set()
        same = path.is_file() and path.read_bytes() == content
        if same and all((folder / file).is_file() for file in beside):
            return
        files: set[str] = set()
        if manifest.stage == COMPLETE:
            every = named_files(manifest) if manifest.updated else chain.from_iterable(map(remote.files, rooms))
            files = {file for file in every if file.partition("/")[0] in rooms}
        if not same and not (manifest.updated and known and known.generation == manifest.generation):
            remove_folder(folder)
            folder.mkdir()
        with suppress(FileNotFoundError):  # a newer generation has taken it away
            for file in sorted(files | beside):
                if not (folder / file).is_file():
                    remote.get(file, within(folder, folder / file))
        if remote.read(NAME) == content:
            break
        if not manifest.updated:
            raise SpartonError(f"the index {name} is being replaced; try again when that is done")
    # A file beside the impact index that is named and is not there is missing; who opens it says so.
    if any(not (folder / file).is_file() for file in files) or (rooms and manifest.stage == COMPLETE and not files):
        raise SpartonError(f"the index {name} is being replaced; try again when that is done")
    with whole_file(path) as stream:
        stream.write(content)
    for one in [one for room in rooms for one in (folder / room).rglob("*")] if manifest.updated else ():
        if one.is_file() and one.relative_to(folder).as_posix() not in files:
            one.unlink()  # who has it open goes on with it
    remove_other_beside(folder, manifest)


def _known(folder: Path) -> Manifest | None:
    """The manifest of the copy that is there, if it is whole."""
    try:
        found = load_manifest(folder)
    except SpartonError:
        return None
    return found if found.stage == COMPLETE else None
