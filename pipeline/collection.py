"""From a corpus to a folder of encoded parts, each with a marker that says it is finished."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files import make_folder, remove_leftovers, whole_file
from ..folder import COLLECTION, MARKERS, marker_of, part_path
from ..manifest import Counts
from .ahead import ahead
from .corpus import Corpus
from .documents import Shard
from .job import Job
from .part_writer import NewPart, write_parts
from .passages import passages_of
from .progress import Progress
from .shards import read_shards
from .tokenizing import Tokens, tokenize_shards
from .workers import Workers

if TYPE_CHECKING:
    from .encoders import DocumentEncoder


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part and what became of its rows."""

    path: Path
    counts: Counts


def prepare_collection(folder: Path) -> None:
    """Make room for parts, and remove those that are unfinished, or of an index that this one replaces."""
    for name in (COLLECTION, MARKERS):
        make_folder(folder / name)
        remove_leftovers(folder / name)
    for path in (folder / COLLECTION).glob("part-*.jsonl*"):
        if not (folder / MARKERS / f"{path.stem}.json").is_file():
            path.unlink()


def write_collection(
    job: Job,
    encoder: "DocumentEncoder",
    progress: Progress,
    *,
    workers: Workers | None = None,
    take: Callable[[int], bool] = lambda number: True,
) -> Iterator[Part]:
    """Encode each shard into folder/collection/part-NNNNN.jsonl; yield what is finished.

    A part whose marker (folder/shards/part-NNNNN.json) stands and names these settings is not encoded again: its
    counts are read back. workers: tokenize ahead of the encoder and write behind it; without them all is done in turn.
    take: asked once for the number of each shard; one that it refuses is left to others.
    Raises OSError as the file system does.
    """
    kept: deque[Part] = deque()  # finished before

    def wanted(number: int) -> bool:
        if not take(number):
            return False
        path = part_path(job.folder, number)
        finished = _finished(marker_of(path), job.settings_digest) if path.is_file() else None
        if finished is not None:
            kept.append(Part(path, finished))
        return finished is None

    shards = read_shards(Corpus(job.files), job.columns, job.shard_rows, wanted)
    how = replace(encoder.tokenization, split=job.chunk)
    tokenized = tokenize_shards(shards, how, workers.tokenizers if workers else ())
    waiting = progress.during("reading", ahead(tokenized, 1 if workers else 0))
    new = progress.during("encoding", _encoded(waiting, encoder, job.folder, progress))
    writers = workers.writers if workers else ()
    written = write_parts(new, encoder.vocabulary, store_text=job.store_text, helpers=writers)
    for part, documents in progress.during("writing", written):
        yield from _drained(kept, progress)
        counts = replace(part.counts, documents=documents, dropped_no_terms=len(part.documents) - documents)
        with whole_file(marker_of(part.path)) as stream:
            stream.write(json.dumps({"settings": job.settings_digest, "counts": asdict(counts)}).encode() + b"\n")
        yield Part(part.path, counts)
    yield from _drained(kept, progress)


def _drained(parts: deque[Part], progress: Progress) -> Iterator[Part]:
    while parts:
        part = parts.popleft()
        progress.add(kept=part.counts.rows)
        yield part


def _finished(marker: Path, settings_digest: str) -> Counts | None:
    """The counts of a part that is finished, or None if it is not, or was made with other settings."""
    try:
        content = json.loads(marker.read_bytes())
        return Counts(**content["counts"]) if content["settings"] == settings_digest else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # a damaged marker costs encoding one shard again


def _encoded(
    tokenized: Iterable[tuple[Shard, Tokens]], encoder: "DocumentEncoder", folder: Path, progress: Progress
) -> Iterator[NewPart]:
    """The part of each shard; what is known of its counts before it is written stands in it."""
    begun: deque[tuple[Shard, Tokens]] = deque()

    def tokens() -> Iterator[Tokens]:
        for shard, found in tokenized:
            begun.append((shard, found))
            progress.add(shard.empty)
            yield found

    for impacts in encoder.encode_stream(tokens(), progress):
        shard, found = begun.popleft()
        documents, split = shard.documents, 0
        if found.spans is not None:
            documents = passages_of(documents, found.spans)
            split = int((np.bincount(found.spans.documents) > 1).sum())
            progress.add(len(shard.documents) - len(documents))  # passages are not rows
        counts = Counts(
            rows=shard.rows,
            dropped_no_text=shard.empty,
            truncated=found.truncated,
            split=split,
            tokens=len(found.ids),
            postings=len(impacts.terms),
        )
        yield NewPart(part_path(folder, shard.number), documents, impacts, counts)
