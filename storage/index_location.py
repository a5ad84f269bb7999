"""Where a build puts its index: a local folder, or a URI with a local folder in which it is built."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from ..errors import Parameter, SpartonError, UsageError
from .atomic import check_output_folder, locked, make_folder, refuse_inputs
from .generations import remove_other_beside, remove_unnamed
from .index_folder import existing_manifest, folders_of, in_use
from .manifest import NAME, Manifest
from .markers import has_beside
from .redaction import redacted
from .remote import RemoteFile, RemoteFolder, local_path, unreachable
from .staging import StagedIndex, staging_folder


class IndexLocation(Protocol):
    """The steps of a build that depend on where its index goes. Methods raise OSError."""

    @property
    def folder(self) -> Path:
        """The local folder that parts and the Lucene index are written to."""

    @property
    def uri(self) -> str | None:
        """None for an index that is local."""

    @property
    def name(self) -> Path | str:
        """Where the index is in the end, as it may be printed."""

    def locked(self) -> AbstractContextManager[None]:
        """Hold the local folder's lock, once it has what is at the location. Raises SpartonError if it is taken."""

    def join(self, generation: str) -> None:
        """Work in a folder that others work in too: learn which parts of this build are finished."""

    def begin_anew(self) -> None:
        """Put the new manifest at the location, and remove what an older build left."""

    def get_parts(self, generation: str, wanted: Callable[[int], bool] = lambda number: True) -> None:
        """Have in the local folder what is finished of a build, of the shards that are wanted."""

    def get_part(self, part: Path, generation: str) -> None:
        """Have one part in the local folder that is finished, and its marker."""

    def put_part(self, part: Path) -> None:
        """Put a finished part at the location, and then its marker, which says that it is whole."""

    def has_lucene(self, indexes: Sequence[str]) -> bool:
        """Whether the location has the Lucene indexes of these names, all of them."""

    def save(self, manifest: Manifest) -> Manifest:
        """Write the manifest to the local folder and the location; return it."""

    def put_lucene(self) -> None:
        """Put the Lucene index at the location."""

    def put_file(self, name: str) -> None:
        """Put a file of the local folder at the location."""

    def get_generation(self, manifest: Manifest) -> None:
        """Have in the local folder all that a finished index consists of, to change it."""

    def put_generation(self, manifest: Manifest, before: Manifest) -> Manifest:
        """Put what is new of an updated index at the location, then its manifest, which makes it count, and remove what
        is of no use any more; return the manifest. before: of the generation from which the update began."""

    def has_beside(self, manifest: Manifest, name: str) -> bool:
        """Whether the location has an index beside the impact index, of the generation that a manifest names and as it
        was written. name: of that index."""

    def put_beside(self, manifest: Manifest, before: Manifest) -> Manifest:
        """Put at the location what a manifest has beside the impact index, then that manifest, and remove older ones;
        return the manifest. before: the one that it replaces, of the same generation."""

    def discard(self) -> None:
        """Remove the local folder, if it was only needed for the build. For the process that holds its lock."""


class LocalIndex:
    """An IndexLocation that is the local folder itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = self.name = folder
        self.uri = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock. Raises SpartonError if it is taken."""
        make_folder(self.folder)
        with locked(self.folder, in_use(self.folder)):
            yield

    def join(self, generation: str) -> None:
        """Nothing: markers in the folder say what is finished."""

    def begin_anew(self) -> None:
        """Nothing: the folder is begun anew already."""

    def get_parts(self, generation: str, wanted: Callable[[int], bool] = lambda number: True) -> None:
        """Nothing: the parts are in the folder."""

    def get_part(self, part: Path, generation: str) -> None:
        """Nothing: it is in the folder."""

    def put_part(self, part: Path) -> None:
        """Nothing: it is in the folder."""

    def has_lucene(self, indexes: Sequence[str]) -> bool:
        """Whether the folder has the Lucene indexes of these names, all of them."""
        return all((self.folder / name).is_dir() for name in indexes)

    def save(self, manifest: Manifest) -> Manifest:
        """Write the manifest; return it."""
        manifest.save(self.folder)
        return manifest

    def put_lucene(self) -> None:
        """Nothing: it is in the folder."""

    def put_file(self, name: str) -> None:
        """Nothing: it is in the folder."""

    def get_generation(self, manifest: Manifest) -> None:
        """Nothing: all of it is in the folder."""

    def put_generation(self, manifest: Manifest, before: Manifest) -> Manifest:
        """Write the manifest, and remove what is of no use any more; return the manifest."""
        manifest.save(self.folder)
        remove_unnamed(self.folder, manifest)
        return manifest

    def has_beside(self, manifest: Manifest, name: str) -> bool:
        """Whether the folder has an index beside the impact index, of the generation that a manifest names and as it
        was written."""
        return has_beside(self.folder, manifest, name)

    def put_beside(self, manifest: Manifest, before: Manifest) -> Manifest:
        """Write the manifest, and remove what is older beside the impact index; return the manifest."""
        manifest.save(self.folder)
        remove_other_beside(self.folder, manifest)
        return manifest

    def discard(self) -> None:
        """Nothing: the folder is the index."""


def index_location(folder: Path, uri: str | None) -> IndexLocation:
    """The location of a build whose local folder is known. uri: None for an index that is local."""
    return LocalIndex(folder) if uri is None else StagedIndex(folder, uri)


def open_index_location(index: str | Path, overwrite: bool) -> IndexLocation:
    """The location that a path or a URI names.

    Raises SpartonError where the URI cannot be reached, for a location that holds files and no index, and as
    `existing_manifest`; UsageError for a folder that cannot be written to.
    """
    if (path := local_path(index)) is not None:
        check_output_folder(Parameter("index"), path)
        existing_manifest(path, overwrite)
        return LocalIndex(path)
    remote, name = RemoteFolder(str(index)), redacted(str(index))
    try:
        if not remote.read(NAME) and next(remote.files(), NAME) != NAME:
            raise SpartonError(
                f"{name} holds files but no {NAME}, so it is not a Sparton index; name another with ",
                Parameter("index"),
            )
    except OSError as error:
        raise unreachable(str(index), error) from error
    return StagedIndex(staging_folder(str(index), "built"), str(index))


def refuse_sources(location: IndexLocation, sources: Sequence[tuple[Path | RemoteFile, str]]) -> None:
    """Find out that nothing an index is made from lies where it is to be written, on this machine or by URI.

    sources: files, each with what it is called. Raises UsageError.
    """
    index = Parameter("index")
    refuse_inputs(index, folders_of(location.folder), {file: name for file, name in sources if isinstance(file, Path)})
    if location.uri:
        system, folder = RemoteFile(location.uri).located
        inside = f"{folder.rstrip('/')}/"
        for file, name in sources:
            if isinstance(file, RemoteFile) and file.located[0] == system and file.located[1].startswith(inside):
                raise UsageError(
                    f"{name} lies in the index folder {location.name}, which is to be written; name another with ",
                    index,
                )
