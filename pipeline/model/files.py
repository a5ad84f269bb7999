"""Find a model's files: an embedded one, a folder, or a name on the Hugging Face hub."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ...errors import Parameter, SpartonError, UsageError
from ...storage.manifest import ModelSource, model_folder
from ...storage.redaction import redacted
from .adapter import FindBase, adapter_weights, only_folders
from .embedded import EMBEDDED, embedded_folder
from .hub import PartlyCachedError, cached_folder, hub_folder
from .kinds import KINDS, WEIGHTS, read_encoder
from .layout import ADAPTER, DOCUMENT, QUERY, NoRouteError
from .lexical import counting_key, read_lexical
from .spec import EncoderFiles, with_terms
from .weights import (
    INDEX,
    PICKLED,
    SAFETENSORS,
    check_config,
    check_whole,
    digest_of,
    file_digest,
    pickle_digest,
    pickles,
    weight_files,
)

_CONFIG = "config.json"
_OTHERS = ("*.safetensors", "*.bin", "*.pt", "*.h5", "*.msgpack", "*.onnx", "*.gguf")  # forms of weights, not of ours


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on disk.

    name: finds it again. revision: the hub's commit. documents, queries: what encodes them, which may be the same.
    digest: of all that defines the one of them that was asked for.
    """

    name: str
    folder: Path
    revision: str | None
    documents: EncoderFiles
    queries: EncoderFiles
    digest: str


def find_model(
    name: str,
    revision: str | None = None,
    *,
    trust_remote_code: bool = False,
    queries: bool = False,
    terms: str | None = None,
    alone: bool = False,
) -> ModelFiles:
    """Resolve an embedded model's name, a local folder, or a hub name (downloaded once, cached by huggingface_hub).

    queries: whether what encodes queries is wanted; other weights, of what encodes documents, are not read then.
    terms: of a query (see EncoderSpec), None for those that the files say. alone: whether another model encodes
    queries, so that of a Router the route for documents is enough; for queries their route always is.
    Raises SpartonError when there is no such model, or it has no weights, or is of a kind not known.
    """
    if name in EMBEDDED:
        return _embedded(name, queries, terms)
    if Path(name).is_dir():
        find_base = _base_in_a_folder(_fetched_base)
        return _model_in(Path(name), str(Path(name).resolve()), None, queries, terms, find_base, alone=alone)
    _refuse_paths(name)
    folder = hub_folder(name, revision, trust_remote_code)
    return _model_in(folder, name, folder.name, queries, terms, _fetched_base, alone=alone)


def refuse_idle_revision(name: str, revision: str | None, parameter: str = "revision") -> None:
    """Raise UsageError for a revision of a model that is not on the hub. parameter: its own."""
    if revision is not None and (name in EMBEDDED or Path(name).is_dir()):
        what = "an embedded model" if name in EMBEDDED else "a folder"
        raise UsageError(
            Parameter(parameter), f" is {revision}, and the model {name} is {what}, which has none; leave it out"
        )


def _refuse_paths(name: str) -> None:
    """Raise SpartonError for a path that is no folder, and no name on the hub either."""
    if os.path.isfile(name):
        raise SpartonError(f"the model {name} is a file; name the folder that it is in, {Path(name).parent}")
    if name.startswith(("/", "./", "../", "~")):
        raise SpartonError(f"the model {name} does not exist; name a folder, or a model on the Hugging Face hub")


def find_recorded_model(
    source: ModelSource,
    index: Path | None,
    *,
    trust_remote_code: bool = False,
    queries: bool = False,
    terms: str | None = None,
    parameter: str = "model",
) -> ModelFiles:
    """The model that a sparton.json names, if it is on this machine: anyone may have written the name, so nobody is
    asked for it, let alone with the user's token.

    index: the folder that a relative path starts from, None for an index at a URI. parameter: that says where the model
    is instead. The rest is as find_model's.
    Raises SpartonError as find_model.
    """
    name, revision = source.name, source.revision
    if name in EMBEDDED:
        return _embedded(name, queries, terms)
    folder = model_folder(name, index, parameter)
    if folder is not None:
        if not os.path.isdir(folder):
            raise SpartonError(
                f"the index names the model {name}, and {folder} is no folder; put the model there, or pass ",
                Parameter(parameter),
                " with where it is",
            )
        return _model_in(folder, str(folder), None, queries, terms, _base_in_a_folder(_cached_base))
    try:
        folder, found = cached_folder(name, revision, trust_remote_code), "not in the local hub cache"
    except PartlyCachedError as error:
        folder, found = None, f"in the local hub cache {error}"
    if folder is None:
        raise SpartonError(
            f"the index names the model {name} at revision {revision or 'main'}, which is {found}, and what only an "
            "index names is not fetched; pass ",
            Parameter(parameter, name),
            " to fetch it, or ",
            Parameter(parameter),
            " with a folder",
        )
    return _model_in(folder, name, folder.name, queries, terms, _cached_base)


