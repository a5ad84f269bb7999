"""The corpus as one stream of rows, whatever its files are."""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from typing import Any

import pyarrow as pa

from ...errors import SpartonError
from ...storage.redaction import masked
from ...storage.remote import RemoteFile
from .file_state import FileState, check_unchanged, file_state
from .files import DataFile, find_files
from .formats import KNOWN, format_named, suffix_of
from .lines import call
from .rows import Rows

_BLOCK = 2**24
# What reading a damaged file may raise.
_UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError, EOFError, zlib.error)


class Corpus:
    """Data files of one format, read in path order; all local, or all on one file system by URI.

    states: of the files when they were first looked at (see file_state.py); None for now. A file that is in another
    one when it is read is refused. header: whether the first line of CSV and TSV names the columns.
    Raises SpartonError when a path is missing, holds no data file, or mixes formats.
    """

    def __init__(
        self, paths: Sequence[str | DataFile], states: Sequence[FileState] | None = None, *, header: bool = True
    ) -> None:
        self.files = find_files(paths)
        self.states = tuple(states if states is not None else map(file_state, self.files))
        first = {KNOWN[suffix_of(file.name)]: file for file in reversed(self.files)}
        readers = {format_named(name, header=header): first[name] for name in sorted(first)}
        if len(readers) > 1:
            found = ", ".join(f"{reader.title} as {file}" for reader, file in readers.items())
            pattern = f"*{suffix_of(next(iter(readers.values())).name)}"
            raise SpartonError(
                f"the corpus mixes formats ({found}); give files of one format at a time, as by a pattern that ends in "
                f"{pattern!r}"
            )
        (self.format,) = readers
        _check_system(self.files)

    @cached_property
    def schemas(self) -> tuple[Mapping[str, str], ...]:
        """The kind of each column of each file, by name. Of JSON lines all is read for it."""
        return tuple(self._schema(file) for file in self.files)

    def with_schemas(self, schemas: Sequence[Mapping[str, str]]) -> "Corpus":
        """The same corpus, of whose files the columns are known."""
        known = copy(self)
        known.__dict__.pop("names", None)
        known.__dict__["schemas"] = tuple(schemas)
        return known

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all columns that any file has."""
        return tuple(dict.fromkeys(name for schema in self.schemas for name in schema))

    def first_rows(self, file: DataFile, columns: Sequence[str] = (), fields: Sequence[str] = ()) -> Rows | None:
        """The first rows of a file; None if there is no row. Raises SpartonError for a damaged file."""
        try:
            return next(self.format.rows(file, columns, fields), None)
        except _UNREADABLE as error:
            raise self._unreadable(file, error) from error

    def rows(self, columns: Sequence[str], fields: Sequence[str] = ()) -> Iterator[Rows]:
        """The chosen columns of every row, and those that are to be fields, file after file.

        Raises SpartonError where a file turns out to be damaged, or to have changed.
        """
        for file, state in zip(self.files, self.states, strict=True):
            check_unchanged(file, state)
            try:
                for rows in self.format.rows(file, columns, fields):
                    if not isinstance(file, RemoteFile):  # of a remote file it is a request
                        check_unchanged(file, state)
                    yield rows
            except _UNREADABLE as error:
                check_unchanged(file, state)  # or that is why
                raise self._unreadable(file, error) from error
            check_unchanged(file, state)

    def fingerprint(self) -> str:
        """A digest of the files' bytes: a moved or renamed corpus is still the same corpus, an edited one is not."""
        digest = hashlib.sha256()
        for file, state in zip(self.files, self.states, strict=True):
            with file.open("rb") as stream:
                digest.update(_digest(file, stream))
            check_unchanged(file, state)
        return f"sha256:{digest.hexdigest()}"

    def _schema(self, file: DataFile) -> Mapping[str, str]:
        try:
            return self.format.schema(file)
        except _UNREADABLE as error:
            raise self._unreadable(file, error) from error

    def _unreadable(self, file: DataFile, error: Exception) -> SpartonError:
        reason = _reason(error)
        if isinstance(file, RemoteFile):
            reason = masked(reason, file.uri)
        return SpartonError(
            f"{file} cannot be read as {self.format.title}: {reason}; mend or remove the file and run again"
        )


def _check_system(files: Sequence[DataFile]) -> None:
    """Raise SpartonError for files of several file systems."""
    systems = [file.located[0] if isinstance(file, RemoteFile) else None for file in files]
    if any(system != systems[0] for system in systems):
        raise SpartonError(f"the corpus lies on several file systems ({files[0]}, {files[-1]}); bring it to one")


def _digest(file: DataFile, stream: Any) -> bytes:
    """SHA-256 of what is left of a stream, in blocks that are worth a request each where it is not a local file."""
    digest = hashlib.sha256()
    while block := call(file, partial(stream.read, _BLOCK)):
        digest.update(block)
    return digest.digest()


def _reason(error: Exception) -> str:
    """The part of Arrow's message that says what is wrong: its first line without the file and Arrow's advice."""
    message = str(error).split(" file?: ", 1)[-1].split(". Either", 1)[0].strip().split("\n", 1)[0]
    message = re.sub(r"^Could not open .*? input source '.*?': (Invalid: )?", "", message)
    return "".join(filter(str.isprintable, message)).rstrip(".: ") or type(error).__name__
