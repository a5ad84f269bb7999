"""Files appear whole or not at all."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import SpartonError

LOCK = ".lock"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write to `path` + ".tmp"; on success fsync it and rename it to `path`, on failure remove it."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb", opener=_no_link) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def cache_folder() -> Path:
    """Where the user's caches are."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "sparton"


@contextmanager
def locked(folder: Path, why: str | None = None) -> Iterator[None]:
    """Hold the lock of `folder`, at most as long as this process lives.

    Waits for it if it is taken; with `why`, raises SpartonError(why) instead.
    """
    with (folder / LOCK).open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX if why is None else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpartonError(why) from None
        yield


def remove_folder(folder: Path) -> None:
    """Remove a folder, if it is there: at once, by a rename, so that nobody ever finds a part of it."""
    doomed = folder.with_name(folder.name + ".old")
    if doomed.exists():
        shutil.rmtree(doomed)
    if folder.exists():
        folder.replace(doomed)
        shutil.rmtree(doomed)


def within(folder: Path, path: Path) -> Path:
    """`path`, which is in `folder`. Raises SpartonError where a symbolic link leads out of it."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise SpartonError(f"{path} leads out of {folder} by a symbolic link; remove the link and run again")
    return path


def _no_link(path: str, flags: int) -> int:
    """Opens a file, and not what a symbolic link in its stead names."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def sync_folder(folder: Path) -> None:
    """Make renames within `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
