"""From shards of documents to a folder of encoded parts, each with a marker that says it is finished."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ..files import whole_file
from ..folder import COLLECTION, MARKERS
from ..manifest import Counts
from .documents import Shard
from .encoder import Encoder
from .vectors import VectorWriter


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part and what became of its rows."""

    path: Path
    counts: Counts


def write_collection(
    shards: Iterable[Shard],
    encoder: Encoder,
    folder: Path,
    *,
    settings_digest: str,
    store_text: bool,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Iterator[Part]:
    """Encode each shard into folder/collection/part-NNNNN.jsonl; yield what is finished.

    A part whose marker (folder/shards/part-NNNNN.json) stands and names these settings is not encoded again: its
    counts are read back. `on_rows` hears how many corpus rows were dealt with. Raises OSError as the file system does.
    """
    writer = VectorWriter(encoder.vocabulary, store_text=store_text)
    for name in (COLLECTION, MARKERS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for part in (folder / COLLECTION).glob("part-*.jsonl*"):
        if not (folder / MARKERS / f"{part.stem}.json").is_file():
            part.unlink()  # unfinished, or of an index that this one replaces
    for shard in shards:
        part = folder / COLLECTION / f"part-{shard.number:05d}.jsonl"
        marker = folder / MARKERS / f"part-{shard.number:05d}.json"
        finished = _finished(marker, settings_digest) if part.is_file() else None
        if finished is not None:
            on_rows(shard.rows)
            yield Part(part, finished)
            continue
        counts = _encode(shard, encoder, writer, part, on_rows)
        with whole_file(marker) as stream:
            stream.write(json.dumps({"settings": settings_digest, "counts": asdict(counts)}).encode() + b"\n")
        yield Part(part, counts)


def _finished(marker: Path, settings_digest: str) -> Counts | None:
    """The counts of a part that is finished, or None if it is not, or was made with other settings."""
    try:
        content = json.loads(marker.read_bytes())
        return Counts(**content["counts"]) if content["settings"] == settings_digest else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # a damaged marker costs encoding one shard again


def _encode(shard: Shard, encoder: Encoder, writer: VectorWriter, part: Path, on_rows: Callable[[int], None]) -> Counts:
    on_rows(shard.empty)
    tokens = encoder.tokenize([document.text for document in shard.documents])
    impacts = encoder.encode_tokens(tokens, on_rows)
    written = writer.write(part, shard.documents, impacts)
    return Counts(
        rows=shard.rows,
        documents=written,
        dropped_no_text=shard.empty,
        dropped_no_terms=len(shard.documents) - written,
        truncated=tokens.truncated,
        tokens=tokens.count,
        postings=len(impacts.terms),
    )
