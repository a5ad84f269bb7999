"""The formats of folders: a new one is a file, and an entry here. What is no folder is an id of ir_datasets."""

from pathlib import Path

from ...errors import SpartonError, UsageError, listed, short
from ...storage.redaction import is_uri, redacted
from .beir import BeirFormat
from .collection import Collection, Format
from .ms_marco import MsMarcoFormat
from .trec import TrecFormat

# In this order: the last one has to look into files.
FORMATS: tuple[Format, ...] = (BeirFormat(), MsMarcoFormat(), TrecFormat())


def open_collection(name: str, split: str | None = None) -> Collection:
    """The collection in a folder, or of an id of ir_datasets. split: which judgments, if not the usual ones.

    Raises SpartonError for a folder of no format, and as Format.open and open_registered.
    """
    folder = Path(name)
    if folder.is_dir():
        return _format_of(folder).open(folder, split)
    if folder.exists():
        raise UsageError(f"{short(name)} is a file; expected a folder with documents, topics and judgments")
    if is_uri(name):
        raise UsageError(f"{redacted(name)} is a URI; expected a folder, or an id of ir_datasets")
    from .registered import open_registered

    return open_registered(name, split)


def _format_of(folder: Path) -> Format:
    found = [one for one in FORMATS[:-1] if one.is_in(folder)]
    if not found and FORMATS[-1].is_in(folder):
        found = [FORMATS[-1]]
    expected = "; or ".join(f"{one.expected} ({one.title})" for one in FORMATS)
    if len(found) == 1:
        return found[0]
    if found:
        raise SpartonError(
            f"{folder} has files of {' and of '.join(one.title for one in found)}; expected those of one: {expected}"
        )
    names = sorted(path.name for path in folder.iterdir())
    raise SpartonError(f"{folder} has {listed(names, 5) or 'no files'}; expected {expected}")
