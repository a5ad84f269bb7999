"""What requests hold and what responses are, for the schema that is served and for reading requests.

Responses are written as they are made: no model of this file stands between a searcher and a client.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_LETTERS, MOST_QUERIES, MOST_BYTES = 4_096, 64, 2**20
MOST_NAMES = 32  # filters, or facets, of a request

Text = Annotated[str, Field(max_length=MOST_LETTERS)]
Texts = Annotated[list[Text], Field(max_length=MOST_NAMES)]
Value = str | int | float | bool | list[str]  # of a field
_Queries = Annotated[list[Text], Field(min_length=1, max_length=MOST_QUERIES)]
_Side = Literal["query", "document"]
_K = Field(description="How many hits; the service has a limit (--max-k).", examples=[10])
_EXPLAIN = Field(description="Whether to tell the query's terms, and what each gave to a score.")
_SORT = Field(description="A field to order hits by, smallest values first; with - before it largest first.")
_OFFSET = Field(description="How many hits to pass over.")
_FILTERS = Field(description="What hits must pass, each as `price < 100` or `brand in (Adele, Odile)`.")
_FACETS = Field(description="Fields whose values are counted among all documents that match.")
_AS = Field(description="As this index's queries are encoded, or as its documents are.")
_FIELDS = Field(description="The values that the document has, by field.", examples=[{"price": 39.5}])
_NOT_TAKEN_UP = Field(description="Where the index was changed and is searched as it was: why. Else it is left out.")
_TERMS = Field(description="Impact by term, heaviest first.", examples=[{"bag": 163, "leather": 141, "purse": 38}])


class Request(BaseModel):
    """What all that is sent has in common: nothing that is not known, and no type for another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Search(Request):
    """What asks for hits, by whichever names."""

    def more(self) -> dict[str, Any]:
        """What Searcher.answer takes beside a query and k."""
        return self.model_dump(include={"filters", "facets", "sort", "offset"})


class NoParameters(Request):
    """A request that has no parameters."""


class SearchParameters(Search):
    """The parameters of GET /search."""

    q: Annotated[Text, Field(description="The query.", examples=["small black leather bag"])]
    k: Annotated[int, _K] = 10
    explain: Annotated[bool, _EXPLAIN] = False
    sort: Annotated[Text | None, _SORT] = None
    offset: Annotated[int, _OFFSET] = 0
    filters: Annotated[Texts, Field(alias="filter"), _FILTERS] = []
    facets: Annotated[Texts, Field(alias="facet"), _FACETS] = []


class Batch(Search):
    """The body of POST /search."""

    queries: Annotated[_Queries, Field(description="The queries.", examples=[["black bag", "red hat"]])]
    k: Annotated[int, _K] = 10
    explain: Annotated[bool, _EXPLAIN] = False
    filters: Annotated[Texts, _FILTERS] = []
    facets: Annotated[Texts, _FACETS] = []
    sort: Annotated[Text | None, _SORT] = None
    offset: Annotated[int, _OFFSET] = 0


class EncodeParameters(Request):
    """The parameters of GET /encode."""

    text: Annotated[Text, Field(description="The text.", examples=["black leather bag"])]
    side: Annotated[_Side, Field(alias="as"), _AS] = "query"


class EncodeBatch(Request):
    """The body of POST /encode."""

    texts: Annotated[_Queries, Field(description="The texts.", examples=[["black bag", "red hat"]])]
    side: Annotated[_Side, Field(alias="as"), _AS] = "query"


class Refusal(BaseModel):
    """Why a request is refused."""

    detail: Annotated[str, Field(description="One sentence.", examples=["k is 0; expected 1 to 1000"])]


class Match(BaseModel):
    """What a term of the query gave to a hit's score."""

    term: Annotated[str, Field(examples=["bag"])]
    query_impact: Annotated[int, Field(examples=[163])]
    document_impact: Annotated[int, Field(examples=[120])]
    contribution: Annotated[float, Field(description="The product of both.", examples=[19560])]
    expanded: Annotated[bool, Field(description="Whether the model added the term to the query.")]


