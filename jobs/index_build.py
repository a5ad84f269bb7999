"""One object for a build: the order of its steps, whatever is indexed and wherever the index goes."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import Parameter, SpartonError
from ..indexer.build import LuceneBuild, start_worker
from ..indexer.index_writer import IndexedCounts
from ..indexer.java import find_jar, find_java
from ..indexer.options import LuceneOptions, LucenePlan, plan_build
from ..processes import Worker
from ..storage.atomic import remove_folder, remove_leftovers
from ..storage.index_folder import COLLECTION, LEFT_OUT, LUCENE, MARKERS, SKIPPED, manifest_to_resume, start_fresh
from ..storage.index_location import IndexLocation
from ..storage.manifest import COMPLETE, ENCODED, ENCODING, Counts, Manifest, Settings
from ..storage.markers import finished_parts, prepare_collection
from ..storage.skipped_rows import BadRow, SkippedRows, saved_lines
from ..storage.untrusted import UnexpectedError
from ..terminal.kept import keep
from .beside import add_beside, check_beside

if TYPE_CHECKING:
    from ..pipeline.parts.collection import Part

log = logging.getLogger("sparton")


def plan_lucene(options: LuceneOptions, *, store_text: bool = True) -> LucenePlan:
    """How Lucene is to be built here. store_text: whether the index will keep texts. Raises SpartonError where there is
    no Java for it, or as check_beside."""
    plan = plan_build(options)
    check_beside(options.also, store_text=store_text)
    find_java()
    find_jar()
    return plan


class IndexBuild:
    """The build of one index, whose folder is locked meanwhile. Made by open_build.

    location: of the index. folder: the local folder that it is built in. manifest: as it was saved last.
    resumed: whether an earlier run began this build. beside_seconds: that building each index beside Lucene's took, of
    those that were built.
    """

    def __init__(self, location: IndexLocation, manifest: Manifest, resumed: bool) -> None:
        self.location, self.folder = location, location.folder
        self.manifest, self.resumed = manifest, resumed
        self.beside_seconds: dict[str, float] = {}
        self._lucene: LuceneBuild | None = None

    @property
    def generation(self) -> str:
        """The name of this build, which its parts and its Lucene index bear."""
        return self.manifest.generation

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do: the manifest says so, and the Lucene index is at the location."""
        return self.manifest.stage == COMPLETE and self.location.has_lucene(self.manifest.indexes)

    @contextmanager
    def lucene(
        self,
        plan: LucenePlan | None,
        new_worker: Callable[[], Worker] = start_worker,
        *,
        scale: float | None = None,
        on_bytes: Callable[[int], None] = lambda count: None,
        unique: bool = False,
        skipped: SkippedRows | None = None,
    ) -> Iterator[LuceneBuild | None]:
        """Build the Lucene index meanwhile: None where no plan asks for one, or where the build is complete.

        Leaving it ends the processes. new_worker, scale, on_bytes, unique, skipped: as LuceneBuild takes them.
        """
        if plan is None or self.is_complete:
            yield None
            return
        # An absolute path, because processes on other nodes have other working directories.
        folder = (self.folder / LUCENE).absolute()
        fields = self.manifest.settings.fields
        with LuceneBuild(
            folder, plan, self.generation, scale, on_bytes, new_worker, unique, skipped, fields
        ) as self._lucene:
            yield self._lucene

    def save_skipped(self, skipped: SkippedRows) -> None:
        """Keep what is said of rows that were left out in the index, if there are any."""
        skipped.save(self.folder / SKIPPED)
        if skipped.kinds:
            self.location.put_file(SKIPPED)

    def saved_skipped(self, skipped: SkippedRows) -> None:
        """Have `skipped` take what the index, if it is local, keeps of lines that were left out. Raises SpartonError
        where that is damaged."""
        try:
            for line in saved_lines(self.folder / SKIPPED):
                skipped.add(str(line.file), "line", line.line, BadRow(line.kind, line.found))
        except UnexpectedError as error:
            raise SpartonError(f"{error}; build the index again with ", Parameter("overwrite", True)) from error

    def index_finished(self, shards: int) -> bool:
        """If all parts of the collection are finished, have each of them indexed. Returns whether they are.

        Parts of a finished encoding are read again. If some are not what was written any more, the build goes back to
        encoding, which keeps the others.
        """
        if self.manifest.stage == ENCODING:
            remove_folder(self.folder / LUCENE)  # an older build's, if all was killed before it was removed
            return False
        if self.manifest.stage == COMPLETE and self._lucene is None:
            return True
        self.location.get_parts(self.generation)
        parts = list(finished_parts(self.folder, self.generation, shards))
        if len(parts) < shards:
            log.warning(
                "%d of %d parts of the collection are not what was written any more, and are encoded again",
                shards - len(parts),
                shards,
            )
            self.save(ENCODING)
            return False
        if self._lucene:
            for path in parts:
                self._lucene.add(path)
        if self.manifest.stage == COMPLETE:
            self.save(ENCODED)  # its lucene folder is lost
        return True

    def prepare_parts(self, *, local: bool) -> None:
        """Have in the folder the parts that are finished, and nothing else of a collection.

        local: see Engine. If not, the engine's processes get the parts themselves.
        """
        if local:
            self.location.get_parts(self.generation)
        prepare_collection(self.folder, self.generation)

    def collect(self, parts: "Iterable[Part]", *, local: bool) -> Counts:
        """Put each part at the location and have it indexed, as soon as it is finished; return all counts together.

        local: see Engine. If not, the parts are at the location already.
        """
        total = Counts()
        for part in parts:
            path = self.folder / COLLECTION / part.path.name  # on another node the folder may be another
            if local:
                self.location.put_part(path)
            elif self._lucene:
                self.location.get_part(path, self.generation)
            if self._lucene:
                self._lucene.add(path)
            total += part.counts
        for name in (COLLECTION, MARKERS):  # of processes that were killed, in whose stead others went on
            remove_leftovers(self.folder / name)
        return total

    def drop_parts(self) -> None:
        """Remove the parts of an older build, for an index that has no collection of its own."""
        self.save(ENCODING)  # it may be complete and have lost its lucene folder
        for name in (COLLECTION, MARKERS):
            remove_folder(self.folder / name)

    def finish_lucene(self, documents: int | None = None) -> IndexedCounts:
        """Finish the Lucene index and put it at the location. documents: how many there must be. Raises as
        LuceneBuild.finish."""
        assert self._lucene is not None
        indexed = self._lucene.finish(documents)
        self.location.put_lucene()
        return indexed

    def add_others(self, also: Sequence[str], *, progress: bool) -> None:
        """Build what shall be beside the Lucene index, which is finished, and is not there yet."""
        self.manifest, self.beside_seconds = add_beside(also, self.location, self.manifest, progress=progress)

    def save(self, stage: str, counts: Counts | None = None) -> None:
        """Write at the location that the build has reached a stage."""
        indexes = self._lucene.indexes if self._lucene and stage == COMPLETE else ("lucene",)
        self.manifest = self.location.save(self.manifest.at(stage, counts, indexes))
        if stage == COMPLETE:
            remove_folder(self.folder / LEFT_OUT)


@contextmanager
def open_build(
    location: IndexLocation, settings: Settings, source: Sequence[object], *, overwrite: bool
) -> Iterator[IndexBuild]:
    """Lock an index, and go on with its build or start a new one; at the end remove what was needed only for that.

    source: the files that the index is made from, for the manifest. overwrite: replace an index that was made with
    other settings, or is finished.
    Raises SpartonError where another process writes the index, or where it was made with other settings.
    """
    with location.locked():
        found = manifest_to_resume(location.folder, settings, overwrite)
        manifest = found or start_fresh(location.folder, settings, source)
        if found is None:
            location.begin_anew()
        keep(location.folder)
        yield IndexBuild(location, manifest, resumed=found is not None)
        location.discard()
