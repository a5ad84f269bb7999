"""Cut the corpus into shards of a fixed number of rows, in input order."""

from collections.abc import Iterator

from .columns import Columns
from .corpus import Corpus
from .documents import Documents, Shard
from .identifiers import ids_of, plain


def read_shards(corpus: Corpus, columns: Columns, shard_rows: int) -> Iterator[Shard]:
    """Every row of the corpus in shards of `shard_rows` (the last may be shorter). Holds one shard at a time."""
    number, rows = 0, 0
    ids: list[str] = []
    texts: list[str] = []
    for name, text in _rows(corpus, columns):
        rows += 1
        if text:
            ids.append(name)
            texts.append(text)
        if rows == shard_rows:
            yield Shard(number, rows, Documents(tuple(ids), tuple(texts)))
            number, rows, ids, texts = number + 1, 0, [], []
    if rows:
        yield Shard(number, rows, Documents(tuple(ids), tuple(texts)))


def _rows(corpus: Corpus, columns: Columns) -> Iterator[tuple[str, str]]:
    """Id and text of each row, the text empty where there is none."""
    for rows in corpus.rows(list(dict.fromkeys((columns.id, *columns.text)))):
        texts = zip(*(plain(rows.batch.column(name)).to_pylist() for name in columns.text), strict=True)
        for name, parts in zip(ids_of(rows, columns.id), texts, strict=True):
            text = " ".join(filter(None, parts))
            yield name, "" if text.isspace() else text
