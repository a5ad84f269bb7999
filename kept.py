"""What is kept of a build that was stopped."""

from pathlib import Path

from .errors import SpartonError
from .folder import COLLECTION
from .manifest import ENCODING, load_manifest
from .mirror import stand_in
from .pipeline.markers import rows_of
from .pipeline.saved_batches import saved_rows
from .remote import local_path


def kept_of(index: str | Path) -> str:
    """Words for what the same command goes on from, as it stands on disk. index: a folder or its URI."""
    try:
        folder = local_path(index) or stand_in(str(index), "built")
        manifest = load_manifest(folder)
    except SpartonError:
        return "; nothing was written yet"
    if manifest.settings.shard_rows == 0:
        return "; what Lucene has saved is kept, and the same command goes on from there"
    if manifest.stage != ENCODING:
        return "; everything is encoded and kept, and the same command goes on from there"
    generation = manifest.generation
    parts = sorted((folder / COLLECTION).glob("part-*.jsonl"))
    rows = sum(rows_of(part, generation) for part in parts) + saved_rows(folder, generation)
    if not rows:
        return "; no row was encoded and saved yet"
    return f"; {rows:,} rows are encoded and kept, and the same command goes on from there"
