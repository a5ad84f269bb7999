"""Whether an index beside the impact index is there, of the generation that counts, and what was written."""

from pathlib import Path

from ..errors import Parameter, SpartonError
from .generations import files_beside
from .index_folder import TITLES
from .manifest import Manifest
from .markers import file_digest


def check_generation(manifest: Manifest, kind: str, search_with: str, name: str) -> None:
    """Raise SpartonError where there is no such index, or it is of another generation. kind: of the index. search_with:
    the way to search that needs it. name: of the index that is searched, as it may be printed."""
    if kind not in manifest.beside:
        raise SpartonError(
            f"the index {name} has no {TITLES[kind]} index, which ",
            Parameter("search_with", search_with),
            " needs; ",
            *renew(kind, name),
        )
    if kind not in manifest.current_beside:
        raise SpartonError(
            f"the {TITLES[kind]} index of {name} is of generation {manifest.beside[kind].number} and the index of "
            f"generation {manifest.number}; ",
            *renew(kind, name),
        )


def check_files(folder: Path, manifest: Manifest, kind: str, name: str) -> None:
    """Raise SpartonError where a file of such an index, of the generation that counts, is not what was written. kind,
    name: as check_generation's."""
    current = manifest.current_beside.get(kind)
    digests = [file.digest for file in current.files] if current else []
    for digest, path in zip(digests, files_beside(manifest, [kind]), strict=True):
        try:
            found = "" if file_digest(folder / path) == digest else "is not what was written"
        except FileNotFoundError:
            found = "is missing"
        except OSError as error:
            found = f"cannot be read ({error.strerror})"
        if found:
            raise SpartonError(
                f"the {TITLES[kind]} index of {name} is damaged: {folder / path} {found}; ", *renew(kind, name)
            )


def renew(kind: str, name: str) -> tuple[str | Parameter, ...]:
    """What to do about one that cannot be searched, as the end of a sentence. kind, name: as check_generation's."""
    return (
        f"build it with `sparton compact {name} --also {kind}`, or search with ",
        Parameter("search_with", "lucene"),
    )