class FoundHit(BaseModel):
    """A document that was found."""

    rank: Annotated[int, Field(description="From 1 on.", examples=[1])]
    id: Annotated[str, Field(examples=["P1"])]
    score: Annotated[float, Field(description="The sum over terms of query impact × document impact.", examples=[88.0])]
    text: Annotated[str | None, Field(description="Null if the index stores no texts.", examples=["A black bag"])]
    passage: Annotated[int, Field(description="Where documents were split: which of its passages, from 0.")] = 0
    fields: Annotated[dict[str, Value], _FIELDS]


class Hit(FoundHit):
    """A document that was found, and why."""

    matches: Annotated[list[Match], Field(description="If explain is true.")] = []


class Term(BaseModel):
    """A term of a query."""

    term: Annotated[str, Field(examples=["bag"])]
    impact: Annotated[int, Field(examples=[163])]
    expanded: Annotated[bool, Field(description="Whether the model added it.")]


class FacetCount(BaseModel):
    """A value of a field, and how many documents have it."""

    value: Annotated[str | int | float | bool, Field(examples=["Adele"])]
    count: Annotated[int, Field(examples=[12])]


class Milliseconds(BaseModel):
    """What the time went to."""

    encode: Annotated[float, Field(description="The model, and waiting for it.", examples=[6.1])]
    search: Annotated[float, Field(description="The search, and facets.", examples=[1.4])]
    fetch: Annotated[float, Field(description="Reading texts and fields.", examples=[0.3])]


class SearchResponse(BaseModel):
    """The hits of a query, best first, ties in order of id."""

    query: Annotated[str, Field(examples=["black bag"])]
    hits: list[Hit]
    milliseconds: Milliseconds
    total: Annotated[int, Field(description="If facets were asked for: how many documents match.")] = 0
    facets: Annotated[dict[str, list[FacetCount]], Field(description="Counts by field, if asked for.")] = {}
    more_values: Annotated[dict[str, int], Field(description="Of fields with more values, how many more.")] = {}
    reason: Annotated[str, Field(description="If there are no hits: why.", examples=["the query is empty"])] = ""
    terms: Annotated[list[Term], Field(description="The query's terms, if explain is true.")] = []


class BatchResponse(BaseModel):
    """The hits of several queries, in their order."""

    results: list[SearchResponse]


class Encoded(BaseModel):
    """A text as terms."""

    terms: Annotated[dict[str, int], _TERMS]


class EncodedText(Encoded):
    """A text and its terms."""

    text: Annotated[str, Field(examples=["black leather bag"])]


class EncodedBatch(BaseModel):
    """Several texts as terms, in their order."""

    results: list[Encoded]


class StoredDocument(BaseModel):
    """A document of the index."""

    id: Annotated[str, Field(examples=["P1"])]
    text: Annotated[str | None, Field(description="Null if the index stores no texts.", examples=["A black bag"])]
    fields: Annotated[dict[str, Value], _FIELDS]
    passages: Annotated[list[str], Field(description="Where documents were split: its passages.")] = []


class IndexField(BaseModel):
    """A field that documents have beside their text."""

    name: Annotated[str, Field(examples=["price"])]
    kind: Annotated[str, Field(description="string, number, boolean, timestamp or strings.", examples=["number"])]


class IndexDescription(BaseModel):
    """What is searched."""

    name: Annotated[str, Field(examples=["shop"])]
    documents: Annotated[int, Field(description="How many documents, or passages.", examples=[2000])]
    generation: Annotated[str, Field(description="Of the index; another one after an update.", examples=["3f2a-1"])]
    fields: Sequence[IndexField]
    model: Annotated[str | None, Field(description="Null where nobody named it.", examples=["small"])]


class IndexList(BaseModel):
    """The indexes that are served; paths that name none are of the first."""

    indexes: list[IndexDescription]


class IndexHealth(BaseModel):
    """An index of a service that has several."""

    documents: Annotated[int, Field(examples=[2000])]
    generation: Annotated[str, Field(examples=["3f2a-1"])]
    not_taken_up: Annotated[str, _NOT_TAKEN_UP] = ""


class Health(BaseModel):
    """That the service is well."""

    status: Annotated[str, Field(examples=["ok"])]
    documents: Annotated[int, Field(description="Of all indexes.", examples=[2000])]
    generation: Annotated[str, Field(description="Of an index that is alone.", examples=["3f2a-1"])] = ""
    not_taken_up: Annotated[str, _NOT_TAKEN_UP] = ""
    indexes: Annotated[dict[str, IndexHealth], Field(description="Of a service with several, by name.")] = {}
