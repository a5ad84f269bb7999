"""Whether a corpus file is still the one that was checked: digest, ids and texts are read one after the other."""

import os
from pathlib import Path

from ...errors import SpartonError
from ...storage.remote import RemoteFile
from .spooled import SpooledFile

# Of a local file size, times of change of content and of anything, and number; of a remote one size and time of change.
FileState = tuple[int | None, ...]


def file_state(file: Path | RemoteFile | SpooledFile) -> FileState:
    """What tells a file from one that is changed or replaced. Raises SpartonError where there is none."""
    try:
        if isinstance(file, RemoteFile):
            return file.state
        found = os.stat(file)
    except FileNotFoundError:
        raise SpartonError(f"{file} was removed while it was read; put it back and run again") from None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def portable_state(state: FileState) -> FileState:
    """The part of a state that a file has on every machine that sees it: size and time of change."""
    return state[:2]


def check_unchanged(file: Path | RemoteFile | SpooledFile, before: FileState) -> None:
    """Raise SpartonError if a file is not in the state that it was in before, as far as that says."""
    if file_state(file)[: len(before)] != before:
        raise SpartonError(
            f"{file} was changed or replaced while it was read, so not all of it was checked; leave it as it is until "
            "the command has ended, and run it again"
        )
