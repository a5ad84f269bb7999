"""What every format gives of a judged collection, and what they have in common."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from ...errors import Parameter, SpartonError, UsageError, listed
from ...search.evaluation.topics import Topic, TopicOptions, read_topics
from ...search.evaluation.trec_files import Qrels, read_qrels

TEXTS = TopicOptions(pretokenized=False)  # topics of a benchmark are texts, whatever they look like


class Document(NamedTuple):
    """A document. where: it was read, as a sentence has it."""

    id: str
    text: str
    where: str


class Collection(Protocol):
    """A judged collection, of which nothing has been read but what it consists of.

    name: by which published figures are found. kind: its format, in words. split: which topics and judgments, None
    where there are no several. left_out: what is not used of it, counted by why; complete once all was read.
    """

    name: str
    kind: str
    split: str | None
    left_out: Counter[str]

    @property
    def files(self) -> Sequence[Path]:
        """The files and folders that it is read from, none of which may be written to."""

    def documents(self) -> Iterator[Document]:
        """All documents in order, one at a time; may be asked for again. Raises SpartonError with file and line for one
        that cannot be read."""

    def topics(self) -> Iterator[Topic]:
        """All topics, whose texts are there. Raises SpartonError as read_topics."""

    def qrels(self) -> Qrels:
        """All judgments. Raises SpartonError as read_qrels."""


class FolderCollection:
    """What the collections in folders have in common; as Collection, but for documents. texts: the files of those."""

    kind: str

    def __init__(
        self, folder: Path, texts: Sequence[Path], topics: Path, qrels: Path, split: str | None = None
    ) -> None:
        self.name = folder.resolve().name
        self.split = split
        self.left_out: Counter[str] = Counter()
        self._texts, self._topics, self._qrels = texts, topics, qrels

    @property
    def files(self) -> Sequence[Path]:
        """As Collection."""
        return *self._texts, self._topics, self._qrels

    def topics(self) -> Iterator[Topic]:
        """As Collection. Raises SpartonError for a topic that is a vector, too."""
        for topic in read_topics(self._topics, TEXTS):
            if topic.text is None:
                raise SpartonError(f"{self._topics}: the topic {topic.id!r} is a vector; expected texts")
            yield topic

    def qrels(self) -> Qrels:
        """As Collection."""
        return read_qrels(self._qrels)


class Format(Protocol):
    """A format that folders have. title: in words. expected: the files that it consists of, as a sentence has them."""

    title: str
    expected: str

    def is_in(self, folder: Path) -> bool:
        """Whether a folder looks like one of this format: by names of files, and how they begin."""

    def open(self, folder: Path, split: str | None) -> Collection:
        """The collection in a folder. Raises SpartonError where a file is missing, UsageError for a split that it does
        not have."""


def plain_or_zipped(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder, or the same with .gz; None where there is neither."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def by_split(folder: Path, prefix: str = "") -> dict[str, Path]:
    """The files PREFIXsplit.tsv and PREFIXsplit.tsv.gz of a folder by their splits, the plain one where there are both.
    Copies with another ending are none."""
    found: dict[str, Path] = {}
    for ending in (".tsv", ".tsv.gz"):
        for path in sorted(folder.glob(f"{prefix}*{ending}")):
            if path.is_file():
                found.setdefault(path.name.removeprefix(prefix).removesuffix(ending), path)
    return found


def chosen_split(found: Mapping[str, Path], asked: str | None, usual: Sequence[str], folder: Path) -> str:
    """Which of several judgments are meant: those that were asked for, else the first of the usual ones, else the only
    ones. found: the files of judgments by the names of splits."""
    splits = listed(sorted(found))
    if asked is not None:
        if asked in found:
            return asked
        raise UsageError(
            Parameter("split"), f" is {asked!r}, and {folder} has judgments of {splits}; choose one of them"
        )
    split = next((name for name in usual if name in found), None)
    if split is None and len(found) == 1:
        split = next(iter(found))
    if split is None:
        raise UsageError(f"{folder} has judgments of {splits}; choose one of them with ", Parameter("split"))
    return split
