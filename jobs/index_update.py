"""One object for a change of a finished index: its steps, wherever the index is, up to the one that makes it count."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from secrets import randbelow

from ..errors import Parameter, SpartonError
from ..indexer.java import find_jar, find_java
from ..indexer.updating import LuceneUpdate, count_live, current_commits
from ..storage.generations import collection_parts, part_number, remove_unnamed
from ..storage.index_folder import COLLECTION
from ..storage.index_location import IndexLocation, open_index_location
from ..storage.local_copy import local_index
from ..storage.manifest import COMPLETE, Counts, Manifest, PartFile, Updated, load_manifest
from ..storage.redaction import redacted
from .beside import add_beside, build_beside, check_beside, check_beside_of

_NUMBERS = 2**40  # of which two machines hardly choose the same
_FEW = 16  # parts that are less than a quarter full; more of them are joined


@dataclass(frozen=True, slots=True)
class NewContent:
    """What a generation has and the one before has not. parts: all of the collection. added: those of them whose
    documents are new to Lucene. deleted: ids of lines that are not any more, or stand in `added`. gone: how many
    postings these have. counts: of documents and passages, without postings."""

    parts: tuple[PartFile, ...]
    added: tuple[PartFile, ...]
    deleted: Sequence[str]
    gone: int
    counts: Counts


class IndexUpdate:
    """A change of one index, whose folder is locked meanwhile. Made by open_update.

    location: of the index. folder: the local folder in which it is changed. manifest: of the generation that counts.
    also: which other indexes each generation shall have. beside_seconds: that building each of them took, of those that
    were built.
    """

    def __init__(self, location: IndexLocation, manifest: Manifest, also: Sequence[str], progress: bool) -> None:
        self.location, self.folder, self.manifest = location, location.folder, manifest
        self._also, self._progress = also, progress
        self.beside_seconds: dict[str, float] = {}

    @property
    def has_collection(self) -> bool:
        """Whether the index has parts of its own, rather than being made of another tool's vectors."""
        return not self.manifest.settings.of_vectors

    def parts(self) -> tuple[PartFile, ...]:
        """The parts of the collection. Raises SpartonError where they are not all there."""
        return collection_parts(self.folder, self.manifest) if self.has_collection else ()

    def begin(self, parts: Sequence[PartFile]) -> None:
        """Have sparton.json name all that the index consists of, and remove what it does not name: from now on there
        is something to be written. parts: of the collection."""
        manifest = self.manifest
        if manifest.updated is None:
            commits = current_commits(self.folder, manifest.indexes, manifest.commits)
            self.manifest = replace(manifest, updated=Updated(0, tuple(parts), commits))
            self.manifest.save(self.folder)
        remove_unnamed(self.folder, self.manifest)

    def matching(self, filters: Sequence[str]) -> list[str]:
        """The ids of documents, or of passages of these, that pass all filters. Raises UsageError for a filter that
        means nothing here."""
        from ..search.impact_index import ImpactIndex

        manifest = self.manifest
        folders = (self.folder / name for name in manifest.indexes)
        with closing(ImpactIndex(*folders, commits=manifest.commits, fields=manifest.settings.fields)) as index:
            return index.ids(index.selection(filters))

    def numbers(self) -> Iterator[int]:
        """Numbers for new parts, which no part has, nor one that another machine writes meanwhile for the same URI."""
        assert self.manifest.updated is not None
        first = 1 + max((part_number(part.name) for part in self.manifest.updated.parts), default=-1)
        return count(first + randbelow(_NUMBERS) if self.location.uri else first)

    def commit(self, new: NewContent, *, merge: bool = False) -> None:
        """Have Lucene hold what is new, and then sparton.json name it, which makes it count.

        merge: what is deleted away. Raises SpartonError where Lucene then has not the documents that it should have.
        """
        manifest, before = self.manifest, self.manifest.counts
        assert manifest.updated is not None
        with LuceneUpdate(
            self.folder,
            manifest.indexes,
            manifest.commits,
            manifest.settings.fields,
            unique=self.location.uri is not None,
        ) as lucene:
            lucene.delete(new.deleted)
            added = lucene.add(self.folder / COLLECTION / part.name for part in new.added)
            if merge:
                lucene.merge()
            commits, documents = lucene.commit()
        expected = before.documents - len(new.deleted) + sum(part.documents for part in new.added)
        if documents != expected:
            raise SpartonError(
                f"Lucene holds {documents:,} documents and the collection {expected:,}; check the index with "
                "`sparton info --check`, and build it again with ",
                Parameter("overwrite", True),
            )
        postings = before.postings - new.gone + added
        if not self.has_collection:
            _, postings = count_live(self.folder, manifest.indexes, commits)
        counts = replace(new.counts, documents=documents, postings=postings)
        updated = Updated(manifest.updated.number + 1, new.parts, commits)
        newer = replace(manifest, counts=counts, updated=updated)
        newer, self.beside_seconds = build_beside(self._also, self.folder, newer, progress=self._progress)
        self.manifest = self.location.put_generation(newer, manifest)

    def add_others(self) -> None:
        """Build what the generation that counts shall have beside the Lucene index, and has not yet."""
        self.manifest, seconds = add_beside(self._also, self.location, self.manifest, progress=self._progress)
        self.beside_seconds |= seconds


@contextmanager
def open_update(index: str | Path, also: Sequence[str] = (), *, progress: bool = False) -> Iterator[IndexUpdate]:
    """Lock a finished index to change it. also: which other indexes it shall have in the end. progress: show on stderr
    that these are built.

    Raises SpartonError where there is none, where it is half-built, where another process writes it, or without Java or
    what `also` needs.
    """
    check_beside(also)
    found = load_manifest(local_index(index, lucene=False))  # before a folder is made for what is none
    check_beside_of(also, found, redacted(str(index)))
    find_java()
    find_jar()
    location = open_index_location(index, overwrite=False)
    with location.locked():
        manifest = load_manifest(location.folder)
        if manifest.stage != COMPLETE or not location.has_lucene(manifest.indexes):
            raise SpartonError(
                f"the index {location.name} is half-built; run the same `sparton index` again to finish it first"
            )
        location.get_generation(manifest)
        update = IndexUpdate(location, manifest, also, progress)
        yield update
        update.add_others()
        location.discard()


def small_parts(parts: Sequence[PartFile], most: int, *, merge: bool = False) -> set[str]:
    """The names of parts to be joined, because there are many that are far from full. most: lines of a full one.
    merge: join those that are not three quarters full, also if there are only two."""
    small = {part.name for part in parts if part.documents < (most * 3 // 4 if merge else most // 4)}
    return small if len(small) > (1 if merge else _FEW) else set()
