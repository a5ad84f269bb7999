"""From shards of documents to a folder of encoded parts, each with a marker that says it is finished."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import whole_file
from ..folder import COLLECTION, MARKERS
from ..manifest import Counts
from .ahead import ahead
from .documents import Shard
from .part_writer import NewPart, write_parts
from .tokenizing import Tokens, tokenize_shards

if TYPE_CHECKING:
    from .encoders import DocumentEncoder

_TOKENIZERS = 2  # processes; each uses all cores, so more of them gain nothing


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part and what became of its rows."""

    path: Path
    counts: Counts


def write_collection(
    shards: Iterable[Shard],
    encoder: "DocumentEncoder",
    folder: Path,
    *,
    settings_digest: str,
    store_text: bool,
    processes: int = 0,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Iterator[Part]:
    """Encode each shard into folder/collection/part-NNNNN.jsonl; yield what is finished.

    A part whose marker (folder/shards/part-NNNNN.json) stands and names these settings is not encoded again: its
    counts are read back. With `processes`, so many format and write behind, and others read and tokenize
    ahead, so that a GPU need not wait; each holds a shard or two. `on_rows` hears how many corpus rows were dealt with.
    Raises OSError as the file system does.
    """
    for name in (COLLECTION, MARKERS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path in (folder / COLLECTION).glob("part-*.jsonl*"):
        if not (folder / MARKERS / f"{path.stem}.json").is_file():
            path.unlink()  # unfinished, or of an index that this one replaces
    kept: deque[Part] = deque()  # finished before
    tokenizers = _TOKENIZERS if processes else 0
    unfinished = _unfinished(shards, folder, settings_digest, kept, on_rows)
    tokenized = ahead(tokenize_shards(unfinished, encoder.tokenization, tokenizers), 1 if processes else 0)
    new = _encoded(tokenized, encoder, folder, on_rows)
    for part, written in write_parts(new, encoder.vocabulary, store_text=store_text, processes=processes):
        yield from _drained(kept)
        counts = replace(part.counts, documents=written, dropped_no_terms=len(part.documents) - written)
        with whole_file(_marker(folder, part.path)) as stream:
            stream.write(json.dumps({"settings": settings_digest, "counts": asdict(counts)}).encode() + b"\n")
        yield Part(part.path, counts)
    yield from _drained(kept)


def _unfinished(
    shards: Iterable[Shard], folder: Path, settings_digest: str, kept: deque[Part], on_rows: Callable[[int], None]
) -> Iterator[Shard]:
    """The shards without a finished part; the other parts go to `kept`."""
    for shard in shards:
        part = _part(folder, shard)
        finished = _finished(_marker(folder, part), settings_digest) if part.is_file() else None
        if finished is None:
            yield shard
        else:
            kept.append(Part(part, finished))
            on_rows(shard.rows)


def _drained(parts: deque[Part]) -> Iterator[Part]:
    while parts:
        yield parts.popleft()


def _part(folder: Path, shard: Shard) -> Path:
    return folder / COLLECTION / f"part-{shard.number:05d}.jsonl"


def _marker(folder: Path, part: Path) -> Path:
    return folder / MARKERS / f"{part.stem}.json"


def _finished(marker: Path, settings_digest: str) -> Counts | None:
    """The counts of a part that is finished, or None if it is not, or was made with other settings."""
    try:
        content = json.loads(marker.read_bytes())
        return Counts(**content["counts"]) if content["settings"] == settings_digest else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # a damaged marker costs encoding one shard again


def _encoded(
    tokenized: Iterable[tuple[Shard, Tokens]], encoder: "DocumentEncoder", folder: Path, on_rows: Callable[[int], None]
) -> Iterator[NewPart]:
    """The part of each shard; what is known of its counts before it is written stands in it."""
    begun: deque[tuple[Shard, Tokens]] = deque()

    def tokens() -> Iterator[Tokens]:
        for shard, found in tokenized:
            begun.append((shard, found))
            on_rows(shard.empty)
            yield found

    for impacts in encoder.encode_stream(tokens(), on_rows):
        shard, found = begun.popleft()
        counts = Counts(
            rows=shard.rows,
            dropped_no_text=shard.empty,
            truncated=found.truncated,
            tokens=len(found.ids),
            postings=len(impacts.terms),
        )
        yield NewPart(_part(folder, shard), shard.documents, impacts, counts)
