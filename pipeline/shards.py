"""Cut the corpus into shards of a fixed number of rows, in input order."""

from collections.abc import Iterator

from .columns import Columns
from .corpus import Corpus
from .documents import Document, Shard
from .identifiers import ids_of, plain


def read_shards(corpus: Corpus, columns: Columns, shard_rows: int) -> Iterator[Shard]:
    """Every row of the corpus in shards of `shard_rows` (the last may be shorter). Holds one shard at a time."""
    number, rows, documents = 0, 0, []
    for document in _documents(corpus, columns):
        rows += 1
        if document is not None:
            documents.append(document)
        if rows == shard_rows:
            yield Shard(number, rows, tuple(documents))
            number, rows, documents = number + 1, 0, []
    if rows:
        yield Shard(number, rows, tuple(documents))


def _documents(corpus: Corpus, columns: Columns) -> Iterator[Document | None]:
    """A document for each row that has text, None for each that has none."""
    for rows in corpus.rows(list(dict.fromkeys((columns.id, *columns.text)))):
        texts = zip(*(plain(rows.batch.column(name)).to_pylist() for name in columns.text), strict=True)
        for name, parts in zip(ids_of(rows, columns.id), texts, strict=True):
            text = " ".join(part for part in parts if part)
            yield Document(name, text) if text.strip() else None
