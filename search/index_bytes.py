"""How many bytes an index takes, by what they are for."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..indexer.index_writer import find_commit, open_directory
from ..indexer.java import java_class
from ..storage.generations import files_beside
from ..storage.index_folder import COLLECTION
from ..storage.manifest import Manifest

# Of the files of a segment, by the ends of their names, as Lucene 9 and 10 have them.
_KINDS = {
    "postings": ("doc", "pos", "pay", "psm"),
    "terms": ("tim", "tip", "tmd"),
    "stored": ("fdt", "fdx", "fdm"),
    "doc values": ("dvd", "dvm"),
    "norms": ("nvd", "nvm"),
    "points": ("kdd", "kdi", "kdm"),
}
_KIND_OF = {end: kind for kind, ends in _KINDS.items() for end in ends}
_OTHER = "other"  # names of fields and segments, deletions


def collection_bytes(folder: Path, manifest: Manifest) -> int | None:
    """Of the parts that count; None where there are none in the folder."""
    if manifest.updated:
        paths = [folder / COLLECTION / part.name for part in manifest.updated.parts]
    else:
        paths = list((folder / COLLECTION).glob("part-*.jsonl"))
    sizes = [path.stat().st_size for path in paths if path.is_file()]
    return sum(sizes) if sizes else None


def bytes_beside(folder: Path, manifest: Manifest) -> dict[str, int]:
    """Of the indexes beside the impact index that are of the generation that counts, by their names; without those of
    which nothing is in the folder."""
    found: dict[str, int] = {}
    for name in manifest.current_beside:
        paths = [folder / file for file in files_beside(manifest, [name])]
        sizes = [path.stat().st_size for path in paths if path.is_file()]
        if sizes:
            found[name] = sum(sizes)
    return found


def lucene_bytes(folder: Path, segments: str | None) -> Counter[str]:
    """Of the files of a commit by what they are for, whole segments in one file by what is in that. segments: the file
    of the commit, as Manifest.commits. Raises what Java throws."""
    directory, sizes = open_directory(folder), Counter(dict.fromkeys((*_KINDS, _OTHER), 0))
    try:
        name = str(find_commit(directory, segments).getSegmentsFileName())
        infos = java_class("org.apache.lucene.index.SegmentInfos").readCommit(directory, name)
        for file in infos.files(True):
            sizes[_kind(str(file))] += int(directory.fileLength(file))
        for info in infos:
            for kind, size in _within(directory, info.info):
                sizes[kind] += size
                sizes[_OTHER] -= size  # as which the file that it is in was counted
    finally:
        directory.close()
    return sizes


def _within(directory: Any, segment: Any) -> Iterator[tuple[str, int]]:
    """Kind and size of each file that a segment has in one file; none where each is by itself."""
    if not segment.getUseCompoundFile():
        return
    old = int(java_class("org.apache.lucene.util.Version").LATEST.major) < 10
    context = (java_class("org.apache.lucene.store.IOContext").DEFAULT,) if old else ()
    files = segment.getCodec().compoundFormat().getCompoundReader(directory, segment, *context)
    try:
        for file in files.listAll():
            yield _kind(str(file)), int(files.fileLength(file))
    finally:
        files.close()


def _kind(file: str) -> str:
    return _KIND_OF.get(file.rpartition(".")[2], _OTHER)
