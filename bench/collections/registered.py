"""Collections that ir_datasets knows by their ids; it is an extra, and imported when one is asked for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...errors import Parameter, SpartonError, UsageError, short
from ...search.evaluation.topics import Topic
from ...search.evaluation.trec_files import Qrels
from .collection import Document

_USUAL = ("test", "dev")


class Registered:
    """As Collection. dataset: of ir_datasets."""

    kind = "ir_datasets"
    split: str | None = None

    def __init__(self, name: str, dataset: Any) -> None:
        self.name, self._dataset = name, dataset
        self.left_out: Counter[str] = Counter()

    @property
    def files(self) -> Sequence[Path]:
        """As Collection: what ir_datasets keeps is in a folder of its own."""
        return ()

    def documents(self) -> Iterator[Document]:
        """As Collection."""
        for number, document in enumerate(self._all("docs"), start=1):
            yield Document(document.doc_id, _text(document), f"document {number:,} of {self.name}")

    def topics(self) -> Iterator[Topic]:
        """As Collection."""
        for query in self._all("queries"):
            yield Topic(query.query_id, _text(query))

    def qrels(self) -> Qrels:
        """As Collection. Of several grades for one document, as of aspects of a topic, it is the highest, which is
        counted."""
        found: Qrels = {}
        for judgment in self._all("qrels"):
            grades, grade = found.setdefault(judgment.query_id, {}), int(judgment.relevance)
            if judgment.doc_id in grades:
                self.left_out["lower judgments of a document that is judged twice"] += 1
            grades[judgment.doc_id] = max(grade, grades.get(judgment.doc_id, grade))
        if not found:
            raise SpartonError(f"{self.name} of ir_datasets holds no judgments")
        return found

    def _all(self, part: str) -> Iterator[Any]:
        """The documents, queries or judgments. Raises SpartonError for whatever ir_datasets raises."""
        try:
            yield from getattr(self._dataset, f"{part}_iter")()
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SpartonError(
                f"ir_datasets cannot read the {part} of {self.name} ({reason}); see that what it needs is "
                "downloaded, or name a folder with the files"
            ) from error


def open_registered(name: str, split: str | None) -> Registered:
    """The collection of that id. Where that has no judgments itself, the split is part of its id, by default test.

    Raises SpartonError where the package is missing, UsageError for an id that it does not know or which is not judged.
    """
    try:
        import ir_datasets
    except ImportError as error:
        raise SpartonError(
            f"{short(name)} is no folder, and ids of ir_datasets need that package, which is not installed; run "
            "`pip install 'sparton[ir-datasets]'`, or name a folder"
        ) from error
    dataset = _load(ir_datasets, name)
    if dataset is None:
        raise UsageError(
            f"{short(name)} is no folder, and ir_datasets has no dataset of that id; expected an id as "
            "beir/scifact/test, or a folder with documents, topics and judgments"
        )
    if split is not None or not dataset.has_qrels():
        wanted = _USUAL if split is None else (split,)
        found = ((f"{name}/{one}", _load(ir_datasets, f"{name}/{one}")) for one in wanted)
        name_of_split, dataset_of_split = next((one for one in found if one[1] is not None), (name, None))
        if dataset_of_split is None:
            tried = " or ".join(f"{name}/{one}" for one in wanted)
            raise UsageError(
                f"{name} of ir_datasets has no judgments, and there is no {tried}; choose another id"
                if split is None
                else f"ir_datasets has no {tried}; choose another ",
                *(() if split is None else (Parameter("split"),)),
            )
        name, dataset = name_of_split, dataset_of_split
    for part in ("docs", "queries", "qrels"):
        if not dataset.has(part):
            raise UsageError(f"{name} of ir_datasets has no {part}; expected a collection with docs, queries and qrels")
    for part, kind in (("docs", dataset.docs_cls()), ("queries", dataset.queries_cls())):
        if not hasattr(kind, "default_text"):
            raise UsageError(
                f"ir_datasets does not say which of {', '.join(kind._fields)} is the text of the {part} of {name}; "
                "write them to a folder of BEIR's files and name that"
            )
    return Registered(name, dataset)


def _load(package: Any, name: str) -> Any:
    try:
        return package.load(name)
    except KeyError:
        return None


def _text(item: Any) -> str:
    """The text of a document or query, as ir_datasets says by default."""
    text: str = item.default_text()
    return text
