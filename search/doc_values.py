"""Values of all documents of an index at once: those of a field, and ids.

Asking Java for one value after the other would take microseconds each. So the way from a number to a value is put
together of Java's own methods, once, and Java goes it for all documents (as stored_texts.py does).
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from ..indexer.java import java_cell, java_class, java_function, java_ints, of_thread
from ..storage.fields import NUMBER, TIMESTAMP
from .lucene_hits import DamagedIndexError

_INDEX = "org.apache.lucene.index."
_TOGETHER = 100_000  # ids that Java holds at once
SEPARATOR = b"\xff"  # of ids, in no text in UTF-8


def keyword_values(reader: Any, name: str) -> tuple[Any, np.ndarray, np.ndarray]:
    """Of a field of keywords: Lucene's SortedSetDocValues, which has the keyword of a number, and documents and numbers
    of all values, int32, in the order of documents. Keywords are numbered in their order. name: Lucene's."""
    every = java_class(f"{_INDEX}MultiDocValues")
    values = every.getSortedSetValues(reader, name)
    if values is None:
        return None, np.empty(0, np.int32), np.empty(0, np.int32)
    documents = _documents_with_values(values, "SortedSetDocValues", int(reader.maxDoc()))
    numbers = _values_of(every.getSortedSetValues(reader, name), "SortedSetDocValues", "nextOrd", documents)
    return every.getSortedSetValues(reader, name), documents, numbers.astype(np.int32)


