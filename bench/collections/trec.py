"""TREC's folders: documents in SGML, a file of topics and one of judgments."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import Parameter, SpartonError, UsageError
from ...search.text_lines import numbered_lines
from ...storage.zipped import unzipped
from .collection import Document, FolderCollection
from .trec_documents import begins_document, read_documents

_START = 2_048  # bytes that show whether a file is of documents


class Trec(FolderCollection):
    """As Collection."""

    kind = "TREC"

    def documents(self) -> Iterator[Document]:
        """As Collection."""
        for path in self._texts:
            yield from read_documents(numbered_lines(path), path)


class TrecFormat:
    """As Format."""

    title = "TREC"
    expected = "documents in files that begin with <DOC>, topics.* and qrels.txt"

    def is_in(self, folder: Path) -> bool:
        """As Format."""
        return any(map(_has_documents, _files(folder)))

    def open(self, folder: Path, split: str | None) -> Trec:
        """As Format."""
        if split is not None:
            raise UsageError(
                Parameter("split"), f" is for folders of BEIR and MS MARCO, and {folder} is of TREC; leave it out"
            )
        files = _files(folder)
        documents = [path for path in files if _has_documents(path)]
        topics, qrels = (_the_only(folder, files, words) for words in (("topics", "queries"), ("qrels",)))
        others = [path for path in files if path not in (*documents, topics, qrels)]
        collection = Trec(folder, documents, topics, qrels)
        if others:
            collection.left_out["files without documents"] = len(others)
        return collection


def _files(folder: Path) -> list[Path]:
    """All files in a folder and those within, in order, without hidden ones."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _has_documents(path: Path) -> bool:
    try:
        with path.open("rb") as plain, unzipped(plain) as stream:
            return begins_document(stream.read(_START).decode(errors="replace").lstrip("\ufeff"))
    except (OSError, EOFError, ValueError):
        return False


def _the_only(folder: Path, files: Sequence[Path], words: Sequence[str]) -> Path:
    """The file of the folder itself that is called as one of the words begins."""
    found = [path for path in files if path.parent == folder and path.name.lower().startswith(tuple(words))]
    if len(found) == 1:
        return found[0]
    names = f"{len(found)} ({', '.join(path.name for path in found[:5])})" if found else "none"
    raise SpartonError(
        f"{folder} has documents of TREC and should have one file whose name begins with "
        f"{' or '.join(words)}; found {names}"
    )
