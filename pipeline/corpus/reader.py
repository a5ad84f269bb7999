"""The corpus: data files found by path, folder or glob, and read through pyarrow.dataset as one stream of rows."""

import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as pads
import pyarrow.json as pajson
import pyarrow.parquet as pq
from pyarrow.fs import FileSystem

from ...errors import SpartonError, UsageError
from ...storage.manifest import NAME as MANIFEST
from ...storage.redaction import masked, redacted
from ...storage.remote import RemoteFile, files_below, local_path
from ...storage.store_calls import bounded, bounded_items
from ...storage.walk import Files, is_folder, look
from .file_state import FileState, check_unchanged, file_state

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".arrow": "ipc",
    ".feather": "ipc",
}
_FORMAT_NAMES = {"parquet": "Parquet", "json": "JSON lines", "csv": "CSV", "tsv": "TSV", "ipc": "Arrow"}
ROWS_A_BATCH = 1024
# A line must fit into a block, and the first block decides which columns there are.
_BLOCK = 2**24
DataFile = Path | RemoteFile
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows:
    """Some consecutive rows of one file; `first` is the number of the first, counted from 1 within the file."""

    file: DataFile
    first: int
    batch: pa.RecordBatch


class Corpus:
    """Data files of one format and one schema, read in path order; all local, or all on one file system by URI.

    states: of the files when they were first looked at (see file_state.py); None for now. A file that is in another
    one when it is read is refused.
    Raises SpartonError when a path is missing, holds no data file, mixes formats, or cannot be opened.
    """

    def __init__(self, paths: Sequence[str | DataFile], states: Sequence[FileState] | None = None) -> None:
        self.files = find_files(paths)
        self.states = tuple(states if states is not None else map(file_state, self.files))
        formats = {FORMATS[file.suffix.lower()] for file in self.files}
        if len(formats) > 1:
            raise SpartonError(
                f"the corpus mixes formats ({', '.join(sorted(_FORMAT_NAMES[name] for name in formats))}); "
                "give files of one format at a time"
            )
        self.format = formats.pop()
        self._dataset = self._open()
        self.schema = self._dataset.schema

    def _open(self) -> pads.FileSystemDataset:
        names, system = self._located()

        def dataset(**how: Any) -> pads.FileSystemDataset:
            return _call(self.files[0], partial(pads.dataset, names, filesystem=system, **how))

        try:
            if self.format == "json":
                return dataset(format=pads.JsonFileFormat(read_options=pajson.ReadOptions(block_size=_BLOCK)))
            if self.format not in ("csv", "tsv"):
                return dataset(format=self.format)
            # Every CSV column is text: an id of "007" must not become 7.
            tabs = self.format == "tsv"
            parse = (
                pacsv.ParseOptions(delimiter="\t", quote_char=False)
                if tabs
                else pacsv.ParseOptions(newlines_in_values=True)
            )
            read = pacsv.ReadOptions(block_size=_BLOCK)
            guess = pads.CsvFileFormat(parse_options=parse, read_options=read)
            columns = dataset(format=guess).schema.names
            convert = pacsv.ConvertOptions(column_types={name: pa.string() for name in columns})
            text = pads.CsvFileFormat(parse_options=parse, read_options=read, convert_options=convert)
            return dataset(format=text)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._unreadable(self._first_unreadable(names, system), error) from error

    def _located(self) -> tuple[list[str], FileSystem | None]:
        """The files' paths within their file system, None for local files."""
        remote = [file.located for file in self.files if isinstance(file, RemoteFile)]
        if not remote:
            return [str(file) for file in self.files], None
        systems = [system for system, _ in remote]
        if len(remote) < len(self.files) or any(system != systems[0] for system in systems):
            raise SpartonError(
                f"the corpus lies on several file systems ({self.files[0]}, {self.files[-1]}); bring it to one"
            )
        return [path for _, path in remote], systems[0]

    def _first_unreadable(self, names: Sequence[str], system: FileSystem | None) -> DataFile:
        if self.format in ("parquet", "ipc"):
            for file, name in zip(self.files, names, strict=True):
                try:
                    _call(file, partial(pads.dataset, name, format=self.format, filesystem=system))
                except (pa.ArrowException, OSError):
                    return file
        return self.files[0]

    def _unreadable(self, file: str | DataFile, error: Exception) -> SpartonError:
        reason, first = _reason(error), self.files[0]
        if isinstance(first, RemoteFile):
            reason = masked(reason, first.uri)
        return SpartonError(
            f"{file} cannot be read as {_FORMAT_NAMES[self.format]}: {reason}; mend or remove the file and run again"
        )

    def schemas(self) -> Iterator[tuple[str, pa.Schema]]:
        """Path and schema of each file on its own: the corpus has the first one's."""
        for file, fragment in zip(self.files, self._dataset.get_fragments(), strict=True):
            try:
                yield str(file), _call(file, partial(getattr, fragment, "physical_schema"))
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise self._unreadable(file, error) from error

    def rows(self, columns: Sequence[str]) -> Iterator[Rows]:
        """The chosen columns of every row, file after file.

        Raises SpartonError where a file turns out to be damaged, or to have changed.
        """
        for file, state, fragment in zip(self.files, self.states, self._dataset.get_fragments(), strict=True):
            first = 1
            check_unchanged(file, state)
            try:
                for batch in _items(file, self._batches(file, fragment, list(columns))):
                    batch.validate(full=True)  # strings may turn out not to be UTF-8
                    if isinstance(file, Path):  # of a remote file it is a request
                        check_unchanged(file, state)
                    yield Rows(file, first, batch)
                    first += batch.num_rows
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                check_unchanged(file, state)  # or that is why
                raise self._unreadable(file, error) from error
            check_unchanged(file, state)

    def _batches(self, file: DataFile, fragment: pads.Fragment, columns: list[str]) -> Iterator[pa.RecordBatch]:
        if self.format != "parquet":
            # Reading ahead would hold many blocks at once; encoding is far slower than reading.
            yield from fragment.to_batches(
                self.schema,
                columns=columns,
                batch_size=ROWS_A_BATCH,
                batch_readahead=1,
                fragment_readahead=1,
                use_threads=False,
            )
            return
        # Page by page; a dataset would decode a whole row group, often the whole file, before its first row. Pages
        # that carry a checksum are checked.
        remote = isinstance(file, RemoteFile)  # where many small reads cost more than memory
        with (
            file.open("rb") as stream,
            pq.ParquetFile(stream, pre_buffer=remote, page_checksum_verification=True) as parquet,
        ):
            # One row group at a time, so that all before a damaged one is read.
            for group in range(parquet.num_row_groups):
                yield from parquet.iter_batches(ROWS_A_BATCH, row_groups=[group], columns=columns, use_threads=False)

    def fingerprint(self) -> str:
        """A digest of the files' bytes: a moved or renamed corpus is still the same corpus, an edited one is not."""
        digest = hashlib.sha256()
        for file, state in zip(self.files, self.states, strict=True):
            with file.open("rb") as stream:
                digest.update(_digest(file, stream))
            check_unchanged(file, state)
        return f"sha256:{digest.hexdigest()}"


