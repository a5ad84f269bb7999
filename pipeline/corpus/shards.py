"""Cut the corpus into shards of a fixed number of rows, in input order."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from ..documents import Documents, Shard
from .columns import Columns
from .ids import ids_of, plain
from .reader import Corpus, Rows


def read_shards(
    corpus: Corpus,
    columns: Columns,
    shard_rows: int,
    wanted: Callable[[int], bool] = lambda number: True,
) -> Iterator[Shard]:
    """Every row of the corpus in shards of `shard_rows` (the last may be shorter). Holds one shard at a time.

    wanted: asked for the number of each shard in turn; one that is not wanted is passed over.
    """
    number, rows, wants = 0, 0, False
    ids: list[str] = []
    texts: list[str] = []
    for some in _slices(corpus, list(dict.fromkeys((columns.id, *columns.text))), shard_rows):
        if not rows:
            wants = wanted(number)
        rows += some.batch.num_rows
        if wants:
            _gather(some, columns, ids, texts)
        if rows == shard_rows:
            if wants:
                yield Shard(number, rows, Documents(tuple(ids), tuple(texts)))
            number, rows, ids, texts = number + 1, 0, [], []
    if rows and wants:
        yield Shard(number, rows, Documents(tuple(ids), tuple(texts)))


def _slices(corpus: Corpus, columns: list[str], shard_rows: int) -> Iterator[Rows]:
    """The corpus in slices of which none reaches from one shard into the next."""
    room = shard_rows
    for rows in corpus.rows(columns):
        start = 0
        while start < rows.batch.num_rows:
            batch: pa.RecordBatch = rows.batch.slice(start, room)
            yield Rows(rows.file, rows.first + start, batch)
            start += batch.num_rows
            room = room - batch.num_rows or shard_rows


def _gather(rows: Rows, columns: Columns, ids: list[str], texts: list[str]) -> None:
    """Add the rows that have text."""
    parts = zip(*(plain(rows.batch.column(name)).to_pylist() for name in columns.text), strict=True)
    for name, some in zip(ids_of(rows, columns.id), parts, strict=True):
        text = " ".join(filter(None, some))
        if text and not text.isspace():
            ids.append(name)
            texts.append(text)
