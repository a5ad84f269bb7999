"""Exact search in memory: the postings of all terms of a query added up, where they are there as arrays.

Of 500,000 passages a query of 19 terms has 800,000 postings, of which numpy adds less than half, in 3 ns each. Lucene,
which reads them compressed and passes over some, takes 2.3 times as long for ten hits and 3.5 times for a thousand, all
of a search included. It searches until the frequent terms of a query have been asked for twice, for reading those takes
longer than a search.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...indexer.java import alone_at_first
from ..filters.accepted import flags_of
from .first_pass import EXACT, Candidates
from .memory import Budget, Share
from .postings import Frequencies, PostingsReader
from .sums import largest_sums
from .term_postings import MOST_BYTES, TermPostings, read_postings

_FEWEST = 2**14  # documents of an index; of fewer Lucene's search takes no longer
_SHORT = 2**12  # postings, which are read as soon as they are asked for
_TIES = 16  # times as many documents as are wanted may have the least score of these


class AllTerms:
    """The search of an open index in memory, which finds what Lucene's finds. Threads may share it.

    budget: of memory for postings; None for that of this process. Once it is used up, what is not among them is left to
    Lucene.
    """

    def __init__(self, budget: Budget | None = None, fewest: int = _FEWEST) -> None:
        self._share, self._fewest = Share(budget), fewest
        self._frequencies = Frequencies()
        self._asked: set[str] = set()  # long terms that were asked for, and are not kept
        self._kept: dict[str, TermPostings] = {}
        self._reader: PostingsReader | None = None
        self._lock = threading.Lock()

    def candidates(
        self, searcher: Any, terms: Mapping[str, int], most: int, accepted: Sequence[Any] | None
    ) -> Candidates | None:
        """As FirstPass, but all of the best: None where Lucene should search."""
        documents = int(searcher.getIndexReader().maxDoc())
        if documents < self._fewest:
            return None
        postings = self._postings(searcher, terms)
        if postings is None or sum(terms[term] * one.largest for term, one in postings.items()) >= EXACT:
            return None
        passing = None if accepted is None else flags_of(accepted)
        weighted = [(terms[term], one) for term, one in postings.items()]
        numbers, sums = largest_sums(weighted, documents, most, passing)
        if len(numbers) > most * _TIES:
            return None
        return Candidates(numbers.astype(np.int32), sums.astype(np.float32))

    def _postings(self, searcher: Any, terms: Mapping[str, int]) -> dict[str, TermPostings] | None:
        """Of each term that documents have its postings; None where they are not all to be had."""
        frequencies, kept = self._frequencies.of(searcher, terms), self._kept  # in whose stead close has another
        missing = [term for term in frequencies if term not in kept]
        long = {term for term in missing if frequencies[term] > _SHORT}
        if missing and (not long <= self._asked or not self._read(searcher, missing, frequencies, kept)):
            self._asked |= long
            return None
        return {term: kept[term] for term in frequencies}

    def close(self) -> None:
        """Forget all postings."""
        self._share.close()
        self._kept = {}

    def _read(
        self, searcher: Any, terms: Sequence[str], frequencies: Mapping[str, int], kept: dict[str, TermPostings]
    ) -> bool:
        """Keep the postings of some terms, and return whether they are. Who comes while another reads does not wait."""
        with alone_at_first("postings"):
            if not self._lock.acquire(blocking=False):
                return False
            try:
                if self._reader is None:
                    self._reader = PostingsReader(searcher.getIndexReader())
                return all(term in kept or self._keep(self._reader, term, frequencies[term], kept) for term in terms)
            finally:
                self._lock.release()

    def _keep(self, reader: PostingsReader, term: str, frequency: int, kept: dict[str, TermPostings]) -> bool:
        """Keep a term's postings, if there is memory for them."""
        if not self._share.take(most := frequency * MOST_BYTES):
            return False
        kept[term] = found = read_postings(reader, term)
        self._share.give_back(most - found.bytes)
        self._asked.discard(term)
        return True
