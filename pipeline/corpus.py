"""The corpus: data files found by path, folder or glob, and read through pyarrow.dataset as one stream of rows."""

import glob
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as pads
import pyarrow.json as pajson
import pyarrow.parquet as pq

from ..errors import SpartonError, UsageError
from ..manifest import NAME as MANIFEST

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


@dataclass(frozen=True, slots=True)
class Rows:
    """Some consecutive rows of one file; `first` is the number of the first, counted from 1 within the file."""

    file: Path
    first: int
    batch: pa.RecordBatch


class Corpus:
    """Data files of one format and one schema, read in path order.

    Raises SpartonError when a path is missing, holds no data file, mixes formats, or cannot be opened.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.files = find_files(paths)
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
        names = [str(file) for file in self.files]
        try:
            if self.format == "json":
                return pads.dataset(
                    names, format=pads.JsonFileFormat(read_options=pajson.ReadOptions(block_size=_BLOCK))
                )
            if self.format not in ("csv", "tsv"):
                return pads.dataset(names, format=self.format)
            # Every CSV column is text: an id of "007" must not become 7.
            tabs = self.format == "tsv"
            parse = (
                pacsv.ParseOptions(delimiter="\t", quote_char=False)
                if tabs
                else pacsv.ParseOptions(newlines_in_values=True)
            )
            read = pacsv.ReadOptions(block_size=_BLOCK)
            guess = pads.CsvFileFormat(parse_options=parse, read_options=read)
            columns = pads.dataset(names, format=guess).schema.names
            convert = pacsv.ConvertOptions(column_types={name: pa.string() for name in columns})
            text = pads.CsvFileFormat(parse_options=parse, read_options=read, convert_options=convert)
            return pads.dataset(names, format=text)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._unreadable(self._first_unreadable(names), error) from error

    def _first_unreadable(self, names: Sequence[str]) -> str:
        if self.format in ("parquet", "ipc"):
            for name in names:
                try:
                    pads.dataset(name, format=self.format)
                except (pa.ArrowException, OSError):
                    return name
        return names[0]

    def _unreadable(self, file: str | Path, error: Exception) -> SpartonError:
        return SpartonError(
            f"{file} cannot be read as {_FORMAT_NAMES[self.format]}: {_reason(error)}; "
            "mend or remove the file and run again"
        )

    def schemas(self) -> Iterator[tuple[str, pa.Schema]]:
        """Path and schema of each file on its own: the corpus has the first one's."""
        for fragment in self._dataset.get_fragments():
            try:
                yield fragment.path, fragment.physical_schema
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise self._unreadable(fragment.path, error) from error

    def rows(self, columns: Sequence[str]) -> Iterator[Rows]:
        """The chosen columns of every row, file after file.

        Raises SpartonError where a file turns out to be damaged.
        """
        for file, fragment in zip(self.files, self._dataset.get_fragments(), strict=True):
            first = 1
            try:
                for batch in self._batches(file, fragment, list(columns)):
                    batch.validate(full=True)  # strings may turn out not to be UTF-8
                    yield Rows(file, first, batch)
                    first += batch.num_rows
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise self._unreadable(file, error) from error

    def _batches(self, file: Path, fragment: pads.Fragment, columns: list[str]) -> Iterator[pa.RecordBatch]:
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
        # that carry a checksum are held to it.
        with pq.ParquetFile(file, pre_buffer=False, page_checksum_verification=True) as parquet:
            # One row group at a time: what stands before a damaged one is to be had.
            for group in range(parquet.num_row_groups):
                yield from parquet.iter_batches(ROWS_A_BATCH, row_groups=[group], columns=columns, use_threads=False)

    def fingerprint(self) -> str:
        """A digest of the files' bytes: a moved or renamed corpus is still the same corpus, an edited one is not."""
        digest = hashlib.sha256()
        for file in self.files:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return f"sha256:{digest.hexdigest()}"


def find_files(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """The data files that files, folders (searched through) and globs name: each path's in name order, none twice.

    Raises UsageError for no path at all; SpartonError for a path that is missing or holds no data file.
    """
    if not paths:
        raise UsageError("no corpus was given; name a Parquet file, a folder or a glob")
    found: dict[Path, None] = {}
    for path in paths:
        found.update(dict.fromkeys(_files_of(Path(path))))
    return tuple(found)


def _files_of(path: Path) -> list[Path]:
    known = ", ".join(FORMATS)
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise SpartonError(f"the path {str(path)!r} is not UTF-8; rename it") from None
    if path.is_dir():
        files = sorted(_data_files(path))
        if not files:
            raise SpartonError(f"the folder {path} has no data files; Sparton reads {known}")
        return files
    if path.is_file():
        if path.suffix.lower() not in FORMATS:
            raise SpartonError(f"{path} is of no format that Sparton reads; it reads {known}")
        return [path]
    if glob.has_magic(str(path)):
        matches = (Path(match) for match in glob.glob(str(path), recursive=True))
        files = sorted(file for file in matches if file.is_file() and file.suffix.lower() in FORMATS)
        if not files:
            raise SpartonError(f"the pattern {path} matches no data file; Sparton reads {known}")
        return files
    raise SpartonError(f"the corpus {path} does not exist; check the path")


def _reason(error: Exception) -> str:
    """The part of Arrow's message that says what is wrong: its first line without the file and Arrow's advice."""
    message = str(error).split(" file?: ", 1)[-1].split(". Either", 1)[0].strip().split("\n", 1)[0]
    message = re.sub(r"^Could not open .*? input source '.*?': (Invalid: )?", "", message)
    message = re.sub(r" in row \d+$", "", message)  # counted from the start of a block, not of the file
    return "".join(filter(str.isprintable, message)).rstrip(".: ") or type(error).__name__


def _data_files(folder: Path) -> Iterator[Path]:
    """Files of a known format in a folder and below, but for hidden ones and what lies in an index of Sparton's."""
    for place, folders, names in os.walk(folder):
        if MANIFEST in names:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        for name in names:
            if not name.startswith((".", "_")) and Path(name).suffix.lower() in FORMATS:
                yield Path(place, name)
