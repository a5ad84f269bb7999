"""Why a query has no hits: the one place that finds the words, for whoever asked and however."""

from ..pipeline.encoding.query_terms import split_words
from .way import Terms


def reason_for_no_hits(query: str, terms: Terms, *, filtered: bool, offset: int, by_model: bool) -> str:
    """Words that say what is missing, as a part of a sentence. terms: of the query, as the way to search has them.
    filtered, offset: whether filters narrow the hits, and how many are passed over. by_model: whether a model encodes
    queries."""
    if not query.strip():
        return "the query is empty"
    if not terms:
        return f"the query has {'no term that the model knows' if by_model else 'no words but stop words'}"
    if offset:
        return f"there are no more than {offset:,}"
    lacking = "a whole word of the query" if split_words(terms) else "a term of the query"
    return f"no document {'that passes the filters ' if filtered else ''}holds {lacking}"
