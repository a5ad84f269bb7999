"""Jobs that change a finished index: rows that replace those of the same id or are new, deletions, and merging."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from ..errors import Parameter, SpartonError, UsageError
from ..indexer.java import LONG_RUN, start_jvm
from ..indexer.options import AlsoOptions
from ..indexer.updating import can_be_merged, existing_ids
from ..options import Texts, flat_keywords, names, several, values_for
from ..pipeline.corpus.spooled import GivenCorpus
from ..pipeline.documents import Documents
from ..pipeline.options import EncoderOptions, UpdateOptions
from ..storage.manifest import Counts, PartFile, Settings
from ..storage.skipped_rows import SkippedRows
from ..terminal.progress_bar import counted, progress_bar, waiting
from ..terminal.update_report import UpdateReport
from .given_corpus import given_files
from .index_update import IndexUpdate, NewContent, open_update, small_parts
from .update_rows import UpdateRows, in_shards

if TYPE_CHECKING:
    from ..pipeline.encoding.open_encoder import DocumentEncoder
    from ..pipeline.parts.changes import Changes, Wanted


@flat_keywords
def update_index(
    rows: GivenCorpus,
    index: str | Path,
    *,
    updating: UpdateOptions,
    others: AlsoOptions,
    progress: bool = False,
) -> UpdateReport:
    """Put rows into a finished index: one whose id it has replaces that document, any other is added.

    rows: as a corpus is given to build_index, and read as the index's was: by the same columns and fields. A row is
    encoded by the index's own model and settings, and only if its text is another than before. One without text, or
    whose text gives no term, takes its document out of the index.
    updating, others: given as records, or field by field as keywords: update_index(rows, index, device="cpu"). Without
    also=["seismic"] a Seismic index is left at the generation that it is of, where no search takes it; so is a BM25
    index without also=["bm25"].
    progress: show on stderr what goes on.

    The change counts all at once, when it is finished; who has the index open goes on with what was.
    Raises SpartonError, with one sentence, when rows, model or index cannot be used, or another process writes it.
    """
    started = perf_counter()
    with open_update(index, others.also, progress=progress) as update, closing(SkippedRows()) as skipped:
        if not update.has_collection:
            raise SpartonError(
                f"the index {update.location.name} was made of vectors that another tool wrote, so no row can be "
                "encoded for it; add to those vectors and index them again"
            )
        with given_files(rows, update.location, shared=False, progress=progress) as files:
            source = UpdateRows(files, update, updating, skipped, progress)
            with waiting("reading the rows", shown=progress):
                wanted = source.wanted()
            change = _Change(update, wanted, progress)
            change.look()
            encoding = change.write(source, updating)
        report = replace(change.report(), encoding_seconds=encoding, skipped=dict(skipped.kinds))
    return _finished(report, update, started)


@flat_keywords
def delete_documents(
    index: str | Path, ids: Texts | None = None, *, filters: Texts = (), others: AlsoOptions, progress: bool = False
) -> UpdateReport:
    """Take documents out of a finished index, with all of their passages.

    ids: of documents, several, one or none; those that the index does not have are told. filters: instead of ids;
    documents that pass all of these are taken out. The rest is as in update_index. Raises UsageError for both, or
    neither.
    """
    started = perf_counter()
    named = dict.fromkeys(several(Parameter("ids"), () if ids is None else ids))
    tests = several(Parameter("filters"), filters)
    if ids is None and not tests:
        raise UsageError("there is nothing to delete; give ", Parameter("ids"), " or ", Parameter("filters"))
    if ids is not None and tests:
        raise UsageError(
            Parameter("ids"), " and ", Parameter("filters"), " were given; delete by one of them at a time"
        )
    with open_update(index, others.also, progress=progress) as update:
        wanted = dict.fromkeys(_matching(update, tests)) if tests else named
        if update.has_collection:
            change = _Change(update, wanted, progress)
            change.look()
            change.write()
            report = replace(change.report(), without_text=0)
            found: Container[str] = change.found.kinds
        else:
            report, found = _delete_vectors(update, tuple(wanted))
        missing = tuple(name for name in named if name not in found)
        report = replace(report, missing=missing)
    return _finished(report, update, started)


@flat_keywords
def compact_index(index: str | Path, *, others: AlsoOptions, progress: bool = False) -> UpdateReport:
    """Merge away what updates have left dead in a finished index: Lucene's deleted documents and small segments, and
    small parts of the collection. It finds the same afterwards. With also=["seismic"] or ["bm25"] it has such an index
    then, too. Raises SpartonError as update_index."""
    started = perf_counter()
    with open_update(index, others.also, progress=progress) as update:
        change = _Change(update, {}, progress)
        change.look()
        before = update.manifest
        change.compact()
        report = replace(change.report(), merged=update.manifest.number > before.number)
    return _finished(report, update, started)


class _Change:
    """What becomes of an index's documents, and the steps to it. wanted: documents as they shall be, by their ids; None
    for those that shall go. found: in the collection, once it was looked at."""

    def __init__(self, update: IndexUpdate, wanted: "dict[str, Wanted | None]", progress: bool) -> None:
        self._update, self._wanted, self._progress = update, wanted, progress
        self._settings: Settings = update.manifest.settings
        self._parts = update.parts()
        self._added = self._without_terms = self._lost = self._documents = 0
        self.found: Changes

    def look(self) -> None:
        """Compare the collection with what is wanted."""
        from ..pipeline.parts.changes import find_changes

        lines = sum(part.documents for part in self._parts)
        with (
            ThreadPoolExecutor(max_workers=1) as pool,
            counted("comparing", lines, "documents", shown=self._progress) as seen,
        ):
            pool.submit(start_jvm, LONG_RUN)  # what is wrong with Java is told where it is needed
            self.found = find_changes(
                self._update.folder, self._parts, self._wanted, passages=self._settings.chunk, on_lines=seen
            )
        self._documents = self.found.documents

    def write(self, source: UpdateRows | None = None, options: UpdateOptions | None = None) -> float:
        """Write what is another, and have it count. source: the rows of an update, for the texts to be encoded.
        Returns the seconds that encoding took."""
        from ..pipeline.parts.changes import FIELDS, TEXT, documents_in

        new = {name for name, wanted in self._wanted.items() if wanted and name not in self.found.kinds}
        texts = {name for name, kind in self.found.kinds.items() if kind == TEXT} | new
        if not self.found.lines and not texts:
            return 0.0
        encoder = self._open_encoder(options) if options and texts else None
        self._update.begin(self._parts)
        numbers = self._update.numbers()
        touched = self.found.touched | small_parts(self._parts, self._settings.shard_rows)
        others = {name for name, kind in self.found.kinds.items() if kind == FIELDS}
        kept, changed = self._rewrite(touched, numbers, source.fields(others) if source and others else {})
        encoded: list[PartFile] = []
        started = perf_counter()
        if encoder and source:
            encoded = list(self._encode(encoder, source.documents(texts), len(texts), numbers))
        seconds = perf_counter() - started
        lines = documents_in(self._update.folder, encoded, passages=self._settings.chunk)
        self._added = len(new & lines.keys())
        self._without_terms = len(texts - lines.keys())
        self._lost = len(texts - new - lines.keys())
        if not lines and not self.found.lines:  # only rows that have no term, and were nowhere
            self._update.begin(self._parts)  # removes what was written
            return seconds
        parts = (*(part for part in self._parts if part.name not in touched), *kept, *changed, *encoded)
        documents = self.found.documents - self.found.gone + len(lines)
        split = self.found.split - self.found.gone_split + sum(count > 1 for count in lines.values())
        counts = Counts(rows=documents, split=split)
        self._documents = documents
        with waiting("changing the Lucene index", shown=self._progress):
            self._update.commit(NewContent(parts, (*changed, *encoded), self.found.lines, self.found.postings, counts))
        return seconds

    def compact(self) -> None:
        """Write small parts anew, and merge Lucene's segments, if there is anything to merge."""
        update, manifest = self._update, self._update.manifest
        if manifest.updated:
            update.begin(self._parts)  # removes what a change that was killed has left
        small = small_parts(self._parts, self._settings.shard_rows, merge=True)
        if not small and not can_be_merged(update.folder, manifest.indexes, manifest.commits):
            return
        update.begin(self._parts)
        kept, _ = self._rewrite(small, update.numbers(), {})
        parts = (*(part for part in self._parts if part.name not in small), *kept)
        with waiting("merging the Lucene index", shown=self._progress):
            update.commit(NewContent(parts, (), (), 0, manifest.counts), merge=True)

    def report(self) -> UpdateReport:
        """What was done."""
        from ..pipeline.parts.changes import FIELDS, REMOVED, TEXT, UNCHANGED

        manifest, count = self._update.manifest, self.found.count
        return UpdateReport(
            self._update.location.name,
            manifest.number,
            self._documents if self._update.has_collection else manifest.counts.documents,
            added=self._added,
            changed_text=count(TEXT) - self._lost,
            changed_fields=count(FIELDS),
            unchanged=count(UNCHANGED),
            removed=count(REMOVED) + self._lost,
            lost=self._lost,
            without_text=sum(wanted is None for wanted in self._wanted.values()),
            without_terms=self._without_terms,
        )

    def _rewrite(
        self, touched: set[str], numbers: Iterator[int], fields: Mapping[str, str]
    ) -> tuple[list[PartFile], list[PartFile]]:
        """Write the lines of some parts anew; return the parts of those that stay, and of those that get other fields.
        fields: these."""
        from ..pipeline.parts.changes import PartsWriter, rewrite

        folder, most = self._update.folder, self._settings.shard_rows
        with PartsWriter(folder, numbers, most) as kept, PartsWriter(folder, numbers, most) as changed:
            rewrite(
                folder,
                [part for part in self._parts if part.name in touched],
                self.found.kinds,
                fields,
                passages=self._settings.chunk,
                kept=kept,
                changed=changed,
            )
        return kept.written, changed.written

    def _open_encoder(self, options: UpdateOptions) -> "DocumentEncoder":
        from ..pipeline.encoding.open_encoder import open_recorded_encoder

        settings, location = self._settings, self._update.location
        assert settings.model is not None
        assert settings.scale is not None
        asked = values_for(EncoderOptions, options)
        asked.update({name: getattr(settings, name) for name in names(EncoderOptions) if hasattr(settings, name)})
        asked["model"] = settings.model.name
        with waiting("loading the model", shown=self._progress):
            return open_recorded_encoder(
                settings.model,
                EncoderOptions(**asked),
                index=None if location.uri else location.folder,
                model=options.model,
            )

    def _encode(
        self, encoder: "DocumentEncoder", documents: Iterable[Documents], count: int, numbers: Iterator[int]
    ) -> Iterator[PartFile]:
        from ..pipeline.parts.collection import write_documents

        shards = in_shards(documents, self._settings.shard_rows, numbers)
        with progress_bar(count, shown=self._progress) as so_far:
            written = write_documents(
                shards,
                self._update.folder,
                encoder,
                so_far,
                store_text=self._settings.store_text,
                split=self._settings.chunk,
            )
            for part, _ in written:
                if part.documents:
                    yield part


def _finished(report: UpdateReport, update: IndexUpdate, started: float) -> UpdateReport:
    """A report with what is known once all is built."""
    return replace(
        report,
        beside={name: one.number for name, one in update.manifest.beside.items()},
        beside_seconds=update.beside_seconds,
        seconds=perf_counter() - started,
    )


def _matching(update: IndexUpdate, filters: Sequence[str]) -> Iterable[str]:
    """The ids of documents that pass filters."""
    from ..pipeline.parts.changes import document_of

    names = update.matching(filters)
    return set(map(document_of, names)) if update.manifest.settings.chunk else names


def _delete_vectors(update: IndexUpdate, ids: Sequence[str]) -> tuple[UpdateReport, Container[str]]:
    """Delete from an index that has no collection; the second is the ids that it had."""
    manifest = update.manifest
    found = existing_ids(update.folder, manifest.indexes, manifest.commits, ids)
    if found:
        update.begin(())
        rows = manifest.counts.rows - len(found)
        update.commit(NewContent((), (), sorted(found), 0, replace(manifest.counts, rows=rows)))
    counts, number = update.manifest.counts, update.manifest.number
    return UpdateReport(update.location.name, number, counts.documents, removed=len(found)), found
