"""CIFF, the common index file format: postings, which BMP, PISA, Terrier and others read.

A piece of the collection becomes a run: its postings in order of their terms. Runs follow one another in the order of
documents, so the postings of a term are those of each run, one behind the other. In memory are the postings of one
term, or of one run while that is made, and a number for each document.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import orjson

from ..storage.atomic import whole_file
from .documents import Document, Query
from .files import PIECES, json_line, write_file
from .format import Target
from .protobuf import delimited, double_field, number_field, pairs_field, text_field, varint

LARGEST = 255  # impact, for BMP takes 8 bits
MOST_TERMS = 2**16  # that BMP tells apart
_TOGETHER = 2**18  # postings that are made bytes at once


class Ciff:
    """One file in the common index file format."""

    needs_numbers: ClassVar[bool] = False
    joins: ClassVar[bool] = True
    most_pieces: ClassVar[int] = 256  # each of which has a file open when they are merged

    def __init__(self, target: Target) -> None:
        self._folder = target.folder

    def describe(self) -> Sequence[str]:
        """The file has a header of its own."""
        return ()

    def write(self, piece: str, documents: Iterable[Document], notes: Counter[str]) -> Sequence[str]:
        """Write a run: the ids of its documents, its terms with how many postings each has, and these."""
        ids: list[str] = []
        numbers: dict[str, int] = {}
        terms, rows, impacts = array("i"), array("i"), array("i")
        for row, document in enumerate(documents):
            ids.append(document.id)
            for term, impact in document.terms.items():
                terms.append(numbers.setdefault(term, len(numbers)))
                rows.append(row)
                impacts.append(impact)
        names = sorted(numbers)
        ranks = np.empty(len(names), np.int32)
        ranks[[numbers[name] for name in names]] = np.arange(len(names))
        rank = ranks[np.asarray(terms)]
        order = np.argsort(rank, kind="stable")
        postings = np.column_stack([np.asarray(rows)[order], np.asarray(impacts)[order]])
        counts = np.bincount(rank, minlength=len(names)).tolist()
        written = [
            write_file(self._folder, f"{PIECES}/terms-{piece}.json", [orjson.dumps([names, counts])]),
            write_file(self._folder, f"{PIECES}/ids-{piece}.json", [orjson.dumps(ids)]),
        ]
        with whole_file(_postings_file(self._folder, piece)) as stream:
            np.save(stream, postings)
        return [*written, f"{PIECES}/postings-{piece}.npy"]

    def join(self, pieces: Sequence[str], notes: Counter[str]) -> Sequence[str]:
        """Write index.ciff."""
        names, owners, counts = _merged_terms(self._folder, pieces)
        runs = [np.load(_postings_file(self._folder, piece), mmap_mode="r") for piece in pieces]
        documents = [len(_ids(self._folder, piece)) for piece in pieces]
        starts = np.cumsum([0, *documents])
        largest = max((int(run[:, 1].max()) for run in runs if len(run)), default=0)
        lengths = np.concatenate(
            [np.zeros(0, np.int64), *(_lengths(run, size, largest) for run, size in zip(runs, documents, strict=True))]
        )
        if largest > LARGEST:
            scaled = f"impacts scaled to 8 bits, the largest being {largest:,}: round(impact × 255 / {largest:,}), or 1"
            notes[scaled] = sum(map(len, runs))
        if len(names) > MOST_TERMS:
            notes[f"terms, more than the {MOST_TERMS:,} that BMP tells apart"] = len(names)
        taken = [0] * len(runs)
        with whole_file(self._folder / "index.ciff") as stream:
            stream.write(delimited(_header(len(names), lengths)))
            for name, some in zip(names, owners, strict=True):
                parts = []
                for run in some:
                    begin = taken[run]
                    taken[run] = end = begin + int(next(counts[run]))
                    parts.append(runs[run][begin:end] + np.array([starts[run], 0], np.int32))
                stream.writelines(_postings_list(name, np.concatenate(parts), largest))
            for piece, start in zip(pieces, starts.tolist(), strict=False):
                for row, document in enumerate(_ids(self._folder, piece), start):
                    record = number_field(1, row), text_field(2, document), number_field(3, int(lengths[row]))
                    stream.write(delimited(b"".join(record)))
        return ["index.ciff"]

    def write_queries(self, queries: Iterable[Query], notes: Counter[str]) -> Sequence[str]:
        """Write queries.jsonl, {"qid", "vector"}, as Anserini has its topics."""
        lines = (json_line({"qid": query.id, "vector": query.terms}) for query in queries)
        return [write_file(self._folder, "queries.jsonl", lines)]


def eight_bits(impacts: np.ndarray, largest: int) -> np.ndarray:
    """Impacts of at most 255, as they are if the largest is no larger; else scaled, and at least 1."""
    if largest <= LARGEST:
        return impacts
    return np.maximum(1, (impacts.astype(np.int64) * (2 * LARGEST) + largest) // (2 * largest)).astype(np.int32)


def _merged_terms(folder: Path, pieces: Sequence[str]) -> "tuple[list[str], list[array[int]], list[Iterator[int]]]":
    """All terms in order; of each the runs that have it; and of each run how many postings each of its terms has."""
    owners: dict[str, array[int]] = {}
    counts: list[Iterator[int]] = []
    for run, piece in enumerate(pieces):
        names, numbers = orjson.loads((folder / f"{PIECES}/terms-{piece}.json").read_bytes())
        counts.append(iter(array("i", numbers)))
        for name in names:
            owners.setdefault(name, array("h")).append(run)
    every = sorted(owners)
    return every, [owners[name] for name in every], counts


def _ids(folder: Path, piece: str) -> list[str]:
    return list(orjson.loads((folder / f"{PIECES}/ids-{piece}.json").read_bytes()))


def _postings_file(folder: Path, piece: str) -> Path:
    return folder / f"{PIECES}/postings-{piece}.npy"


def _lengths(run: np.ndarray, documents: int, largest: int) -> np.ndarray:
    """The sum of the impacts of each document of a run."""
    return np.bincount(run[:, 0], eight_bits(run[:, 1], largest), documents).astype(np.int64)


def _header(terms: int, lengths: np.ndarray) -> bytes:
    total, documents = int(lengths.sum()), len(lengths)
    counts = ((1, 1), (2, terms), (3, documents), (4, terms), (5, documents), (6, total))
    fields = [number_field(field, count) for field, count in counts]
    fields += [double_field(7, total / max(1, documents)), text_field(8, "impacts of a Sparton index")]
    return b"".join(fields)


def _postings_list(name: str, postings: np.ndarray, largest: int) -> Iterator[bytes]:
    """A message with the postings of a term, in pieces."""
    gaps, impacts = np.diff(postings[:, 0], prepend=0), eight_bits(postings[:, 1], largest)
    head = text_field(1, name) + number_field(2, len(postings)) + number_field(3, int(impacts.sum(dtype=np.int64)))
    body = [
        pairs_field(4, gaps[start : start + _TOGETHER], impacts[start : start + _TOGETHER])
        for start in range(0, len(postings), _TOGETHER)
    ]
    yield varint(len(head) + sum(map(len, body))) + head
    yield from body
