"""What sparton.json keeps of a model, and a model's query side as sparton.json kept it."""

from dataclasses import replace
from pathlib import Path

from ...errors import Parameter, SpartonError, UsageError
from ...storage.manifest import ModelSettings
from ..options import DEFAULT_MAX_LENGTH
from .files import ModelFiles, find_model, find_recorded_model, side_digest
from .spec import MASKED_LM, STATIC, Side

SAME = "same"
# The poolings and activations of head/dispatch.py, whose import is torch's.
_KNOWN = {"max", "sum"}, {"log1p_relu", "log1p_log1p_relu"}


def usual_length(side: Side, longest: int) -> int:
    """Tokens that a side's texts are cut at if the user says nothing. longest: what its model takes."""
    return min(side.longest or (longest if side.saved else DEFAULT_MAX_LENGTH), longest)


def cut_length(asked: int | None, side: Side, longest: int, name: str) -> int:
    """Tokens that a side's texts are cut at. Raises UsageError where the model, `name`, does not take as many."""
    if asked is not None and asked > longest:
        raise UsageError(Parameter("max_length"), f" is {asked} and the model {name} takes at most {longest}")
    return asked or usual_length(side, longest)


def record(files: ModelFiles, max_length: int | None, longest: int, dtype: str) -> ModelSettings:
    """The settings of a model for sparton.json.

    max_length: what the user asked for, or None. longest: the most tokens that the model of the documents takes.
    """
    documents, queries, shared = files.kind.documents, files.kind.queries, files.kind.shared
    cut = max_length or usual_length(documents, longest)
    query_cut = (max_length or usual_length(queries, longest)) if shared else queries.longest
    return ModelSettings(
        name=files.name,
        revision=files.revision,
        digest=files.digest,
        max_length=cut,
        dtype=dtype,
        pooling=documents.pooling,
        activation=documents.activation,
        document_side=documents.kind,
        document_prompt=documents.prompt,
        top_terms=files.kind.top_terms,
        query_side=SAME if shared else queries.kind,
        query_digest=None if shared else side_digest(files.name, files.folder, queries),
        query_max_length=None if shared and query_cut == cut else query_cut,
        query_pooling=queries.pooling,
        query_activation=queries.activation,
        query_prompt=queries.prompt,
    )


def recorded_queries(
    settings: ModelSettings,
    index: Path | None = None,
    model: str | None = None,
    *,
    trust_remote_code: bool = False,
) -> tuple[ModelFiles, Side]:
    """The files that encode an index's queries, and how: as sparton.json has it, whatever the files say by now.

    index: its folder, None for one at a URI. model: a folder or a name on the hub where the same model is, instead of
    where sparton.json has it.
    Raises SpartonError if weights or tokenizer are others, or only a newer Sparton knows such a side.
    """
    shared = settings.query_side == SAME
    how = settings.query_pooling, settings.query_activation
    kind = settings.document_side if shared else settings.query_side
    if kind not in (MASKED_LM, STATIC) or how[0] not in _KNOWN[0] or how[1] not in _KNOWN[1]:
        raise SpartonError(
            f"the index encodes queries by {kind}, {how[0]} and {how[1]}, which this Sparton does not know; upgrade it"
        )
    if model is None:
        files = find_recorded_model(
            settings.name, settings.revision, index, trust_remote_code=trust_remote_code, queries=not shared
        )
    else:
        revision = settings.revision if model == settings.name else None
        files = find_model(model, revision, trust_remote_code=trust_remote_code, queries=not shared)
    expected = settings.digest if shared else settings.query_digest
    if files.digest != expected and model is not None:
        raise SpartonError(
            f"the model {model} is not the one that the index was made with (the digest of that is "
            f"{str(expected)[:15]} and of this {files.digest[:15]}); pass ",
            Parameter("model"),
            " with where that one is",
        )
    if files.digest != expected:
        raise SpartonError(
            f"the model {settings.name} has changed since the index was made (its digest was {str(expected)[:15]} and "
            f"is {files.digest[:15]}); put the old model back, or build the index again with ",
            Parameter("overwrite", True),
        )
    side = files.kind.documents if shared else files.kind.queries
    return files, replace(
        side,
        kind=kind,
        pooling=how[0],
        activation=how[1],
        prompt=settings.query_prompt,
        longest=settings.query_max_length or (settings.max_length if shared else None),
    )
