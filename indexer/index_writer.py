"""Write a Lucene impact index, laid out as Anserini lays out its own, so that every Pyserini tool opens it.

Anserini writes each term out `impact` times and tokenizes the result. Here a posting is one token, the term and its
impact as the term's frequency, which gives the same postings.
"""

import json
import logging
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import Parameter, SpartonError
from ..storage.fields import Field
from ..storage.skipped_rows import SkippedRows
from .field_types import LuceneFields
from .java import java_array, java_class, java_exception, java_message, java_name, java_path, to_java
from .read_vectors import BEFORE_IMPACT, BETWEEN_TERMS, Vector

_COUNTS = "sparton"  # entry of a commit's user data
_CHECKSUM = 8  # bytes at the end of a file of Lucene
_BLOCK = 2**20
_TOGETHER = 1_000  # ids that are deleted in one call
_NUMBERS = 2**40  # of which two writers hardly choose the same
log = logging.getLogger("sparton")


@dataclass(frozen=True, slots=True)
class IndexedCounts:
    """What an index contains: the names of its splits, and the counts of what was in them.

    key: of the settings it was made with. empty: lines without a term, which are left out. zeros: terms that were left
    out of vectors, their impact being 0. bad: lines that were left out, being no vectors.
    """

    key: str = ""
    splits: tuple[str, ...] = ()
    documents: int = 0
    postings: int = 0
    empty: int = 0
    zeros: int = 0
    bad: int = 0

    def __add__(self, other: "IndexedCounts") -> "IndexedCounts":
        return IndexedCounts(
            self.key or other.key,
            self.splits + other.splits,
            self.documents + other.documents,
            self.postings + other.postings,
            self.empty + other.empty,
            self.zeros + other.zeros,
            self.bad + other.bad,
        )


class LuceneWriter:
    """One IndexWriter on one folder, whose index it continues. `counts` is what the folder contains after a commit.

    fields: that documents may have. base: the commit to go on from, by its file, where commits are kept for those who
    read them; `counts` are then of what is added. unique: give new files names that no other writer gives that goes on
    from the same commit, on another machine.
    """

    def __init__(
        self,
        folder: Path,
        buffer_mb: float = 64,
        key: str = "",
        fields: Sequence[Field] = (),
        base: str | None = None,
        unique: bool = False,
    ) -> None:
        self._folder = folder
        with _io(folder):
            self._directory = open_directory(folder)
            similarity = java_class("io.anserini.search.similarity.ImpactSimilarity")()
            config = writer_config(postings_analyzer("delimitedTermFrequency"), similarity, buffer_mb)
            if base is not None:
                config.setIndexCommit(find_commit(self._directory, base))
                config.setIndexDeletionPolicy(java_class("org.apache.lucene.index.NoDeletionPolicy").INSTANCE)
                if unique:
                    _take_numbers(folder, self._directory, base)
            self._writer = java_class("org.apache.lucene.index.IndexWriter")(self._directory, config)
            found = _read_counts(self._writer.getLiveCommitData()) if base is None else IndexedCounts()
            self.counts = IndexedCounts(key) + found
        self._id, self._id_value, self._raw, self._contents = own_fields()
        self._with_text = (self._id, self._id_value, self._raw, self._contents)
        self._without_text = (self._id, self._id_value, self._contents)
        self._document, self._document_without_text = document_of(self._with_text), document_of(self._without_text)
        self._fields = LuceneFields(fields)

    def add(self, split: str, vectors: Iterable[Vector], skipped: SkippedRows | None = None) -> IndexedCounts:
        """Add the documents of a split that have a term; return what they are. skipped: gets the lines that `vectors`
        leave out.

        Raises java_exception() when Lucene refuses a document or cannot write, and what `vectors` raises.
        """
        documents = postings = empty = zeros = 0
        for vector in vectors:
            zeros += vector.zeros
            if not vector.terms:
                empty += 1
                continue
            documents += 1
            postings += vector.terms
            self._id.setStringValue(vector.id)
            self._id_value.setBytesValue(vector.id.encode())
            self._contents.setStringValue(to_java(vector.postings))
            if vector.raw is None:
                self._writer.addDocument(self._document_without_text)
                continue
            self._raw.setStringValue(to_java(vector.raw))
            if vector.fields:
                self._writer.addDocument(document_of((*self._with_text, *self._fields.of(vector.fields))))
            else:
                self._writer.addDocument(self._document)
        bad = skipped.kinds.total() if skipped is not None else 0
        added = IndexedCounts("", (split,), documents, postings, empty, zeros, bad)
        self.counts += added
        return added

    def delete(self, ids: Sequence[str]) -> None:
        """Delete the documents with these ids, of those that were added before."""
        term = java_class("org.apache.lucene.index.Term")
        with _io(self._folder):
            for start in range(0, len(ids), _TOGETHER):
                terms = [term("id", to_java(name)) for name in ids[start : start + _TOGETHER]]
                self._writer.deleteDocuments(java_array("org.apache.lucene.index.Term", terms))

    def commit(self) -> None:
        """Make all that was added durable, together with `counts`."""
        with _io(self._folder):
            self._writer.setLiveCommitData(_user_data(self.counts).entrySet())
            self._writer.commit()

    def committed(self) -> str:
        """The file of the last commit, which this writer has made."""
        with _io(self._folder):
            names = java_class("org.apache.lucene.index.SegmentInfos").getLastCommitSegmentsFileName(self._directory)
        return str(names)

    def merge(self, segments: int) -> None:
        """Merge to at most so many segments."""
        with _io(self._folder):
            self._writer.forceMerge(segments)

    def join(self, folders: Sequence[Path]) -> None:
        """Add the indexes in `folders` as they are, their segments copied. A folder without a commit has none."""
        counts = {path: found for path in folders if (found := committed_counts(path)) is not None}
        with _io(self._folder):
            directories = [open_directory(folder) for folder in counts]
            self._writer.addIndexes(java_array("org.apache.lucene.store.Directory", directories))
        self.counts = sum(counts.values(), self.counts)

    def close(self) -> None:
        """Release the folder; what was not committed is gone."""
        self._writer.rollback()
        self._directory.close()


