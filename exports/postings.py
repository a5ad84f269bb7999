"""Documents from Lucene's postings, for an index without a collection: one made of vectors that another tool wrote.

Postings stand term by term. Each segment's are read once (once for every 256 pieces), and written to a file for each
of its pieces, which are ranges of documents; a piece is then put in order of its documents. In memory are the postings
of one term, or of one piece.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import Parameter, SpartonError
from ..indexer.index_writer import open_reader
from ..indexer.java import LONG_RUN, java_class, java_exception, java_name, start_jvm
from ..search.doc_values import ids
from ..search.lucene_hits import DamagedIndexError, ScoredDoc
from ..search.stored_texts import stored_documents
from ..storage.atomic import make_folder, naming_full, remove_folder
from ..storage.manifest import Manifest
from .documents import Document, Piece

_FOLDER = "postings"  # within the export, while it is written
_TOGETHER = 2**23  # postings of a piece, more or less
_FILES = 256  # that are open at once
_TEXTS = 1_000  # documents whose texts are in memory


@dataclass(slots=True)
class _Segment:
    """A segment of Lucene's. edges: of its pieces, by documents. terms: in order, once its postings are in files."""

    number: int
    reader: Any
    edges: np.ndarray
    live: np.ndarray
    terms: list[str] | None = None


