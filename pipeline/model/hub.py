"""A model's files from the Hugging Face hub: of each folder what is used, and of its weights one form."""

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatch
from functools import partial
from pathlib import Path, PurePosixPath

from ...errors import SpartonError, listed
from ...storage.redaction import redacted
from .adapter import ADAPTER_PICKLED, ADAPTER_WEIGHTS
from .layout import ADAPTER, MODULES, module_folders
from .token_heads import SPARSE_LINEAR
from .weights import has_safetensors

_PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model", "bpe.codes", "*.tiktoken", *SPARSE_LINEAR.files)
_PICKLES = ("pytorch_model.bin", "pytorch_model[-_]*-of-*.bin")  # of a folder without safetensors
_COMMIT = re.compile("[0-9a-f]{40}")
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_NAMED = 3  # files in a sentence
log = logging.getLogger("sparton")


class PartlyCachedError(Exception):
    """The local cache has a commit without some of the files that are used, by the listing that the hub gave."""

    def __init__(self, commit: str, files: Sequence[str]) -> None:
        super().__init__(f"at revision {commit} without {listed(files, _NAMED)}")


def hub_folder(name: str, revision: str | None, trust_remote_code: bool) -> Path:
    """The folder of a model in the hub's local cache, fetched if it is not there, or not all of it. revision: a commit,
    tag, branch or a pull request, refs/pr/1.

    Raises SpartonError when it cannot be had.
    """
    # A commit never changes, so one of which all is in the cache needs no network. Other tools fetch a part of one.
    if revision and _COMMIT.fullmatch(revision) and _listing(name, revision) is not None:
        with suppress(PartlyCachedError):
            if (cached := cached_folder(name, revision, trust_remote_code)) is not None:
                return cached
    try:
        return _snapshot(name, revision, trust_remote_code)
    except SpartonError:
        raise
    except Exception as error:  # of several libraries, where a hub sends what they do not expect
        raise _refusal(name, revision, error, _part(name, revision, trust_remote_code)) from error


def cached_folder(name: str, revision: str | None, trust_remote_code: bool) -> Path | None:
    """The folder of a hub's model in the local cache, None if it is not there. Asks nobody.

    Raises PartlyCachedError for one that is known to be there in part.
    """
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = _snapshot(name, revision, trust_remote_code, local=True)
    except (HFValidationError, LocalEntryNotFoundError):
        return None
    return folder if all((folder / within).is_dir() for within in module_folders(folder)) else None


def _part(name: str, revision: str | None, trust_remote_code: bool) -> PartlyCachedError | None:
    """What the local cache is known to lack of a model that it has in part."""
    try:
        _snapshot(name, revision, trust_remote_code, local=True)
    except PartlyCachedError as error:
        return error
    except Exception:  # as the hub's library raised before
        return None
    return None


def _snapshot(name: str, revision: str | None, trust_remote_code: bool, *, local: bool = False) -> Path:
    """The folder of a hub's model with the files of it that are used. local: only look into the cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fetch(revision: str | None, patterns: list[str], ignored: Sequence[str] = ()) -> Path:
        try:
            return Path(
                snapshot_download(
                    name,
                    revision=revision,
                    local_files_only=local,
                    allow_patterns=patterns,
                    ignore_patterns=list(ignored),
                )
            )
        except LocalEntryNotFoundError as error:
            if (part := getattr(error, "snapshot_path", None)) is None:
                raise
            commit = Path(part).name
            used = [file for file in _listing(name, commit) or () if _matches(file, patterns, ignored)]
            raise PartlyCachedError(commit, [file for file in used if not Path(part, file).is_file()]) from error

    patterns = [*_PATTERNS, *(["*.py"] if trust_remote_code else [])]
    folder = fetch(revision, patterns, ["*/*"])
    if not local and _keeps_listings() and _listing(name, folder.name) is None:  # which the hub would have given
        local = True
        log.warning(
            "the hub cannot be reached, and whether all of the model %s is in the local cache is not known there; what "
            "another tool fetched of it may be a part",
            redacted(name),
        )
    inner = module_folders(folder) if (folder / MODULES).is_file() else []
    if inner:
        fetch(folder.name, [f"{within}/{pattern}" for within in inner for pattern in patterns])
    lacking = [within for within in ("", *inner) if not has_safetensors(folder / within)]
    if lacking:
        pickled = [str(PurePosixPath(within, pattern)) for within in lacking for pattern in _PICKLES]
        pickled += [
            str(PurePosixPath(within, ADAPTER_PICKLED))
            for within in lacking
            if (folder / within / ADAPTER).is_file() and not (folder / within / ADAPTER_WEIGHTS).is_file()
        ]
        # With what is there already: it warns where nothing matches.
        fetch(folder.name, [*pickled, MODULES, "config.json"])
    return folder


def _matches(file: str, patterns: Sequence[str], ignored: Sequence[str]) -> bool:
    """Whether the hub's library would fetch a file."""
    return any(map(partial(fnmatch, file), patterns)) and not any(map(partial(fnmatch, file), ignored))


def _listing(name: str, commit: str) -> list[str] | None:
    """The files of a commit, by the listing that the hub's library keeps beside it; None if there is none."""
    if not _keeps_listings():
        return None
    from huggingface_hub import errors, get_cached_repo_tree

    try:
        return [file.path for file in get_cached_repo_tree(name, revision=commit)]
    except (errors.CachedRepoTreeNotFoundError, errors.HFValidationError):
        return None


def _keeps_listings() -> bool:
    """Whether the hub's library is new enough to keep listings."""
    import huggingface_hub

    return hasattr(huggingface_hub, "get_cached_repo_tree")


def _refusal(name: str, revision: str | None, error: BaseException, part: PartlyCachedError | None) -> SpartonError:
    """Why a model cannot be had from the hub, by what its library raised. part: of it, that is in the local cache."""
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
    if part is not None:
        return SpartonError(
            f"{model} is in the local cache {part}, and the hub did not give the rest; run again when the hub can be "
            "reached"
        )
    return SpartonError(
        f"{model} is neither a folder, nor in the local cache, nor found on the Hugging Face hub; check the name, the "
        "network and, for a private model, your token"
    )
