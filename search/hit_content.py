"""A hit as JSON has it, for programs and for the service."""

from collections.abc import Collection
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .explain import Match
    from .searcher import Hit


def hit_content(hit: "Hit", matches: "list[Match] | None", input_terms: Collection[str]) -> dict[str, Any]:
    """A hit for JSON. input_terms: the terms that are in the query."""
    content = asdict(hit)
    if hit.passage is None:
        del content["passage"]
    if matches is not None:
        content["matches"] = [
            {**asdict(match), "contribution": match.contribution, "expanded": match.term not in input_terms}
            for match in matches
        ]
    return content
