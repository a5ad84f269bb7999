"""Reads training texts from Parquet files, cleans them, and numbers each query and each passage once."""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

_FRONT_MATTER = re.compile(r"^---\s.*?\s---\s+(?=\S)", re.DOTALL)
_HEADING_MARKS = re.compile(r"(?:^|(?<=\s))#{1,6}(?=\s)")
_AROUND_A_QUERY = " \t\n:;,.-–—*#\"'“”‘’`("
_FEWEST_WORDS = 4  # of a passage
_LONGEST_QUERY = 400  # letters


@dataclass
class Texts:
    """Distinct queries and passages, each with the source that had it first.

    pairs: (query, passage) by their numbers, each once, in the order of the file.
    """

    queries: list[str] = field(default_factory=list)
    query_sources: list[str] = field(default_factory=list)
    passages: list[str] = field(default_factory=list)
    passage_sources: list[str] = field(default_factory=list)
    pairs: dict[tuple[int, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._query_numbers: dict[str, int] = {}
        self._passage_numbers: dict[str, int] = {}

    def add_query(self, text: str, source: str) -> int | None:
        """The number of a query; None for one without a letter, or of great length."""
        cleaned = clean_query(text)
        if not any(map(str.isalpha, cleaned)) or len(cleaned) > _LONGEST_QUERY:
            return None
        return _number(cleaned, source, self._query_numbers, self.queries, self.query_sources)

    def add_passage(self, text: str, source: str) -> int | None:
        """The number of a passage; None for one of hardly a word."""
        cleaned = clean_passage(text)
        if len(cleaned.split()) < _FEWEST_WORDS:
            return None
        return _number(cleaned, source, self._passage_numbers, self.passages, self.passage_sources)

    def add_pair(self, query: str, passage: str, source: str) -> None:
        """A query with a passage that answers it, unless one of both is none, or both are the same."""
        if clean_query(query).casefold() == clean_passage(passage).casefold():
            return
        numbers = self.add_query(query, source), self.add_passage(passage, source)
        if numbers[0] is not None and numbers[1] is not None:
            self.pairs.setdefault((numbers[0], numbers[1]), source)

    def pair_numbers(self) -> np.ndarray:
        """int32 [P, 2]."""
        return np.array(list(self.pairs), np.int32).reshape(-1, 2)


def _number(text: str, source: str, numbers: dict[str, int], texts: list[str], sources: list[str]) -> int:
    known = numbers.setdefault(text.casefold(), len(texts))
    if known == len(texts):
        texts.append(text)
        sources.append(source)
    return known


def clean_passage(text: str) -> str:
    """One line, composed letters, without front matter and the marks of headings."""
    text = _FRONT_MATTER.sub("", unicodedata.normalize("NFC", text).strip())
    return " ".join(_HEADING_MARKS.sub(" ", text).split())


def clean_query(text: str) -> str:
    """One line, composed letters, without what stands around it that nobody would type."""
    return " ".join(unicodedata.normalize("NFC", text).split()).strip(_AROUND_A_QUERY)


def read_texts(folder: Path) -> Texts:
    """pairs.parquet (query, passage, source), passages.parquet (text, source) and queries.parquet (query, source)."""
    texts = Texts()
    for row in pq.read_table(folder / "pairs.parquet").to_pylist():
        texts.add_pair(row["query"], row["passage"], row["source"])
    for row in pq.read_table(folder / "passages.parquet").to_pylist():
        texts.add_passage(row["text"], row["source"])
    for row in pq.read_table(folder / "queries.parquet").to_pylist():
        texts.add_query(row["query"], row["source"])
    return texts
