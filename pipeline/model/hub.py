"""A model's files from the Hugging Face hub: of each folder what is used, and of its weights one form."""

import re
from functools import partial
from pathlib import Path, PurePosixPath

from ...errors import SpartonError
from ...storage.redaction import redacted
from .layout import MODULES, module_folders
from .token_heads import SPARSE_LINEAR
from .weights import has_safetensors

_PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model", "bpe.codes", "*.tiktoken", *SPARSE_LINEAR.files)
_PICKLES = ("pytorch_model.bin", "pytorch_model[-_]*-of-*.bin")  # of a folder without safetensors
_COMMIT = re.compile("[0-9a-f]{40}")
_UNAUTHORIZED, _FORBIDDEN = 401, 403


def hub_folder(name: str, revision: str | None, trust_remote_code: bool) -> Path:
    """The folder of a model in the hub's local cache, fetched if it is not there. revision: a commit, tag, branch or
    a pull request, refs/pr/1.

    Raises SpartonError when it cannot be had.
    """
    # A commit never changes, so one that is in the cache needs no network.
    if revision and _COMMIT.fullmatch(revision) and (cached := cached_folder(name, revision, trust_remote_code)):
        return cached
    try:
        return _snapshot(name, revision, trust_remote_code)
    except SpartonError:
        raise
    except Exception as error:  # of several libraries, where a hub sends what they do not expect
        raise _refusal(name, revision, error) from error


def cached_folder(name: str, revision: str | None, trust_remote_code: bool) -> Path | None:
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

    patterns = [*_PATTERNS, *(["*.py"] if trust_remote_code else [])]
    fetch = partial(snapshot_download, name, local_files_only=local)
    folder = Path(fetch(revision=revision, allow_patterns=patterns, ignore_patterns=["*/*"]))
    inner = module_folders(folder) if (folder / MODULES).is_file() else []
    if inner:
        fetch(revision=folder.name, allow_patterns=[f"{within}/{pattern}" for within in inner for pattern in patterns])
    lacking = [within for within in ("", *inner) if not has_safetensors(folder / within)]
    if lacking:
        pickled = [str(PurePosixPath(within, pattern)) for within in lacking for pattern in _PICKLES]
        # With what is there already: it warns where nothing matches.
        fetch(revision=folder.name, allow_patterns=[*pickled, MODULES, "config.json"])
    return folder


def _refusal(name: str, revision: str | None, error: BaseException) -> SpartonError:
    """Why a model cannot be had from the hub, by what its library raised."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RevisionNotFoundError

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, HfHubHTTPError):
        cause = cause.__cause__
    response = getattr(cause, "response", None)
    status = getattr(response, "status_code", None)
    said = "" if response is None else str(response.headers.get("x-error-message"))
    model = f"the model {redacted(name)!r}"
    licence = f"accept the licence at https://huggingface.co/{redacted(name)} and set HF_TOKEN to that account's token"
    if isinstance(cause, RevisionNotFoundError):
        return SpartonError(
            f"{model} has no revision {redacted(revision or 'main')!r} on the Hugging Face hub; name a commit, tag, "
            "branch, or pull request as refs/pr/1"
        )
    if isinstance(cause, GatedRepoError):
        return SpartonError(f"{model} is gated, and the hub refused its files ({status}); {licence}")
    if status == _UNAUTHORIZED and "invalid credentials" in said.lower():
        return SpartonError(
            f"the hub did not take the token that was sent for {model} ({status}); set HF_TOKEN to a valid one"
        )
    if status == _UNAUTHORIZED:  # of models that do not exist, too, which it tells to nobody without a token
        return SpartonError(
            f"{model} is neither a folder, nor in the local cache, and without a token the hub does not give it "
            f"({status}); check the name, or {licence}"
        )
    if status == _FORBIDDEN:
        return SpartonError(f"the hub refused {model} to your token ({status}); {licence}, which may read gated models")
    return SpartonError(
        f"{model} is neither a folder, nor in the local cache, nor found on the Hugging Face hub; check the name, the "
        "network and, for a private model, your token"
    )
