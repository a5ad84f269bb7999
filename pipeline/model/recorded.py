"""What sparton.json keeps of a model, and a model's query side as sparton.json kept it."""

from pathlib import Path

from ...errors import Parameter, SpartonError, UsageError, shortened
from ...storage.manifest import TERMS, EncoderSpec, ModelSettings, ModelSource
from ..options import DEFAULT_MAX_LENGTH, EncoderOptions
from .files import ModelFiles, encoder_digest, find_model, find_recorded_model
from .kinds import KINDS
from .layout import DOCUMENT, QUERY
from .lexical import counting_key
from .spec import EncoderFiles

_TEXTS = {DOCUMENT: "documents", QUERY: "queries"}


def usual_length(encoder: EncoderFiles, longest: int) -> int:
    """Tokens that texts are cut at if the user says nothing. longest: what the model takes."""
    return min(encoder.max_length or (longest if encoder.saved else DEFAULT_MAX_LENGTH), longest)


def cut_length(asked: int | None, encoder: EncoderFiles, longest: int, name: str) -> int:
    """Tokens that texts are cut at. Raises UsageError where the model, `name`, does not take as many."""
    if asked is not None and asked > longest:
        raise UsageError(Parameter("max_length"), f" is {asked} and the model {name} takes at most {longest}")
    return asked or usual_length(encoder, longest)


def record(
    files: ModelFiles, query_files: ModelFiles, documents: EncoderSpec, options: EncoderOptions, longest: int
) -> ModelSettings:
    """The settings of a model for sparton.json.

    query_files: of what encodes queries, the same model or another. documents: how they are encoded. options: what the
    user asked for. longest: the most tokens that the model of the documents takes. Of a query model of its own only the
    files say how long its texts may be.
    """
    encoder, elsewhere = query_files.queries, query_files.folder != files.folder
    if encoder.is_same_model(files.documents):
        queries = encoder.spec(documents.digest, options.max_length or usual_length(encoder, longest), documents.dtype)
    else:
        dtype = (documents.dtype or "float32") if KINDS[encoder.kind].computes else None
        digest = query_files.digest if elsewhere else encoder_digest(files.name, files.folder, encoder)
        queries = encoder.spec(digest, encoder.max_length, dtype)
    source = ModelSource(query_files.name, query_files.revision) if elsewhere else None
    return ModelSettings(files.name, files.revision, documents, None if queries == documents else queries, source)


def recorded_queries(
    settings: ModelSettings,
    index: Path | None = None,
    model: str | None = None,
    query_model: str | None = None,
    *,
    trust_remote_code: bool = False,
) -> tuple[ModelFiles, EncoderFiles]:
    """The files that encode an index's queries, and how: as sparton.json has it, whatever the files say by now.

    index: its folder, None for one at a URI. model: a folder or a name on the hub where the same model is, instead of
    where sparton.json has it. query_model: the same for an index whose queries have a model elsewhere, of which nothing
    but that is needed.
    Raises SpartonError if weights or tokenizer are others, or only a newer Sparton knows such an encoder, and
    UsageError for a model that the index does not have.
    """
    spec, source = settings.for_queries, settings.query_source
    elsewhere = settings.query_model is not None
    _check_known(spec, QUERY)
    _check_named(settings, model, query_model)
    named, parameter = (query_model, "query_model") if elsewhere else (model, "model")
    queries = elsewhere or not settings.shared
    if named is None:
        files = find_recorded_model(
            source,
            index,
            trust_remote_code=trust_remote_code,
            queries=queries,
            terms=spec.terms,
            parameter=parameter,
        )
    else:
        revision = source.revision if named == source.name else None
        files = find_model(named, revision, trust_remote_code=trust_remote_code, queries=queries, terms=spec.terms)
    _check_digest(files, spec, source, named, parameter)
    encoder = files.queries if queries else files.documents
    return files, encoder.following(spec)


def recorded_documents(
    settings: ModelSettings, index: Path | None = None, model: str | None = None, *, trust_remote_code: bool = False
) -> tuple[ModelFiles, EncoderFiles]:
    """The files that encode an index's documents, and how: as sparton.json has it. The rest is as in recorded_queries,
    whose errors it raises."""
    spec, source = settings.documents, ModelSource(settings.name, settings.revision)
    _check_known(spec, DOCUMENT)
    if model is None:
        files = find_recorded_model(source, index, trust_remote_code=trust_remote_code)
    else:
        revision = source.revision if model == source.name else None
        files = find_model(model, revision, trust_remote_code=trust_remote_code)
    _check_digest(files, spec, source, model, "model")
    return files, files.documents.following(spec)


def _check_digest(files: ModelFiles, spec: EncoderSpec, source: ModelSource, named: str | None, parameter: str) -> None:
    """Raise SpartonError for another model than the index was made with. named: where the user says that it is."""
    found, recorded = files.digest, spec.digest
    if found == recorded:
        return
    if named is not None:
        raise SpartonError(
            f"the model {named} is not the one that the index was made with (the digest of that is "
            f"{recorded[:15]} and of this {found[:15]}); pass ",
            Parameter(parameter),
            " with where that one is",
        )
    if files.revision is not None and files.revision == source.revision:
        # A commit does not change.
        raise SpartonError(
            f"the model {source.name} at revision {source.revision} is in the local hub cache with other files than "
            f"the index was made with (their digest was {recorded[:15]} and is {found[:15]}), so some may be "
            "missing; pass ",
            Parameter(parameter, source.name),
            " to fetch them",
        )
    raise SpartonError(
        f"the model {source.name} has changed since the index was made (its digest was {recorded[:15]} and "
        f"is {found[:15]}); put the old model back, or build the index again with ",
        Parameter("overwrite", True),
    )


def _check_named(settings: ModelSettings, model: str | None, query_model: str | None) -> None:
    """Raise UsageError where the user says where a model is that the index does not have, or that no query needs."""
    if settings.query_model is None and query_model is not None:
        raise UsageError(
            Parameter("query_model"),
            f" is {query_model}, and the index has one model for documents and queries; say where that is with ",
            Parameter("model"),
        )
    if settings.query_model is not None and model is not None:
        raise UsageError(
            Parameter("model"),
            f" is {model}, and queries of the index need its query model alone ({settings.query_model.name}); say "
            "where that is with ",
            Parameter("query_model"),
        )


def _check_known(spec: EncoderSpec, task: str) -> None:
    kind = KINDS.get(spec.kind)
    known = kind and task in kind.tasks and spec.pooling in kind.poolings and spec.activation in kind.activations
    if kind and (key := counting_key(spec)) is not None and not kind.expands:
        raise SpartonError(
            f"the index encodes {_TEXTS[task]} by {spec.kind} with the {key} {getattr(spec, key):g}, which this "
            "Sparton does not know; upgrade it"
        )
    if not known:
        raise SpartonError(
            f"the index encodes {_TEXTS[task]} by {spec.kind}, {spec.pooling} and {spec.activation}, which this "
            "Sparton does not know; upgrade it"
        )
    if spec.terms not in TERMS:
        raise SpartonError(
            f"the index has {shortened(repr(spec.terms))} terms of a {task}, which this Sparton does not know; "
            "upgrade it"
        )
