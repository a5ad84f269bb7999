"""Generations of a finished index: what an update wrote counts once sparton.json names it, and not before.

An update writes under new names beside what there is, and commits by the one rename that replaces sparton.json. Whoever
writes next removes what no generation needs: an update that was killed leaves files that nobody names.
"""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from ..errors import Parameter, SpartonError, plural
from .atomic import remove_folder, remove_leftovers
from .index_folder import BESIDE, BM25, COLLECTION, MARKERS, SEISMIC, part_path
from .manifest import Manifest, PartFile
from .markers import marker_for

# What Lucene's writers make, but for their lock.
_LUCENE_FILE = re.compile(r"(_[0-9a-z]+[._].+|(pending_)?segments_[0-9a-z]+)")
_BM25_FOLDER = re.compile(r"[0-9a-f]{16}(\.tmp)?")
_NUMBER = re.compile(r"part-([0-9]+)\.jsonl.*")


def collection_parts(folder: Path, manifest: Manifest) -> tuple[PartFile, ...]:
    """The parts that are the collection of a complete index, in order: as an update has named them, or as built.

    Raises SpartonError where one is not there, or nothing says what it should hold.
    """
    if manifest.updated:
        parts: Iterable[PartFile | None] = manifest.updated.parts
    else:
        shards = -(-manifest.counts.rows // max(1, manifest.settings.shard_rows))
        parts = (marked_part(part_path(folder, number), manifest.generation) for number in range(shards))
    found = tuple(part for part in parts if part is not None and (folder / COLLECTION / part.name).is_file())
    expected = len(manifest.updated.parts) if manifest.updated else shards
    if len(found) < expected:
        raise SpartonError(
            f"{folder / COLLECTION} has {len(found):,} of the {plural(expected, 'part')} of the collection, and an "
            "index is changed by them; put the others back, or build the index again with ",
            Parameter("overwrite", True),
        )
    return found


def part_number(name: str) -> int:
    """The number in the name of a part."""
    found = _NUMBER.fullmatch(name)
    return int(found[1]) if found else -1


def named_files(manifest: Manifest) -> frozenset[str]:
    """What an updated index consists of beside sparton.json, by paths within its folder."""
    assert manifest.updated is not None
    parts = (f"{COLLECTION}/{part.name}" for part in manifest.updated.parts)
    commits = zip(manifest.indexes, manifest.updated.commits, strict=True)
    lucene = (f"{index}/{file}" for index, commit in commits for file in commit.files)
    return frozenset((*parts, *lucene, *files_beside(manifest)))


def files_beside(manifest: Manifest, names: Collection[str] = BESIDE) -> tuple[str, ...]:
    """The files of the indexes beside Lucene's impact index that are of this generation, by paths within the index's
    folder. names: of those indexes that are meant."""
    current = manifest.current_beside
    return tuple(f"{name}/{file.name}" for name in names if name in current for file in current[name].files)


def remove_unnamed(folder: Path, manifest: Manifest) -> None:
    """Remove from an index folder what is of no use to an updated index: of an older generation, or of an update that
    was killed. For the process that holds the lock."""
    named = named_files(manifest)
    for name in (COLLECTION, *manifest.indexes):
        if (folder / name).is_dir():
            remove_leftovers(folder / name)
            for path in (folder / name).iterdir():
                if path.is_file() and is_replaceable(f"{name}/{path.name}") and f"{name}/{path.name}" not in named:
                    path.unlink()
    _remove_beside_but(folder, named)
    if manifest.number:
        remove_folder(folder / MARKERS)  # sparton.json has the digests


def remove_other_beside(folder: Path, manifest: Manifest) -> None:
    """Remove from an index folder what is of no index beside the impact index of this generation. For the process that
    holds the lock."""
    _remove_beside_but(folder, files_beside(manifest))


def remove_unfinished_beside(folder: Path, manifest: Manifest) -> None:
    """Remove from an index folder what is of no index beside the impact index that a manifest names, of whichever
    generation that is. For the process that holds the lock."""
    every = manifest.beside.items()
    _remove_beside_but(folder, [f"{name}/{file.name}" for name, one in every for file in one.files])


def _remove_beside_but(folder: Path, named: Collection[str]) -> None:
    kept = {name.rpartition("/")[0] for name in named}
    if (folder / SEISMIC).is_dir():
        for path in (folder / SEISMIC).iterdir():
            if f"{SEISMIC}/{path.name}" not in named and not path.is_dir():  # a folder is none of ours
                path.unlink()
    if (folder / BM25).is_dir():
        for path in (folder / BM25).iterdir():  # each index is a folder
            if f"{BM25}/{path.name}" not in kept and path.is_dir() and _BM25_FOLDER.fullmatch(path.name):
                remove_folder(path)


def is_replaceable(name: str) -> bool:
    """Whether a file of an index, by its path within it, is one that generations bring and take."""
    room, _, file = name.rpartition("/")
    if room == COLLECTION:
        return part_number(file) >= 0
    return room in (MARKERS, SEISMIC) or _LUCENE_FILE.fullmatch(file) is not None


def not_as_written(part: Path) -> SpartonError:
    """The error for a part that was changed or damaged."""
    return SpartonError(
        f"{part} is not what was written; put the right file back, or build the index again with ",
        Parameter("overwrite", True),
    )


def marked_part(part: Path, generation: str) -> PartFile | None:
    """A part of an index as built, by its marker alone; None where that is missing, or another build's."""
    marker = marker_for(part, generation)
    return None if marker is None else PartFile(part.name, marker.digest, marker.counts.documents)
