"""What sparton.json keeps of a model, and a model's query side as sparton.json kept it."""

from pathlib import Path

from ...errors import Parameter, SpartonError, UsageError
from ...storage.manifest import EncoderSpec, ModelSettings
from ..options import DEFAULT_MAX_LENGTH, EncoderOptions
from .files import ModelFiles, encoder_digest, find_model, find_recorded_model
from .kinds import KINDS
from .layout import QUERY
from .spec import EncoderFiles


def usual_length(encoder: EncoderFiles, longest: int) -> int:
    """Tokens that texts are cut at if the user says nothing. longest: what the model takes."""
    return min(encoder.max_length or (longest if encoder.saved else DEFAULT_MAX_LENGTH), longest)


def cut_length(asked: int | None, encoder: EncoderFiles, longest: int, name: str) -> int:
    """Tokens that texts are cut at. Raises UsageError where the model, `name`, does not take as many."""
    if asked is not None and asked > longest:
        raise UsageError(Parameter("max_length"), f" is {asked} and the model {name} takes at most {longest}")
    return asked or usual_length(encoder, longest)


def record(files: ModelFiles, documents: EncoderSpec, options: EncoderOptions, longest: int) -> ModelSettings:
    """The settings of a model for sparton.json.

    documents: how they are encoded. options: what the user asked for. longest: the most tokens that the model of the
    documents takes. A query model of its own is not loaded: only its files say how long its texts may be.
    """
    encoder = files.queries
    if encoder.is_same_model(files.documents):
        queries = encoder.spec(documents.digest, options.max_length or usual_length(encoder, longest), documents.dtype)
    else:
        dtype = (documents.dtype or "float32") if KINDS[encoder.kind].computes else None
        queries = encoder.spec(encoder_digest(files.name, files.folder, encoder), encoder.max_length, dtype)
    return ModelSettings(files.name, files.revision, documents, None if queries == documents else queries)


def recorded_queries(
    settings: ModelSettings,
    index: Path | None = None,
    model: str | None = None,
    *,
    trust_remote_code: bool = False,
) -> tuple[ModelFiles, EncoderFiles]:
    """The files that encode an index's queries, and how: as sparton.json has it, whatever the files say by now.

    index: its folder, None for one at a URI. model: a folder or a name on the hub where the same model is, instead of
    where sparton.json has it.
    Raises SpartonError if weights or tokenizer are others, or only a newer Sparton knows such an encoder.
    """
    spec, shared = settings.for_queries, settings.shared
    _check_known(spec)
    if model is None:
        files = find_recorded_model(
            settings.name, settings.revision, index, trust_remote_code=trust_remote_code, queries=not shared
        )
    else:
        revision = settings.revision if model == settings.name else None
        files = find_model(model, revision, trust_remote_code=trust_remote_code, queries=not shared)
    if files.digest != spec.digest and model is not None:
        raise SpartonError(
            f"the model {model} is not the one that the index was made with (the digest of that is "
            f"{spec.digest[:15]} and of this {files.digest[:15]}); pass ",
            Parameter("model"),
            " with where that one is",
        )
    if files.digest != spec.digest:
        raise SpartonError(
            f"the model {settings.name} has changed since the index was made (its digest was {spec.digest[:15]} and "
            f"is {files.digest[:15]}); put the old model back, or build the index again with ",
            Parameter("overwrite", True),
        )
    encoder = files.documents if shared else files.queries
    return files, encoder.following(spec)


def _check_known(spec: EncoderSpec) -> None:
    kind = KINDS.get(spec.kind)
    known = kind and QUERY in kind.tasks and spec.pooling in kind.poolings and spec.activation in kind.activations
    if not known:
        raise SpartonError(
            f"the index encodes queries by {spec.kind}, {spec.pooling} and {spec.activation}, which this Sparton does "
            "not know; upgrade it"
        )
