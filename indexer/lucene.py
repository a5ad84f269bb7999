"""Build a Lucene impact index, laid out as Anserini lays out its own, so that every Pyserini tool opens it.

Anserini writes each term out `impact` times and tokenizes the result. Here a posting is one token, the term and its
impact as the term's frequency, which gives the same postings.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import SpartonError
from ..files import sync_folder
from .java import java_class, start_jvm

# Unicode noncharacters: never part of a text, so of no vocabulary term either.
_BETWEEN_TOKENS, _BEFORE_IMPACT = "\ufdd0", "\ufdd1"
_BUFFER_MB = 64.0
_TEXT_FIELD = "(Ljava/lang/String;Ljava/lang/CharSequence;Lorg/apache/lucene/index/IndexableFieldType;)V"


def build_lucene(parts: Sequence[Path], folder: Path, documents: int | None = None) -> int:
    """Index JsonVectorCollection parts, in order, into `folder`, and return the number of documents.

    The index is built beside `folder` and renamed: `folder` is whole or absent, and replaces what stood there.
    Raises SpartonError for a line that is no vector of impacts, naming file and line; when Lucene cannot write; and
    when there are not as many documents as `documents` says.
    """
    building = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(building, ignore_errors=True)
    start_jvm()
    from jnius import JavaException

    writer = None
    try:
        writer = LuceneWriter(building)
        for part in parts:
            for document, contents, vector in read_vectors(part):
                writer.add(document, contents, vector)
        count = writer.commit()
    except JavaException as error:
        reason = (error.innermessage or str(error)).splitlines()[0]
        raise SpartonError(
            f"Lucene could not write {building}: {reason}; the collection is kept, so mend this and run again"
        ) from error
    finally:
        if writer is not None:
            writer.close()
    if documents not in (None, count):
        raise SpartonError(
            f"Lucene holds {count} documents and the collection should have {documents}; "
            "files in the collection were changed, so build the index again with --overwrite"
        )
    if folder.exists():
        shutil.rmtree(folder)
    building.replace(folder)
    sync_folder(folder.parent)
    return count


def read_vectors(part: Path) -> Iterator[tuple[str, str | None, dict[str, int]]]:
    """(id, contents or None, vector) of each line of a JsonVectorCollection file.

    Raises SpartonError naming file and line where a line is not such an object or an impact is no integer from 1 to
    2^31 - 1.
    """
    with part.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                content = json.loads(line)
                document, postings = content["id"], content["vector"].items()
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise SpartonError(
                    f'{part} line {number} is not {{"id": …, "vector": {{term: impact}}}}; build the collection again'
                ) from error
            for term, impact in postings:
                if type(impact) is not int or not 1 <= impact < 2**31:
                    raise SpartonError(
                        f"{part} line {number} gives the term {term!r} the impact {json.dumps(impact)}; "
                        "an impact is an integer from 1 to 2147483647"
                    )
            yield str(document), content.get("contents"), content["vector"]


class LuceneWriter:
    """One IndexWriter on one folder."""

    def __init__(self, folder: Path) -> None:
        config = java_class("org.apache.lucene.index.IndexWriterConfig")(_analyzer())
        config.setSimilarity(java_class("io.anserini.search.similarity.ImpactSimilarity")())
        config.setOpenMode(java_class("org.apache.lucene.index.IndexWriterConfig$OpenMode").CREATE)
        config.setRAMBufferSizeMB(_BUFFER_MB)
        config.setUseCompoundFile(False)
        # Java keeps the working directory it was started in; Python's may have changed since.
        path = java_class("java.nio.file.Paths").get(str(folder.absolute()))
        self._directory = java_class("org.apache.lucene.store.FSDirectory").open(path)
        self._writer = java_class("org.apache.lucene.index.IndexWriter")(self._directory, config)
        self._bytes = java_class("org.apache.lucene.util.BytesRef")
        self._id, self._id_value, self._raw, self._contents = _fields()
        with_text = java_class("org.apache.lucene.document.Document")()
        without_text = java_class("org.apache.lucene.document.Document")()
        for field in (self._id, self._id_value, self._raw, self._contents):
            with_text.add(field)
        for field in (self._id, self._id_value, self._contents):
            without_text.add(field)
        self._with_text, self._without_text = with_text, without_text

    def add(self, document: str, contents: str | None, vector: Mapping[str, int]) -> None:
        """Add one document.

        Raises SpartonError for a term that holds one of the two characters kept for framing, or for impacts whose sum,
        the document's length to Lucene, is above 2^31 - 1.
        """
        tokens = _BETWEEN_TOKENS.join([f"{term}{_BEFORE_IMPACT}{impact}" for term, impact in vector.items()])
        if tokens.count(_BEFORE_IMPACT) != len(vector) or tokens.count(_BETWEEN_TOKENS) != max(0, len(vector) - 1):
            raise SpartonError(
                f"document {document!r} has a term with U+FDD0 or U+FDD1, which Unicode keeps out of text"
            )
        total = sum(vector.values())
        if total >= 2**31:
            raise SpartonError(
                f"the impacts of document {document!r} sum to {total} and Lucene holds at most {2**31 - 1}; "
                "lower --scale"
            )
        self._id.setStringValue(document)
        self._id_value.setBytesValue(self._bytes(document.encode()))
        self._contents.setStringValue(tokens)
        if contents is None:
            self._writer.addDocument(self._without_text)
            return
        # What Pyserini's users expect of doc.raw(): a JSON object with `contents`.
        self._raw.setStringValue(json.dumps({"id": document, "contents": contents}, ensure_ascii=False))
        self._writer.addDocument(self._with_text)

    def commit(self) -> int:
        """Make all that was added durable; return the number of documents."""
        self._writer.commit()
        return int(self._writer.getDocStats().numDocs)

    def close(self) -> None:
        """Release the folder; what was not committed is gone."""
        self._writer.rollback()
        self._directory.close()


def _fields() -> tuple[Any, Any, Any, Any]:
    """The four fields of Anserini's DefaultLuceneDocumentGenerator: id twice, the raw document, the postings."""
    kind = java_class("org.apache.lucene.document.FieldType")()
    kind.setIndexOptions(java_class("org.apache.lucene.index.IndexOptions").DOCS_AND_FREQS)
    stored = java_class("org.apache.lucene.document.Field$Store").YES
    no_bytes = java_class("org.apache.lucene.util.BytesRef")()
    return (
        java_class("org.apache.lucene.document.StringField")("id", "", stored),
        java_class("org.apache.lucene.document.BinaryDocValuesField")("id", no_bytes),
        java_class("org.apache.lucene.document.StoredField")("raw", ""),
        java_class("org.apache.lucene.document.Field")("contents", "", kind, signature=_TEXT_FIELD),
    )


def _analyzer() -> Any:
    """Split at one character and read the frequency behind another: no term is changed, whatever it holds."""
    options = java_class("java.util.HashMap")
    split, frequency = options(), options()
    split.put("pattern", _BETWEEN_TOKENS)
    frequency.put("delimiter", _BEFORE_IMPACT)
    builder = java_class("org.apache.lucene.analysis.custom.CustomAnalyzer").builder()
    builder.withTokenizer("simplePatternSplit", split)
    builder.addTokenFilter("delimitedTermFrequency", frequency)
    return builder.build()
