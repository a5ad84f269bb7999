"""JsonVectorCollection: one JSON object a line, {"id", "contents", "fields", "vector": {term: impact}}.

The format of Pyserini and Anserini; `contents`, the text, is there only if it is to be stored, and `fields`, which they
pass over, only of a document that has some. Where the line has not the whole text of a document, a `digest` of it goes
before the fields, by which an update finds out whether the text is another.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...storage.atomic import whole_file
from ..documents import Documents
from ..encoding.impacts import Impacts

_COMMON = 1_024  # impacts below this have their digits ready


@dataclass(frozen=True, slots=True)
class Written:
    """What was written to a file: how many documents, and the digest of its bytes as markers have it."""

    documents: int
    digest: str


class VectorWriter:
    """Writes shards of one vocabulary; terms stand in order of their vocabulary id."""

    def __init__(self, vocabulary: Sequence[str], *, store_text: bool) -> None:
        # Arrays of str, from which numpy picks what a document needs without a step of the interpreter for each.
        keys = [f", {json.dumps(term, ensure_ascii=False)}: " for term in vocabulary]
        self._keys, self._numbers = np.array(keys, object), np.array([str(number) for number in range(_COMMON)], object)
        self._store_text = store_text

    def write(self, path: Path, documents: Documents, impacts: Impacts) -> Written:
        """Write the documents that have at least one term, in order.

        `path` appears whole or not at all. Raises OSError as the file system does.
        """
        written, digest = 0, hashlib.sha256()
        with whole_file(path) as stream:
            fields = documents.fields or ("",) * len(documents)
            digests = documents.digests or ("",) * len(documents)
            every = zip(documents.ids, documents.texts, digests, fields, impacts, strict=True)
            for name, text, known_by, own, (terms, values) in every:
                if len(terms):
                    line = self._line(name, text, known_by, own, terms, values)
                    stream.write(line)
                    digest.update(line)
                    written += 1
        return Written(written, f"sha256:{digest.hexdigest()}")

    def _line(self, name: str, text: str, known_by: str, fields: str, terms: np.ndarray, values: np.ndarray) -> bytes:
        head = f'{{"id": {json.dumps(name, ensure_ascii=False)}'
        if self._store_text:
            head += f', "contents": {json.dumps(text, ensure_ascii=False)}'
        if known_by:
            head += f', "digest": "{known_by}"'
        if fields:
            head += f', "fields": {fields}'
        vector = [""] * (2 * len(terms))
        vector[::2] = self._keys[terms].tolist()
        vector[1::2] = self._numbers[values].tolist() if values.max() < _COMMON else map(str, values.tolist())
        # A lone surrogate cannot be UTF-8; Parquet never holds one, a Python caller might.
        return f'{head}, "vector": {{{"".join(vector)[2:]}}}}}\n'.encode(errors="surrogatepass")