def encoder_digest(name: str, folder: Path, encoder: EncoderFiles) -> str:
    """A digest of what defines an encoder: weights, configuration, tokenizer, lexical.json and what that names. name,
    folder: of its model.

    Raises SpartonError if it lacks the weights that its kind has.
    """
    if encoder.lexical is not None:
        for path in encoder.lexical.files:
            check_whole(path)
        own = {path.name: file_digest(path) for path in encoder.lexical.files}
        return _digest(own | {"model": encoder_digest(name, folder, replace(encoder, lexical=None))})
    if not encoder.folder.is_relative_to(folder):  # a tokenizer that is the base's of an adapter
        folder = encoder.folder
    if encoder.gate is not None:
        parts = {"model": replace(encoder, gate=None), "gate": encoder.gate}
        return _digest({part: encoder_digest(name, folder, files) for part, files in parts.items()})
    if encoder.base not in (None, encoder.folder):
        whole = replace(encoder, folder=encoder.base, base=None)
        changes = {path for pattern in KINDS[encoder.kind].defining for path in encoder.folder.glob(pattern)}
        changes |= {path for path in (_adapter(encoder),) if path is not None}
        own = {str(path.relative_to(folder)): file_digest(path) for path in changes}
        return _digest(own | {"base": encoder_digest(str(encoder.base), encoder.base, whole)})
    patterns = [pattern for pattern in KINDS[encoder.kind].defining if encoder.is_stored or pattern != WEIGHTS]
    _check_files(name, folder, encoder.folder, patterns)
    stored = weight_files(encoder.folder) if WEIGHTS in patterns else ()  # with their index
    pickled = pickles(encoder.folder) if WEIGHTS in patterns else ()
    files = {path for pattern in patterns for path in encoder.folder.glob(pattern)} | set(stored)
    files |= {path for path in (encoder.table, encoder.head, _adapter(encoder)) if path is not None}
    for path in files:
        check_whole(path)
    digests = {path: pickle_digest(path) if path in pickled else file_digest(path) for path in files}
    return _digest({str(path.relative_to(folder)): digest for path, digest in digests.items()})


def _adapter(encoder: EncoderFiles) -> Path | None:
    return None if encoder.base is None else adapter_weights(encoder.folder)


def _check_files(name: str, folder: Path, within: Path, patterns: Sequence[str]) -> None:
    """Raise SpartonError if a model lacks what the patterns need. within: its folder `folder`, or one in that."""
    where = "" if within == folder else f" in {within.relative_to(folder)}"
    if WEIGHTS in patterns and not weight_files(within):
        others = sorted(path.name for pattern in _OTHERS for path in within.glob(pattern))
        raise SpartonError(
            f"the model {name} has no weights{where} that can be read (found: {', '.join(others) or 'none'}); expected "
            f"{SAFETENSORS} or {PICKLED}, or several files with {SAFETENSORS}{INDEX} or {PICKLED}{INDEX}"
        )
    if _CONFIG in patterns:
        if not (within / _CONFIG).is_file():
            raise SpartonError(
                f"the model {name} has no {_CONFIG}{where}, which says what its weights are; download or copy the "
                "model again"
            )
        check_config(within / _CONFIG)


def _digest(digests: dict[str, str]) -> str:
    return f"sha256:{digest_of(digests)}"


def _embedded(name: str, queries: bool, terms: str | None) -> ModelFiles:
    return _model_in(embedded_folder(name), name, None, queries, terms, only_folders)


def _model_in(
    folder: Path,
    name: str,
    revision: str | None,
    queries: bool,
    terms: str | None,
    find_base: FindBase,
    *,
    alone: bool = False,
) -> ModelFiles:
    find_base = cache(find_base)  # each kind that might be the folder's asks for each of the two
    asked, other = (QUERY, DOCUMENT) if queries else (DOCUMENT, QUERY)
    found = {asked: read_encoder(folder, asked, find_base)}
    try:
        found[other] = read_encoder(folder, other, find_base)
    except NoRouteError:
        if not (queries or alone):
            raise
        found[other] = found[asked]  # and nobody uses it
    if (lexical := read_lexical(folder)) is not None:
        key = counting_key(lexical)
        if key is not None and not queries and not KINDS[found[DOCUMENT].kind].expands:
            raise SpartonError(
                f"{lexical.path} sets {key} to {getattr(lexical, key):g}, which is for models that expand documents, "
                f"and the model {name} encodes them by {KINDS[found[DOCUMENT].kind].title}; leave it out"
            )
        found = {
            DOCUMENT: replace(
                found[DOCUMENT], term_frequency=lexical.term_frequency, own_words=lexical.own_words, lexical=lexical
            ),
            QUERY: replace(found[QUERY], idf_power=lexical.idf_power, lexical=lexical),
        }
    encoders = found[DOCUMENT], with_terms(found[QUERY], terms)
    digest = encoder_digest(name, folder, encoders[queries])
    return ModelFiles(name, folder, revision, *encoders, digest)


def _base_in_a_folder(find: FindBase) -> FindBase:
    """The base of an adapter in a folder that a person named: another folder, or what `find` finds."""
    return lambda adapter, name, revision: (
        adapter / name if os.path.isdir(adapter / name) else find(adapter, name, revision)
    )


def _fetched_base(adapter: Path, name: str, revision: str | None) -> Path:
    """The base of an adapter from the hub, as what the user named is: weights and JSON, and no code."""
    try:
        return hub_folder(name, revision, False)
    except SpartonError as error:
        raise SpartonError(f"{adapter / ADAPTER} names a base model that cannot be had: ", *error.args) from error


def _cached_base(adapter: Path, name: str, revision: str | None) -> Path:
    try:
        folder, found = cached_folder(name, revision, False), "not in the local hub cache"
    except PartlyCachedError as error:
        folder, found = None, f"in the local hub cache {error}"
    if folder is None:
        raise SpartonError(
            f"the adapter in {adapter} changes the model {redacted(name)!r}, which is {found}, and what only an index "
            "names is not fetched; pass ",
            Parameter("model"),
            " with where the adapter is, to fetch it",
        )
    return folder