class LucenePostings:
    """The documents of a Lucene index that are not deleted, in its order. output: a folder, for files while it is read.

    Raises SpartonError where the index cannot be read.
    """

    def __init__(self, folder: Path, manifest: Manifest, output: Path) -> None:
        self._name, self._output = folder, output / _FOLDER
        remove_folder(self._output)
        self._open = ExitStack()
        self._readers = self._open.enter_context(_opened(folder, manifest))
        self._leaves = [leaf.reader() for reader in self._readers for leaf in reader.leaves()]

    def terms(self) -> Sequence[str] | None:
        """All terms, in order of their bytes; None where documents were deleted, which may have had some of them."""
        with _readable(self._name):
            return _terms_of(self._readers)

    def pieces(self, most: int) -> Sequence[Piece]:
        """The documents in about so many pieces at most, in order."""
        pieces = []
        with _readable(self._name):
            counts = [_postings_in(leaf) for leaf in self._leaves]
            bound = max(_TOGETHER, -(-sum(counts) // most))
            for number, (leaf, count) in enumerate(zip(self._leaves, counts, strict=True)):
                edges = np.linspace(0, int(leaf.maxDoc()), max(1, -(-count // bound)) + 1).astype(np.int64)
                segment = _Segment(number, leaf, edges, _live(leaf))
                for piece, (start, stop) in enumerate(pairwise(edges.tolist())):
                    documents = int(segment.live[start:stop].sum())
                    pieces.append(Piece(documents, partial(self._read, segment, piece)))
        return pieces

    def close(self) -> None:
        """Close the index, and remove what was written for this."""
        self._open.close()
        remove_folder(self._output)

    def _read(self, segment: _Segment, piece: int) -> Iterator[Document]:
        with _readable(self._name):
            if segment.terms is None:
                segment.terms = self._write_postings(segment)
            rows, terms, impacts = np.fromfile(self._file(segment, piece), np.int32).reshape(-1, 3).T
            order = np.argsort(rows, kind="stable")  # of a document's terms the order stays
            rows, terms, impacts = rows[order], terms[order], impacts[order]
            start, stop = segment.edges[piece : piece + 2]
            numbers = start + np.flatnonzero(segment.live[start:stop])
            for some in np.array_split(numbers, -(-len(numbers) // _TEXTS) or 1):
                names = [name.decode() for name in ids(segment.reader, some)]
                found = [ScoredDoc(number, name, 0.0) for number, name in zip(some.tolist(), names, strict=True)]
                stored = stored_documents(segment.reader, found, {})
                begins, ends = (np.searchsorted(rows, some, side).tolist() for side in ("left", "right"))
                for name, text, begin, end in zip(names, stored, begins, ends, strict=True):
                    own = [segment.terms[term] for term in terms[begin:end].tolist()]
                    yield Document(name, text.text, {}, dict(zip(own, impacts[begin:end].tolist(), strict=True)))

    def _write_postings(self, segment: _Segment) -> list[str]:
        """Write the postings of a segment, each as document, term and impact, to the files of its pieces; return its
        terms, of which each posting has the number."""
        segment.reader.checkIntegrity()
        make_folder(self._output)
        pieces = range(len(segment.edges) - 1)
        names: list[str] = []
        for first in pieces[::_FILES]:
            names = self._write_pieces(segment, pieces[first : first + _FILES])
        return names

    def _write_pieces(self, segment: _Segment, pieces: range) -> list[str]:
        """The same for pieces that follow one another."""
        edges = segment.edges[pieces.start : pieces.stop + 1]
        paths = [self._file(segment, piece) for piece in pieces]
        names: list[str] = []
        with ExitStack() as files:
            streams = [files.enter_context(_written(path)) for path in paths]
            found = segment.reader.terms("contents")
            terms = None if found is None else found.iterator()
            while terms is not None and (term := terms.next()) is not None:
                rows, impacts = _postings_of(terms)
                cuts = np.searchsorted(rows, edges)
                columns = np.column_stack([rows, np.full_like(rows, len(names)), impacts])
                for path, stream, begin, end in zip(paths, streams, cuts[:-1], cuts[1:], strict=True):
                    with naming_full(path):
                        stream.write(columns[begin:end].tobytes())
                names.append(str(term.utf8ToString()))
        return names

    def _file(self, segment: _Segment, piece: int) -> Path:
        return self._output / f"{segment.number}-{piece}"


def dictionary(folder: Path, manifest: Manifest) -> Sequence[str] | None:
    """All terms that the documents of an index have, as LucenePostings has them."""
    with _readable(folder), _opened(folder, manifest) as readers:
        return _terms_of(readers)


@contextmanager
def _opened(folder: Path, manifest: Manifest) -> Iterator[Sequence[Any]]:
    """Readers of the Lucene indexes of a generation."""
    start_jvm(LONG_RUN)
    with ExitStack() as opened:
        readers = []
        for name, segments in zip(manifest.indexes, manifest.commits, strict=True):
            with _readable(folder):
                readers.append(open_reader(folder / name, segments))
            opened.callback(readers[-1].close)
        yield readers


def _terms_of(readers: Sequence[Any]) -> Sequence[str] | None:
    if any(reader.hasDeletions() for reader in readers):
        return None
    every: set[str] = set()
    for reader in readers:
        found = java_class("org.apache.lucene.index.MultiTerms").getTerms(reader, "contents")
        terms = None if found is None else found.iterator()
        while terms is not None and (term := terms.next()) is not None:
            every.add(str(term.utf8ToString()))
    return sorted(every)  # as their letters' numbers are, which is the order of their bytes


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A file to be written, whose name an error has that comes when it is closed."""
    with naming_full(path), path.open("wb") as stream:
        yield stream


def _postings_in(leaf: Any) -> int:
    terms = leaf.terms("contents")
    return int(terms.getSumDocFreq()) if terms else 0


def _live(leaf: Any) -> np.ndarray:
    """Of each document whether it is not deleted."""
    documents, live = int(leaf.maxDoc()), leaf.getLiveDocs()
    return np.fromiter((live is None or bool(live.get(number)) for number in range(documents)), bool, documents)


def _postings_of(terms: Any) -> tuple[np.ndarray, np.ndarray]:
    """The documents and impacts of the term that a TermsEnum has come to: read twice, each time in one call of Java."""
    frequencies, count = java_class("org.apache.lucene.index.PostingsEnum").FREQS, int(terms.docFreq())
    proxies, supplier = java_class("java.lang.invoke.MethodHandleProxies"), java_class("java.util.function.IntSupplier")
    stream = java_class("java.util.stream.IntStream")
    rows, impacts = (
        np.array(memoryview(stream.generate(proxies.asInterfaceInstance(supplier.class_, read)).limit(count).toArray()))
        for read in (handle.bindTo(terms.postings(None, frequencies)) for handle in _steps())
    )
    return rows, impacts


@cache
def _steps() -> tuple[Any, Any]:
    """Of a PostingsEnum the next document, and the next document's impact: as MethodHandles of Java's."""
    handles, method_type = java_class("java.lang.invoke.MethodHandles"), java_class("java.lang.invoke.MethodType")
    postings, number = java_class("org.apache.lucene.index.PostingsEnum"), java_class("java.lang.Integer").TYPE
    row = handles.publicLookup().findVirtual(postings, "nextDoc", method_type.methodType(number))
    impact = handles.publicLookup().findVirtual(postings, "freq", method_type.methodType(number))
    return row, handles.foldArguments(handles.dropArguments(impact, 0, number), row)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Turn what Java says of an index that it cannot read into a sentence."""
    try:
        yield
    except (java_exception(), DamagedIndexError) as error:
        found = str(error) if isinstance(error, DamagedIndexError) else java_name(error)
        raise SpartonError(
            f"the Lucene index of {folder} cannot be read ({found}); check it with `sparton info --check`, and build "
            "it again with ",
            Parameter("overwrite", True),
        ) from error
