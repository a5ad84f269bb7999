"""Hits, facets and documents as JSON has them, for programs and for the service."""

from collections.abc import Collection
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .documents import Document
    from .explain import Match
    from .searcher import Answer, Hit


def hit_content(hit: "Hit", matches: "list[Match] | None", input_terms: Collection[str]) -> dict[str, Any]:
    """A hit for JSON. input_terms: the terms that are in the query."""
    content: dict[str, Any] = {"rank": hit.rank, "id": hit.id, "score": hit.score, "text": hit.text}
    if hit.passage is not None:
        content["passage"] = hit.passage
    content["fields"] = dict(hit.fields)
    if matches is not None:
        content["matches"] = [
            {**asdict(match), "contribution": match.contribution, "expanded": match.term not in input_terms}
            for match in matches
        ]
    return content


def facets_content(answer: "Answer") -> dict[str, Any]:
    """How many documents match, how often values stand in them, and where there are more values, how many; for JSON."""
    counted = {name: [asdict(one) for one in counts] for name, counts in answer.facets.items()}
    more = {"more_values": dict(answer.more_values)} if answer.more_values else {}
    return {"total": answer.total, "facets": counted, **more}


def document_content(document: "Document") -> dict[str, Any]:
    """A document for JSON, with its passages where it was split."""
    content: dict[str, Any] = {"id": document.id, "text": document.text, "fields": dict(document.fields)}
    if document.passages:
        content["passages"] = list(document.passages)
    return content
