"""What prepare.py writes and every other stage reads: token ids, training examples, BM25's candidates."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from token_lists import TokenLists, on_device

from sparton.errors import SpartonError

TOKENS, EXAMPLES, CANDIDATES, SUMMARY, BACKBONE = (
    *("tokens.npz", "examples.npz", "candidates.npz", "prepared.json", "backbone"),
)
UNPAIRED = -1  # in place of the passage of a query that has none


@dataclass(frozen=True)
class Development:
    """Queries that are searched for to compare models. queries: int32 [D]. sources: of each. relevant: int32 [R, 2],
    pairs of query and passage. bm25: int32 [D, 100], what BM25 ranks best."""

    queries: np.ndarray
    sources: list[str]
    relevant: np.ndarray
    bm25: np.ndarray


@dataclass(frozen=True)
class Prepared:
    """passages, queries: their token ids. examples: int32 [E, 2], (query, passage) to train on, the passage UNPAIRED
    where there is none. pairs: int32 [P, 2], all pairs, those that are held out too. bm25_ids, bm25_scores: int32 and
    float16 [Q, K], the best passages of each query. sources: names. passage_sources, query_sources: uint8 [P] and [Q],
    which of them each text is of. words: int32 [V], of `word_numbers`.
    """

    folder: Path
    passages: TokenLists
    queries: TokenLists
    examples: np.ndarray
    pairs: np.ndarray
    bm25_ids: np.ndarray
    bm25_scores: np.ndarray
    development: Development
    sources: list[str]
    passage_sources: np.ndarray
    query_sources: np.ndarray
    words: np.ndarray

    @property
    def backbone(self) -> Path:
        """The folder of MiniLM, in float16."""
        return self.folder / BACKBONE

    def tokenizer(self) -> tokenizers.Tokenizer:
        """The tokenizer of all texts."""
        return tokenizers.Tokenizer.from_file(str(self.backbone / "tokenizer.json"))

    @property
    def mean_length(self) -> float:
        """Tokens of a passage without the special ones around it, on average."""
        return float(self.passages.lengths.mean()) - 2

    def idf(self, vocabulary: int) -> np.ndarray:
        """float32 [V], BM25's idf of each token among the passages: log(1 + (N - n + 0.5) / (n + 0.5)) for n of N."""
        return token_idf(self.passages.flat.cpu().numpy(), self.passages.lengths, vocabulary)

    def examples_without(self, sources: Collection[str]) -> np.ndarray:
        """int64 [N], which examples have nothing to do with some sources: neither is their passage of one of them, nor
        is their query, or made of one of theirs ("webshop, shortened")."""
        unknown = set(sources) - set(self.sources)
        if unknown:
            raise SpartonError(f"{self.folder} has no source {', '.join(sorted(unknown))}; it has {self.sources}")
        left_out = np.array([name.split(",")[0] in sources for name in self.sources], bool)
        queries, passages = self.examples.T
        of_passage = left_out[self.passage_sources[passages]] & (passages != UNPAIRED)
        return np.flatnonzero(~(of_passage | left_out[self.query_sources[queries]]))


def token_idf(flat: np.ndarray, lengths: np.ndarray, vocabulary: int) -> np.ndarray:
    """float32 [V], the idf of each token among passages. flat: int [T], token ids end to end. lengths: int [P]."""
    rows = np.repeat(np.arange(len(lengths)), lengths)
    having = np.bincount(np.unique(rows * vocabulary + flat.astype(np.int64)) % vocabulary, minlength=vocabulary)
    return idf_of(having, len(lengths)).astype(np.float32)


def idf_of(having: np.ndarray, count: int) -> np.ndarray:
    """BM25's idf of terms that `having` of `count` passages have."""
    return np.log1p((count - having + 0.5) / (having + 0.5))


def read_prepared(folder: Path, device: str = "cpu") -> Prepared:
    """Read the folder that prepare.py wrote, token ids onto a device. Raises SpartonError if it lacks a file."""
    try:
        arrays = {name: dict(np.load(folder / name)) for name in (TOKENS, EXAMPLES, CANDIDATES)}
        summary: dict[str, Any] = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SpartonError(f"{error.filename} is missing; run prepare.py first, with --out {folder}") from error
    tokens, examples, candidates = arrays[TOKENS], arrays[EXAMPLES], arrays[CANDIDATES]
    development = Development(
        examples["development"], summary["development_sources"], examples["relevant"], candidates["development"]
    )
    return Prepared(
        folder,
        on_device(tokens["passages"], tokens["passage_lengths"], device),
        on_device(tokens["queries"], tokens["query_lengths"], device),
        examples["examples"],
        examples["pairs"],
        candidates["ids"],
        candidates["scores"],
        development,
        summary["sources"],
        examples["passage_sources"],
        examples["query_sources"],
        tokens["words"],
    )
