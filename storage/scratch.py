"""Folders for what is needed only while a command runs."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import SpartonError
from .atomic import cache_folder, locked
from .index_location import IndexLocation

_PREFIX, _UNLOCKED = ".sparton-rows-", ".sparton-new-"


@contextmanager
def scratch_folder(location: IndexLocation, *, shared: bool) -> Iterator[Path]:
    """A new folder, which is removed at the end, with those that killed processes left beside it.

    It is in $SPARTON_SCRATCH; without that next to the index, or in the user's cache folder for one at a URI. shared:
    whether other machines read it, so that it is next to an index that is local whatever $SPARTON_SCRATCH says.
    Raises SpartonError where it cannot be made, or others could not see it.
    """
    if shared and location.uri:
        raise SpartonError(
            f"the machines of a cluster cannot read rows that a program gives, as the index {location.name} is at a "
            "URI and has no folder beside it; write them to a file that all of them see, and name that"
        )
    base = _base(location, shared)
    try:
        folder = _new_folder(base)
    except OSError as error:
        raise unwritable(base, error) from error
    try:
        with locked(folder):
            folder = folder.rename(folder.with_name(folder.name.replace(_UNLOCKED, _PREFIX)))
            yield folder
    finally:
        shutil.rmtree(folder)


def unwritable(folder: Path, error: Exception) -> SpartonError:
    """The error for rows that cannot be written to a folder."""
    reason = getattr(error, "strerror", None) or error
    return SpartonError(
        f"rows that a program gives are written to a file first, and the folder {folder} takes none ({reason}); name "
        "another with SPARTON_SCRATCH"
    )


def _new_folder(base: Path) -> Path:
    """A folder that nobody has, made when those of processes that were killed are removed."""
    base.mkdir(parents=True, exist_ok=True)
    for left in base.glob(f"{_PREFIX}*"):
        if not left.is_symlink():
            with suppress(SpartonError, OSError), locked(left, "another process uses it"):  # or it is another user's
                shutil.rmtree(left)
    return Path(tempfile.mkdtemp(prefix=_UNLOCKED, dir=base))


def _base(location: IndexLocation, shared: bool) -> Path:
    scratch = os.environ.get("SPARTON_SCRATCH")
    if location.uri or (scratch and not shared):
        return (Path(scratch) if scratch else cache_folder()).absolute()
    base = location.folder.absolute().parent
    while not base.exists():  # it is made once there is something to be put into it
        base = base.parent
    return base
