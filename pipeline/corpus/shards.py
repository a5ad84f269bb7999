"""Cut the corpus into shards of a fixed number of rows, in input order."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain

from ..documents import Documents, Shard
from .rows import Rows


def read_shards(
    corpus: Iterable[Rows],
    shard_rows: int,
    check: Callable[[Rows], Rows],
    wanted: Callable[[int], bool] = lambda number: True,
) -> Iterator[Shard]:
    """Every row of the corpus in shards of `shard_rows` (the last may be shorter). Holds one shard at a time.

    corpus: its rows, the first column ids and the others texts. check: gives rows with ids and texts as strings, fields
    as JSON, and the bad ones marked. wanted: asked for the number of each shard in turn; one that is not wanted is
    passed over.
    """
    number, count, bad, wants = 0, 0, 0, False
    ids: list[str] = []
    texts: list[str] = []
    fields: list[str] = []
    for rows in _slices(corpus, shard_rows):
        if not count:
            wants = wanted(number)
        count += len(rows)
        if wants:
            rows = check(rows)
            bad += len(rows.bad)
            _gather(rows, ids, texts, fields)
        if count == shard_rows:
            if wants:
                yield Shard(number, count, Documents(tuple(ids), tuple(texts), tuple(fields)), bad)
            number, count, bad, ids, texts, fields = number + 1, 0, 0, [], [], []
    if count and wants:
        yield Shard(number, count, Documents(tuple(ids), tuple(texts), tuple(fields)), bad)


def _slices(corpus: Iterable[Rows], shard_rows: int) -> Iterator[Rows]:
    """The corpus in slices of which none reaches from one shard into the next."""
    room = shard_rows
    for rows in corpus:
        start = 0
        while start < len(rows):
            some = rows.slice(start, start + room)
            yield some
            start += len(some)
            room = room - len(some) or shard_rows


def _gather(rows: Rows, ids: list[str], texts: list[str], fields: list[str]) -> None:
    """Add the rows that have text."""
    names, *columns = rows.columns
    joined = list(map(" ".join, map(partial(filter, None), zip(*columns, strict=True))))
    if all(joined) and not any(map(str.isspace, joined)):
        ids.extend(names)
        texts.extend(joined)
        fields.extend(chain(*rows.fields))
        return
    for offset, (name, text) in enumerate(zip(names, joined, strict=True)):
        if text and not text.isspace():
            ids.append(name)
            texts.append(text)
            fields.extend(kept[offset] for kept in rows.fields)
