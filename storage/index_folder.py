"""An index folder before anything is written to it: whose it is, and whether a build may start or go on there."""

import json
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from ..errors import Parameter, SpartonError, times
from ..version import __version__
from .atomic import LEFTOVERS, LOCK, remove_folder
from .manifest import ENCODING, NAME, Manifest, Settings, load_manifest, model_folder

LUCENE, COLLECTION, MARKERS = "lucene", "collection", "shards"
BESIDE = SEISMIC, BM25 = "seismic", "bm25"  # indexes that may be beside the impact index
TITLES = {SEISMIC: "Seismic", BM25: "BM25"}  # what people call them
SKIPPED = "skipped-rows.jsonl"  # what is wrong with rows of the corpus that were left out
_MOST_SOURCE = 2**22  # bytes of sparton.json
_BUILDING, LEFT_OUT = f"{LUCENE}.tmp", f"{LUCENE}.left-out"
log = logging.getLogger("sparton")
_VERSIONED = ("torch", "transformers", "tokenizers", "pyarrow", "pyserini")


def part_path(folder: Path, number: int) -> Path:
    """Where the part of a shard stands."""
    return folder / COLLECTION / f"part-{number:05d}.jsonl"


def marker_of(part: Path) -> Path:
    """Where it is said that a part is finished."""
    return part.parents[1] / MARKERS / f"{part.stem}.json"


def folders_of(folder: Path) -> tuple[Path, ...]:
    """An index folder and those in it, each of which may be a link to another disk."""
    return (folder, *(folder / name for name in (COLLECTION, MARKERS, LUCENE, *BESIDE, _BUILDING)))


def in_use(index: Path | str) -> str:
    """The sentence for an index that another process is writing."""
    return f"another run is writing the index {index}; wait for it, or name another folder"


def existing_manifest(folder: Path, overwrite: bool) -> Manifest | None:
    """The manifest that is there, or None. Raises SpartonError for a folder that is not ours to touch."""
    if os.path.lexists(os.path.realpath(folder)) and not folder.is_dir():
        raise SpartonError(f"{folder} is a file; name a folder for the index with ", Parameter("index"))
    if not folder.exists() or all(path.name == LOCK or path.match(LEFTOVERS) for path in folder.iterdir()):
        return None
    if not (folder / NAME).is_file():
        raise SpartonError(
            f"the folder {folder} holds files but no {NAME}, so it is not a Sparton index; name another with ",
            Parameter("index"),
        )
    try:
        return load_manifest(folder)
    except SpartonError:
        if overwrite:
            return None
        raise


def manifest_to_resume(folder: Path, settings: Settings, overwrite: bool) -> Manifest | None:
    """The manifest of a build to go on with, or None to start from scratch.

    With overwrite, encoding that was interrupted still goes on: it is the same command run again. Vectors of which
    an index is half-built are where they were, so other settings for them, or for others, begin it anew.
    Raises SpartonError for other settings without overwrite.
    """
    found = existing_manifest(folder, overwrite)
    if found is None:
        return None
    differences = _with_path(found.settings, folder).differences(_with_path(settings, folder))
    if overwrite:
        return None if differences or found.stage != ENCODING else found
    if found.number and not differences:
        raise SpartonError(
            f"the index {folder} was made of this corpus and updated {times(found.number)} since; change it with "
            "`sparton update` or `sparton delete`, or use ",
            Parameter("overwrite", True),
            " to build it again without these updates",
        )
    half_built = found.stage == ENCODING and found.settings.of_vectors and settings.of_vectors
    if differences and half_built:
        log.info(
            "the index %s is half-built with other settings (%s); it is begun anew", folder, "; ".join(differences)
        )
        return None
    if differences:
        raise SpartonError(
            f"the index {folder} was made with other settings: {'; '.join(differences)}; use ",
            Parameter("overwrite", True),
            " to replace it, or ",
            Parameter("index"),
            " to make another",
        )
    return found


def _with_path(settings: Settings, folder: Path) -> Settings:
    """The same, with the absolute paths of models' folders: a build goes on however these are named."""
    model = settings.model
    if model is None:
        return settings
    queries = model.query_model
    if queries:
        queries = replace(queries, name=_absolute(queries.name, folder))
    return replace(settings, model=replace(model, name=_absolute(model.name, folder), query_model=queries))


def _absolute(name: str, folder: Path) -> str:
    return str(model_folder(name, folder) or name)


def start_fresh(folder: Path, settings: Settings, source: Sequence[object]) -> Manifest:
    """Write the manifest of a new build, and clear what an older one left.

    In this order: what is not cleared any more, if all is killed in between, bears another generation.
    """
    manifest = Manifest(settings, ENCODING, _recorded(source), versions=_versions(), generation=secrets.token_hex(8))
    manifest.save(folder)
    (folder / SKIPPED).unlink(missing_ok=True)
    for name in (MARKERS, COLLECTION, LUCENE, *BESIDE, _BUILDING, LEFT_OUT):
        remove_folder(folder / name)
    return manifest


def _recorded(source: Sequence[object]) -> tuple[str, ...]:
    """The names of a corpus's files; of very many the first ones and how many more there are."""
    names = [str(file) for file in source]
    sizes = accumulate(len(json.dumps(name)) for name in names)
    fitting = sum(1 for size in sizes if size <= _MOST_SOURCE)
    return (*names[:fitting], *([f"… and {len(names) - fitting:,} more"] if fitting < len(names) else []))


def _versions() -> dict[str, str]:
    from importlib import metadata  # 30 ms that a cold search is spared
    from importlib.util import find_spec

    installed = {name: metadata.version(name) for name in _VERSIONED if find_spec(name) is not None}
    return {"sparton": __version__, **installed}
