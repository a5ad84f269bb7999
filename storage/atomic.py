"""Files appear whole or not at all, and nothing is written but what was named."""

import errno
import fcntl
import io
import logging
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import Parameter, SpartonError, UsageError

LOCK = ".lock"
# What a file is called until it is whole: a writer that is killed leaves it behind. Who locks a folder of ours removes
# such files from it; in a user's folder they stay.
LEFTOVERS = ".sparton-*.tmp"
_BUFFER = 2**20  # bytes that are written at once: parts come line by line
_MOST_LINKS = 40  # that lead to one another
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, a quota, a file
_Identity = tuple[int, int]
log = logging.getLogger("sparton")


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file in a folder of our own, which appears whole or not at all: under a new name, fsynced and renamed.

    A file that is replaced passes its mode on. A link is replaced by the file; what it points at is not ours.
    """
    with _naming(path):
        stream = _new_file(path.parent)
    temporary = Path(stream.name)
    try:
        with naming_full(path), stream:
            _keep_mode(path, stream)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with _naming(path):
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def output_file(path: Path) -> Iterator[BinaryIO]:
    """Write to what a user named; see check_output and refuse_inputs for what is to be found out before.

    A file appears whole or not at all. A link stays, and the file that it points at is the one that is written.
    Devices, pipes and sockets are written to directly, and so is what is open already: /dev/stdout and /dev/fd/3 are
    not opened again, which would begin at the start of the file behind them.
    """
    number = _descriptor(path)
    if number is not None:
        with naming_full(path), _open_already(number) as stream:
            yield stream
        return
    status = _status(path)
    if status is None or stat.S_ISREG(status.st_mode):
        with whole_file(_behind_links(path)) as stream:
            yield stream
    elif stat.S_ISSOCK(status.st_mode):
        import socket  # milliseconds that a cold search is spared

        with socket.socket(socket.AF_UNIX) as connection:
            with _naming(path):
                connection.connect(str(path))
            with naming_full(path), connection.makefile("wb") as stream:
                yield stream
    else:
        with (
            naming_full(path),
            open(path, "wb", opener=lambda name, _: os.open(name, os.O_WRONLY | os.O_NOCTTY)) as stream,
        ):
            yield stream


def check_output(option: Parameter, path: Path, *, make_folders: bool = False) -> None:
    """Find out, before there is anything to write, whether a user's file can be. option: its parameter.

    make_folders: the folders above it will be made. Raises UsageError for a folder, a file in a folder that is missing
    or cannot be written to, and whatever else cannot be written.
    """
    try:
        number = _descriptor(path)
        if number is not None:
            if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                raise UsageError(option, f" is {path}, which is open for reading only; name another file")
            return
        status = _status(path)
        if status is not None and stat.S_ISDIR(status.st_mode):
            raise UsageError(option, f" is the folder {path}; name a file")
        if status is not None and not os.access(path, os.W_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UsageError(
            option, f" is {path}, which cannot be written ({error.strerror}); name another file"
        ) from error
    if status is None or stat.S_ISREG(status.st_mode):
        _check_folder(option, path, _behind_links(path).parent, make_folders)


def check_output_folder(option: Parameter, folder: Path) -> None:
    """Find out, before there is anything to write, whether files can be made in a folder, which is made where it is
    missing. option: its parameter. Raises UsageError; not for a file, of which who knows what the folder is for says
    more."""
    try:
        status = _status(folder)
    except OSError as error:
        raise UsageError(
            option, f" is {folder}, which cannot be written ({error.strerror}); name another folder"
        ) from error
    if status is None or stat.S_ISDIR(status.st_mode):
        _check_folder(option, folder, folder, make=True, what="folder")


def _check_folder(option: Parameter, path: Path, folder: Path, make: bool, what: str = "file") -> None:
    """Whether a file can be made in a folder, or in the nearest one above it that exists. what: the user named."""
    if make:
        folder = _behind_links(folder)
        while not os.path.lexists(folder):
            folder = folder.parent
    elif not folder.exists():
        raise UsageError(option, f" is {path}, and the folder {folder} does not exist; make it, or name another file")
    try:
        with _new_file(folder) as stream:
            Path(stream.name).unlink(missing_ok=True)  # a build that begins there may have removed it
    except OSError as error:
        raise UsageError(
            option,
            f" is {path}, and nothing can be written to the folder {folder} ({error.strerror}); name another {what}",
        ) from error


def refuse_inputs(option: Parameter, outputs: Iterable[Path], inputs: Mapping[Path, str]) -> None:
    """Find out, before there is anything to write, that no output is an input, by whatever name.

    option: the outputs' parameter. outputs: files, or the folders of an index. inputs: files that are read, and index
    folders, into which nobody but a build writes; each with what it is called. Devices, pipes and sockets are not
    compared: what was read from them is not lost by writing. Raises UsageError, too, for an output in an index folder,
    and a file in an index folder that will be written.
    """
    known: dict[str, _Identity | None] = {}
    read: dict[_Identity, str] = {}
    above: dict[_Identity, str] = {}
    for path, name in inputs.items():
        own, *folders = _identities(path, known)
        if own is not None:
            read.setdefault(own, name)
            above.update((folder, name) for folder in folders if folder is not None)
    for output in outputs:
        own, *folders = _identities(output, known)
        if own in read:
            raise UsageError(option, f" is {output}, which is {read[own]} and would be overwritten; name another file")
        if own in above:
            raise UsageError(
                f"{above[own]} lies in the index folder {output}, which is to be written; name another with ", option
            )
        for folder in folders:
            if folder in read:
                raise UsageError(
                    option,
                    f" is {output}, which lies in {read[folder]}; only the index itself is written to that "
                    "folder, so name another file",
                )


def is_stdout(path: Path) -> bool:
    """Whether what is written to a path comes out where this process prints its results."""
    number = _descriptor(path)
    return number == 1 or (number is not None and os.path.samestat(os.fstat(number), os.fstat(1)))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing; of a link the one that it points at."""
    with _naming(folder):
        _behind_links(folder).mkdir(parents=True, exist_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what writers that were killed left in a folder of ours. Nobody may be writing to it."""
    for path in folder.glob(LEFTOVERS):
        path.unlink(missing_ok=True)


def cache_folder() -> Path:
    """Where the user's caches are."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "sparton"


@contextmanager
def locked(folder: Path, why: str | None = None) -> Iterator[None]:
    """Hold the lock of `folder`, which is ours, at most as long as this process lives.

    Waits for it if it is taken; with `why`, raises SpartonError(why) instead. What others left behind is removed.
    """
    with open(folder / LOCK, "ab", opener=_not_through_links) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX if why is None else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpartonError(why) from None
        remove_leftovers(folder)
        yield


def remove_folder(folder: Path) -> None:
    """Remove a folder, if it exists: at once, by a rename, so that nobody ever finds a part of it.

    Where there is a link to a folder instead (an index whose `lucene` lies on another disk, say), the link is
    removed. The folder that it points at was never named to us, so it is left with all that is in it, and a log line
    says so.
    """
    doomed = folder.with_name(folder.name + ".old")
    _remove(doomed)
    if os.path.lexists(folder):
        if folder.is_symlink():
            log.info("%s was a link, which is removed; %s is left as it is", folder, os.path.realpath(folder))
        folder.replace(doomed)
        _remove(doomed)


def finish_removal(folder: Path) -> None:
    """Remove what is left of a folder whose removal was killed."""
    _remove(folder.with_name(folder.name + ".old"))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def within(folder: Path, path: Path) -> Path:
    """`path`, which is in `folder`. Raises SpartonError where a symbolic link leads out of it."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise SpartonError(f"{path} leads out of {folder} by a symbolic link; remove the link and run again")
    return path


def sync_folder(folder: Path) -> None:
    """Make renames within `folder` durable, where one may read it as well as write to it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have an error name the file that was meant, whatever it is called until it is whole."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


@contextmanager
def naming_full(path: Path) -> Iterator[None]:
    """Have an error name the file that takes no more, which the system does not do while one is written to."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in _FULL:
            error.filename = str(path)
        raise


def _new_file(folder: Path) -> BinaryIO:
    """A file that nobody has, with the mode that any new file gets."""
    while True:
        with suppress(FileExistsError):
            name = LEFTOVERS.replace("*", os.urandom(8).hex())
            return open(folder / name, "xb", buffering=_BUFFER, opener=_not_through_links)


def _not_through_links(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o666)


def _keep_mode(path: Path, stream: BinaryIO) -> None:
    """Give a file the mode of the one that it will replace."""
    with suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode) and (mode ^ os.fstat(stream.fileno()).st_mode) & 0o777:
            os.fchmod(stream.fileno(), mode & 0o777)


def _status(path: Path) -> os.stat_result | None:
    """What a path leads to; None for nothing, which may be where a link points."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _behind_links(path: Path) -> Path:
    """The path itself, or where it leads as a link."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _descriptor(path: Path) -> int | None:
    """The number of the file of this process that a path as /dev/stdout or /dev/fd/3 means, None for others."""
    ours = re.compile(rf"/proc/{os.getpid()}(/task/\d+)?/fd")
    for _ in range(_MOST_LINKS):
        if path.name.isascii() and path.name.isdecimal() and ours.fullmatch(os.path.realpath(path.parent)):
            return int(path.name)
        if not path.is_symlink():
            return None
        path = path.parent / os.readlink(path)
    return None


@contextmanager
def _open_already(number: int) -> Iterator[BinaryIO]:
    """What this process has open, to write on from where it is."""
    own = {1: sys.stdout, 2: sys.stderr}.get(number)
    if isinstance(own, io.TextIOWrapper):
        own.flush()
        yield own.buffer
        own.flush()
    else:
        with os.fdopen(os.dup(number), "wb") as stream:
            yield stream


def _identities(path: Path, known: dict[str, _Identity | None]) -> Iterator[_Identity | None]:
    """That of what a path leads to, then of each folder above; None for what is neither a file nor a folder.

    known: those that were looked up before.
    """
    real = Path(os.path.realpath(path))
    for name in (path, *real.parents):
        if str(name) not in known:
            known[str(name)] = None
            with suppress(OSError):  # what cannot be looked at is found out by whoever opens it
                status = name.stat()
                if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
                    known[str(name)] = (status.st_dev, status.st_ino)
        yield known[str(name)]
