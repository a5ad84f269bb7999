"""From a corpus to a folder of encoded parts, each with a marker that says it is finished."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...storage.index_folder import part_path
from ...storage.manifest import Counts, PartFile
from ...storage.markers import Marker, finished_counts
from ...storage.part_lines import text_digest
from ..corpus.checked import checked
from ..corpus.reader import Corpus
from ..corpus.shards import read_shards
from ..documents import Shard
from ..encoding.saved_batches import SavedBatches
from ..prefetch import prefetch
from ..progress import Progress
from ..tokens.passages import passages_of
from ..tokens.tokenizer import Tokens, tokenize_shards
from .job import Job
from .part_writer import NewPart, write_parts
from .workers import CpuWorkers

if TYPE_CHECKING:
    from ..encoding.open_encoder import DocumentEncoder


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part and what became of its rows."""

    path: Path
    counts: Counts


def write_collection(
    job: Job,
    encoder: "DocumentEncoder",
    progress: Progress,
    *,
    workers: CpuWorkers | None = None,
    take: Callable[[int], bool] = lambda number: True,
) -> Iterator[Part]:
    """Encode each shard into folder/collection/part-NNNNN.jsonl; yield what is finished.

    A part whose marker (folder/shards/part-NNNNN.json) names this build and the part's bytes is not encoded again: its
    counts are read back. workers: tokenize ahead of the encoder and write behind it; without them, which is on a CPU,
    all is done in turn, and the batches of a shard are saved while it is encoded. take: asked once for the number of
    each shard; one that it refuses is left to others.
    Raises OSError as the file system does.
    """
    kept: deque[Part] = deque()  # finished before

    def wanted(number: int) -> bool:
        if not take(number):
            return False
        path = part_path(job.folder, number)
        finished = finished_counts(path, job.generation)
        if finished is not None:
            kept.append(Part(path, finished))
            if not workers:  # else this is another thread
                progress.add(kept=finished.rows)
        return finished is None

    corpus = Corpus(job.files, job.states, header=job.options.header)
    check = partial(checked, columns=job.columns, skip_bad=job.options.skip_bad_rows)
    shards = read_shards(corpus.rows(job.columns.all, job.columns.of_fields), job.options.shard_rows, check, wanted)
    how = replace(encoder.tokenization, split=job.options.chunk)
    tokenized = tokenize_shards(shards, how, workers.tokenizers if workers else ())
    # What the encoder finds out before its first batch takes as long as the first shard's tokens.
    ahead = (
        prefetch(tokenized, 1, meanwhile=lambda: progress.time("encoding", encoder.prepare)) if workers else tokenized
    )
    waiting = progress.timed("reading", ahead)
    saved: dict[Path, SavedBatches] = {}

    def saved_batches(number: int) -> SavedBatches:
        batches = SavedBatches(job.folder, job.generation, number, len(encoder.vocabulary))
        saved[part_path(job.folder, number)] = batches
        return batches

    keeping = None if workers else saved_batches
    new = progress.timed("encoding", _encoded(waiting, encoder, job.folder, progress, job.options.store_text, keeping))
    writers = workers.writers if workers else ()
    written = write_parts(new, encoder.vocabulary, store_text=job.options.store_text, workers=writers)
    try:
        for part, result in progress.timed("writing", written):
            yield from _drained(kept, progress if workers else None)
            dropped = len(part.documents) - result.documents
            counts = replace(part.counts, documents=result.documents, dropped_no_terms=dropped)
            Marker(job.generation, result.digest, counts).save(part.path)
            if part.path in saved:
                saved.pop(part.path).remove()
            yield Part(part.path, counts)
        yield from _drained(kept, progress if workers else None)
    finally:
        for batches in saved.values():  # of a run that was stopped
            batches.save()


def _drained(parts: deque[Part], progress: Progress | None) -> Iterator[Part]:
    """progress: hears of them now, if it has not yet."""
    while parts:
        part = parts.popleft()
        if progress:
            progress.add(kept=part.counts.rows)
        yield part


def write_documents(
    shards: Iterable[Shard],
    folder: Path,
    encoder: "DocumentEncoder",
    progress: Progress,
    *,
    store_text: bool,
    split: bool,
) -> Iterator[tuple[PartFile, Counts]]:
    """Encode shards that are no build's into folder/collection/part-NNNNN.jsonl, by their numbers; yield what each part
    holds, and what became of the rows. split: longer documents into passages. Raises OSError as the file system does.
    """
    tokenized = tokenize_shards(shards, replace(encoder.tokenization, split=split))
    waiting = progress.timed("reading", tokenized)
    new = progress.timed("encoding", _encoded(waiting, encoder, folder, progress, store_text, None))
    written = write_parts(new, encoder.vocabulary, store_text=store_text)
    for part, result in progress.timed("writing", written):
        dropped = len(part.documents) - result.documents
        counts = replace(part.counts, documents=result.documents, dropped_no_terms=dropped)
        yield PartFile(part.path.name, result.digest, result.documents), counts


def _encoded(
    tokenized: Iterable[tuple[Shard, Tokens]],
    encoder: "DocumentEncoder",
    folder: Path,
    progress: Progress,
    store_text: bool,
    saved: Callable[[int], SavedBatches] | None,
) -> Iterator[NewPart]:
    """The part of each shard; what is known of its counts before it is written stands in it. saved: gives what saves
    the batches of the shard of a number; None if none are to be saved."""
    begun: deque[tuple[Shard, Tokens]] = deque()

    def tokens() -> Iterator[Tokens]:
        for shard, found in tokenized:
            begun.append((shard, found))
            progress.add(shard.empty + shard.bad)
            yield found

    def saved_batches() -> SavedBatches:
        assert saved is not None
        return saved(begun[-1][0].number)

    for impacts in encoder.encode_stream(tokens(), progress, None if saved is None else saved_batches):
        shard, found = begun.popleft()
        documents, split = shard.documents, 0
        if found.spans is not None or not store_text:
            documents = replace(documents, digests=tuple(map(text_digest, documents.texts)))
        if found.spans is not None:
            documents = passages_of(documents, found.spans)
            split = int((np.bincount(found.spans.documents) > 1).sum())
            progress.add(len(shard.documents) - len(documents))  # passages are not rows
        counts = Counts(
            rows=shard.rows,
            dropped_no_text=shard.empty,
            dropped_bad=shard.bad,
            truncated=found.truncated,
            split=split,
            tokens=len(found.ids),
            postings=len(impacts.terms),
        )
        yield NewPart(part_path(folder, shard.number), documents, impacts, counts)
