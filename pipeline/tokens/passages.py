"""Texts longer than the model takes, as passages that overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..documents import Documents

# As in Pyserini: `--max-passage` with the delimiter "#".
DELIMITER = "#"
OVERLAP = 64  # tokens that a passage shares with the one before


@dataclass(frozen=True, slots=True)
class Spans:
    """Where each of n passages is. documents: int64 [n], ascending, the document that it is of. starts, stops:
    int64 [n], its characters."""

    documents: np.ndarray
    starts: np.ndarray
    stops: np.ndarray


def windows(length: int, most: int) -> list[tuple[int, int]]:
    """Start and stop of each passage of a text of `length` tokens: as few as can be, each of `most` but the last."""
    stride = max(1, most - OVERLAP)
    count = 1 + max(0, -(-(length - most) // stride))
    return [(number * stride, min(length, number * stride + most)) for number in range(count)]


def passage_id(document: str, number: int) -> str:
    """The id of a document's passage, counted from 0."""
    return f"{document}{DELIMITER}{number}"


def document_of(passage: str) -> str:
    """The id of the document that a passage is of."""
    return passage.rpartition(DELIMITER)[0]


def passages_of(documents: Documents, spans: Spans) -> Documents:
    """Each passage as a document, with the fields of the one that it is of, and the digest of all of its text."""
    ids, texts = [], []
    fields: list[str] = []
    digests: list[str] = []
    before, number = -1, 0
    for document, start, stop in zip(
        spans.documents.tolist(), spans.starts.tolist(), spans.stops.tolist(), strict=True
    ):
        number = number + 1 if document == before else 0
        before = document
        ids.append(passage_id(documents.ids[document], number))
        texts.append(documents.texts[document][start:stop])
        fields += documents.fields[document : document + 1]
        digests += documents.digests[document : document + 1]
    return Documents(tuple(ids), tuple(texts), tuple(fields), tuple(digests))


def join_spans(parts: Sequence[Spans], counts: Sequence[int]) -> Spans:
    """One after the other; counts: the documents of each."""
    before = np.cumsum([0, *counts[:-1]])
    return Spans(
        np.concatenate([part.documents + first for part, first in zip(parts, before, strict=True)]),
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.stops for part in parts]),
    )
