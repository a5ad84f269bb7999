"""The indexes that may be beside the impact index: who builds each, and what that needs.

A new one is an entry in KINDS; extending.md has what else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from ..search.bm25_build import build_bm25, check_stored_texts, check_texts
from ..search.first_pass.seismic_build import build_seismic
from ..search.first_pass.seismic_package import check_package
from ..storage.generations import remove_unfinished_beside
from ..storage.index_folder import BM25, SEISMIC, TITLES
from ..storage.index_location import IndexLocation
from ..storage.manifest import Manifest
from ..terminal.progress_bar import waiting


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of index beside. build: of the generation that a manifest names, from the Lucene index in a folder. check:
    told whether the index keeps texts, raises where it cannot be built, before any work. check_of: the same of an index
    that is there, told its manifest and name."""

    build: Callable[[Path, Manifest], Any]
    check: Callable[[bool], None]
    check_of: Callable[[Manifest, str], None] = lambda manifest, name: None


KINDS = {
    SEISMIC: Kind(build_seismic, lambda store_text: check_package()),
    BM25: Kind(build_bm25, check_texts, check_stored_texts),
}


def check_beside(also: Sequence[str], *, store_text: bool = True) -> None:
    """Find out, before any work, that what is asked for can be built. store_text: whether the index will keep texts.

    Raises SpartonError without the package that one needs, UsageError for one of texts where there will be none.
    """
    for name in also:
        KINDS[name].check(store_text)


def check_beside_of(also: Sequence[str], manifest: Manifest, name: str) -> None:
    """Raise SpartonError where what is asked for cannot be built of an index that is there. name: of the index."""
    for kind in also:
        KINDS[kind].check_of(manifest, name)


def build_beside(
    also: Sequence[str], folder: Path, manifest: Manifest, *, progress: bool
) -> tuple[Manifest, dict[str, float]]:
    """Build indexes of the generation that a manifest names; return the manifest that names them, and the seconds that
    each took. For the process that holds the lock. Raises SpartonError as each build."""
    seconds: dict[str, float] = {}
    newer = manifest
    remove_unfinished_beside(folder, manifest)  # of a build that was killed
    try:
        for name in dict.fromkeys(also):
            started = perf_counter()
            with waiting(f"building the {TITLES[name]} index", shown=progress):
                newer = replace(newer, **{name: KINDS[name].build(folder, manifest)})
            seconds[name] = perf_counter() - started
    except BaseException:
        remove_unfinished_beside(folder, manifest)  # and not what `manifest` names: sparton.json names it still
        raise
    return newer, seconds


def add_beside(
    also: Sequence[str], location: IndexLocation, manifest: Manifest, *, progress: bool
) -> tuple[Manifest, dict[str, float]]:
    """Build indexes of the generation that counts, unless they are there, and have sparton.json name them; return that,
    and the seconds that each took which was not there. For the process that holds the lock. Raises SpartonError as each
    build."""
    missing = [name for name in dict.fromkeys(also) if not location.has_beside(manifest, name)]
    if not missing:
        return manifest, {}
    if not all((location.folder / name).is_dir() for name in manifest.indexes):
        location.get_generation(manifest)
    newer, seconds = build_beside(missing, location.folder, manifest, progress=progress)
    return location.put_beside(newer, manifest), seconds
