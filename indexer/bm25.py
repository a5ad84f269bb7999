"""BM25 as Anserini has it unless told otherwise: how texts become terms, how these are scored, and an index of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..storage.fields import Field, FieldValue
from .field_types import LuceneFields
from .index_writer import document_of, open_directory, own_fields, writer_config
from .java import java_class, to_java

K1, B = 0.9, 0.4
_BUFFER_MB = 64


def english_analyzer() -> Any:
    """What makes terms of documents and queries alike: Lucene's English, with stop words and Porter's stemmer."""
    return java_class("io.anserini.analysis.DefaultEnglishAnalyzer").newDefaultInstance()


def bm25_similarity() -> Any:
    """What scores documents."""
    java_float = java_class("java.lang.Float")
    k1, b = java_float(K1).floatValue(), java_float(B).floatValue()
    return java_class("org.apache.lucene.search.similarities.BM25Similarity")(k1, b)


def counted_terms(analyzer: Any, text: str) -> dict[str, int]:
    """How often each term stands in a text, in the order in which they come first."""
    return dict(Counter(map(str, java_class("io.anserini.analysis.AnalyzerUtils").analyze(analyzer, to_java(text)))))


class Bm25Writer:
    """Writes a BM25 index into a folder, with the fields of Anserini's DefaultLuceneDocumentGenerator, but for the raw
    document. fields: that documents may have. Raises java_exception() where Lucene cannot write."""

    def __init__(self, folder: Path, fields: Sequence[Field] = ()) -> None:
        self._directory = open_directory(folder)
        config = writer_config(english_analyzer(), bm25_similarity(), _BUFFER_MB)
        self._writer = java_class("org.apache.lucene.index.IndexWriter")(self._directory, config)
        self._id, self._id_value, _, self._contents = own_fields()
        self._own = (self._id, self._id_value, self._contents)
        self._document, self._fields = document_of(self._own), LuceneFields(fields)

    def add(self, name: str, text: str, values: Mapping[str, FieldValue]) -> None:
        """Add a document. name: its id. values: of its fields."""
        self._id.setStringValue(to_java(name))
        self._id_value.setBytesValue(name.encode())
        self._contents.setStringValue(to_java(text))
        if values:
            self._writer.addDocument(document_of((*self._own, *self._fields.of(values))))
        else:
            self._writer.addDocument(self._document)

    def finish(self) -> None:
        """Make one segment of all that was added, and make it durable."""
        self._writer.forceMerge(1)
        self._writer.commit()

    def close(self) -> None:
        """Release the folder; what was not committed is gone."""
        self._writer.rollback()
        self._directory.close()


def lucene_version() -> str:
    """The version of the Lucene that writes here."""
    return str(java_class("org.apache.lucene.util.Version").LATEST)
