"""BEIR's folders: corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from ...errors import SpartonError, short
from ...search.text_lines import numbered_lines
from .collection import Document, FolderCollection, by_split, chosen_split, plain_or_zipped

_CORPUS, _QUERIES, _QRELS = "corpus.jsonl", "queries.jsonl", "qrels"
_USUAL = ("test", "dev")


class Beir(FolderCollection):
    """As Collection."""

    kind = "BEIR"

    def documents(self) -> Iterator[Document]:
        """As Collection. A title goes before the text."""
        (path,) = self._texts
        for number, line in numbered_lines(path):
            where = f"{path}, line {number}"
            try:
                content = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise SpartonError(
                    f"{where}: this is no JSON ({error}); expected an object with _id and text"
                ) from error
            if not isinstance(content, dict):
                raise SpartonError(f"{where}: this is {short(content)}; expected an object with _id and text")
            name = content.get("_id")
            if isinstance(name, int) and not isinstance(name, bool):
                name = str(name)
            if not isinstance(name, str):
                found = f"_id is {short(name)}" if "_id" in content else "there is no _id"
                raise SpartonError(f"{where}: {found}; expected text or a whole number as _id")
            texts = (_text(content, part, where) for part in ("title", "text"))
            yield Document(name, " ".join(filter(None, texts)), where)


class BeirFormat:
    """As Format."""

    title = "BEIR"
    expected = "corpus.jsonl, queries.jsonl and qrels/test.tsv"

    def is_in(self, folder: Path) -> bool:
        """As Format."""
        return plain_or_zipped(folder, _CORPUS) is not None

    def open(self, folder: Path, split: str | None) -> Beir:
        """As Format."""
        corpus, queries = (plain_or_zipped(folder, name) for name in (_CORPUS, _QUERIES))
        assert corpus is not None
        found = by_split(folder / _QRELS)
        for missing, name in ((queries is None, _QUERIES), (not found, f"{_QRELS}/test.tsv")):
            if missing:
                raise SpartonError(
                    f"{folder} has {corpus.name} and no {name}; expected {self.expected}, as BEIR has them"
                )
        assert queries is not None
        chosen = chosen_split(found, split, _USUAL, folder)
        return Beir(folder, [corpus], queries, found[chosen], chosen)


def _text(content: dict[str, Any], part: str, where: str) -> str | None:
    value = content.get(part)
    if value is None and part == "text" and part not in content:
        raise SpartonError(f"{where}: there is no text; expected an object with _id and text")
    if value is not None and not isinstance(value, str):
        raise SpartonError(f"{where}: {part} is {short(value)}; expected text")
    return value
