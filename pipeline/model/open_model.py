"""Find a model, load it, and say how its texts are cut: for documents as the user asks, for queries as recorded."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ...options import values_for
from ...storage.manifest import EncoderSpec, ModelSettings
from ..options import EncoderOptions
from ..tokens.tokenizer import Tokenization
from .base import Model, Runtime, TokenTable
from .files import find_model
from .kinds import KINDS
from .recorded import cut_length, record, recorded_queries


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A loaded model. name: to tell of it. spec: how it encodes texts. settings: gives what sparton.json has of it,
    which may read the files of a query model."""

    name: str
    model: Model
    spec: EncoderSpec
    settings: Callable[[], ModelSettings]

    @property
    def tokenization(self) -> Tokenization:
        """How a text becomes token ids, cut and with its prompt."""
        longest = self.model.tokenization.longest
        return replace(self.model.tokenization, longest=self.spec.max_length or longest, prompt=self.spec.prompt)


def open_documents(options: EncoderOptions, *, head: str = "auto") -> OpenModel:
    """The model of the options, for documents. head: see splade_head's `impl`.

    Raises SpartonError when it cannot be had, UsageError when an option cannot be meant for it.
    """
    files = find_model(options.model, options.revision, trust_remote_code=options.trust_remote_code)
    model = KINDS[files.documents.kind].load(files.documents, Runtime(**values_for(Runtime, options), head=head))
    longest = model.tokenization.longest
    cut = cut_length(options.max_length, files.documents, longest, files.name)
    spec = files.documents.spec(files.digest, cut, _dtype(model))
    return OpenModel(files.name, model, spec, partial(record, files, spec, options, longest))


def open_queries(
    settings: ModelSettings,
    index: Path | None = None,
    model: str | None = None,
    *,
    device: str = "auto",
    trust_remote_code: bool = False,
) -> OpenModel:
    """The model of an index, for queries. index, model: as recorded_queries', whose errors it raises."""
    files, encoder = recorded_queries(settings, index, model, trust_remote_code=trust_remote_code)
    dtype = settings.for_queries.dtype or "auto"
    loaded = KINDS[encoder.kind].load(encoder, Runtime(device=device, dtype=dtype, trust_remote_code=trust_remote_code))
    cut = cut_length(None, encoder, loaded.tokenization.longest, files.name)
    return OpenModel(files.name, loaded, replace(settings.for_queries, max_length=cut), lambda: settings)


def _dtype(model: Model) -> str | None:
    return None if isinstance(model, TokenTable) else model.dtype
