"""Postings of a term as arrays: documents and impacts, all of them in a few calls of Java.

The way from one posting to the next is put together of Java's own methods, once, as in doc_values.py.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from ...indexer.java import java_cell, java_class, java_function
from ..filters.accepted import flags_of

_INDEX, _FIELD = "org.apache.lucene.index.", "contents"


class PostingsReader:
    """Reads postings of an open index. For one thread at a time. reader: Lucene's. documents: of the index, with those
    that are deleted.

    Making Java's function takes a millisecond, so there is one, which reads whatever is in its cell.
    """

    def __init__(self, reader: Any) -> None:
        self._leaves, self.documents = list(reader.leaves()), int(reader.maxDoc())
        self._cell, posting = java_cell(f"{_INDEX}PostingsEnum", _next_posting())
        number = java_class("java.lang.Integer").TYPE
        step = java_class("java.lang.invoke.MethodHandles").dropArguments(posting, 0, number)
        self._step = java_function("IntToLongFunction", step)

    def of(self, term: str) -> tuple[np.ndarray, np.ndarray]:
        """The documents that have a term and are not deleted, int32, in order, and the impacts that it has in them,
        int32. Raises what Java throws."""
        key = java_class("org.apache.lucene.util.BytesRef")(term)
        found = [(np.empty(0, np.int32), np.empty(0, np.int32))]
        for leaf in self._leaves:
            terms = leaf.reader().terms(_FIELD)
            cursor = None if terms is None else terms.iterator()
            if cursor is not None and cursor.seekExact(key):
                found.append(self._read(leaf, cursor))
        documents, impacts = zip(*found, strict=True)
        return np.concatenate(documents), np.concatenate(impacts)

    def every(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Each term of each segment, in Lucene's order within one, with what `of` gives of it there."""
        for leaf in self._leaves:
            terms = leaf.reader().terms(_FIELD)
            cursor = None if terms is None else terms.iterator()
            while cursor is not None and (term := cursor.next()) is not None:
                yield str(term.utf8ToString()), *self._read(leaf, cursor)

    def _read(self, leaf: Any, cursor: Any) -> tuple[np.ndarray, np.ndarray]:
        """The postings of the term that a TermsEnum stands at."""
        self._cell[0] = cursor.postings(None, java_class(f"{_INDEX}PostingsEnum").FREQS)
        stream = java_class("java.util.stream.IntStream").range(0, cursor.docFreq()).mapToLong(self._step)
        pairs = np.array(memoryview(stream.toArray()))
        documents, impacts = (pairs >> 32).astype(np.int32), pairs.astype(np.int32)  # of which the lower half is kept
        if (live := leaf.reader().getLiveDocs()) is not None:
            kept = flags_of([java_class("org.apache.lucene.util.FixedBitSet").copyOf(live)])[documents]
            documents, impacts = documents[kept], impacts[kept]
        return documents + np.int32(leaf.docBase), impacts


@cache
def _next_posting() -> Any:
    """Of a PostingsEnum the next document, in the upper half of a long, and its impact in the lower: as a MethodHandle
    of Java's."""
    handles, method_type = java_class("java.lang.invoke.MethodHandles"), java_class("java.lang.invoke.MethodType")
    lookup, number = handles.publicLookup(), java_class("java.lang.Integer").TYPE
    long, wide = java_class("java.lang.Long"), java_class("java.lang.Long").TYPE
    postings = java_class(f"{_INDEX}PostingsEnum")
    move = lookup.findVirtual(postings, "nextDoc", method_type.methodType(number))
    impact = lookup.findVirtual(postings, "freq", method_type.methodType(number))
    add = lookup.findStatic(long, "sum", method_type.methodType(wide, wide, wide))
    shift = lookup.findStatic(long, "rotateLeft", method_type.methodType(wide, wide, number))
    upper = handles.insertArguments(shift, 1, java_class("java.lang.Integer")(32))
    upper = upper.asType(method_type.methodType(wide, number))
    # (document, postings): document << 32 | impact. Both are 31 bits and not negative.
    both = handles.filterArguments(add, 0, upper, impact.asType(method_type.methodType(wide, postings)))
    return handles.foldArguments(both, move)


class Frequencies:
    """How many documents of an open index have a term. Threads may share it."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, searcher: Any, terms: Mapping[str, int]) -> dict[str, int]:
        """Of those terms that any document has, with deleted ones. searcher: Lucene's."""
        term, reader = java_class(f"{_INDEX}Term"), searcher.getIndexReader()
        for name in terms:
            # Two threads may ask for the same at once, which costs time and nothing else.
            if name not in self._known and (found := int(reader.docFreq(term(_FIELD, name)))):
                self._known[name] = found
        return {name: self._known[name] for name in terms if name in self._known}
