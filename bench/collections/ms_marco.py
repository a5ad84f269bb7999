"""MS MARCO's files: collection.tsv, queries.SPLIT.tsv and qrels.SPLIT.tsv, without headings."""

from collections.abc import Iterator
from pathlib import Path

from ...errors import SpartonError, short
from ...search.text_lines import numbered_lines
from .collection import Document, FolderCollection, by_split, chosen_split, plain_or_zipped

_COLLECTION = "collection.tsv"
_USUAL = ("dev.small", "dev")

# What a first line says where it names its columns; MS MARCO's own files have none.
_IDS, _TEXTS = ("id", "_id", "pid", "docid", "doc_id"), ("text", "passage", "body", "contents")


class MsMarco(FolderCollection):
    """As Collection."""

    kind = "MS MARCO"

    def documents(self) -> Iterator[Document]:
        """As Collection."""
        (path,) = self._texts
        for number, line in numbered_lines(path):
            where = f"{path}, line {number}"
            name, tab, text = line.partition("\t")
            if not tab:
                raise SpartonError(f"{where}: {short(line)} has no tab; expected an id, a tab and a text")
            if "\t" in text:
                raise SpartonError(
                    f"{where}: {line.count(chr(9)) + 1} columns; expected an id, a tab and a text without tabs"
                )
            if number == 1 and name.lower() in _IDS and text.lower() in _TEXTS:
                self.left_out["lines that are headings"] = 1
                continue
            yield Document(name, text, where)


class MsMarcoFormat:
    """As Format."""

    title = "MS MARCO"
    expected = "collection.tsv, queries.dev.small.tsv and qrels.dev.small.tsv"

    def is_in(self, folder: Path) -> bool:
        """As Format."""
        return plain_or_zipped(folder, _COLLECTION) is not None

    def open(self, folder: Path, split: str | None) -> MsMarco:
        """As Format."""
        collection = plain_or_zipped(folder, _COLLECTION)
        assert collection is not None
        found = by_split(folder, "qrels.")
        if not found:
            raise SpartonError(f"{folder} has {collection.name} and no qrels.*.tsv; expected {self.expected}")
        chosen = chosen_split(found, split, _USUAL, folder)
        queries = plain_or_zipped(folder, f"queries.{chosen}.tsv")
        if queries is None:
            raise SpartonError(
                f"{folder} has {found[chosen].name} and no queries.{chosen}.tsv; expected {self.expected}"
            )
        return MsMarco(folder, [collection], queries, found[chosen], chosen)
