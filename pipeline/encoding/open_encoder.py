"""Which class encodes an index's documents, and which its queries."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...options import flat_keywords
from ...storage.manifest import ModelSettings
from ..model.base import TokenTable
from ..model.open_model import OpenModel, open_documents, open_queries, open_recorded_documents
from ..options import SCALE, EncoderOptions
from ..tokens.tokenizer import Tokenization
from .impacts import Impacts
from .static_encoder import StaticEncoder

if TYPE_CHECKING:
    from .encoder import Encoder

    DocumentEncoder = Encoder | StaticEncoder


class QueryEncoder(Protocol):
    """What encodes queries: Encoder, or StaticEncoder."""

    @property
    def settings(self) -> ModelSettings:
        """What sparton.json has of the model."""

    @property
    def tokenization(self) -> Tokenization:
        """How texts become tokens."""

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The term of each vocabulary id."""

    def terms(self, text: str) -> dict[str, int]:
        """One text as {term: impact}, heaviest first; empty if it has no token that the model knows."""

    def encode_alone(self, texts: Sequence[str]) -> Impacts:
        """The impacts of each text, in order, which do not depend on the other texts."""


@flat_keywords
def open_document_encoder(options: EncoderOptions) -> "DocumentEncoder":
    """What encodes a model's documents. options: given as a record, or field by field as keywords.

    Raises SpartonError and UsageError as Encoder.
    """
    return _encoder(open_documents(options), options)


def open_recorded_encoder(
    settings: ModelSettings, options: EncoderOptions, *, index: Path | None = None, model: str | None = None
) -> "DocumentEncoder":
    """What encodes more documents of an index, from what sparton.json says of its model. options: the scale and the
    pruning of the index, and what concerns this run. index, model: as recorded_documents'.

    Raises SpartonError if the model is not the one that the index was made with, or cannot be had.
    """
    return _encoder(open_recorded_documents(settings, options, index, model), options)


def open_query_encoder(
    settings: ModelSettings,
    scale: float | None,
    *,
    index: Path | None = None,
    model: str | None = None,
    query_model: str | None = None,
    device: str = "cpu",
    trust_remote_code: bool = False,
    top_terms: int | None = None,
    prune_ratio: float | None = None,
) -> QueryEncoder:
    """What encodes the queries of an index, from what sparton.json says of its model.

    index, model, query_model: as recorded_queries'. scale: of the queries, or None where vectors came as impacts.
    top_terms, prune_ratio: which terms of a query are kept, as EncoderOptions has them for documents.
    Where a table stands for the query model, nothing of torch is imported.
    Raises SpartonError if the model is not the one that the index was made with, or cannot be had.
    """
    opened = open_queries(settings, index, model, query_model, device=device, trust_remote_code=trust_remote_code)
    options = EncoderOptions(scale=SCALE if scale is None else scale, top_terms=top_terms, prune_ratio=prune_ratio)
    return _encoder(opened, options)


def _encoder(opened: OpenModel, options: EncoderOptions) -> "DocumentEncoder":
    if isinstance(opened.model, TokenTable):
        return StaticEncoder(opened, opened.model, options)
    from .encoder import Encoder

    return Encoder(opened, options=options)
