"""Two phases: the heaviest terms of a query find more documents than are wanted, which get their other terms then.

Terms that weigh little and that many documents have are most of the work of an exact search, and decide little.
Postings are kept in memory as arrays: adding one to the sum of its document takes numpy some nanoseconds.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..filters.accepted import flags_of
from .first_pass import EXACT, Candidates, candidates_for
from .kept_postings import KeptPostings
from .memory import Share
from .postings import Frequencies
from .sums import largest_of, largest_of_all, with_terms, zero_sums
from .term_postings import TermPostings

_SHARE = 0.95  # of a query's mass
_CANDIDATES, _TIMES = 1_000, 2  # as many at least, or so many for each hit
_SHORT = 40  # postings for each candidate: to look it up in a longer list takes less than to add all of that
_TIES = 4  # times as many documents as are looked for may have as much as the least of these


class TwoPhase:
    """The first pass of the heaviest terms, of an open index. Threads may share it."""

    def __init__(self) -> None:
        self._frequencies, self._share = Frequencies(), Share()
        self._kept: KeptPostings | None = None
        self._lock = threading.Lock()

    def candidates(
        self, searcher: Any, terms: Mapping[str, int], most: int, accepted: Sequence[Any] | None
    ) -> Candidates | None:
        """As FirstPass. None where no more documents are searched than would be looked at, where fewer have the heavy
        terms, as others may then be among the best, and where too many have the same sum as the last of them."""
        documents, wanted = int(searcher.getIndexReader().maxDoc()), candidates_for(most, _CANDIDATES, _TIMES)
        passing = None if accepted is None else flags_of(accepted)
        if wanted >= (documents if passing is None else np.count_nonzero(passing)):
            return None
        frequencies = self._frequencies.of(searcher, terms)
        heavy = heavy_terms(terms, frequencies, documents)
        found = ((term, impact, self._postings(searcher, term)) for term, impact in terms.items())
        every = {term: (impact, postings) for term, impact, postings in found if postings.largest}
        long = {term for term, count in frequencies.items() if count > _SHORT * wanted}
        later = {term for term, (_, one) in every.items() if term not in heavy and (one.is_dense or term in long)}
        largest = sum(impact * postings.largest for impact, postings in every.values())
        sums = zero_sums(documents, np.int32 if largest < EXACT else np.float64)
        for term, (impact, postings) in every.items():
            if term not in later:
                postings.add(sums, impact)
        if passing is not None:
            sums[:documents][~passing] = 0
        numbers, _ = largest_of_all(sums, wanted)
        if not wanted <= len(numbers) <= wanted * _TIES:
            return None
        numbers, scores = largest_of(numbers, with_terms((every[term] for term in later), numbers, sums), most)
        return Candidates(numbers.astype(np.int32), scores.astype(np.float32))

    def _postings(self, searcher: Any, term: str) -> TermPostings:
        with self._lock:
            if self._kept is None:
                self._kept = KeptPostings(searcher, self._share)
        return self._kept.of(term)

    def close(self) -> None:
        """Forget all postings."""
        with self._lock:
            self._share.close()
            if self._kept is not None:
                self._kept.close()


def heavy_terms(terms: Mapping[str, int], frequencies: Mapping[str, int], documents: int) -> set[str]:
    """The terms of a query that decide which documents are the best. A term's mass is its impact x the logarithm of how
    rare it is; those of the largest mass are taken until they have almost all of it.

    frequencies: how many of the documents have each term; those that none has are no terms here.
    """
    masses = {
        term: impact * math.log((documents + 1) / frequencies[term])
        for term, impact in terms.items()
        if term in frequencies
    }
    wanted = _SHARE * sum(masses.values())
    heavy: set[str] = set()
    for term in sorted(masses, key=lambda one: (-masses[one], one)):
        if wanted <= 0:
            break
        heavy.add(term)
        wanted -= masses[term]
    return heavy
