"""What a query term contributed to a hit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """A term in both query and document."""

    term: str
    query_impact: int
    document_impact: int

    @property
    def contribution(self) -> int:
        """What the term adds to the score."""
        return self.query_impact * self.document_impact
