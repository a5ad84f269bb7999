"""How an index is searched, as options. A record is made without torch, Java or the index."""

from dataclasses import dataclass
from typing import Annotated

from ..options import Option, Options, at_least, one_of
from ..pipeline.options import ONE_DEVICE, RATIOS
from .first_pass.register import LUCENE
from .ways import NAMES

_MODEL = Option("Where the index's model is, if not where it was: a folder, or a Hugging Face name.", "Model")
_QUERY_MODEL = Option("The same for an index whose queries have a model of their own.", "Model")
_TOP_TERMS = Option("Keep only this many terms of a query, the heaviest.", "Query", at_least(1))
_PRUNE_RATIO = Option("Drop a query's terms below this part of its heaviest.", "Query", RATIOS)
_WITH = Option(
    "What finds documents: lucene (exact), two-phase or seismic (both approximate); bm25; or bm25+sparse, both fused.",
    "Index",
    one_of(*NAMES),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOptions(Options):
    """How queries of an index are encoded. model, query_model: what only sparton.json names on the hub is not fetched
    then. query_top_terms, query_prune_ratio: which terms of a text are searched for; a query that comes as terms has
    them all."""

    model: Annotated[str | None, _MODEL] = None
    query_model: Annotated[str | None, _QUERY_MODEL] = None
    device: Annotated[str, Option("auto, cpu, cuda, cuda:1, …", "Model", ONE_DEVICE)] = "cpu"
    trust_remote_code: Annotated[bool, Option("Run code that the model brings along.", "Model")] = False
    query_top_terms: Annotated[int | None, _TOP_TERMS] = None
    query_prune_ratio: Annotated[float | None, _PRUNE_RATIO] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearcherOptions(QueryOptions):
    """What an index is opened with to be searched. search_with: the way to search, by its name in ways.py; lucene
    finds the best documents by the learned terms."""

    search_with: Annotated[str, _WITH] = LUCENE
