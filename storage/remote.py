"""Files on object stores and network file systems, named by URI and reached through pyarrow.fs."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from ..errors import SpartonError
from .atomic import whole_file
from .redaction import is_uri, masked, redacted
from .store_calls import StoreTimeoutError, bounded, store_timeout
from .untrusted import MOST_BYTES

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

T = TypeVar("T")
# Where a file appears when it is closed, and a rename would be a copy.
_ATOMIC_PUTS = ("s3", "gcs")
_BLOCK = 2**22
# A listing is a request for every thousand names, and closing a large file waits for all of it to be put together.
_MANY_CALLS = 20


def local_path(location: str | Path) -> Path | None:
    """The path that a path or a file:// URI names; None for a remote URI, as s3://bucket/corpus.parquet.

    Raises SpartonError for what was meant to be a URI, so that no path is made of its keys.
    """
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", str(location)):
        if is_uri(str(location)) and not os.path.exists(location):
            raise SpartonError(
                f"{redacted(str(location))} is neither a path that exists nor a URI; a URI begins as s3://bucket/ does"
            )
        return Path(location)
    system, path = _resolve(str(location))
    return Path(path) if system.type_name == "local" else None


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A remote file, as much like a Path as reading it takes."""

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
        return bounded(partial(system.open_input_file, path), str(self))

    @property
    def state(self) -> tuple[int | None, ...]:
        """Its size and when it was last changed. Raises OSError."""
        system, path = _resolve(self.uri)
        (info,) = bounded(partial(system.get_file_info, [path]), str(self))
        if info.size is None:
            raise FileNotFoundError(path)
        return info.size, info.mtime_ns

    @property
    def located(self) -> "tuple[FileSystem, str]":
        """Its file system, and its path in it."""
        return _resolve(self.uri)

    def __str__(self) -> str:
        return redacted(self.uri)


