"""What Lucene found, taken over in one call: documents' numbers, ids and scores.

Each call from Python to Java costs microseconds and holds the interpreter's lock before and after, so asking a
thousand hits one by one takes longer than the search. The ids stand in what Lucene sorted by (ties go by id), so no
stored document need be read; and Java can be told to search, take the hits and write them out as text by itself.
"""

import re
from array import array
from typing import Any, NamedTuple

from ..indexer.java import java_class

_LUCENE = "org.apache.lucene.search."
_FOUND = f"{_LUCENE}TopFieldDocs"
_OBJECTS = "[Ljava.lang.Object;"
# FieldDoc.toString: doc=7 score=NaN shardIndex=-1 fields=[120.0, [64 37]], the bytes in hexadecimal, not padded.
_HIT = re.compile(r"doc=(\d+) [^\[]*fields=\[([^,\]]+), \[([0-9a-f ]*)\]\]")


class Ranked(NamedTuple):
    """A document that Lucene found. number: its own in the open index."""

    number: int
    id: str
    score: float


def search_to_text(searcher: Any) -> Any:
    """A Java function from (query, k, sort) to the hits as text; `invokeWithArguments` calls it.

    It is Arrays.toString(searcher.search(query, k, sort).scoreDocs), composed in Java: array and hits stay there.
    """
    handles = java_class("java.lang.invoke.MethodHandles")
    lookup = handles.publicLookup()
    search = lookup.findVirtual(
        _class(f"{_LUCENE}IndexSearcher"), "search", _type(f"{_LUCENE}Query", "int", f"{_LUCENE}Sort", gives=_FOUND)
    )
    hits = lookup.findGetter(_class(f"{_LUCENE}TopDocs"), "scoreDocs", _class(f"[L{_LUCENE}ScoreDoc;"))
    text = lookup.findStatic(_class("java.util.Arrays"), "toString", _type(_OBJECTS, gives="java.lang.String"))
    hits = hits.asType(_type(_FOUND, gives=_OBJECTS))
    return handles.filterReturnValue(handles.filterReturnValue(search, hits), text).bindTo(searcher)


def read_hits(text: str) -> list[Ranked]:
    """Each hit, from what search_to_text gives."""
    found = _HIT.findall(text)
    # Java writes as few digits as tell a 32-bit number from others: as one it must be read.
    scores = array("f", (float(score) for _, score, _ in found))
    return [
        Ranked(int(number), bytes(int(byte, 16) for byte in name.split()).decode(), score)
        for (number, _, name), score in zip(found, scores, strict=True)
    ]


def _class(name: str) -> Any:
    return java_class("java.lang.Class").forName(name)


def _type(*parameters: str, gives: str) -> Any:
    """The MethodType of these classes, by Class.getName."""
    written = "".join(_descriptor(name) for name in parameters)
    return java_class("java.lang.invoke.MethodType").fromMethodDescriptorString(
        f"({written}){_descriptor(gives)}", None
    )


def _descriptor(name: str) -> str:
    if name == "int":
        return "I"
    return (name if name.startswith("[") else f"L{name};").replace(".", "/")
