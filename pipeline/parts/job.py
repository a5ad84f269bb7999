"""What an encoding process has to be told: which corpus, how, into which folder."""

from dataclasses import dataclass
from pathlib import Path

from ..corpus.columns import Columns
from ..corpus.file_state import FileState
from ..corpus.files import DataFile
from ..options import EncodingOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A corpus to be encoded into a folder.

    states: of the files, when they were checked. rows: of all of them. generation: of the build; marks the parts that
    are made, so that no other build's are taken for finished. uri: where the index goes in the end, None
    if into the folder.
    """

    files: tuple[DataFile, ...]
    states: tuple[FileState, ...]
    columns: Columns
    rows: int
    folder: Path
    generation: str
    options: EncodingOptions
    uri: str | None = None

    @property
    def shards(self) -> int:
        """How many shards the corpus has."""
        return -(-self.rows // self.options.shard_rows)
