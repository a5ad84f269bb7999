"""A local copy of a remote index, to be searched."""

from pathlib import Path

from ..errors import SpartonError
from .atomic import locked, remove_folder, whole_file, within
from .index_folder import LUCENE
from .manifest import COMPLETE, NAME, load_manifest
from .redaction import redacted
from .remote import RemoteFolder, local_path, unreachable
from .staging import lock_folder, staging_folder


def local_index(index: str | Path, *, lucene: bool = True) -> Path:
    """A local folder with the manifest and the Lucene index: the one named, or a copy of what a URI names, made anew
    when that has changed. lucene: whether more than the manifest is wanted.

    Raises SpartonError where there is no index, or it cannot be reached.
    """
    if (path := local_path(index)) is not None:
        return path
    folder = staging_folder(str(index), "searched" if lucene else "looked-at")
    try:
        with locked(lock_folder(folder)):  # other processes wait until it is complete
            _refresh(folder, RemoteFolder(str(index)), redacted(str(index)), lucene)
    except OSError as error:
        raise unreachable(str(index), error) from error
    return folder


def _refresh(folder: Path, remote: RemoteFolder, name: str, lucene: bool) -> None:
    manifest = remote.read(NAME)
    if not manifest:
        raise SpartonError(f"the index {name} does not exist; make it with `sparton index CORPUS --index {name}`")
    path = folder / NAME
    if path.is_file() and path.read_bytes() == manifest:
        return
    remove_folder(folder)
    folder.mkdir()
    with whole_file(path) as stream:
        stream.write(manifest)
    if lucene and load_manifest(folder).stage == COMPLETE:
        path.unlink()  # it comes back when all is copied
        files = list(remote.files(LUCENE))
        for file in files:
            remote.get(file, within(folder, folder / file))
        if not files or remote.read(NAME) != manifest:
            raise SpartonError(f"the index {name} is being replaced; try again when that is done")
        with whole_file(path) as stream:
            stream.write(manifest)
