"""Postings of the terms that were asked for lately, in memory."""

import threading
from collections import OrderedDict
from typing import Any

from ...indexer.java import alone_at_first
from .memory import Share
from .postings import PostingsReader
from .term_postings import TermPostings, read_postings


class KeptPostings:
    """Postings of an open index, of which those that were asked for lately are kept in memory. Threads may share it.
    searcher: Lucene's. share: of the memory for them."""

    def __init__(self, searcher: Any, share: Share) -> None:
        self._reader, self._share = PostingsReader(searcher.getIndexReader()), share
        self._kept: OrderedDict[str, TermPostings] = OrderedDict()
        self._lock, self._reading = threading.Lock(), threading.Lock()

    def of(self, term: str) -> TermPostings:
        """A term's postings. Raises what Java throws."""
        if (found := self._known(term)) is not None:
            return found
        with alone_at_first("postings"), self._reading:
            if (found := self._known(term)) is None:  # nor has another thread read them just now
                found = read_postings(self._reader, term)
                self._keep(term, found)
        return found

    def close(self) -> None:
        """Forget them all, and keep no more."""
        with self._lock:
            self._share.close()
            self._kept.clear()

    def _known(self, term: str) -> TermPostings | None:
        with self._lock:
            if (found := self._kept.get(term)) is not None:
                self._kept.move_to_end(term)
            return found

    def _keep(self, term: str, postings: TermPostings) -> None:
        """Keep postings if there is memory for them, once others are forgotten."""
        with self._lock:
            if not postings.largest:  # else anyone could have names of no terms kept
                return
            while not self._share.take(postings.bytes):
                if not self._kept:
                    return
                self._share.give_back(self._kept.popitem(last=False)[1].bytes)
            self._kept[term] = postings
