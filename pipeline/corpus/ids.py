"""Ids are checked before anything is encoded: hours of work must not end on row 8,000,001."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ...errors import SpartonError
from .reader import Corpus, Rows

# Lucene takes terms of at most 32,766 bytes, and a character is at most 4.
LONGEST_ID = 8_191


def check_ids(corpus: Corpus, id_column: str) -> int:
    """Check that every row has an id and that no id is repeated; return the number of rows.

    Holds 8 bytes a row, 16 at the end: a hash of each id. Equal hashes are looked up again before they are called equal
    ids.
    Raises SpartonError naming the file and row (counted from 1) of a null id, or both rows of a repeated one.
    """
    hashes = [
        np.fromiter((hash(name) for name in ids_of(rows, id_column)), dtype=np.int64, count=rows.batch.num_rows)
        for rows in corpus.rows([id_column])
    ]
    every = np.concatenate(hashes) if hashes else np.empty(0, dtype=np.int64)
    del hashes
    every.sort()
    suspects = set(every[1:][every[1:] == every[:-1]].tolist())
    if suspects:
        _raise_first_repeat(corpus, id_column, suspects)
    return len(every)


def ids_of(rows: Rows, id_column: str) -> Iterator[str]:
    """The ids of a batch as strings. Raises SpartonError at one that is null, empty or too long."""
    for offset, value in enumerate(plain(rows.batch.column(id_column)).to_pylist()):
        if value is None or value == "":
            found = "null" if value is None else "empty"
            raise SpartonError(
                f"the id in column {id_column!r} is {found} at {rows.file} row {rows.first + offset}; "
                "every document needs an id"
            )
        name = str(value)
        if len(name) > LONGEST_ID:
            raise SpartonError(
                f"the id in column {id_column!r} at {rows.file} row {rows.first + offset} is {len(name)} characters "
                f"long; an id may have {LONGEST_ID}"
            )
        yield name


def plain(column: pa.Array) -> pa.Array:
    """A dictionary-encoded column as its values; any other as it is."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _raise_first_repeat(corpus: Corpus, id_column: str, suspects: set[int]) -> None:
    seen: dict[str, str] = {}
    for rows in corpus.rows([id_column]):
        for offset, name in enumerate(ids_of(rows, id_column)):
            if hash(name) not in suspects:
                continue
            location = f"{rows.file} row {rows.first + offset}"
            if name in seen:
                raise SpartonError(f"the id {name!r} stands twice: at {seen[name]} and at {location}; make ids unique")
            seen[name] = location