def number_values(reader: Any, name: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Of a field of numbers or timestamps: documents, int32, and their values, float64 or int64. name: Lucene's."""
    every = java_class(f"{_INDEX}MultiDocValues")
    values = every.getSortedNumericValues(reader, name)
    if values is None:
        return np.empty(0, np.int32), np.empty(0, np.int64)
    documents = _documents_with_values(values, "SortedNumericDocValues", int(reader.maxDoc()))
    numbers = _values_of(every.getSortedNumericValues(reader, name), "SortedNumericDocValues", "nextValue", documents)
    if kind == TIMESTAMP:
        return documents, numbers
    assert kind == NUMBER
    # As NumericUtils.sortableLongToDouble: below 0 all bits but the sign are turned round.
    return documents, (numbers ^ ((numbers >> 63) & np.int64(2**63 - 1))).view(np.float64)


def ids(reader: Any, numbers: np.ndarray | None = None) -> Iterator[bytes]:
    """The id of each document, in the order of their numbers. numbers: of some documents, ascending, instead of all.
    Raises DamagedIndexError where one has none, or one that is no text."""
    most = int(reader.maxDoc()) if numbers is None else len(numbers)
    for start in range(0, most, _TOGETHER):
        stop = min(most, start + _TOGETHER)
        if numbers is None:
            joined = joined_ids(reader, start, stop)
        else:
            some = java_class("java.util.stream.IntStream").of(java_ints(numbers[start:stop].tolist()))
            joined = _joined(reader, some, stop - start)
        yield from joined.split(SEPARATOR)


def joined_ids(reader: Any, start: int, stop: int) -> bytes:
    """What `ids` gives of a range of documents, with a separator between two, which is in no id. Raises as `ids`."""
    return _joined(reader, java_class("java.util.stream.IntStream").range(start, stop), stop - start)


def _joined(reader: Any, numbers: Any, count: int) -> bytes:
    values = java_class(f"{_INDEX}MultiDocValues").getBinaryValues(reader, "id")
    if values is None:
        raise DamagedIndexError(f"{count} documents have no id")
    latin = java_class("java.nio.charset.StandardCharsets").ISO_8859_1
    cell, id_of = of_thread("ids", _id_function)  # making functions takes milliseconds, more than a search
    cell[0] = values  # anew: whoever takes turns with this one has put others into it
    collector = java_class("java.util.stream.Collectors").joining(SEPARATOR.decode("latin-1"))
    try:
        found = bytes(memoryview(numbers.mapToObj(id_of).collect(collector).getBytes(latin)))
    finally:
        cell[0] = None  # a thread that idles keeps no closed index
    if found.count(SEPARATOR) != count - 1:
        raise DamagedIndexError("a document has no id, or one that is no text")
    try:
        found.replace(SEPARATOR, b" ").decode()
    except UnicodeDecodeError as error:
        raise DamagedIndexError(f"an id is no text: {error}") from error
    return found


def _id_function() -> tuple[Any, Any]:
    """A cell for BinaryDocValues, and Java's function from a document's number to its id by these, as _id_of_number has
    it."""
    cell, id_of = java_cell(f"{_INDEX}BinaryDocValues", _id_of_number())
    return cell, java_function("IntFunction", id_of)


def _documents_with_values(values: Any, kind: str, most: int) -> np.ndarray:
    """The number of each document, as often as it has values."""
    function = java_function("IntUnaryOperator", _count(kind).bindTo(values))
    counts = _array(java_class("java.util.stream.IntStream").range(0, most).map(function).toArray())
    return np.repeat(np.arange(most, dtype=np.int32), counts)


def _values_of(values: Any, kind: str, next_value: str, documents: np.ndarray) -> np.ndarray:
    """The values that belong to these documents, in turn."""
    from jpype import JArray, JBoolean, JInt

    first = np.diff(documents, prepend=-1) > 0
    function = java_class("java.lang.invoke.MethodHandles").insertArguments(
        _next(kind, next_value), 0, values, JArray(JBoolean)(first), JArray(JInt)(documents)
    )
    stream = java_class("java.util.stream.IntStream").range(0, len(documents))
    return _array(stream.mapToLong(java_function("IntToLongFunction", function)).toArray())


def _array(numbers: Any) -> np.ndarray:
    """An array of Java's as numpy's."""
    return np.array(memoryview(numbers)) if len(numbers) else np.empty(0, np.int64)


@cache
def _count(kind: str) -> Any:
    """Of doc values and a document's number how many values it has: as a MethodHandle of Java's."""
    handles, method_type, lookup, number = _tools()
    values = java_class(f"{_INDEX}{kind}")
    has = lookup.findVirtual(
        values, "advanceExact", method_type.methodType(java_class("java.lang.Boolean").TYPE, number)
    )
    count = lookup.findVirtual(values, "docValueCount", method_type.methodType(number))
    none = handles.dropArguments(handles.constant(number, java_class("java.lang.Integer")(0)), 0, values, number)
    return handles.guardWithTest(has, handles.dropArguments(count, 1, number), none)


@cache
def _next(kind: str, next_value: str) -> Any:
    """Of doc values, whether each value is the first of its document, the documents, and the number of a value, that
    value, where values are asked for in turn."""
    handles, method_type, lookup, number = _tools()
    values, truth = java_class(f"{_INDEX}{kind}"), java_class("java.lang.Boolean").TYPE
    long = java_class("java.lang.Long").TYPE
    flags, numbers = java_class("boolean[]"), java_class("int[]")
    advance = lookup.findVirtual(values, "advanceExact", method_type.methodType(truth, number))
    document = handles.arrayElementGetter(numbers)
    is_first = handles.arrayElementGetter(flags)
    value = lookup.findVirtual(values, next_value, method_type.methodType(long))
    # (values, documents, i): advance to documents[i].
    to_document = handles.collectArguments(advance, 1, document)
    every = method_type.methodType(truth, values, flags, numbers, number)
    to_document = handles.dropArguments(to_document, 1, flags)
    stay = handles.dropArguments(
        handles.constant(truth, java_class("java.lang.Boolean").TRUE), 0, every.parameterArray()
    )
    test = handles.permuteArguments(is_first, every, java_ints([1, 3]))
    move = handles.guardWithTest(test, to_document, stay)
    after = handles.dropArguments(value, 1, flags, numbers, number)
    return handles.foldArguments(handles.dropArguments(after, 0, truth), move)


@cache
def _id_of_number() -> Any:
    """Of BinaryDocValues and a document's number its id: a String with a character for each byte, as Latin-1 has it, or
    a separator more where there is none."""
    handles, method_type = java_class("java.lang.invoke.MethodHandles"), java_class("java.lang.invoke.MethodType")
    values, reference = (
        java_class(f"{_INDEX}BinaryDocValues"),
        java_class("org.apache.lucene.util.BytesRef"),
    )
    text, octets, charset = java_class("java.lang.String"), java_class("byte[]"), java_class("java.nio.charset.Charset")
    integer, truth = java_class("java.lang.Integer").TYPE, java_class("java.lang.Boolean").TYPE
    lookup = handles.publicLookup()
    has = lookup.findVirtual(values, "advanceExact", method_type.methodType(truth, integer))
    read = lookup.findVirtual(values, "binaryValue", method_type.methodType(reference))
    new = lookup.findConstructor(
        text, method_type.methodType(java_class("java.lang.Void").TYPE, octets, integer, integer, charset)
    )
    new = handles.insertArguments(new, 3, java_class("java.nio.charset.StandardCharsets").ISO_8859_1)
    parts = [
        lookup.findGetter(reference, name, kind)
        for name, kind in (("bytes", octets), ("offset", integer), ("length", integer))
    ]
    of_parts = new
    for position, getter in enumerate(parts):
        of_parts = handles.filterArguments(of_parts, position, getter)
    once = handles.permuteArguments(of_parts, method_type.methodType(text, reference), java_ints([0, 0, 0]))
    value = handles.dropArguments(handles.filterReturnValue(read, once), 1, integer)
    none = handles.dropArguments(handles.constant(text, SEPARATOR.decode("latin-1")), 0, values, integer)
    return handles.guardWithTest(has, value, none)


def _tools() -> tuple[Any, Any, Any, Any]:
    handles = java_class("java.lang.invoke.MethodHandles")
    lookup, number = handles.publicLookup(), java_class("java.lang.Integer").TYPE
    return handles, java_class("java.lang.invoke.MethodType"), lookup, number
