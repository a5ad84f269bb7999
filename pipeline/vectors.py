"""JsonVectorCollection: one JSON object a line, {"id", "contents", "vector": {term: impact}}.

The format of Pyserini and Anserini; `contents`, the text, is there only if it is to be stored.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from ..files import whole_file
from .documents import Document
from .impacts import Impacts


class VectorWriter:
    """Writes shards of one vocabulary; terms stand in order of their vocabulary id."""

    def __init__(self, vocabulary: Sequence[str], *, store_text: bool) -> None:
        self._keys = [json.dumps(term, ensure_ascii=False) + ": " for term in vocabulary]
        self._store_text = store_text

    def write(self, path: Path, documents: Sequence[Document], impacts: Impacts) -> int:
        """Write the documents that have at least one term, in order, and return how many those are.

        `path` appears whole or not at all. Raises OSError as the file system does.
        """
        written = 0
        with whole_file(path) as stream:
            for document, (terms, values) in zip(documents, impacts, strict=True):
                if len(terms):
                    stream.write(self._line(document, terms.tolist(), values.tolist()))
                    written += 1
        return written

    def _line(self, document: Document, terms: list[int], values: list[int]) -> bytes:
        head = f'{{"id": {json.dumps(document.id, ensure_ascii=False)}'
        if self._store_text:
            head += f', "contents": {json.dumps(document.text, ensure_ascii=False)}'
        vector = ", ".join([f"{self._keys[term]}{value}" for term, value in zip(terms, values, strict=True)])
        # A lone surrogate cannot be UTF-8; Parquet never holds one, a Python caller might.
        return f'{head}, "vector": {{{vector}}}}}\n'.encode(errors="surrogatepass")
