"""How an index is searched, as options. A record is made without torch, Java or the index."""

from dataclasses import dataclass
from typing import Annotated

from ..options import Option, Options
from ..pipeline.options import ONE_DEVICE

_MODEL = Option("Where the index's model is, if not where it was: a folder, or a Hugging Face name.", "Model")
_QUERY_MODEL = Option("The same for an index whose queries have a model of their own.", "Model")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearcherOptions(Options):
    """What an index is opened with to be searched. model, query_model: what only sparton.json names on the hub is not
    fetched then."""

    model: Annotated[str | None, _MODEL] = None
    query_model: Annotated[str | None, _QUERY_MODEL] = None
    device: Annotated[str, Option("auto, cpu, cuda, cuda:1, …", "Model", ONE_DEVICE)] = "cpu"
    trust_remote_code: Annotated[bool, Option("Run code that the model brings along.", "Model")] = False
