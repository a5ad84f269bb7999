"""A model folder as transformers may load it: without an adapter, which it would apply or pass over by what is
installed, and without an attention in config.json that it would fetch."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .adapter import ADAPTER_PICKLED, ADAPTER_WEIGHTS
from .layout import ADAPTER, read_object
from .weights import ATTENTION

_CONFIG = "config.json"
_FETCHED = "flash_attention"  # and what follows: a kernel that is installed, or that transformers has from the hub


@contextmanager
def loadable(folder: Path) -> Iterator[Path]:
    """The folder, or for a while one of links to its files, of the same name, by which transformers calls code that a
    model brings along."""
    config = read_object(folder / _CONFIG)
    usual = _without_fetched_attention(config)
    if not (folder / ADAPTER).is_file() and usual == config:
        yield folder
        return
    with TemporaryDirectory(prefix="sparton-") as scratch:
        view = Path(scratch) / folder.resolve().name
        view.mkdir()
        for path in folder.iterdir():
            if path.name not in (ADAPTER, ADAPTER_WEIGHTS, ADAPTER_PICKLED, _CONFIG):
                (view / path.name).symlink_to(path.absolute())
        (view / _CONFIG).write_text(json.dumps(usual), encoding="utf-8")
        yield view


def _without_fetched_attention(entry: Any) -> Any:
    """A configuration, and those within it, without an attention that is a kernel: which one runs is chosen here."""
    if isinstance(entry, list):
        return [_without_fetched_attention(inner) for inner in entry]
    if not isinstance(entry, dict):
        return entry
    return {
        name: _without_fetched_attention(value)
        for name, value in entry.items()
        if name not in ATTENTION or not str(value).startswith(_FETCHED)
    }
