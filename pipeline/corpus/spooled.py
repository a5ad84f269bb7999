"""A file of rows that a program gave: read as any other, and called what the rows were."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol


class ArrowStream(Protocol):
    """Columns that are handed over by Arrow's protocol: a DataFrame of pandas or polars, a table, a reader."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """A capsule with the stream."""


GivenCorpus = str | Path | Sequence[str | Path] | ArrowStream | Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """Such a file. path: absolute. kind: the type of what was given, as "DataFrame". rows: how many."""

    path: Path
    kind: str
    rows: int

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def described(self) -> str:
        """What was given, for sparton.json."""
        article = "an" if self.kind[0].lower() in "aeiou" else "a"
        return f"{article} {self.kind} of {self.rows:,} row{'' if self.rows == 1 else 's'}"

    def open(self, mode: str = "rb") -> BinaryIO:
        """A stream to read from. Raises OSError."""
        assert mode == "rb"
        return self.path.open("rb")

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return f"the {self.kind}"


def recorded(files: Sequence[object]) -> list[object]:
    """The files of a corpus as sparton.json has them."""
    return [file.described if isinstance(file, SpooledFile) else file for file in files]
