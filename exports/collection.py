"""Documents from the collection of an index: a piece is some of its parts."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import orjson

from ..errors import SpartonError
from ..storage.generations import collection_parts, not_as_written
from ..storage.index_folder import COLLECTION, LUCENE
from ..storage.manifest import Manifest, PartFile, load_manifest
from ..storage.markers import file_digest
from .documents import Document, Piece


class Collection:
    """The parts of the generation that counts. Raises SpartonError where one is not there."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder, self._manifest = folder, manifest
        self._parts = collection_parts(folder, manifest)

    def pieces(self, most: int) -> Sequence[Piece]:
        """The collection in at most so many pieces, in order."""
        size = -(-len(self._parts) // most) or 1
        cuts = (self._parts[start : start + size] for start in range(0, len(self._parts), size))
        return [Piece(sum(part.documents for part in parts), partial(self._read, parts)) for parts in cuts]

    def terms(self) -> Sequence[str] | None:
        """All terms, as Lucene's index of these documents has them; None where it is not there, as of a copy, or does
        not tell."""
        if not (self._folder / LUCENE).is_dir():
            return None
        from .postings import dictionary

        return dictionary(self._folder, self._manifest)

    def close(self) -> None:
        """Nothing is open."""

    def _read(self, parts: Sequence[PartFile]) -> Iterator[Document]:
        """The documents of some parts, in order.

        Raises SpartonError for a part that is not what was written, before the first document of it, or that an update
        has taken away.
        """
        for part in parts:
            path = self._folder / COLLECTION / part.name
            try:
                whole = file_digest(path) == part.digest
            except OSError:
                whole = False
            if not whole and load_manifest(self._folder).state != self._manifest.state:
                raise SpartonError(
                    f"the index {self._folder} was updated while it was exported; export it again, to another folder"
                )
            if not whole:
                raise not_as_written(path)
            with path.open("rb") as lines:
                yield from map(_document, lines)


def _document(line: bytes) -> Document:
    content = orjson.loads(line)
    return Document(content["id"], content.get("contents"), content.get("fields", {}), content["vector"])
