"""Find a model, load it, and say how its texts are cut: for documents as the user asks, for queries as recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from ...errors import SpartonError
from ...options import values_for
from ...storage.manifest import OWN, EncoderSpec, ModelSettings
from ..options import EncoderOptions
from ..tokens.tokenizer import Tokenization
from .base import Model, Runtime, TokenTable, TokenWeightModel
from .document_side import with_known_ratio
from .files import ModelFiles, find_model, refuse_idle_revision
from .head_nouns import HeadNouns, read_head_nouns
from .kinds import KINDS
from .lexical import NAME as LEXICAL
from .lexical import (
    DocumentFrequencies,
    Lexical,
    Synonyms,
    WordForms,
    read_frequencies,
    read_synonyms,
    read_words,
)
from .query_side import are_queries_elsewhere, find_queries
from .recorded import cut_length, record, recorded_documents, recorded_queries
from .shared import SharedModels
from .spec import EncoderFiles


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A loaded model. name: to tell of it. spec: how it encodes texts. settings: gives what sparton.json has of it,
    for which a query model of its own is loaded and compared with it. lexical: of what encodes documents whose words
    are counted, else None. words: of what encodes these or queries, None where its folder does not tell word forms.
    document_frequencies: of what encodes queries that are weighed by the collection (idf_power in EncoderSpec), else
    None. synonyms, head_nouns: of what encodes queries by a table, other words for words, and nouns that weigh more;
    None for no nouns."""

    name: str
    model: Model
    spec: EncoderSpec
    settings: Callable[[], ModelSettings]
    lexical: Lexical | None = None
    words: WordForms | None = None
    document_frequencies: DocumentFrequencies | None = None
    synonyms: Mapping[str, Synonyms] = field(default_factory=dict)
    head_nouns: HeadNouns | None = None

    @property
    def tokenization(self) -> Tokenization:
        """How a text becomes token ids, cut and with its prompt."""
        longest = self.model.tokenization.longest
        return replace(self.model.tokenization, longest=self.spec.max_length or longest, prompt=self.spec.prompt)


def open_documents(options: EncoderOptions, *, head: str = "auto") -> OpenModel:
    """The model of the options, for documents. head: see splade_head's `impl`.

    Raises SpartonError when it or its query model cannot be had, UsageError when an option cannot be meant for it.
    """
    refuse_idle_revision(options.model, options.revision)
    files = find_model(
        options.model,
        options.revision,
        trust_remote_code=options.trust_remote_code,
        alone=options.query_model is not None,
    )
    files = with_known_ratio(files)
    queries = cache(partial(find_queries, files, options))  # for the settings, which one process asks for
    rounds = are_queries_elsewhere(files, options)
    model = _load(files.documents, Runtime(**values_for(Runtime, options), head=head, rounds=rounds))
    longest = model.tokenization.longest
    cut = cut_length(options.max_length, files.documents, longest, files.name)
    spec = replace(files.documents.spec(files.digest, cut, _dtype(model)), rounds=rounds)
    settings = partial(_settings, files, queries, spec, options, model)
    return OpenModel(files.name, model, spec, settings, *_words(files.documents, model))


def open_recorded_documents(
    settings: ModelSettings,
    options: EncoderOptions,
    index: Path | None = None,
    model: str | None = None,
    *,
    shared: SharedModels | None = None,
    for_texts: bool = False,
) -> OpenModel:
    """The model of an index, for documents as sparton.json has it. options: of which device and what else concerns this
    run count. index, model: as recorded_documents', whose errors it raises. shared: models that may be loaded already.
    for_texts: see Runtime.
    """
    files, encoder = recorded_documents(settings, index, model, trust_remote_code=options.trust_remote_code)
    runtime = replace(
        Runtime(**values_for(Runtime, options)),
        dtype=settings.documents.dtype or "auto",
        for_texts=for_texts,
        rounds=settings.documents.rounds,
    )
    loaded = _load_shared(encoder, settings.documents, runtime, shared)
    cut = cut_length(None, encoder, loaded.tokenization.longest, files.name)
    spec = replace(settings.documents, max_length=cut)
    return OpenModel(files.name, loaded, spec, lambda: settings, *_words(encoder, loaded))


