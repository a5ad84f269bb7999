"""How an index is searched, as options. A record is made without torch, Java or the index."""

from dataclasses import dataclass
from typing import Annotated

from ..options import Option, Options, one_of
from ..pipeline.options import ONE_DEVICE
from .first_pass.register import LUCENE, NAMES

_MODEL = Option("Where the index's model is, if not where it was: a folder, or a Hugging Face name.", "Model")
_QUERY_MODEL = Option("The same for an index whose queries have a model of their own.", "Model")
_WITH = Option(
    "What finds documents: lucene (exact), two-phase or seismic (both approximate).", "Index", one_of(*NAMES)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearcherOptions(Options):
    """What an index is opened with to be searched. model, query_model: what only sparton.json names on the hub is not
    fetched then. search_with: what finds the documents that are then scored exactly; lucene finds the best ones."""

    model: Annotated[str | None, _MODEL] = None
    query_model: Annotated[str | None, _QUERY_MODEL] = None
    device: Annotated[str, Option("auto, cpu, cuda, cuda:1, …", "Model", ONE_DEVICE)] = "cpu"
    trust_remote_code: Annotated[bool, Option("Run code that the model brings along.", "Model")] = False
    search_with: Annotated[str, _WITH] = LUCENE
