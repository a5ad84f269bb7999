"""What GET /index says of an index, whatever is searched in it."""

from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from ...storage.redaction import redacted
from ...storage.remote import local_path
from ..searcher import Searcher


def index_name(index: str | Path) -> str:
    """What people call an index: the last part of its path or URI."""
    path = local_path(index)
    name = PurePosixPath(redacted(str(index))).name if path is None else path.resolve().name
    return name.encode(errors="replace").decode()


def index_content(searcher: Searcher, name: str) -> dict[str, Any]:
    """An index in words and numbers. name: what people call it."""
    manifest = searcher.manifest
    model = manifest.settings.model
    return {
        "name": name,
        "documents": len(searcher),
        "generation": manifest.generation,
        "fields": [asdict(field) for field in manifest.settings.fields],
        "model": model and _model_name(model.name),
    }


def _model_name(recorded: str) -> str:
    """A name on the hub as it is; of a folder the last part, as where it lies is nobody's business."""
    is_folder = Path(recorded).is_absolute() or recorded.startswith(("./", "../"))
    return Path(recorded).name if is_folder else recorded
