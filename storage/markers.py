"""Markers: what says that a part is finished, of which build it is, and what its bytes were."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .atomic import finish_removal, make_folder, remove_leftovers, whole_file
from .index_folder import COLLECTION, MARKERS, marker_of, part_path
from .manifest import Counts, Digest, Generation, Manifest
from .untrusted import UnexpectedError, load_json, parse_json, read

_BLOCK = 2**20
_SAVED = "saved"


@dataclass(frozen=True, slots=True)
class Marker:
    """generation: of the build that the part belongs to. digest: of the part's bytes."""

    generation: Generation
    digest: Digest
    counts: Counts

    def save(self, part: Path) -> None:
        """Say that a part is finished."""
        with whole_file(marker_of(part)) as stream:
            stream.write(json.dumps(asdict(self)).encode() + b"\n")


def marker_for(part: Path, generation: str) -> Marker | None:
    """What the marker of a part of this build says, whatever the part's bytes are; None without one."""
    try:
        marker = read(Marker, load_json(marker_of(part)))
    except (OSError, UnexpectedError):
        return None  # a damaged marker costs encoding one shard again
    return marker if marker.generation == generation else None


def finished_counts(part: Path, generation: str) -> Counts | None:
    """The counts of a part that is finished, or None if it is not, is another build's, or is not what was written.

    Reads all of the part.
    """
    marker = marker_for(part, generation)
    try:
        whole = marker is not None and file_digest(part) == marker.digest
    except OSError:
        return None
    return marker.counts if marker and whole else None


def has_beside(folder: Path, manifest: Manifest, name: str) -> bool:
    """Whether a folder has an index beside the impact index, of the generation that a manifest names and as it was
    written. name: of that index. Reads all of it."""
    current = manifest.current_beside.get(name)
    paths = {folder / name / file.name: file.digest for file in current.files} if current else {}
    return bool(paths) and all(path.is_file() and file_digest(path) == digest for path, digest in paths.items())


def rows_of(part: Path, generation: str) -> int:
    """The rows of a part of this build by its marker alone; 0 without one."""
    marker = marker_for(part, generation)
    return 0 if marker is None else marker.counts.rows


def marker_generation(content: bytes | None) -> str | None:
    """The build that a marker's part belongs to; None of what is no marker."""
    try:
        return None if content is None else read(Marker, parse_json(content)).generation
    except UnexpectedError:
        return None


def prepare_collection(folder: Path, generation: str) -> None:
    """Make room for parts, and remove what is no finished part of this build."""
    for name in (COLLECTION, MARKERS):
        finish_removal(folder / name)
        make_folder(folder / name)
        remove_leftovers(folder / name)
    remove_saved(folder, generation)
    for path in (folder / COLLECTION).glob("part-*.jsonl*"):
        if not _is_of(path, generation):
            path.unlink()
    for path in (folder / MARKERS).glob("part-*.json"):
        if not (folder / COLLECTION / f"{path.stem}.jsonl").is_file():
            path.unlink()


def saved_folder(folder: Path, generation: str) -> Path:
    """Where in an index folder a build saves what it has encoded of parts that are not finished."""
    return folder / MARKERS / f"{_SAVED}-{generation}"


def remove_saved(folder: Path, generation: str) -> None:
    """Remove from an index folder what another build saved, or what was saved of parts that are finished."""
    for saved in (folder / MARKERS).glob(f"{_SAVED}-*"):
        for path in [saved, *saved.glob("*")]:
            part = folder / COLLECTION / f"part-{path.name}.jsonl"
            if saved.name != f"{_SAVED}-{generation}" or path.suffix or part.is_file():
                shutil.rmtree(path, ignore_errors=True)


def _is_of(path: Path, generation: str) -> bool:
    try:
        return path.suffix == ".jsonl" and marker_generation(marker_of(path).read_bytes()) == generation
    except OSError:
        return False


def finished_parts(folder: Path, generation: str, count: int) -> Iterator[Path]:
    """Those of the first `count` parts that are finished, each after all of it was read."""
    for number in range(count):
        path = part_path(folder, number)
        if finished_counts(path, generation) is not None:
            yield path


def file_digest(path: Path) -> str:
    """The digest of a file's bytes, as markers and manifests have it. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"
