"""The register of corpus formats: by the suffix of a file's name, what reads it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .files import DataFile
    from .rows import Rows

# Kinds of columns; others have Arrow's names. ANY where each row has a type of its own; an OBJECT has columns within.
TEXT, NULL, ANY, OBJECT, OBJECTS = "string", "null", "any", "object", "list of objects"
_ZIPPED = ".gz"
_SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".arrow": "arrow",
    ".feather": "arrow",
}
_LINES = ("json", "csv", "tsv")
READS = f"{', '.join(_SUFFIXES)}, and .gz of JSON lines, CSV and TSV"  # in a sentence
KNOWN = {**_SUFFIXES, **{f"{suffix}{_ZIPPED}": name for suffix, name in _SUFFIXES.items() if name in _LINES}}


class Format(Protocol):
    """Reads the files of one format."""

    @property
    def title(self) -> str:
        """The format's name in a sentence."""

    @property
    def heading(self) -> bool | None:
        """Whether the first line of a file names the columns, or else they are numbered; None of formats with names."""

    @property
    def by_columns(self) -> bool:
        """Whether one column can be read without the others."""

    @property
    def named_by_rows(self) -> bool:
        """Whether only its rows name a file's columns, so that all of them are read for its schema."""

    def schema(self, file: "DataFile") -> Mapping[str, str]:
        """The kind of each of a file's columns, by name, in order; a column within another has a name with dots.

        Raises SpartonError for a file whose columns cannot be told, and what Arrow and the file system raise.
        """

    def rows(self, file: "DataFile", columns: Sequence[str], fields: Sequence[str] = ()) -> Iterator["Rows"]:
        """All rows of a file, some at a time; a column that the file does not have is None throughout.

        fields: columns of which only the values matter, and not how they are written.

        Raises what Arrow and the file system raise.
        """


def suffix_of(name: str) -> str:
    """What a file's name says of its format: the last suffix, and the one before it of a compressed file."""
    path = PurePosixPath(name.lower())
    return "".join(path.suffixes[-2:]) if path.suffix == _ZIPPED else path.suffix


def format_named(name: str, *, header: bool) -> Format:
    """What reads the files of a format. header: whether the first line of CSV and TSV names the columns."""
    if name == "parquet":
        from .parquet import ParquetFormat

        return ParquetFormat()
    if name == "arrow":
        from .arrow import ArrowFormat

        return ArrowFormat()
    if name == "json":
        from .json_lines import JsonLines

        return JsonLines()
    from .delimited import Delimited, csv_rows, tsv_rows

    return Delimited("CSV", csv_rows, header) if name == "csv" else Delimited("TSV", tsv_rows, header)