def _take_numbers(folder: Path, directory: Any, base: str) -> None:
    """Have the next writer number its files from a random number on. base: the commit that it goes on from.

    It counts on from the highest numbers in the names of files, also of those that belong to no commit, which it then
    removes.
    """
    infos = java_class("org.apache.lucene.index.SegmentInfos").readCommit(directory, base)
    numbered, first = java_class("java.lang.Long").toString, secrets.randbelow(_NUMBERS)
    names = [
        f"pending_segments_{numbered(int(infos.getGeneration()) + first, 36)}",
        f"_{numbered(int(infos.counter) + first, 36)}.si",
        *(f"{one.info.name}_{numbered(max(0, int(one.getDelGen())) + first, 36)}.liv" for one in infos),
    ]
    for name in names:
        (folder / name).touch()


def committed_counts(folder: Path) -> IndexedCounts | None:
    """What the last commit in `folder` contains; None if there is none, or it cannot be opened."""
    directory = open_directory(folder)
    try:
        reader = java_class("org.apache.lucene.index.DirectoryReader").open(directory)
        try:
            return _read_counts(reader.getIndexCommit().getUserData().entrySet())
        finally:
            reader.close()
    except (java_exception(), ValueError, KeyError, TypeError) as error:
        log.debug("%s is not gone on with: %s", folder, error)
        return None
    finally:
        directory.close()


def open_reader(folder: Path, segments: str | None = None) -> Any:
    """A DirectoryReader of the index in `folder`. segments: the file of the commit that is meant; None for that of an
    index as built, beside which an update that goes on may have put another.

    Raises SpartonError for an index of a newer Lucene, and what Java raises for one that is damaged.
    """
    readers = java_class("org.apache.lucene.index.DirectoryReader")
    with _of_known_version(folder):
        if segments is None and len(list(folder.glob("segments_*"))) < 2:
            return readers.open(open_directory(folder))
        return readers.open(find_commit(open_directory(folder), segments))


def read_commit(folder: Path, segments: str | None = None) -> tuple[str, tuple[str, ...], int]:
    """What a commit consists of, without opening it: the file that lists its segments, all of its files, and how many
    documents it holds. segments, and what is raised: as open_reader's."""
    with _of_known_version(folder):
        directory = open_directory(folder)
        try:
            name = str(find_commit(directory, segments).getSegmentsFileName())
            infos = java_class("org.apache.lucene.index.SegmentInfos").readCommit(directory, name)
            documents = sum(int(one.info.maxDoc()) - int(one.getDelCount()) for one in infos)
            return name, tuple(sorted(map(str, infos.files(True)))), documents
        finally:
            directory.close()


@contextmanager
def _of_known_version(folder: Path) -> Iterator[None]:
    """Turn what Java says of an index of a newer Lucene into a sentence."""
    try:
        yield
    except java_exception() as error:
        if not _is_too_new(folder, error):
            raise
        version = java_class("org.apache.lucene.util.Version").LATEST
        raise SpartonError(
            f"{folder} cannot be opened by Lucene {version}: it was written by a newer Lucene; search it with "
            "the Pyserini that it was built with (from Python 3.12 on, pip brings Lucene 10), or build it again with ",
            Parameter("overwrite", True),
        ) from error


def find_commit(directory: Any, segments: str | None) -> Any:
    """The commit of that name in a Directory, or its oldest. Raises what Java raises where there is none."""
    commits = java_class("org.apache.lucene.index.DirectoryReader").listCommits(directory)  # from the oldest on
    found = next((one for one in commits if segments in (None, str(one.getSegmentsFileName()))), None)
    if found is None:
        raise java_class("java.nio.file.NoSuchFileException")(segments)
    return found


