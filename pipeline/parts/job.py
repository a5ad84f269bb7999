"""What an encoding process has to be told: which model, which corpus, which folder."""

from dataclasses import dataclass
from pathlib import Path

from ..corpus.columns import Columns
from ..corpus.file_state import FileState
from ..corpus.reader import DataFile
from ..options import SCALE


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """The arguments of Encoder, but for the device."""

    model: str
    revision: str | None = None
    max_length: int | None = None
    dtype: str = "auto"
    scale: float = SCALE
    top_terms: int | None = None
    batch_tokens: int | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A corpus to be encoded into a folder.

    states: of the files, when they were checked. generation: of the build; marks the parts that are made, so that no
    other build's are taken for finished. chunk: split what is longer than the model takes into passages. uri: where
    the index goes in the end, None if into the folder. rows: of the corpus.
    """

    files: tuple[DataFile, ...]
    states: tuple[FileState, ...]
    columns: Columns
    shard_rows: int
    folder: Path
    generation: str
    store_text: bool
    chunk: bool = False
    uri: str | None = None
    rows: int = 0

    @property
    def shards(self) -> int:
        """How many shards the corpus has."""
        return -(-self.rows // self.shard_rows)
