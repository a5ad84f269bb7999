"""Whether an index is what was written: Lucene's checksums, ids, counts, the digests of the collection's parts and of
indexes beside it, and whether collection and Lucene say the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Parameter, SpartonError
from ..indexer.index_writer import open_reader
from ..indexer.java import java_exception, java_name
from ..indexer.repeated_ids import id_hashes
from ..indexer.updating import live_postings
from ..storage.beside import check_files
from ..storage.generations import collection_parts, marked_part, not_as_written
from ..storage.index_folder import BESIDE, COLLECTION, LUCENE
from ..storage.manifest import Manifest, PartFile, load_complete
from ..storage.part_lines import digest_and_ids


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found to be right. parts: of the collection; 0 where it was made elsewhere or is not in the folder.
    unchecked: whether the index has a collection that is not in the folder. beside: names of the indexes of this
    generation beside the impact index."""

    documents: int
    postings: int
    parts: int
    unchecked: bool
    beside: tuple[str, ...]


def check_index(folder: Path, manifest: Manifest, name: str | None = None) -> Checked:
    """Read every byte of a complete index, and compare it with its checksums, its manifest and its markers; if an
    update has replaced it meanwhile, the newer one. name: of the index, as it may be printed, if not its folder's.

    Raises SpartonError for the first thing that is wrong, naming it.
    """
    while True:
        try:
            found = _check(folder, manifest)
            for kind in BESIDE:
                check_files(folder, manifest, kind, name or str(folder))
            return found
        except SpartonError:
            newer = load_complete(folder)
            if newer == manifest:
                raise
            manifest = newer


def _check(folder: Path, manifest: Manifest) -> Checked:
    documents = postings = 0
    hashes = [np.empty(0, np.uint64)]
    parts = _parts(folder, manifest)
    for name, segments in zip(manifest.indexes, manifest.commits, strict=True):
        reader = _open(folder / name, segments)
        try:
            for leaf in reader.leaves():
                found = _check_segment(folder / name, leaf.reader())
                documents, postings = documents + found[0], postings + found[1]
            if parts or reader.leaves().size() + len(manifest.indexes) > 2 or reader.hasDeletions():
                hashes += [id_hashes(_ids(folder / name, leaf.reader())) for leaf in reader.leaves()]
        finally:
            reader.close()
    counts = manifest.counts
    for what, found_count, expected in (
        ("documents", documents, counts.documents),
        ("postings", postings, counts.postings),
    ):
        if found_count != expected:
            raise _wrong(folder, f"Lucene holds {found_count:,} {what} and sparton.json says {expected:,}")
    ids = np.sort(np.concatenate(hashes))
    different = np.unique(ids).size if ids.size else documents
    if different != documents:
        raise _wrong(folder, f"{documents:,} documents have {different:,} different ids")
    _check_parts(folder, manifest, parts, ids)
    unchecked = not parts and not manifest.settings.of_vectors and counts.rows > 0
    return Checked(documents, postings, len(parts), unchecked, tuple(manifest.current_beside))


def _check_segment(folder: Path, segment: Any) -> tuple[int, int]:
    """Its documents and postings, of those that are not deleted."""
    try:
        segment.checkIntegrity()
        ids = segment.terms("id")
        documents = int(segment.numDocs())
        different = int(ids.size()) if ids else 0
        postings = live_postings(segment)
    except java_exception() as error:
        raise _wrong(folder, f"a file of {segment.toString()} is damaged ({java_name(error)})") from error
    if different != int(segment.maxDoc()) and not segment.hasDeletions():
        raise _wrong(folder, f"{documents:,} documents have {different:,} different ids")
    return documents, postings


def _ids(folder: Path, segment: Any) -> Iterator[str]:
    """The ids of the documents that are not deleted."""
    try:
        live, ids = segment.getLiveDocs(), segment.getBinaryDocValues("id")
        if live is None:
            terms = segment.terms("id").iterator()
            while (term := terms.next()) is not None:
                yield str(term.utf8ToString())
            return
        for number in range(int(segment.maxDoc())):
            if live.get(number) and ids.advanceExact(number):
                yield str(ids.binaryValue().utf8ToString())
    except java_exception() as error:
        raise _wrong(folder, f"the ids of {segment.toString()} cannot be read ({java_name(error)})") from error


def _parts(folder: Path, manifest: Manifest) -> tuple[PartFile, ...]:
    """The parts that are the collection. None where there is no file of one: a search does without, unless it was
    updated, which takes them."""
    if manifest.updated and not manifest.settings.of_vectors and (folder / COLLECTION).is_dir():
        return collection_parts(folder, manifest)
    if manifest.updated:
        return ()
    paths = sorted((folder / COLLECTION).glob("part-*.jsonl"))
    shards = -(-manifest.counts.rows // max(1, manifest.settings.shard_rows))
    parts = [marked_part(path, manifest.generation) for path in paths[:shards]]
    if paths and len(paths) < shards:
        raise SpartonError(f"{folder / COLLECTION} has {len(paths):,} parts of {shards:,}; {_again(folder)}")
    for path, part in zip(paths, parts, strict=False):
        if part is None:
            raise SpartonError(f"{path} is not what was written; {_again(folder)}")
    return tuple(part for part in parts if part is not None)


def _again(folder: Path) -> str:
    return f"remove {folder / LUCENE} and run the same `sparton index` again, which encodes what is not there any more"


def _check_parts(folder: Path, manifest: Manifest, parts: Sequence[PartFile], ids: np.ndarray) -> None:
    """Raise SpartonError where a part is not what was written, or the collection has other documents than Lucene. ids:
    hashes of Lucene's, in order."""
    hashes = [np.empty(0, np.uint64)]
    for part in parts:
        path = folder / COLLECTION / part.name
        try:
            digest, names = digest_and_ids(path)
        except (OSError, ValueError):
            digest, names = "", []
        if digest != part.digest and manifest.updated:
            raise not_as_written(path)
        if digest != part.digest:
            raise SpartonError(f"{path} is not what was written; {_again(folder)}")
        hashes.append(id_hashes(names))
    if parts and not np.array_equal(np.sort(np.concatenate(hashes)), ids):
        raise _wrong(folder, "collection and Lucene have not the same documents")


def _open(folder: Path, segments: str | None) -> Any:
    try:
        return open_reader(folder, segments)
    except java_exception() as error:
        raise _wrong(folder, f"Lucene cannot open it ({java_name(error)})") from error


def _wrong(folder: Path, what: str) -> SpartonError:
    return SpartonError(f"the index {folder} is damaged: {what}; build it again with ", Parameter("overwrite", True))
