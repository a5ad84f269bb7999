"""What the tools for agents take and give, as models of which their schemas are made."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from .schemas import FacetCount, FoundHit, IndexDescription, IndexField, Request, Search, Text, Texts

_Index = Annotated[
    str | None, Field(description="The name of the index, one of those that describe_index names; the first if none.")
]
_Filters = Annotated[
    Texts,
    Field(
        description="Conditions on fields, all of which a document must pass: `price < 100`, `brand = Adele`, "
        '`brand in (Adele, "Odile & Co")`, `in_stock`, `exists price`, `added >= 2026-01-31`. One may join several '
        "with and, or, not and parentheses. Strings are compared whole. describe_index says which fields there are.",
    ),
]
_Facets = Annotated[
    Texts,
    Field(description="Fields whose values are counted among all that the query matches."),
]


class Arguments(Request):
    """What every tool takes."""

    index: _Index = None


class SearchArguments(Arguments, Search):
    """A query."""

    query: Annotated[Text, Field(description="What to search for, in plain words.")]
    k: Annotated[int, Field(description="How many documents.")] = 10
    filters: _Filters = Field(default=[])
    facets: _Facets = Field(default=[])
    sort: Annotated[
        Text | None,
        Field(description="A field to order by instead of by score, as price; -price: largest first."),
    ] = None
    offset: Annotated[int, Field(description="How many of the best documents to pass over.")] = 0


class GetArguments(Arguments):
    """A document that is wanted."""

    id: Annotated[Text, Field(description="The id of a document, as a hit has it.")]


class DescribeArguments(Arguments):
    """Nothing but an index."""


class EncodeArguments(Arguments):
    """A text."""

    text: Annotated[Text, Field(description="A text, encoded as a query is.")]


class Found(BaseModel):
    """What a query finds."""

    hits: list[FoundHit]
    total: Annotated[int, Field(description="Documents that match, hits or not; where facets were asked for.")] = 0
    facets: dict[str, list[FacetCount]] = {}
    more_values: Annotated[dict[str, int], Field(description="Of fields with more values, how many more.")] = {}
    reason: Annotated[str, Field(description="If there are no hits: why.")] = ""


class _Field(IndexField):
    values: Annotated[list[str | int | float | bool], Field(description="The most frequent values, not all.")]


class Description(IndexDescription):
    """An index."""

    indexes: Annotated[list[str], Field(description="The names of all indexes that can be searched.")]
    fields: Sequence[_Field]