def _is_too_new(folder: Path, error: Exception) -> bool:
    """Whether a newer Lucene wrote the index. A flipped bit may say so too, but not in a file with a right checksum."""
    said, message = ("Could not load codec 'Lucene", "indexCreatedVersionMajor is in the future"), str(error)
    if java_name(error) != "IndexFormatTooNewException" and not any(words in message for words in said):
        return False
    named = re.search(r'path="([^"]+)"', message)
    # A codec is named in the file that lists the segments.
    files = [Path(named[1])] if named else list(folder.glob("segments_*"))
    return all(map(_has_right_checksum, files))


def _has_right_checksum(path: Path) -> bool:
    """Whether a file of Lucene ends with the CRC-32 of all that is before it."""
    checksum, tail = 0, b""
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                block = tail + block
                checksum, tail = zlib.crc32(block[:-_CHECKSUM], checksum), block[-_CHECKSUM:]
    except OSError:
        return False
    return int.from_bytes(tail) == checksum


def count_postings(folder: Path) -> int:
    """The postings that Lucene counts in `folder`. Raises SpartonError if it cannot be opened."""
    with _io(folder):
        reader = java_class("org.apache.lucene.index.DirectoryReader").open(open_directory(folder))
        every = java_class("org.apache.lucene.index.MultiTerms")
        try:
            terms = every.getTerms(reader, "contents")
            return int(terms.getSumDocFreq()) if terms else 0
        finally:
            reader.close()


@contextmanager
def _io(folder: Path) -> Iterator[None]:
    """Turn what Java says of a folder that it cannot write or read into a sentence."""
    try:
        yield
    except java_exception() as error:
        raise lucene_trouble(folder, error) from error


def lucene_trouble(folder: Path, error: Exception) -> SpartonError:
    """What to raise for a Java exception."""
    reason = java_message(error)
    advice = (" (raise ", Parameter("heap_mb"), ")") if "heap space" in reason else ()
    rest = "; what was given is untouched, so mend this and run again"
    return SpartonError(f"Lucene could not write {folder}: {reason}", *advice, rest)


def open_directory(folder: Path) -> Any:
    """A folder as Lucene knows it."""
    return java_class("org.apache.lucene.store.FSDirectory").open(java_path(folder))


def writer_config(analyzer: Any, similarity: Any, buffer_mb: float) -> Any:
    """Of a writer by which documents stay in the order they came in, and one thread does all there is to do. analyzer,
    similarity: Lucene's."""
    config = java_class("org.apache.lucene.index.IndexWriterConfig")(analyzer)
    config.setSimilarity(similarity)
    config.setRAMBufferSizeMB(float(buffer_mb))
    config.setUseCompoundFile(False)
    config.setMergePolicy(java_class("org.apache.lucene.index.LogDocMergePolicy")())
    config.setMergeScheduler(java_class("org.apache.lucene.index.SerialMergeScheduler")())
    return config


def _read_counts(entries: Any) -> IndexedCounts:
    if entries is None:
        return IndexedCounts()
    for entry in entries:
        if entry.getKey() == _COUNTS:
            content = dict(json.loads(str(entry.getValue())))
            return IndexedCounts(splits=tuple(content.pop("splits")), **content)
    return IndexedCounts()


def _user_data(counts: IndexedCounts) -> Any:
    data = java_class("java.util.HashMap")()
    data.put(_COUNTS, json.dumps(asdict(counts)))
    return data


def document_of(fields: Sequence[Any]) -> Any:
    """A document of these fields."""
    return java_class("java.util.Arrays").asList(java_array("org.apache.lucene.index.IndexableField", fields))


def own_fields() -> tuple[Any, Any, Any, Any]:
    """The four fields of Anserini's DefaultLuceneDocumentGenerator: id twice, the raw document, the postings."""
    kind = java_class("org.apache.lucene.document.FieldType")()
    kind.setIndexOptions(java_class("org.apache.lucene.index.IndexOptions").DOCS_AND_FREQS)
    stored = java_class("org.apache.lucene.document.Field$Store").YES
    no_bytes = java_class("org.apache.lucene.util.BytesRef")()
    return (
        java_class("org.apache.lucene.document.StringField")("id", "", stored),
        java_class("org.apache.lucene.document.BinaryDocValuesField")("id", no_bytes),
        java_class("org.apache.lucene.document.StoredField")("raw", ""),
        java_class("org.apache.lucene.document.Field")("contents", "", kind),
    )


def postings_analyzer(number: str) -> Any:
    """Split at one character and read the number behind another: no term is changed, whatever it holds.

    number: the filter that reads it, delimitedTermFrequency for documents, delimitedBoost for queries.
    """
    options = java_class("java.util.HashMap")
    split, read = options(), options()
    split.put("pattern", BETWEEN_TERMS)
    read.put("delimiter", BEFORE_IMPACT)
    builder = java_class("org.apache.lucene.analysis.custom.CustomAnalyzer").builder()
    builder.withTokenizer("simplePatternSplit", split)
    builder.addTokenFilter(number, read)
    return builder.build()
