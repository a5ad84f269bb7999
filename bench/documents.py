"""A collection's documents as they are indexed: checked, and counted on the way."""

from array import array
from collections.abc import Iterator

import numpy as np

from ..errors import SpartonError, short
from ..pipeline.corpus.ids import LONGEST_ID
from ..search.evaluation.hits import document_of
from ..search.text_lines import is_word
from ..storage.untrusted import is_whole
from .collections.collection import Collection


class JudgedDocuments:
    """The rows that are indexed, with the columns id and text; read once. judged: ids of documents with a judgment.

    count: of documents, once all were read. missing: the judged ones that were not among them, as far as was read.
    """

    def __init__(self, collection: Collection, judged: set[str], separator: str | None) -> None:
        self._collection, self._separator = collection, separator
        self.missing = set(judged)
        self.count = 0

    def __iter__(self) -> Iterator[dict[str, str]]:
        """Raises SpartonError, with file and line, for an id that no run can hold, or that stands twice, and where
        there is no document."""
        hashes = array("q")  # 8 bytes a document
        for document in self._collection.documents():
            name = document.id
            if not is_word(name) or len(name) > LONGEST_ID or not is_whole(name):
                raise SpartonError(
                    f"{document.where}: the id {short(name)} is none that a run can hold; expected one word of at most "
                    f"{LONGEST_ID:,} characters"
                )
            hashes.append(hash(name))
            self.count += 1
            self.missing.discard(name if self._separator is None else document_of(name, self._separator))
            yield {"id": name, "text": document.text}
        if not hashes:
            place = self._collection.files[0] if self._collection.files else self._collection.name
            raise SpartonError(f"{place} holds no document; there is nothing to index")
        self._refuse_repeated(np.frombuffer(hashes, np.int64))

    def _refuse_repeated(self, hashes: np.ndarray) -> None:
        values, times = np.unique(hashes, return_counts=True)
        suspects = set(values[times > 1].tolist())
        seen: dict[str, str] = {}
        for document in self._collection.documents() if suspects else ():
            if hash(document.id) not in suspects:
                continue
            if document.id in seen:
                raise SpartonError(
                    f"{document.where}: the id {short(document.id)} stands twice, first at {seen[document.id]}; make "
                    "ids unique"
                )
            seen[document.id] = document.where