def open_queries(
    settings: ModelSettings,
    index: Path | None = None,
    model: str | None = None,
    query_model: str | None = None,
    *,
    device: str = "auto",
    trust_remote_code: bool = False,
    shared: SharedModels | None = None,
) -> OpenModel:
    """The model of an index, for queries. index, model, query_model: as recorded_queries', whose errors it raises.
    shared: models that may be loaded already."""
    files, encoder = recorded_queries(settings, index, model, query_model, trust_remote_code=trust_remote_code)
    dtype = settings.for_queries.dtype or "auto"
    runtime = Runtime(device=device, dtype=dtype, trust_remote_code=trust_remote_code, for_texts=True)
    loaded = _load_shared(encoder, settings.for_queries, runtime, shared)
    cut = cut_length(None, encoder, loaded.tokenization.longest, files.name)
    spec = replace(settings.for_queries, max_length=cut)
    return OpenModel(
        files.name,
        loaded,
        spec,
        lambda: settings,
        words=_query_words(encoder, loaded),
        document_frequencies=_frequencies(encoder, loaded),
        synonyms=_synonyms(encoder),
        head_nouns=_head_nouns(encoder),
    )


def _settings(
    files: ModelFiles,
    queries: Callable[[], ModelFiles],
    documents: EncoderSpec,
    options: EncoderOptions,
    model: Model,
) -> ModelSettings:
    """What sparton.json has of a model that is loaded for documents, once what encodes queries is found to fit it."""
    query_files = queries()
    settings = record(files, query_files, documents, options, model.tokenization.longest)
    encoder, loaded = query_files.queries, model
    if not encoder.is_same_model(files.documents):
        from .two_sides import check_sides

        dtype, trusted = settings.for_queries.dtype or "auto", options.trust_remote_code
        loaded = _load(encoder, Runtime(device="cpu", dtype=dtype, trust_remote_code=trusted, for_texts=True))
        check_sides(files.documents, model, encoder, loaded)
        if isinstance(loaded, TokenTable):
            from .token_table import tell_negative

            tell_negative(str(encoder.folder), loaded)
    _frequencies(encoder, loaded)  # which a search would find wrong
    _query_words(encoder, loaded)
    _synonyms(encoder)
    _head_nouns(encoder)
    return settings


def _words(files: EncoderFiles, model: Model) -> tuple[Lexical | None, WordForms | None]:
    """What the folder of a model says of words, where those of documents are counted. Raises SpartonError as
    read_words, and where the folder says nothing any more."""
    if not (files.term_frequency or files.own_words):
        return None, None
    if files.lexical is None:
        raise SpartonError(
            f"the index counts the words of documents, and the model in {files.folder} has no {LEXICAL}, which says "
            "how; put the old model back"
        )
    return files.lexical, read_words(files.lexical, _terms(model))


def _query_words(files: EncoderFiles, model: Model) -> WordForms | None:
    """What the folder of a model says of the words of queries. Raises SpartonError as read_words."""
    return None if files.lexical is None else read_words(files.lexical, _terms(model))


def _synonyms(files: EncoderFiles) -> Mapping[str, Synonyms]:
    """The synonyms of queries that are weighed by the collection. Raises SpartonError as read_synonyms."""
    return {} if files.lexical is None or not files.idf_power else read_synonyms(files.lexical)


def _head_nouns(files: EncoderFiles) -> HeadNouns | None:
    """The head nouns of queries that are weighed by the collection. Raises SpartonError as read_head_nouns."""
    return None if files.lexical is None or not files.idf_power else read_head_nouns(files.lexical)


def _frequencies(files: EncoderFiles, model: Model) -> DocumentFrequencies | None:
    """The document frequencies of a model, where its queries are weighed by them. Raises SpartonError as
    read_frequencies, and where the model's folder has none."""
    if not files.idf_power:
        return None
    if files.lexical is None:
        raise SpartonError(
            f"the index weighs queries by how rare their terms are, and the model in {files.folder} has no {LEXICAL}, "
            "which says how; put the old model back"
        )
    return read_frequencies(files.lexical, _terms(model))


def _terms(model: Model) -> int:
    """How many terms a model has."""
    return len(model.weights) if isinstance(model, TokenTable) else len(model.vocabulary)


def _load_shared(files: EncoderFiles, spec: EncoderSpec, runtime: Runtime, shared: SharedModels | None) -> Model:
    load = partial(_load, files, runtime)
    return load() if shared is None else shared.loaded(spec, runtime, load)


def _load(files: EncoderFiles, runtime: Runtime) -> Model:
    model = KINDS[files.kind].load(files, runtime)
    if files.terms != OWN or isinstance(model, TokenTable | TokenWeightModel):
        return model
    from .own_tokens import OwnTokens  # which needs torch

    return OwnTokens(model, files)


def _dtype(model: Model) -> str | None:
    return None if isinstance(model, TokenTable) else model.dtype
