"""Documents from passages: each counts as its best one does."""

from collections.abc import Callable, Sequence

from ..pipeline.tokens.passages import DELIMITER
from .lucene_hits import ScoredDoc

_MORE = 3


def best_documents(search: Callable[[int], Sequence[ScoredDoc]], k: int) -> list[ScoredDoc]:
    """The best passages of the k documents with the best ones, ties in order of the document's id.

    search: gives so many passages, best first. It is asked for more until there are enough of different documents.
    """
    asked = k * _MORE
    while True:
        passages = search(asked)
        best: dict[str, ScoredDoc] = {}
        for found in passages:
            best.setdefault(document_of(found.id), found)
        ranked = sorted(best.values(), key=lambda found: (-found.score, document_of(found.id)))
        # Passages that tie with the last of them may be of documents that come first by their id.
        if len(passages) < asked or (len(ranked) >= k and passages[-1].score < ranked[k - 1].score):
            return ranked[:k]
        asked *= _MORE


def document_of(passage: str) -> str:
    """The id of the document that a passage is of."""
    return passage.rpartition(DELIMITER)[0]


def passage_of(passage: str) -> int:
    """Its number among the passages of its document."""
    return int(passage.rpartition(DELIMITER)[2])
