"""What a query term contributed to a hit, and which terms are in a text."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Parameter, SpartonError, UsageError
from ..pipeline.options import DEFAULT_MODEL
from ..pipeline.tokens.tokenizer import Tokenization, Tokenizer
from ..storage.local_copy import local_index
from ..storage.manifest import load_manifest
from ..storage.redaction import redacted
from ..storage.remote import local_path

if TYPE_CHECKING:
    from ..pipeline.encoding.open_encoder import QueryEncoder


@dataclass(frozen=True, slots=True)
class Match:
    """A term in both query and document. Of BM25 query_impact is how often the query has it, and document_impact its
    score in the document."""

    term: str
    query_impact: int
    document_impact: float

    @property
    def contribution(self) -> float:
        """What the term adds to the score."""
        return self.query_impact * self.document_impact


def input_terms(encoder: "QueryEncoder", text: str) -> frozenset[str]:
    """The terms that are in a text; the model has added all others that the text is encoded to.

    Without the model's prompt and special tokens, which are not in the text. Not for several threads at once.
    """
    tokenizer = _tokenizer(replace(encoder.tokenization, prompt="", special_tokens=False))
    vocabulary = encoder.vocabulary
    ids = tokenizer.tokenize([text.encode(errors="replace").decode()]).ids
    return frozenset(vocabulary[term] for term in encoder.own_terms(ids).tolist())


def encoded_text(
    text: str,
    index: str | Path | None,
    model: str | None = None,
    query_model: str | None = None,
    *,
    device: str = "cpu",
    trust_remote_code: bool = False,
) -> tuple[dict[str, int], frozenset[str]]:
    """A text as {term: impact}, heaviest first, and the terms that are in it: as the searches of an index have it as a
    query, or as a document of a model if there is no index.

    The other arguments, and what is raised: as open_encoder, and as Searcher where queries are weighed by the
    collection.
    """
    if index is not None and _weighs_by_collection(index):
        from .searcher import Searcher  # which imports this module

        options = {"device": device, "trust_remote_code": trust_remote_code}
        with Searcher(index, model=model, query_model=query_model, **options) as searcher:
            return searcher.terms(text), searcher.input_terms(text)
    encoder = open_encoder(index, model, query_model, device=device, trust_remote_code=trust_remote_code)
    return encoder.terms(text), input_terms(encoder, text)


def _weighs_by_collection(index: str | Path) -> bool:
    """Whether the searches of an index weigh a query's terms by how rare they are in it, for which Lucene is asked."""
    model = load_manifest(local_index(index, lucene=False)).settings.model
    return model is not None and model.for_queries.idf_power > 0


@lru_cache(maxsize=1)
def _tokenizer(how: Tokenization) -> Tokenizer:
    """Reading a tokenizer takes longer than a query, and a service explains many."""
    return Tokenizer(how)


def open_encoder(
    index: str | Path | None,
    model: str | None = None,
    query_model: str | None = None,
    *,
    device: str = "cpu",
    trust_remote_code: bool = False,
) -> "QueryEncoder":
    """What encodes queries for an index, or documents with a model, small by default, if there is none.

    model, query_model: with an index, as Searcher's.
    Raises SpartonError where either cannot be had, or the index has no model, and UsageError for a query model without
    an index.
    """
    from ..pipeline.encoding.open_encoder import open_document_encoder, open_query_encoder

    if index is None and query_model is not None:
        raise UsageError(
            Parameter("query_model"),
            f" is {query_model}, which is for the queries of an index; name that with ",
            Parameter("index"),
        )
    if index is None:
        return open_document_encoder(model=model or DEFAULT_MODEL, device=device, trust_remote_code=trust_remote_code)
    settings = load_manifest(local_index(index, lucene=False)).settings
    if settings.model is None:
        name = redacted(str(index))
        raise SpartonError(
            f"the index {name} was made of vectors without naming their model; use ", Parameter("model"), " instead"
        )
    return open_query_encoder(
        settings.model,
        settings.scale_for_queries,
        index=local_path(index),
        model=model,
        query_model=query_model,
        device=device,
        trust_remote_code=trust_remote_code,
    )
