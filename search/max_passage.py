"""Documents from passages: each counts as its best one does."""

from collections.abc import Callable, Sequence

from ..pipeline.tokens.passages import DELIMITER
from ..pipeline.tokens.passages import document_of as document_of
from .lucene_hits import ScoredDoc

_MORE = 3
_AFTER_DELIMITER = chr(ord(DELIMITER) + 1)


def folded(search: Callable[[int], Sequence[ScoredDoc]], k: int, *, by_field: bool) -> list[ScoredDoc]:
    """The best passages of the first k documents by score, or by a field. search: gives so many passages, in that
    order."""
    return first_documents(search, k) if by_field else best_documents(search, k)


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


def first_documents(search: Callable[[int], Sequence[ScoredDoc]], k: int) -> list[ScoredDoc]:
    """The best passage of each of the k documents that come first by a field, ties in order of the document's id.

    search: gives so many passages, by the field and then by their ids. All of a document's have its value.
    """
    asked = k * _MORE
    while True:
        passages = search(asked)
        order: dict[str, int] = {}
        best: dict[tuple[int, str], ScoredDoc] = {}
        for found in passages:
            document = order.setdefault(found.key, len(order)), document_of(found.id)
            if document not in best or (-found.score, found.id) < (-best[document].score, best[document].id):
                best[document] = found
        first = sorted(best)[:k]
        if len(passages) < asked or (
            len(first) == k and all(_is_complete(*document, len(order) - 1, passages[-1].id) for document in first)
        ):
            return [best[document] for document in first]
        asked *= _MORE


def _is_complete(value: int, document: str, last_value: int, last: str) -> bool:
    """Whether no passage of a document, nor of one before it, comes after the last one that was found."""
    if value < last_value:
        return True
    # Passages are in the order of id and delimiter, in which d1 comes behind d1! and not before it.
    before = [document[:end] for end, letter in enumerate(document) if letter < DELIMITER]
    return all(one + _AFTER_DELIMITER <= last for one in (document, *before))


def passage_of(passage: str) -> int:
    """Its number among the passages of its document."""
    return int(passage.rpartition(DELIMITER)[2])
