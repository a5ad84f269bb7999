"""Change the Lucene indexes of an index: from the commits that sparton.json names to new ones beside them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import Parameter, SpartonError
from ..storage.fields import Field
from ..storage.manifest import LuceneCommit
from .index_writer import LuceneWriter, lucene_trouble, open_reader, read_commit
from .java import LONG_RUN, java_class, java_exception, java_name, start_jvm
from .read_vectors import read_vectors
from .splits import cut

_KEY = "updated"  # a build never takes such an index for its own
_INDEX = "org.apache.lucene.index."


class LuceneUpdate:
    """Writers on the Lucene indexes of an index, of which each goes on from the commit that is meant.

    folder: of the index. indexes: names of theirs. commits: the commit of each, as Manifest.commits. fields: that
    documents may have. unique: as LuceneWriter's. To be used as a context manager: what was not committed is gone then,
    and the commits from which it began are as they were. Raises SpartonError where one cannot be opened or written.
    """

    def __init__(
        self,
        folder: Path,
        indexes: Sequence[str],
        commits: Sequence[str | None],
        fields: Sequence[Field] = (),
        *,
        unique: bool = False,
    ) -> None:
        start_jvm(LONG_RUN)
        self._fields = fields
        self._folders = [folder / name for name in indexes]
        self._writers: list[LuceneWriter] = []
        try:
            sizes = []
            for path, segments in zip(self._folders, commits, strict=True):
                base, documents = _opened(path, segments)
                sizes.append(documents)
                self._writers.append(LuceneWriter(path, key=_KEY, fields=fields, base=base.segments, unique=unique))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self._smallest = sizes.index(min(sizes))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers:
            writer.close()

    def delete(self, ids: Sequence[str]) -> None:
        """Delete documents by their exact ids, wherever they are."""
        for writer in self._writers:
            writer.delete(ids)

    def add(self, parts: Iterable[Path]) -> int:
        """Add all documents of some parts of the collection; return their postings."""
        writer, postings = self._writers[self._smallest], 0
        for part in parts:
            for split in cut(part):
                try:
                    postings += writer.add(split.name(), read_vectors(split, fields=self._fields)).postings
                except java_exception() as error:
                    raise lucene_trouble(self._folders[self._smallest], error) from error
        return postings

    def merge(self) -> None:
        """Merge each index to one segment, without what was deleted."""
        for writer in self._writers:
            writer.merge(1)

    def commit(self) -> tuple[tuple[LuceneCommit, ...], int]:
        """Make all of it durable; return the new commits, and how many documents they hold together."""
        found = []
        for writer, folder in zip(self._writers, self._folders, strict=True):
            writer.commit()
            found.append(_opened(folder, writer.committed()))
        return tuple(commit for commit, _ in found), sum(documents for _, documents in found)


def existing_ids(folder: Path, indexes: Sequence[str], commits: Sequence[str | None], ids: Sequence[str]) -> set[str]:
    """Those of some ids that the Lucene indexes have."""
    start_jvm(LONG_RUN)
    found: set[str] = set()
    for name, segments in zip(indexes, commits, strict=True):
        with _reading(folder / name, segments) as reader:
            searcher = java_class("org.apache.lucene.search.IndexSearcher")(reader)
            found.update(one for one in ids if searcher.count(_query("id", one)))
    return found


def live_postings(segment: Any) -> int:
    """The postings of a segment's documents that are not deleted. segment: Lucene's reader of it."""
    terms = segment.terms("contents")
    if terms is None:
        return 0
    if not segment.hasDeletions():
        return int(terms.getSumDocFreq())
    searcher = java_class("org.apache.lucene.search.IndexSearcher")(segment)
    copy, every, count = java_class("org.apache.lucene.util.BytesRef").deepCopyOf, terms.iterator(), 0
    while (term := every.next()) is not None:
        count += int(searcher.count(_query("contents", copy(term))))
    return count


def count_live(folder: Path, indexes: Sequence[str], commits: Sequence[LuceneCommit]) -> tuple[int, int]:
    """What some commits hold that is not deleted: documents and postings."""
    documents = postings = 0
    for name, commit in zip(indexes, commits, strict=True):
        with _reading(folder / name, commit.segments) as reader:
            documents += int(reader.numDocs())
            postings += sum(live_postings(leaf.reader()) for leaf in reader.leaves())
    return documents, postings


def can_be_merged(folder: Path, indexes: Sequence[str], commits: Sequence[str | None]) -> bool:
    """Whether an index of some has deleted documents, or more segments than one."""
    start_jvm(LONG_RUN)
    for name, segments in zip(indexes, commits, strict=True):
        with _reading(folder / name, segments) as reader:
            if int(reader.leaves().size()) > 1 or reader.hasDeletions():
                return True
    return False


def current_commits(folder: Path, indexes: Sequence[str], commits: Sequence[str | None]) -> tuple[LuceneCommit, ...]:
    """The commits that are meant, with the files of each."""
    start_jvm(LONG_RUN)
    return tuple(_opened(folder / name, segments)[0] for name, segments in zip(indexes, commits, strict=True))


def _opened(folder: Path, segments: str | None) -> tuple[LuceneCommit, int]:
    """A commit, and how many documents it holds."""
    with _readable(folder):
        name, files, documents = read_commit(folder, segments)
    return LuceneCommit(name, files), documents


@contextmanager
def _reading(folder: Path, segments: str | None) -> Iterator[Any]:
    """A reader of a commit. Raises SpartonError where it cannot be read."""
    with _readable(folder):
        reader = open_reader(folder, segments)
        try:
            yield reader
        finally:
            reader.close()


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Turn what Java says of an index that it cannot read into a sentence."""
    try:
        yield
    except java_exception() as error:
        raise SpartonError(
            f"Lucene cannot read {folder} ({java_name(error)}); look at all of it with `sparton info --check`, and "
            "build the index again with ",
            Parameter("overwrite", True),
        ) from error


def _query(field: str, term: Any) -> Any:
    return java_class("org.apache.lucene.search.TermQuery")(java_class(f"{_INDEX}Term")(field, term))
