"""Which class encodes an index's documents, and which its queries."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from ...options import flat_keywords
from ...storage.manifest import ModelSettings
from ..model.base import TokenTable
from ..model.open_model import OpenModel, open_documents, open_queries, open_recorded_documents
from ..model.shared import SharedModels
from ..options import SCALE, EncoderOptions
from ..tokens.tokenizer import Tokenization
from .impacts import Impacts
from .pruning import Pruning, pruning_for
from .query_terms import Words
from .static_encoder import StaticEncoder

if TYPE_CHECKING:
    import numpy as np

    from ..model.head_nouns import HeadNouns
    from ..model.lexical import DocumentFrequencies, Synonyms
    from .encoder import Encoder

    DocumentEncoder = Encoder | StaticEncoder


class QueryEncoder(Protocol):
    """What encodes queries: Encoder, or StaticEncoder."""

    scale: float
    pruning: Pruning

    @property
    def settings(self) -> ModelSettings:
        """What sparton.json has of the model."""

    @property
    def document_frequencies(self) -> "DocumentFrequencies | None":
        """What the impacts of queries are weighed by in a collection; None where they are not."""

    @property
    def synonyms(self) -> Mapping[str, "Synonyms"]:
        """Other words for words, of a StaticEncoder whose model has some."""

    @property
    def head_nouns(self) -> "HeadNouns | None":
        """The nouns that weigh more where a query names a thing by them, of a StaticEncoder whose model has some."""

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

    def words(self, text: str) -> Words:
        """The words of a query, of which a document must have one whole; none where the model computes what a word is
        worth, and a document with any term is found."""

    def own_terms(self, ids: "np.ndarray") -> "np.ndarray":
        """The terms that a text's tokens, int32 ids, stand for, in no order; the model has added any others."""


class SharedEncoders:
    """The encoders that are in use, for several indexes or for documents and queries of one: texts that are encoded
    alike have one encoder, others of the same model that model. One goes when nobody uses it any more.

    encoding: who encodes holds it, since a model uses every core for one text already.
    """

    def __init__(self) -> None:
        self.models = SharedModels()
        self.encoding = threading.Lock()
        self._encoders: WeakValueDictionary[Any, DocumentEncoder] = WeakValueDictionary()
        self._lock = threading.Lock()

    def encoder(self, opened: OpenModel, options: EncoderOptions) -> "DocumentEncoder":
        """What encodes by an open model: the encoder in use, or a new one."""
        key = id(opened.model), opened.spec, options.scale, pruning_for(options, opened.spec)
        with self._lock:
            encoder = self._encoders.get(key)
            if encoder is None:
                self._encoders[key] = encoder = _encoder(opened, options)
            return encoder


@flat_keywords
def open_document_encoder(options: EncoderOptions) -> "DocumentEncoder":
    """What encodes a model's documents. options: given as a record, or field by field as keywords.

    Raises SpartonError and UsageError as Encoder.
    """
    return _encoder(open_documents(options), options)


def open_recorded_encoder(
    settings: ModelSettings,
    options: EncoderOptions,
    *,
    index: Path | None = None,
    model: str | None = None,
    shared: SharedEncoders | None = None,
    for_texts: bool = False,
) -> "DocumentEncoder":
    """What encodes more documents of an index, from what sparton.json says of its model. options: the scale and the
    pruning of the index, and what concerns this run. index, model: as recorded_documents'. shared: encoders that may
    be in use already. for_texts: see Runtime.

    Raises SpartonError if the model is not the one that the index was made with, or cannot be had.
    """
    models = shared.models if shared else None
    opened = open_recorded_documents(settings, options, index, model, shared=models, for_texts=for_texts)
    return shared.encoder(opened, options) if shared else _encoder(opened, options)


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
    shared: SharedEncoders | None = None,
) -> QueryEncoder:
    """What encodes the queries of an index, from what sparton.json says of its model.

    index, model, query_model: as recorded_queries'. scale: of the queries, or None where vectors came as impacts.
    top_terms, prune_ratio: which terms of a query are kept, as EncoderOptions has them for documents.
    shared: encoders that may be in use already. Where a table stands for the query model, nothing of torch is imported.
    Raises SpartonError if the model is not the one that the index was made with, or cannot be had.
    """
    opened = open_queries(
        settings,
        index,
        model,
        query_model,
        device=device,
        trust_remote_code=trust_remote_code,
        shared=shared.models if shared else None,
    )
    options = EncoderOptions(scale=SCALE if scale is None else scale, top_terms=top_terms, prune_ratio=prune_ratio)
    return shared.encoder(opened, options) if shared else _encoder(opened, options)


def _encoder(opened: OpenModel, options: EncoderOptions) -> "DocumentEncoder":
    if isinstance(opened.model, TokenTable):
        return StaticEncoder(opened, opened.model, options)
    from .encoder import Encoder

    return Encoder(opened, options=options)
