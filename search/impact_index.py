"""A Lucene impact index opened for reading, through Anserini's SimpleImpactSearcher."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SpartonError
from ..indexer.java import java_class
from .explain import Match

_FIELD = "contents"


@dataclass(frozen=True, slots=True)
class Found:
    """A document that Lucene found."""

    id: str
    score: float
    text: str | None


class ImpactIndex:
    """An open index. Raises SpartonError if `folder` holds none."""

    def __init__(self, folder: Path) -> None:
        searcher = java_class("io.anserini.search.SimpleImpactSearcher")
        from jnius import JavaException

        try:
            self._searcher = searcher(str(folder.absolute()))
        except JavaException as error:
            reason = str(error.classname).rpartition(".")[2]
            raise SpartonError(
                f"{folder} cannot be opened by Lucene ({reason}); build the index again with --overwrite"
            ) from error
        self._reader = self._searcher.reader

    def __len__(self) -> int:
        return int(self._searcher.get_total_num_docs())

    def search(self, terms: Mapping[str, int], k: int) -> list[Found]:
        """The k documents with the largest sum of query impact x document impact, ties in order of id."""
        if not terms or not len(self):
            return []
        query, integer = java_class("java.util.HashMap")(), java_class("java.lang.Integer")
        for term, impact in terms.items():
            query.put(term, integer(impact))
        hits = self._searcher.search(query, min(k, len(self)))
        # Anserini takes a millionth off a score that ties with the one before; a sum of integers is an integer.
        return [
            Found(hit.docid, float(round(hit.score)), _text(self._searcher.doc_raw(hit.lucene_docid))) for hit in hits
        ]

    def explain(self, terms: Mapping[str, int], ids: Sequence[str]) -> list[list[Match]]:
        """For each document, the matching terms, largest contribution first. Raises KeyError for an unknown id."""
        numbers = [self._number(name) for name in ids]
        matches: list[list[Match]] = [[] for _ in ids]
        # A postings list is read forwards only, so documents are visited in Lucene's order.
        order = sorted(range(len(ids)), key=numbers.__getitem__)
        multi, postings_enum = java_class("org.apache.lucene.index.MultiTerms"), _postings_enum()
        every = multi.getTerms(self._reader, _FIELD)
        for term, impact in terms.items():
            cursor = every.iterator() if every else None
            if cursor is None or not cursor.seekExact(java_class("org.apache.lucene.util.BytesRef")(term.encode())):
                continue
            postings = cursor.postings(None, postings_enum)
            for place in order:
                number = numbers[place]
                if postings.docID() < number:
                    postings.advance(number)
                if postings.docID() == number:
                    matches[place].append(Match(term, impact, int(postings.freq())))
        for found in matches:
            found.sort(key=lambda match: (-match.contribution, match.term))
        return matches

    def _number(self, name: str) -> int:
        query = java_class("org.apache.lucene.search.TermQuery")(java_class("org.apache.lucene.index.Term")("id", name))
        hits = java_class("org.apache.lucene.search.IndexSearcher")(self._reader).search(query, 1).scoreDocs
        if not hits:
            raise KeyError(name)
        return int(hits[0].doc)

    def close(self) -> None:
        """Close the index's files."""
        self._searcher.close()


def _postings_enum() -> int:
    return int(java_class("org.apache.lucene.index.PostingsEnum").FREQS)


def _text(raw: str | None) -> str | None:
    """The text inside a stored document: JSON with `contents`, as Pyserini stores it."""
    return None if raw is None else json.loads(raw).get("contents")