def _call(file: DataFile, call: Callable[[], T]) -> T:
    """What a call gives; of a remote file within its time."""
    return bounded(call, str(file)) if isinstance(file, RemoteFile) else call()


def _items(file: DataFile, items: Iterator[T]) -> Iterator[T]:
    """What is read of a file; of a remote one each item within its time."""
    return bounded_items(items, str(file)) if isinstance(file, RemoteFile) else items


def _digest(file: DataFile, stream: Any) -> bytes:
    """SHA-256 of what is left of a stream, in blocks that are worth a request each where it is not a local file."""
    digest = hashlib.sha256()
    while block := _call(file, partial(stream.read, _BLOCK)):
        digest.update(block)
    return digest.digest()


def find_files(paths: Sequence[str | DataFile]) -> tuple[DataFile, ...]:
    """The data files that files, folders (searched through), globs and URIs of files and folders name: each one's in
    name order, none twice, whatever links lead to it.

    Raises UsageError for no path at all; SpartonError for a path that is missing or holds no data file, and as Files.
    """
    if not paths:
        raise UsageError("no corpus was given; name a Parquet file, a folder or a glob")
    found: dict[DataFile, None] = {}
    files = Files(_is_data, hidden=(".", "_"))
    for path in paths:
        local = None if isinstance(path, RemoteFile) else local_path(path)
        if local is None:
            found.update(dict.fromkeys(_remote_files(path.uri if isinstance(path, RemoteFile) else str(path))))
        else:
            found.update(dict.fromkeys(_files_of(local, files)))
    files.report()
    return tuple(found)


def _remote_files(uri: str) -> list[RemoteFile]:
    """The data files that a URI names."""
    folder, files = files_below(uri)
    indexes = [file.uri.removesuffix(MANIFEST) for file in files if file.name == MANIFEST] if folder else []
    known = [
        file
        for file in files
        if _is_data(file.name)
        and not (folder and re.search(r"/[._]", file.uri.removeprefix(uri.rstrip("/"))))
        and not any(file.uri.startswith(index) for index in indexes)
    ]
    if not known:
        name = redacted(uri)
        what = f"the folder {name} has no data files" if folder else f"{name} is of no format that Sparton reads"
        raise SpartonError(f"{what}; Sparton reads {', '.join(FORMATS)}")
    return known


def _files_of(path: Path, files: Files) -> list[Path]:
    """The files that a path names and that were not taken before."""
    _check_name(path)
    known, met = ", ".join(FORMATS), files.met
    if is_folder(look(path)):
        found = files.below(path)
        if files.met == met:
            raise SpartonError(f"the folder {path} has no data files; Sparton reads {known}")
    elif os.path.lexists(path):
        if not _is_data(path.name):
            raise SpartonError(f"{path} is of no format that Sparton reads; it reads {known}")
        found = files.take(path)
    elif glob.has_magic(str(path)):
        found = files.matching(path)
        if files.met == met:
            raise SpartonError(f"the pattern {path} matches no data file; Sparton reads {known}")
    else:
        raise SpartonError(f"the corpus {path} does not exist; check the path")
    for file in found:
        _check_name(file)
    return found


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise SpartonError(f"the path {str(path)!r} is not UTF-8; rename it") from None


def _is_data(name: str) -> bool:
    return PurePath(name).suffix.lower() in FORMATS


def _reason(error: Exception) -> str:
    """The part of Arrow's message that says what is wrong: its first line without the file and Arrow's advice."""
    message = str(error).split(" file?: ", 1)[-1].split(". Either", 1)[0].strip().split("\n", 1)[0]
    message = re.sub(r"^Could not open .*? input source '.*?': (Invalid: )?", "", message)
    message = re.sub(r" in row \d+$", "", message)  # counted from the start of a block, not of the file
    return "".join(filter(str.isprintable, message)).rstrip(".: ") or type(error).__name__
