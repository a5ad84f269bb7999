"""What an index holds, in numbers: terms of documents and queries, the products that a search takes, bytes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import Parameter, SpartonError
from ..indexer.index_writer import open_reader
from ..indexer.java import java_exception, java_name, start_jvm
from ..storage.local_copy import local_index
from ..storage.manifest import Manifest, load_complete
from ..storage.redaction import redacted
from .index_bytes import bytes_beside, collection_bytes, lucene_bytes
from .postings_stats import PostingsCounts, count_postings

LONGEST = 10  # postings lists that are named


@dataclass(frozen=True, slots=True)
class Spread:
    """Of numbers: their mean, and the least number that half of them, and 99 in 100, are not above; 0 of none."""

    mean: float
    p50: int
    p99: int

    @classmethod
    def of(cls, numbers: np.ndarray) -> "Spread":
        """The spread of whole numbers."""
        if not len(numbers):
            return cls(0.0, 0, 0)
        half, most = np.percentile(numbers, (50, 99), method="inverted_cdf")
        return cls(float(numbers.mean()), int(half), int(most))


@dataclass(frozen=True, slots=True)
class LongPostings:
    """A term that many documents have. share: of all documents."""

    term: str
    documents: int
    share: float


@dataclass(frozen=True, slots=True)
class QueryStats:
    """Of the queries of a file of topics. without_terms: those that have none. flops: the products of a query's impact
    and a document's that a pair of them takes on average: the sum over terms of the shares of documents and of queries
    that have the term (Paria et al., Minimizing FLOPs to Learn Efficient Sparse Representations, ICLR 2020)."""

    queries: int
    without_terms: int
    terms_a_query: Spread
    flops: float


@dataclass(frozen=True, slots=True)
class IndexStats:
    """What an index holds. documents: in an index of passages, these. deleted: those that only Lucene's files still
    have. terms: different ones. longest: the terms that most documents have. collection, seismic: bytes, None where it
    is not in the index's folder. lucene: bytes by what they are for. queries: None where none were given."""

    index: str
    passages: bool
    documents: int
    deleted: int
    terms: int
    postings: int
    terms_a_document: Spread
    longest: tuple[LongPostings, ...]
    collection: int | None
    lucene: dict[str, int]
    beside: dict[str, int]
    queries: QueryStats | None = None


def index_stats(index: str | Path, queries: Sequence[Mapping[str, int]] | None = None) -> IndexStats:
    """What the index in a folder, or at a URI, holds.

    queries: as {term: impact}, to say how many terms they have and what they cost. Raises SpartonError where there is
    no complete index, or it cannot be read.
    """
    folder = local_index(index)
    manifest = load_complete(folder)
    start_jvm()
    while True:
        try:
            return _stats(redacted(str(index)), folder, manifest, queries)
        except SpartonError:
            newer = load_complete(folder)
            if newer == manifest:
                raise
            manifest = newer  # an update has taken away what the older one names


def _stats(name: str, folder: Path, manifest: Manifest, queries: Sequence[Mapping[str, int]] | None) -> IndexStats:
    counted = [
        _counted(folder / one, segments) for one, segments in zip(manifest.indexes, manifest.commits, strict=True)
    ]
    documents: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for counts, bytes_of in counted:
        documents.update(counts.documents)
        sizes.update(bytes_of)
    terms = np.concatenate([counts.terms for counts, _ in counted])
    # Most documents first, and equal ones in the order of their terms.
    longest = sorted(documents.items(), key=lambda item: (-item[1], item[0]))[:LONGEST]
    return IndexStats(
        index=name,
        passages=manifest.settings.chunk,
        documents=len(terms),
        deleted=sum(counts.deleted for counts, _ in counted),
        terms=len(documents),
        postings=int(terms.sum()),
        terms_a_document=Spread.of(terms),
        longest=tuple(LongPostings(term, count, count / len(terms)) for term, count in longest),
        collection=collection_bytes(folder, manifest),
        lucene=dict(sizes),
        beside=bytes_beside(folder, manifest),
        queries=None if queries is None else _query_stats(documents, len(terms), queries),
    )


def _counted(folder: Path, segments: str | None) -> tuple[PostingsCounts, Counter[str]]:
    with ExitStack() as opened:
        try:
            reader = open_reader(folder, segments)
            opened.callback(reader.close)
            return count_postings(reader), lucene_bytes(folder, segments)
        except java_exception() as error:
            raise SpartonError(
                f"Lucene cannot read {folder} ({java_name(error)}); look at all of it with `sparton info --check`, and "
                "build the index again with ",
                Parameter("overwrite", True),
            ) from error


def _query_stats(documents: Mapping[str, int], count: int, queries: Sequence[Mapping[str, int]]) -> QueryStats:
    asked = Counter(term for query in queries for term in query)
    products = sum(times * documents.get(term, 0) for term, times in asked.items())
    pairs = count * len(queries)
    return QueryStats(
        queries=len(queries),
        without_terms=sum(not query for query in queries),
        terms_a_query=Spread.of(np.array([len(query) for query in queries], np.int64)),
        flops=products / pairs if pairs else 0.0,
    )
