"""What is kept of a build that was stopped."""

from pathlib import Path

from ..errors import SpartonError, plural
from ..pipeline.encoding.saved_batches import saved_rows
from ..storage.index_folder import COLLECTION
from ..storage.manifest import ENCODING, load_manifest
from ..storage.markers import rows_of

_folders: list[Path] = []  # of the build that this process has begun, if any


def keep(folder: Path) -> None:
    """Note that a build writes to a folder from now on: before, there was nothing of it to be kept."""
    _folders[:] = [folder]


def kept_words() -> str:
    """Words for what is on disk, from which the same command goes on."""
    if not _folders:
        return "; nothing was begun yet"
    folder = _folders[0]
    try:
        manifest = load_manifest(folder)
    except SpartonError:
        return "; what was finished is kept, and the same command goes on from there"
    settings, generation = manifest.settings, manifest.generation
    if settings.shard_rows == 0:
        return "; what Lucene has saved is kept, and the same command goes on from there"
    if manifest.stage != ENCODING:
        return "; everything is encoded and kept, and the same command goes on from there"
    parts = sorted((folder / COLLECTION).glob("part-*.jsonl"))
    rows = sum(rows_of(part, generation) for part in parts)
    rows += 0 if settings.chunk else saved_rows(folder, generation)  # passages are not rows
    if not rows:
        return "; no row was encoded and saved yet"
    are = "is" if rows == 1 else "are"
    return f"; {plural(rows, 'row')} {are} encoded and kept, and the same command goes on from there"
