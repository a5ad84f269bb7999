"""Lines that are left out of an index being no vectors: kept split by split until the index is finished.

A process that indexes a split writes down what it leaves out of it, before a commit says that the split is indexed. So
an interrupted build still knows of what it has left out, and in which order files and lines have it.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from ..storage.skipped_rows import BadRow, SkippedRows, saved_lines
from .read_vectors import check_unchanged
from .splits import Split

_BLOCK = 2**20


def save_left_out(folder: Path, split: Split, skipped: SkippedRows) -> None:
    """Keep what is left out of a split, instead of what was before. Lines have their numbers within the split."""
    path = _path(folder, split)
    path.unlink(missing_ok=True)
    if skipped.kinds:
        folder.mkdir(parents=True, exist_ok=True)
        skipped.save(path)


def collect_left_out(folder: Path, splits: Iterable[Split], skipped: SkippedRows) -> None:
    """Have `skipped` take what was kept of the splits, in their order. Lines get their numbers within the file.

    splits: those of a file one after the other. Raises UnexpectedError where what was kept is damaged, and SpartonError
    where a file has changed since.
    """
    kept = [split for split in splits if _path(folder, split).is_file()]
    for split, before in _lines_before(kept):
        for line in saved_lines(_path(folder, split)):
            skipped.add(str(split.path), "line", before + line.line, BadRow(line.kind, line.found))


def _path(folder: Path, split: Split) -> Path:
    return folder / f"{sha256(split.name().encode(errors='surrogateescape')).hexdigest()}.jsonl"


def _lines_before(splits: Iterable[Split]) -> Iterator[tuple[Split, int]]:
    """Each split, and how many lines of its file are before it; for that each file is read once at most."""
    path, offset, ends = None, 0, 0
    for split in splits:
        if split.path != path:
            path, offset, ends = split.path, 0, 0
        if not split.start:
            yield split, 0
            continue
        with split.path.open("rb") as file:
            check_unchanged(split, file)
            file.seek(offset)
            # A line that begins at `start` has its predecessor's end right before it, and is the split's.
            while offset < split.start - 1 and (block := file.read(min(_BLOCK, split.start - 1 - offset))):
                ends += block.count(b"\n")
                offset += len(block)
        yield split, ends + 1
