"""Files on object stores and network file systems, named by URI and reached through pyarrow.fs."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .errors import SpartonError
from .files import whole_file

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

# Where a file appears when it is closed, and a rename would be a copy.
_ATOMIC_PUTS = ("s3", "gcs")
_BLOCK = 2**22


def local_path(place: str | Path) -> Path | None:
    """The path that a path or a file:// URI names; None for a URI of somewhere else, as s3://bucket/corpus.parquet."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", str(place)):
        return Path(place)
    system, path = _resolve(str(place))
    return Path(path) if system.type_name == "local" else None


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file somewhere else, as much like a Path as reading it takes."""

    uri: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(_resolve(self.uri)[1]).name

    @property
    def suffix(self) -> str:
        """What its name ends with, from the last dot on."""
        return PurePosixPath(self.name).suffix

    def open(self, mode: str = "rb") -> Any:
        """A stream to read from, at any position. Raises OSError."""
        system, path = _resolve(self.uri)
        return system.open_input_file(path)

    @property
    def state(self) -> tuple[int | None, ...]:
        """Its size and when it was last changed. Raises OSError."""
        system, path = _resolve(self.uri)
        (info,) = system.get_file_info([path])
        if info.size is None:
            raise FileNotFoundError(path)
        return info.size, info.mtime_ns

    @property
    def located(self) -> "tuple[FileSystem, str]":
        """Its file system, and its path there."""
        return _resolve(self.uri)

    def __str__(self) -> str:
        return shown(self.uri)


class RemoteFolder:
    """A folder somewhere else. Raises SpartonError for a URI that means nothing; its methods raise OSError."""

    def __init__(self, uri: str) -> None:
        self._system, path = _resolve(uri)
        self._path = path.rstrip("/")

    def files(self, below: str = "") -> Iterator[str]:
        """The names of all files in it, or in a folder in it, by their paths from here, in order."""
        from pyarrow.fs import FileSelector, FileType

        place = f"{self._path}/{below}".rstrip("/")
        found = self._system.get_file_info(FileSelector(place, allow_not_found=True, recursive=True))
        yield from sorted(info.path[len(self._path) + 1 :] for info in found if info.type == FileType.File)

    def put(self, source: Path, name: str) -> None:
        """Copy a file there: it appears whole, or not at all."""
        target = f"{self._path}/{name}"
        if self._system.type_name in _ATOMIC_PUTS:
            self._write(source, target)
            return
        self._system.create_dir(target.rpartition("/")[0], recursive=True)
        self._write(source, f"{target}.tmp")
        self._system.move(f"{target}.tmp", target)

    def get(self, name: str, target: Path) -> None:
        """Copy a file here, whole or not at all."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._system.open_input_stream(f"{self._path}/{name}") as source, whole_file(target) as stream:
            shutil.copyfileobj(source, stream, _BLOCK)

    def read(self, name: str) -> bytes | None:
        """The content of a small file, None if there is none."""
        try:
            with self._system.open_input_stream(f"{self._path}/{name}") as source:
                return bytes(source.read())
        except FileNotFoundError:
            return None

    def remove_file(self, name: str) -> None:
        """Remove a file."""
        self._system.delete_file(f"{self._path}/{name}")

    def remove(self, name: str) -> None:
        """Remove a folder in it, if it is there."""
        self._system.delete_dir_contents(f"{self._path}/{name}", missing_dir_ok=True)

    def _write(self, source: Path, target: str) -> None:
        if source.stat().st_size <= _BLOCK:
            # In one request, so there is no half of it, and nothing to remove: what stood there stays if it fails.
            content = source.read_bytes()
            sink = self._system.open_output_stream(target)
            sink.write(content)
            sink.close()
            return
        with source.open("rb") as stream, self._whole(target) as sink:
            shutil.copyfileobj(stream, sink, _BLOCK)

    @contextmanager
    def _whole(self, target: str) -> Iterator[Any]:
        sink = self._system.open_output_stream(target)
        try:
            yield sink
            sink.close()
        except BaseException:
            # Closing is what makes it appear, and there is no other way to let go of it.
            with suppress(OSError):
                sink.close()
            with suppress(OSError):
                self._system.delete_file(target)
            raise


def shown(uri: str) -> str:
    """A URI as it may be printed and recorded: without keys and options."""
    return re.sub(r"://[^/@]*@", "://", uri.partition("?")[0])


def files_below(uri: str) -> tuple[bool, list[RemoteFile]]:
    """Whether a URI names a folder, and the files in it and below, or the file that it names.

    Raises SpartonError where there is nothing, or it cannot be reached.
    """
    from pyarrow.fs import FileSelector, FileType

    system, path = _resolve(uri)
    base, question, query = uri.partition("?")
    try:
        (info,) = system.get_file_info([path])
        if info.type == FileType.File:
            return False, [RemoteFile(uri)]
        if info.type != FileType.Directory:
            raise SpartonError(f"the corpus {shown(uri)} does not exist; check the path")
        found = system.get_file_info(FileSelector(path, recursive=True))
    except OSError as error:
        raise unreachable(base, error) from error
    return True, [
        RemoteFile(f"{base.rstrip('/')}{quote(name)}{question}{query}")
        for name in sorted(info.path[len(path.rstrip("/")) :] for info in found if info.type == FileType.File)
    ]


def unreachable(place: str, error: Exception) -> SpartonError:
    """The sentence for a place that could not be reached."""
    place = shown(place)
    reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    return SpartonError(f"{place} cannot be reached: {reason}; check the address and who may read and write there")


@lru_cache(maxsize=1024)
def _resolve(uri: str) -> "tuple[FileSystem, str]":
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    try:
        system, path = FileSystem.from_uri(uri)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreachable(uri, error) from error
    return system, str(path)
