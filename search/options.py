"""How an index is searched, as options. A record is made without torch, Java or the index."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..errors import Parameter, UsageError
from ..options import Option, Options, at_least, one_of
from ..pipeline.options import ONE_DEVICE, RATIOS
from .first_pass.register import LUCENE
from .fusion.fusion import Fusion
from .fusion.register import open_fusion, read_weights
from .ways import BM25_AND_SPARSE, FUSED, NAMES

_MODEL = Option("Where the index's model is, if not where it was: a folder, or a Hugging Face name.", "Model")
_QUERY_MODEL = Option("The same for an index whose queries have a model of their own.", "Model")
_TOP_TERMS = Option("Keep only this many terms of a query, the heaviest.", "Query", at_least(1))
_PRUNE_RATIO = Option("Drop a query's terms below this part of its heaviest.", "Query", RATIOS)
_FINDS_LEARNED = "What finds documents: lucene (exact), two-phase or seismic (both approximate)"
_WITH_LEARNED = Option(f"{_FINDS_LEARNED}.", "Index", one_of(*NAMES))
_WITH = Option(f"{_FINDS_LEARNED}; bm25; or bm25+sparse, both fused.", "Index", one_of(*NAMES))
_RRF_K = Option(
    "With bm25+sparse: the k of reciprocal rank fusion, 1 / (k + rank). [default: 60]", "Index", at_least(0)
)
_WEIGHTS = Option(
    "With bm25+sparse: sum up scores instead, normalized from 0 to 1 for each query, with these weights of bm25 and of "
    "sparse, as 0.3,0.7.",
    "Index",
    read=read_weights,
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
class WayOptions(QueryOptions):
    """How queries are encoded, and what finds documents. search_with: the way to search, by its name in ways.py;
    lucene finds the best documents by the learned terms."""

    search_with: Annotated[str, _WITH_LEARNED] = LUCENE


@dataclass(frozen=True, slots=True, kw_only=True)
class SearcherOptions(WayOptions):
    """What an index is opened with to be searched. rank_constant, weights: as open_fusion's, a weight for each search
    in the order of search_with. Raises UsageError for them where nothing is fused."""

    search_with: Annotated[str, _WITH] = LUCENE
    rank_constant: Annotated[int | None, _RRF_K] = None
    weights: Annotated[Sequence[float] | None, _WEIGHTS] = None

    def __post_init__(self) -> None:
        Options.__post_init__(self)  # super() would be of the class without slots
        self.fusion()

    def fusion(self) -> Fusion | None:
        """What fuses the rankings of several searches, None where there is one search."""
        fused = FUSED.get(self.search_with)
        if fused is not None:
            each = f"of {' and '.join(fused)}"
            return open_fusion(len(fused), rank_constant=self.rank_constant, weights=self.weights, each=each)
        for name in ("rank_constant", "weights"):
            if getattr(self, name) is not None:
                raise UsageError(
                    Parameter(name),
                    " is for searches that are fused, and ",
                    Parameter("search_with", self.search_with),
                    " fuses none; use ",
                    Parameter("search_with", BM25_AND_SPARSE),
                    " or leave it out",
                )
        return None
