"""Whether an index is what was written: Lucene's checksums, ids, counts, and the digests of the collection's parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Parameter, SpartonError
from ..indexer.index_writer import open_reader
from ..indexer.java import java_exception, java_name
from ..indexer.repeated_ids import id_hashes
from ..storage.index_folder import COLLECTION, LUCENE
from ..storage.manifest import Manifest
from ..storage.markers import finished_counts


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found to be right. parts: of the collection; 0 where it was made elsewhere or is not there any more."""

    documents: int
    postings: int
    parts: int


def check_index(folder: Path, manifest: Manifest) -> Checked:
    """Read every byte of a complete index, and compare it with its checksums, its manifest and its markers.

    Raises SpartonError for the first thing that is wrong, naming it.
    """
    documents = postings = 0
    hashes = []
    for name in manifest.indexes:
        reader = _open(folder / name)
        try:
            for leaf in reader.leaves():
                found = _check_segment(folder / name, leaf.reader())
                documents, postings = documents + found[0], postings + found[1]
            if reader.leaves().size() + len(manifest.indexes) > 2:  # a segment by itself has just been checked
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
    different = np.unique(np.concatenate(hashes)).size if hashes else documents
    if different != documents:
        raise _wrong(folder, f"{documents:,} documents have {different:,} different ids")
    return Checked(documents, postings, _check_parts(folder, manifest))


def _check_segment(folder: Path, segment: Any) -> tuple[int, int]:
    """Its documents and postings."""
    try:
        segment.checkIntegrity()
        ids, contents = segment.terms("id"), segment.terms("contents")
        documents = int(segment.numDocs())
        different = int(ids.size()) if ids else 0
        postings = int(contents.getSumDocFreq()) if contents else 0
    except java_exception() as error:
        raise _wrong(folder, f"a file of {segment.toString()} is damaged ({java_name(error)})") from error
    if different != documents:
        raise _wrong(folder, f"{documents:,} documents have {different:,} different ids")
    return documents, postings


def _ids(folder: Path, segment: Any) -> Iterator[str]:
    try:
        terms = segment.terms("id").iterator()
        while (term := terms.next()) is not None:
            yield str(term.utf8ToString())
    except java_exception() as error:
        raise _wrong(folder, f"the ids of {segment.toString()} cannot be read ({java_name(error)})") from error


def _check_parts(folder: Path, manifest: Manifest) -> int:
    """How many parts of the collection are what was written; 0 where there is none, which a search does without."""
    parts = sorted((folder / COLLECTION).glob("part-*.jsonl"))
    shards = -(-manifest.counts.rows // max(1, manifest.settings.shard_rows))
    again = f"remove {folder / LUCENE} and run the same `sparton index` again, which encodes what is not there any more"
    if parts and len(parts) != shards:
        raise SpartonError(f"{folder / COLLECTION} has {len(parts):,} parts of {shards:,}; {again}")
    for part in parts:
        if finished_counts(part, manifest.generation) is None:
            raise SpartonError(f"{part} is not what was written; {again}")
    return len(parts)


def _open(folder: Path) -> Any:
    try:
        return open_reader(folder)
    except java_exception() as error:
        raise _wrong(folder, f"Lucene cannot open it ({java_name(error)})") from error


def _wrong(folder: Path, what: str) -> SpartonError:
    return SpartonError(f"the index {folder} is damaged: {what}; build it again with ", Parameter("overwrite", True))
