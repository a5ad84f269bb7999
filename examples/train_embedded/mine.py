"""Finds the passages that BM25 ranks best for each query, by Lucene: hard negatives, and scores of a teacher."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sparton.indexer.bm25 import Bm25Writer
from sparton.indexer.java import LONG_RUN, start_jvm
from sparton.machine import cores
from sparton.search.bm25_index import Bm25Index

_TOGETHER = 1_000  # queries that become terms in one call


def build(passages: Sequence[str], folder: Path) -> Bm25Index:
    """A BM25 index of passages, whose ids are their numbers."""
    start_jvm(LONG_RUN)
    writer = Bm25Writer(folder)
    try:
        for number, text in enumerate(passages):
            writer.add(str(number), text, {})
        writer.finish()
    finally:
        writer.close()
    return Bm25Index(folder)


def best(index: Bm25Index, queries: Sequence[str], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers int32 [Q, k] and scores float16 [Q, k] of the best passages; -1 and 0 where there are fewer."""
    ids, scores = np.full((len(queries), k), -1, np.int32), np.zeros((len(queries), k), np.float16)

    def search(row: int, terms: dict[str, int]) -> None:
        found = index.rank(terms, k)
        ids[row, : len(found)] = [int(one.id) for one in found]
        scores[row, : len(found)] = [one.score for one in found]

    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(queries), _TOGETHER):
            terms = index.terms(queries[start : start + _TOGETHER])
            list(pool.map(search, range(start, start + len(terms)), terms))
    return ids, scores
