"""A corpus that a program gives: paths, or the rows themselves, which are then written to a file of our own.

Rows are read twice, by several processes, and again by a build that goes on; a stream can be read once, and only here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any

from ...errors import UsageError
from .files import DataFile
from .spooled import GivenCorpus

_EXPECTED = (
    "expected paths, a DataFrame, an Arrow table or reader, a Dataset, or dicts of which each is a row, by the names "
    "of columns"
)


@contextmanager
def corpus_files(corpus: GivenCorpus, scratch: AbstractContextManager[Path]) -> Iterator[Sequence[str | DataFile]]:
    """What `Corpus` takes for a corpus that a program gives: its paths, or a file of its rows, which is there until the
    end.

    scratch: makes the folder for that file.
    Raises UsageError for what is neither, and SpartonError for rows that no file can hold, naming the row, or where
    there are none. What an iterator itself raises comes through.
    """
    kind = type(corpus).__name__
    if isinstance(corpus, str | PathLike):
        yield [corpus]
    elif hasattr(corpus, "__arrow_c_stream__"):
        from .spool_arrow import columns_of, spool_columns

        with scratch as folder:
            yield [spool_columns(columns_of(corpus, kind), kind, folder)]
    elif _is_dataset(corpus):
        from .spool_arrow import columns_of_dataset, spool_columns

        with scratch as folder:
            yield [spool_columns(columns_of_dataset(corpus), kind, folder)]
    else:
        first, items = _begun(corpus, kind)
        if isinstance(first[0], str | PathLike) if first else isinstance(corpus, Sequence):
            yield list(_paths(items))
            return
        from .spool_rows import spool_rows

        with scratch as folder:
            yield [spool_rows(items, kind, folder)]


def _paths(items: Iterable[Any]) -> Iterator[str | Path]:
    for item in items:
        if not isinstance(item, str | PathLike):
            raise UsageError("corpus", f" has a {type(item).__name__} among paths; {_EXPECTED}")
        yield item  # type: ignore[misc]


def _is_dataset(corpus: Any) -> bool:
    """Whether this is a Dataset or an IterableDataset of `datasets`, whose columns have types. A transform would see
    rows, so they are taken as such."""
    if not (hasattr(corpus, "with_format") and hasattr(corpus, "iter")) or isinstance(corpus, Mapping):
        return False
    transformed = (getattr(corpus, "format", None) or {}).get("type") == "custom"
    return getattr(corpus, "features", None) is not None and not transformed


def _begun(corpus: Any, kind: str) -> tuple[list[Any], Iterator[Any]]:
    """The first item, if there is one, and an iterator over all."""
    if isinstance(corpus, Mapping):
        advice = "pyarrow.table(…) makes a table of columns, and of splits one is meant, as in corpus['train']"
        raise UsageError("corpus", f" is a {kind}; {_EXPECTED}; {advice}")
    if not isinstance(corpus, Iterable) or isinstance(corpus, bytes) or hasattr(type(corpus), "columns"):
        raise UsageError("corpus", f" is a {kind}; {_EXPECTED}")
    items = iter(corpus)
    first = list(next(([item] for item in items), []))
    return first, chain(first, items)
