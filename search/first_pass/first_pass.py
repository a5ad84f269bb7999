"""What a first pass is: from the terms of a query to documents that may be the best, sooner than all are scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

EXACT = 2**24  # up to which a 32-bit float, which Lucene's scores are, has each whole number


@dataclass(frozen=True, slots=True)
class Candidates:
    """Documents that a first pass has found, by Lucene's numbers, each once. scores: the sums over all terms of query
    impact x document impact, as Lucene gives them; None where they are not known yet. With them numbers ascend."""

    numbers: np.ndarray
    scores: np.ndarray | None = None


def candidates_for(most: int, least: int, times: int) -> int:
    """How many candidates to look for: so many times the documents that are wanted, or the least, whichever is more, in
    steps of powers of two of the least. So the pages of a query are cut from the same candidates."""
    return least << (-(-most * times // least) - 1).bit_length()


class FirstPass(Protocol):
    """Finds candidates in an open index of one generation. Threads may share it."""

    def candidates(
        self, searcher: Any, terms: Mapping[str, int], most: int, accepted: Sequence[Any] | None
    ) -> Candidates | None:
        """Documents among which the `most` best ones for a query should be; None where only a search of all can tell.

        searcher: Lucene's, of the open index. accepted: of each segment the documents that pass the filters, as
        FixedBitSets; None without filters. Raises what Java throws.
        """

    def close(self) -> None:
        """Free what is kept in memory. Searches under way find candidates still, or None."""
