"""Seismic: JSON lines of `pyseismic-lsr`, {"id", "content", "vector": {token: weight}}, in one file."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar

import orjson

from .documents import Document, Query, Terms, inexact
from .files import PIECES, join_files, json_line, write_file
from .format import Target
from .names import Spelled, at_most

MOST_LETTERS = 30  # of a token, as Seismic's Python functions take it
MOST_TOKENS = 2**16 - 1  # that SeismicIndex tells apart
_BITS, _LARGEST = 11, 65_504  # of a half-precision float, as which it keeps weights


class Seismic:
    """Seismic's JSON lines."""

    needs_numbers: ClassVar[bool] = False
    joins: ClassVar[bool] = True
    most_pieces: ClassVar[int] = 10_000

    def __init__(self, target: Target) -> None:
        self._folder = target.folder
        self._spelled = Spelled(at_most(MOST_LETTERS))

    def describe(self) -> Sequence[str]:
        """Nothing describes such a file."""
        return ()

    def write(self, piece: str, documents: Iterable[Document], notes: Counter[str]) -> Sequence[str]:
        """Write the lines of a piece, and its tokens, which `join` counts."""
        tokens: set[str] = set()

        def lines() -> Iterable[bytes]:
            for document in documents:
                vector = self._vector(document.terms, notes)
                tokens.update(vector)
                yield json_line({"id": document.id, "content": document.text, "vector": vector})

        names = [write_file(self._folder, _lines_of(piece), lines())]
        return [*names, write_file(self._folder, _tokens_of(piece), [orjson.dumps(sorted(tokens))])]

    def join(self, pieces: Sequence[str], notes: Counter[str]) -> Sequence[str]:
        """Write documents.jsonl."""
        tokens: set[str] = set()
        for piece in pieces:
            tokens.update(orjson.loads((self._folder / _tokens_of(piece)).read_bytes()))
        if len(tokens) > MOST_TOKENS:
            notes[f"tokens, more than the {MOST_TOKENS:,} of SeismicIndex; load them with SeismicIndexLV"] = len(tokens)
        return [join_files(self._folder, "documents.jsonl", map(_lines_of, pieces))]

    def write_queries(self, queries: Iterable[Query], notes: Counter[str]) -> Sequence[str]:
        """Write queries.jsonl, laid out as the documents."""
        lines = (
            json_line({"id": query.id, "content": query.text, "vector": self._vector(query.terms, notes)})
            for query in queries
        )
        return [write_file(self._folder, "queries.jsonl", lines)]

    def _vector(self, terms: Terms, notes: Counter[str]) -> dict[str, int]:
        vector = {self._spelled[term]: min(impact, _LARGEST) for term, impact in terms.items()}
        if rest := sum(1 for term in terms if self._spelled[term] != term):
            notes[f"weights of tokens that are spelled anew, being longer than {MOST_LETTERS} characters"] += rest
        if rest := inexact(vector.values(), _BITS):
            notes["weights above 2,048 that Seismic rounds to 11 significant bits"] += rest
        if rest := sum(1 for impact in terms.values() if impact > _LARGEST):
            notes[f"weights clipped to {_LARGEST:,}"] += rest
        return vector


def _lines_of(piece: str) -> str:
    return f"{PIECES}/documents-{piece}.jsonl"


def _tokens_of(piece: str) -> str:
    return f"{PIECES}/tokens-{piece}.json"