class RemoteFolder:
    """A remote folder. Raises SpartonError for a URI that means nothing; its methods raise OSError, and
    SpartonError where the store does not respond, or has names that are no paths within a folder."""

    def __init__(self, uri: str) -> None:
        self._system, path = _resolve(uri)
        self._path = path.rstrip("/")
        self._uri, self._name = uri, redacted(uri)

    def files(self, below: str = "") -> Iterator[str]:
        """The names of all files in it, or in a folder in it, by their paths from it, in order."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(f"{self._path}/{below}".rstrip("/"), allow_not_found=True, recursive=True)
        found = self._call(partial(self._system.get_file_info, selector), _MANY_CALLS)
        names = [info.path.removeprefix(f"{self._path}/") for info in found if info.type == FileType.File]
        for name in names:
            self._path_of(name)
        yield from sorted(names)

    def put(self, source: Path, name: str) -> None:
        """Copy a file to it: it appears whole, or not at all."""
        target = self._path_of(name)
        if self._system.type_name in _ATOMIC_PUTS:
            self._write(source, target)
            return
        self._call(partial(self._system.create_dir, target.rpartition("/")[0], recursive=True))
        self._write(source, f"{target}.tmp")
        self._call(partial(self._system.move, f"{target}.tmp", target))

    def get(self, name: str, target: Path) -> None:
        """Copy a file from it to a local one, whole or not at all."""
        path = self._path_of(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._call(partial(self._system.open_input_stream, path)) as source, whole_file(target) as stream:
            shutil.copyfileobj(_Stream(source, self._call), stream, _BLOCK)

    def read(self, name: str) -> bytes | None:
        """The content of a small file, None if there is none; of a large one only the start."""
        content = BytesIO()
        try:
            with self._call(partial(self._system.open_input_stream, self._path_of(name))) as source:
                while content.tell() <= MOST_BYTES and (block := self._call(partial(source.read, _BLOCK))):
                    content.write(block)
        except FileNotFoundError:
            return None
        return content.getvalue()

    def remove_file(self, name: str) -> None:
        """Remove a file."""
        self._call(partial(self._system.delete_file, self._path_of(name)))

    def remove(self, name: str) -> None:
        """Remove a folder in it, if there is one."""
        path = self._path_of(name)
        self._call(partial(self._system.delete_dir_contents, path, missing_dir_ok=True), _MANY_CALLS)

    def _path_of(self, name: str) -> str:
        """The path of a file in it. Names come from the store, or of what a build has made."""
        if any(part in ("", ".", "..") for part in name.split("/")) or "\\" in name or "\0" in name:
            raise SpartonError(
                f"the index {self._name} has a file with the name {name!r}, which is no path within a folder; remove "
                "it from the store and run again"
            )
        return f"{self._path}/{name}"

    def _call(self, call: Callable[[], T], times: int = 1) -> T:
        """What a call gives. Raises OSError for all that Arrow raises, without keys."""
        import pyarrow as pa

        try:
            return bounded(call, self._name, times)
        except (pa.ArrowException, OSError) as error:
            kind = type(error) if isinstance(error, OSError) else OSError
            raise kind(masked(str(error), self._uri)) from error

    def _write(self, source: Path, target: str) -> None:
        if source.stat().st_size <= _BLOCK:
            # In one request, so there is no half of it, and nothing to remove: the old file stays if it fails.
            content = source.read_bytes()
            sink = self._call(partial(self._system.open_output_stream, target))
            self._call(partial(sink.write, content))
            self._call(sink.close)
            return
        with source.open("rb") as stream, self._whole(target) as sink:
            shutil.copyfileobj(stream, sink, _BLOCK)

    @contextmanager
    def _whole(self, target: str) -> Iterator[Any]:
        sink = self._call(partial(self._system.open_output_stream, target))
        try:
            yield _Stream(sink, self._call)
            self._call(sink.close, _MANY_CALLS)
        except StoreTimeoutError:
            raise  # nor would it respond to what follows
        except BaseException:
            # Closing is what makes it appear, and there is no other way to let go of it.
            with suppress(OSError):
                self._call(sink.close)
            with suppress(OSError):
                self._call(partial(self._system.delete_file, target))
            raise


class _Stream:
    """A stream of a store, each of whose reads and writes is a call."""

    def __init__(self, stream: Any, call: Callable[[Callable[[], Any]], Any]) -> None:
        self._stream, self._call = stream, call

    def read(self, count: int = -1, /) -> Any:
        return self._call(partial(self._stream.read, count))

    def write(self, content: Any) -> None:
        self._call(partial(self._stream.write, content))


def files_below(uri: str) -> tuple[bool, list[RemoteFile]]:
    """Whether a URI names a folder, and the files in it and below, or the file that it names.

    Raises SpartonError where there is nothing, or it cannot be reached.
    """
    from pyarrow.fs import FileSelector, FileType

    system, path = _resolve(uri)
    visible = redacted(uri)
    base, question, query = uri.partition("?")
    try:
        (info,) = bounded(partial(system.get_file_info, [path]), visible)
        if info.type == FileType.File:
            return False, [RemoteFile(uri)]
        if info.type != FileType.Directory:
            raise SpartonError(f"the corpus {visible} does not exist; check the path")
        found = bounded(partial(system.get_file_info, FileSelector(path, recursive=True)), visible, _MANY_CALLS)
    except OSError as error:
        raise unreachable(uri, error) from error
    return True, [
        RemoteFile(f"{base.rstrip('/')}{quote(name)}{question}{query}")
        for name in sorted(info.path[len(path.rstrip("/")) :] for info in found if info.type == FileType.File)
    ]


def unreachable(uri: str, error: Exception) -> SpartonError:
    """The sentence for a URI that could not be reached."""
    reason = masked(str(error).splitlines()[0], uri)[:300] if str(error) else type(error).__name__
    return SpartonError(
        f"{redacted(uri)} cannot be reached: {reason}; check the address and who may read and write there"
    )


def _resolve(uri: str) -> "tuple[FileSystem, str]":
    return _connected(uri, store_timeout())


@lru_cache(maxsize=1024)
def _connected(uri: str, seconds: float) -> "tuple[FileSystem, str]":
    import pyarrow as pa

    try:
        return bounded(partial(_connect, uri, seconds), redacted(uri))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreachable(uri, error) from error


def _connect(uri: str, seconds: float) -> "tuple[FileSystem, str]":
    """A URI's file system, which gives up waiting by itself too, and the path in it."""
    from pyarrow.fs import FileSystem

    system, path = FileSystem.from_uri(uri)
    if system.type_name == "s3":
        # There is no URI for these: they go in where a pickled one is made again. Half the time, so that a request that
        # was lost is repeated within it. In the background whole files would be kept in memory until they are sent.
        _, (options,) = system.__reduce__()
        waits = {"connect_timeout": seconds / 2, "request_timeout": seconds / 2, "background_writes": False}
        system = type(system)(**{**options, **waits})
    return system, str(path)
