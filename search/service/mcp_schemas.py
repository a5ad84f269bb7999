"""What the tools for agents take and give, as models of which their schemas are made."""

from typing import Annotated

from pydantic import BaseModel, Field

from .schemas import Request, Text, Texts

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
_Value = str | int | float | bool | list[str]


class Arguments(Request):
    """What every tool takes."""

    index: _Index = None


class SearchArguments(Arguments):
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


class _Hit(BaseModel):
    rank: int
    id: str
    score: float
    text: str | None
    passage: Annotated[int, Field(description="Which passage of the document was found, from 0.")] = 0
    fields: dict[str, _Value]


class _Count(BaseModel):
    value: str | int | float | bool
    count: int


class Found(BaseModel):
    """What a query finds."""

    hits: list[_Hit]
    total: Annotated[int, Field(description="Documents that match, hits or not; where facets were asked for.")] = 0
    facets: dict[str, list[_Count]] = {}


class _Field(BaseModel):
    name: str
    kind: Annotated[str, Field(description="string, number, boolean, timestamp or strings (a list of them).")]
    values: Annotated[list[str | int | float | bool], Field(description="The most frequent values, not all.")]


class Description(BaseModel):
    """An index."""

    name: str
    indexes: Annotated[list[str], Field(description="The names of all indexes that can be searched.")]
    documents: int
    generation: str
    model: str | None
    fields: list[_Field]


class Terms(BaseModel):
    """A text as terms."""

    text: str
    terms: Annotated[dict[str, int], Field(description="Terms and their weights, heaviest first.")]
