"""What an update changes in a collection: which documents are others than they were, and the parts without them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ...storage.atomic import whole_file
from ...storage.generations import not_as_written
from ...storage.index_folder import COLLECTION, part_path
from ...storage.manifest import PartFile
from ...storage.part_lines import content_digest, digest_of, id_of, postings_in, split_line, with_fields
from ..tokens.passages import document_of as document_of

_BUFFER = 2**20  # bytes that are read at once
UNCHANGED, FIELDS, TEXT, REMOVED = "unchanged", "fields", "text", "removed"  # what becomes of a document


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document as it shall be: the digest of its text, and that of its fields as a line has them, "" for none."""

    digest: str
    fields: str = ""


@dataclass(slots=True)
class Changes:
    """What was found in a collection.

    kinds: of each document that is in it and of which something is wanted. lines: ids of those lines that go or are
    replaced, which are their documents' or those of their passages. postings: of these lines. touched: names of the
    parts that have one. documents, split: of all of the collection, and of them those in several passages; gone and
    gone_split: likewise, of the documents whose lines are no longer.
    """

    kinds: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    postings: int = 0
    touched: set[str] = field(default_factory=set)
    documents: int = 0
    split: int = 0
    gone: int = 0
    gone_split: int = 0

    def count(self, kind: str) -> int:
        """How many documents something becomes of."""
        return Counter(self.kinds.values())[kind]


def find_changes(
    folder: Path,
    parts: Iterable[PartFile],
    wanted: Mapping[str, Wanted | None],
    *,
    passages: bool,
    on_lines: Callable[[int], None] = lambda count: None,
) -> Changes:
    """Compare a collection with what is wanted of some documents; None is for one that shall not be in it.

    passages: whether lines are passages of documents. Raises SpartonError for a line that nobody has written so.
    """
    found, last, repeated = Changes(), "", 0
    for part in parts:
        for line in _lines(folder / COLLECTION / part.name):
            try:
                name = id_of(line)
                document = document_of(name) if passages else name
                if document != last:
                    found.documents, last, repeated = found.documents + 1, document, 0
                else:
                    repeated += 1
                kind = UNCHANGED
                if document in wanted:
                    kind = _noted(found, document, line, wanted[document])
                if repeated == 1:
                    found.split += 1
                if kind == UNCHANGED:
                    continue
                found.gone += not repeated and kind != FIELDS
                found.gone_split += repeated == 1 and kind != FIELDS
                found.lines.append(name)
                found.postings += postings_in(split_line(line)[2])
                found.touched.add(part.name)
            except ValueError as error:
                raise not_as_written(folder / COLLECTION / part.name) from error
        on_lines(part.documents)
    return found


def fields_digest(fields: bytes) -> str:
    """What fields are known by again; "" for none."""
    return content_digest(fields) if fields else ""


def fields_bytes(fields: str) -> bytes:
    """Fields as a line has them."""
    return fields.encode(errors="surrogatepass")


def _noted(found: Changes, document: str, line: bytes, wanted: Wanted | None) -> str:
    """What becomes of a document, which its first line decides."""
    if document not in found.kinds:
        text, fields, _ = split_line(line)
        if wanted is None:
            kind = REMOVED
        elif digest_of(text) != wanted.digest:
            kind = TEXT
        else:
            kind = UNCHANGED if fields_digest(fields) == wanted.fields else FIELDS
        found.kinds[document] = kind
    return found.kinds[document]


class PartsWriter:
    """Writes lines to new parts of the collection, each of `most` lines but the last, or of more where one document has
    them: its lines are all in one part. numbers: of the parts.

    To be used as a context manager; `written` has them all after it. A part appears whole or not at all.
    """

    def __init__(self, folder: Path, numbers: Iterator[int], most: int) -> None:
        self._folder, self._numbers, self._most = folder, numbers, most
        self.written: list[PartFile] = []
        self._open = ExitStack()
        self._stream: BinaryIO | None = None
        self._name, self._document, self._digest, self._lines = "", "", hashlib.sha256(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._finish()
        else:
            self._open.__exit__(kind, error, trace)

    def add(self, document: str, line: bytes) -> None:
        """Write a line of a document, all of whose lines are written one after the other."""
        if self._lines >= self._most and document != self._document:
            self._finish()
        self._document = document
        if self._stream is None:
            path = part_path(self._folder, next(self._numbers))
            self._stream = self._open.enter_context(whole_file(path))
            self._name, self._digest, self._lines = path.name, hashlib.sha256(), 0
        self._stream.write(line)
        self._digest.update(line)
        self._lines += 1

    def _finish(self) -> None:
        if self._stream is not None:
            self._stream = None
            self._open.close()
            self.written.append(PartFile(self._name, f"sha256:{self._digest.hexdigest()}", self._lines))
            self._lines = 0


def rewrite(
    folder: Path,
    parts: Iterable[PartFile],
    kinds: Mapping[str, str],
    fields: Mapping[str, str],
    *,
    passages: bool,
    kept: PartsWriter,
    changed: PartsWriter,
) -> None:
    """Write the lines of some parts anew, without those of documents that are removed or whose text is another.

    kinds: as Changes'. fields: those that documents get instead of others. kept: gets the lines that stay as they are.
    changed: those that get other fields.
    Raises SpartonError for a part whose bytes are not those that were written.
    """
    for part in parts:
        digest = hashlib.sha256()
        for line in _lines(folder / COLLECTION / part.name):
            digest.update(line)
            try:
                document = _document(line, passages)
                kind = kinds.get(document, UNCHANGED)
                if kind == UNCHANGED:
                    kept.add(document, line)
                elif kind == FIELDS:
                    text, _, vector = split_line(line)
                    changed.add(document, with_fields(text, fields_bytes(fields[document]), vector))
            except ValueError as error:
                raise not_as_written(folder / COLLECTION / part.name) from error
        if f"sha256:{digest.hexdigest()}" != part.digest:
            raise not_as_written(folder / COLLECTION / part.name)


def documents_in(folder: Path, parts: Collection[PartFile], *, passages: bool) -> Counter[str]:
    """The ids of all documents in some parts, each with the number of its lines."""
    names = (id_of(line) for part in parts for line in _lines(folder / COLLECTION / part.name))
    return Counter(map(document_of, names) if passages else names)


def _document(line: bytes, passages: bool) -> str:
    """The id of the document that a line is of. Raises ValueError as id_of."""
    name = id_of(line)
    return document_of(name) if passages else name


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=_BUFFER) as stream:
        yield from stream
