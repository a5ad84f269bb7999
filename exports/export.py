"""The job: from an index to the files that another engine loads."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import orjson

from ..errors import Parameter, SpartonError, UsageError, short
from ..options import flat_keywords, names, values_for
from ..search.evaluation.topics import TopicOptions, count_topics
from ..search.options import QueryOptions, SearcherOptions, WayOptions
from ..search.searcher import Searcher
from ..storage.atomic import locked, make_folder, refuse_inputs, remove_folder, remove_leftovers
from ..storage.fields import Field
from ..storage.generations import collection_parts
from ..storage.index_folder import folders_of
from ..storage.local_copy import local_collection, local_index
from ..storage.manifest import Manifest, load_complete, load_manifest
from ..storage.markers import file_digest
from ..storage.remote import local_path
from ..terminal.export_report import ExportReport
from ..terminal.progress_bar import counted
from ..version import __version__
from .collection import Collection
from .documents import Document, Piece, Query, Source, read_queries, terms_in
from .files import PIECES, write_file
from .format import Format, Target
from .ledger import Ledger, Step, Subject, check_folder
from .register import FORMATS, format_named

_OUTPUT = Parameter("output")
_TERMS = "terms.json"
_NO_TERMS = ("device", "trust_remote_code")  # options of queries that decide none
T = TypeVar("T", Document, Query)


@flat_keywords
def export_index(
    index: str | Path,
    to: str,
    output: str | Path,
    *,
    topics: str | Path | None = None,
    pretokenized: bool | None = None,
    scale: float | None = None,
    searching: WayOptions,
    progress: bool = False,
) -> ExportReport:
    """Write the documents of an index, and queries, as another engine loads them.

    to: the format, one of FORMATS; docs/exports.md has the files of each, and what loads them. output: a folder, which
    is made, or holds what is finished of the same export, and that is kept. topics: queries, in any file that a run is
    made of, encoded as this index's queries are. pretokenized, scale: how they are read, as `sparton run` does.
    searching: as Searcher's, for topics that are texts, given as a record or field by field. progress: show on stderr
    what goes on.

    Raises UsageError for what cannot be meant, and SpartonError for a part of the collection that is not what was
    written, and a folder that holds another export.
    """
    started = perf_counter()
    path, output = local_path(index), Path(output)
    if to not in FORMATS:
        raise UsageError(Parameter("to"), f" is {short(to)}; expected {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    reading = TopicOptions(pretokenized, scale)
    topics = None if topics is None else Path(topics)
    if searching.search_with != WayOptions().search_with:
        found = short(searching.search_with)
        raise UsageError(Parameter("search_with"), f" is {found} and an export searches for nothing; leave it out")
    if topics is None:
        _refuse_idle(reading, searching)
    check_folder(_OUTPUT, output)
    inputs = {} if path is None else dict.fromkeys(folders_of(path), f"the index {path}")
    refuse_inputs(_OUTPUT, [output], inputs | ({} if topics is None else {topics: f"the topics {topics}"}))
    taken = f"another run is writing the export {output}; wait for it, or name another folder"
    with ExitStack() as until_the_end:
        folder = until_the_end.enter_context(_local_folder(index))
        manifest = load_complete(folder, lucene=path is not None)
        if not manifest.settings.of_vectors:
            collection_parts(folder, manifest)
        count = 0 if topics is None else count_topics(topics, reading)
        make_folder(output)
        until_the_end.enter_context(locked(output, taken))
        subject = Subject(to, manifest.state, _topics_digest(topics, reading, searching), __version__)
        ledger = Ledger(output, subject)
        with closing(_source(folder, manifest, output)) as source:
            export = _Export(ledger, output, source, manifest.settings.fields, format_named(to), progress)
            if topics is not None:
                export.write_queries(lambda notes: _queries(index, searching, topics, reading, notes), count)
            export.write_documents(manifest.counts.documents)
            return export.report(to, perf_counter() - started)


class _Export:
    """An export while it is written, step by step: a step that is finished is kept."""

    def __init__(
        self,
        ledger: Ledger,
        output: Path,
        source: Source,
        fields: Sequence[Field],
        chosen: type[Format],
        progress: bool,
    ) -> None:
        self._ledger, self._output = ledger, output
        self._progress, self._joins = progress, chosen.joins
        pieces = source.pieces(chosen.most_pieces)
        self._pieces = {f"{number:05}": piece for number, piece in enumerate(pieces)}
        self._total = sum(piece.documents for piece in pieces)
        self._steps: dict[str, Step] = {}
        self._resumed = bool(ledger.steps)
        for folder in filter(Path.is_dir, output.rglob("*")):
            remove_leftovers(folder)
        numbers: dict[str, int] = {}
        if chosen.needs_numbers:
            self._step("terms", lambda _: [write_file(output, _TERMS, [orjson.dumps(self._terms(source))])])
            numbers = {term: number for number, term in enumerate(orjson.loads((output / _TERMS).read_bytes()))}
        self._format = chosen(Target(output, fields, numbers))
        self._step("description", lambda _: self._format.describe())

    def write_queries(self, queries: Callable[[Counter[str]], Iterator[Query]], total: int) -> None:
        """Write the queries. queries: gives them, and notes those that are left out. total: how many topics there
        are."""
        count = _Count()
        with counted("encoding queries", total, "queries", shown=self._progress) as more:
            self._step(
                "queries",
                lambda notes: self._format.write_queries(count.each(queries(notes), more), notes),
                count,
            )

    def write_documents(self, documents: int) -> None:
        """Write the documents, a piece after the other. Raises SpartonError if there are not so many."""
        joined = self._ledger.kept("documents") if self._joins else None
        with counted("exporting", self._total, "documents", shown=self._progress) as more:
            for name, piece in self._pieces.items() if joined is None else ():
                self._write_piece(name, piece, more)
        if self._joins:
            self._step("documents", lambda notes: self._format.join(list(self._pieces), notes))
            remove_folder(self._output / PIECES)
        exported = sum(self._ledger.steps[_piece_step(name)].count for name in self._pieces)
        if exported != documents:
            raise SpartonError(
                f"the index has {exported:,} documents to export and its sparton.json counts {documents:,}; check it "
                "with `sparton info --check`, and build it again with ",
                Parameter("overwrite", True),
            )
        self._ledger.complete()

    def report(self, to: str, seconds: float) -> ExportReport:
        """What there is now."""
        pieces = [self._ledger.steps[_piece_step(name)] for name in self._pieces]
        own = [step for name, step in self._steps.items() if not (self._joins and name.startswith(_piece_step("")))]
        files = [file for step in own for file in step.files]
        notes: Counter[str] = Counter()
        for step in self._ledger.steps.values():
            notes.update(step.notes)
        queries = self._steps.get("queries", Step())
        return ExportReport(
            self._output,
            to,
            sum(step.count for step in pieces),
            sum(step.postings for step in pieces),
            queries.count,
            len(files),
            sum(file.size for file in files),
            dict(notes),
            self._resumed,
            seconds,
        )

    def _write_piece(self, name: str, piece: Piece, more: Callable[[int], None]) -> None:
        count = _Count()
        make_folder(self._output / PIECES if self._joins else self._output)
        if not self._step(
            _piece_step(name),
            lambda notes: self._format.write(name, count.each(piece.read(), more), notes),
            count,
        ):
            more(piece.documents)

    def _terms(self, source: Source) -> Sequence[str]:
        """All terms of the documents: of Lucene, whose dictionary is read in no time, or else of all of them."""
        terms = source.terms()
        return terms_in(self._documents()) if terms is None else terms

    def _documents(self) -> Iterator[Document]:
        with counted("reading terms", self._total, "documents", shown=self._progress) as more:
            for piece in self._pieces.values():
                yield from _Count().each(piece.read(), more)

    def _step(self, name: str, write: Callable[[Counter[str]], Sequence[str]], count: "_Count | None" = None) -> bool:
        """Do what is not finished; whether anything had to be done."""
        kept = self._ledger.kept(name)
        if kept is None:
            notes: Counter[str] = Counter()
            files, count = write(notes), count or _Count()
            self._steps[name] = self._ledger.finish(name, files, count.items, count.postings, dict(notes))
        else:
            self._steps[name] = kept
        return kept is None


class _Count:
    """How many documents or queries went by, and their postings."""

    def __init__(self) -> None:
        self.items = self.postings = 0

    def each(self, items: Iterable[T], more: Callable[[int], None]) -> Iterator[T]:
        """The same items, each counted. more: hears of each."""
        for item in items:
            self.items += 1
            self.postings += len(item.terms)
            yield item
            more(1)


def _piece_step(name: str) -> str:
    return f"documents {name}"


@contextmanager
def _local_folder(index: str | Path) -> Iterator[Path]:
    """A local folder with what the documents of an index are read from, while it is used. Raises SpartonError as
    local_index."""
    if local_path(index) is None and load_manifest(local_index(index, lucene=False)).settings.of_vectors:
        yield local_index(index)
        return
    with local_collection(index) as folder:
        yield folder


def _source(folder: Path, manifest: Manifest, output: Path) -> Source:
    """Where an index has its documents: in its collection, or without one in Lucene."""
    if manifest.settings.of_vectors:
        from .postings import LucenePostings

        return LucenePostings(folder, manifest, output)
    return Collection(folder, manifest)


def _queries(
    index: str | Path, searching: WayOptions, topics: Path, reading: TopicOptions, notes: Counter[str]
) -> Iterator[Query]:
    opened_with = SearcherOptions(**values_for(SearcherOptions, searching))
    with Searcher(index, searching=opened_with) as searcher:
        yield from read_queries(searcher, topics, reading, notes)


def _refuse_idle(reading: TopicOptions, searching: WayOptions) -> None:
    """Raise UsageError for an option that concerns topics, where there are none."""
    for given in (reading, searching):
        for name, value in asdict(given).items():
            if value != getattr(type(given)(), name):
                raise UsageError(
                    Parameter(name),
                    f" is {short(value)} and there are no ",
                    Parameter("topics"),
                    " that it could be for; leave it out, or name them",
                )


def _topics_digest(topics: Path | None, reading: TopicOptions, searching: WayOptions) -> str | None:
    """A digest of topics and of what decides their terms."""
    if topics is None:
        return None
    deciding = {name: getattr(searching, name) for name in names(QueryOptions) if name not in _NO_TERMS}
    content = json.dumps([file_digest(topics), asdict(reading), deciding])
    return f"sha256:{sha256(content.encode()).hexdigest()}"
