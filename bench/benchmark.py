"""A benchmark from its name to a report: read, index, search, score, compare."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from time import perf_counter

from ..errors import Parameter, UsageError
from ..indexer.options import LuceneOptions
from ..jobs.corpus import build_index
from ..options import values_for
from ..pipeline.options import EncoderOptions, EncodingOptions
from ..search.evaluation.hits import ALL_HITS, HitOptions, ScoringOptions
from ..search.evaluation.measures import programs_of
from ..search.evaluation.run import RunReport, plan_runs, write_runs
from ..search.evaluation.score import score_runs
from ..search.options import SearcherOptions
from ..search.searcher import Searcher
from ..search.ways import beside_for
from ..storage.atomic import check_output, check_output_folder, make_folder, output_file, refuse_inputs
from ..storage.manifest import Manifest, load_complete
from ..terminal.build_report import BuildReport
from ..terminal.progress_bar import counted, waiting
from ..terminal.streams import to_json
from ..version import __version__
from .collections.collection import TEXTS, Collection
from .collections.register import open_collection
from .documents import JudgedDocuments
from .published import published
from .queries import Queries, write_queries
from .report import BenchReport

MEASURES = ("nDCG@10", "RR@10", "R@100", "R@1000", "AP")
_OUT, _INDEX, _OVERWRITE = Parameter("out"), Parameter("index"), Parameter("overwrite")
_REPORT, _MARKDOWN, _TOPICS, _QRELS = _WRITTEN = ("report.json", "report.md", "topics.jsonl", "qrels.txt")
_PACKAGES = ("ir-measures", "pytrec-eval-terrier", "ir-datasets")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a benchmark is made with. split: as open_collection's. out: the folder of the report, by default named after
    the collection. index: the folder of the index, by default in `out`. measures: that are computed. ways: to search,
    of which the first is what others are compared with. k: hits a query. hits: which of them count."""

    encoding: EncoderOptions = field(default_factory=EncoderOptions)
    split: str | None = None
    out: Path | None = None
    index: Path | None = None
    measures: Sequence[str] = MEASURES
    ways: Sequence[SearcherOptions] = (SearcherOptions(),)
    k: int = 1000
    hits: ScoringOptions = ALL_HITS
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """A benchmark that is finished: its report, where it was written, and what was said of the index and the runs."""

    report: BenchReport
    markdown: Path
    build: BuildReport
    runs: tuple[RunReport, ...]


def run_benchmark(name: str, given: Benchmark, *, progress: bool = False) -> Finished:
    """Index a judged collection, search for its topics, score the runs, and write report.md and report.json.

    name: a folder, or an id of ir_datasets. Beside the reports there are what they were made from: topics.jsonl,
    qrels.txt and a run of each way to search. An index of the same documents and settings is used again.
    Raises UsageError for an argument that cannot be meant and a place that cannot be written to, and SpartonError where
    the collection cannot be read, or the index is of other settings.
    """
    names = [one.search_with for one in given.ways]
    if len(set(names)) < len(names):
        raise UsageError(Parameter("search_with"), " names a way to search twice; name each once")
    programs_of(given.measures)  # of which one may not be known
    collection = open_collection(name, given.split)
    out = Path(f"{collection.name.replace('/', '-')}-bench") if given.out is None else given.out
    index = out / "index" if given.index is None else given.index
    runs_of = [f"{way}.trec" for way in names]
    _check_places(collection, Path(name), out, index, [out / file for file in (*_WRITTEN, *runs_of)])
    if not given.overwrite:
        _refuse_others(out, runs_of)
    seconds: dict[str, float] = {}
    start = begun = perf_counter()
    make_folder(out)
    if given.overwrite or not (out / _REPORT).exists():
        _begin(out)
    with waiting("reading topics and judgments", shown=progress):
        queries = write_queries(collection, out / _TOPICS, out / _QRELS)
    seconds["topics and judgments"] = perf_counter() - begun
    begun = perf_counter()
    documents = JudgedDocuments(collection, set(queries.judged), given.hits.max_passage)
    build = _build(documents, index, given, progress)
    if documents.missing:
        collection.left_out["judged documents that the collection lacks"] = len(documents.missing)
    if build.counts.dropped_no_text:
        collection.left_out["documents without text"] = build.counts.dropped_no_text
    if build.counts.dropped_no_terms:
        collection.left_out["documents without a term"] = build.counts.dropped_no_terms
    _begin(out)  # only now: a command that is refused for its settings leaves the report of the one before
    indexing = {"encoding": build.encoding_seconds, "Lucene": build.indexing_seconds, **build.beside_seconds}
    seconds["reading, models"] = perf_counter() - begun - sum(indexing.values())
    seconds |= indexing
    runs = tuple(_search(queries, out, index, given, progress))
    seconds |= {f"searching, {way}": run.seconds for way, run in zip(names, runs, strict=True)}
    begun = perf_counter()
    # The runs have ids that are folded already, and folding `a#1` again would give `a`.
    counting = replace(given.hits, max_passage=None)
    scores = score_runs([run.path for run in runs], queries.qrels, given.measures, counting)
    seconds["scoring"] = perf_counter() - begun
    seconds["all"] = perf_counter() - start
    manifest = load_complete(index)
    model = manifest.settings.model
    assert model is not None
    report = BenchReport(
        collection.name,
        collection.kind,
        collection.split,
        documents.count,
        queries.count,
        {name: count for name, count in asdict(build.counts).items() if count},
        dict(collection.left_out),
        {"name": model.name, "revision": getattr(model, "revision", None), "digest": model.documents.digest},
        manifest.settings.digest(),
        _versions(manifest),
        build.resumed and not build.work.tokens,
        seconds,
        _bytes(index),
        tuple(names),
        given.k,
        given.hits,
        scores,
        published(collection.name, documents.count, queries.count, remove_query=given.hits.remove_query),
    )
    for file, content in (
        (_MARKDOWN, report.markdown()),
        (_REPORT, to_json(report.content(), indent=2) + "\n"),
    ):
        with output_file(out / file) as stream:
            stream.write(content.encode(errors="replace"))
    return Finished(report, out / _MARKDOWN, build, runs)


def _begin(out: Path) -> None:
    """Say that this is a benchmark's folder, and that no report in it is of the files that are written from now on."""
    (out / _MARKDOWN).unlink(missing_ok=True)
    with output_file(out / _REPORT) as stream:
        stream.write(b'{"unfinished": true}\n')


def _refuse_others(out: Path, runs: Sequence[str]) -> None:
    """Raise UsageError for files in a folder that no benchmark began which would be replaced."""
    there = next((file for file in (*_WRITTEN, *runs) if (out / file).exists()), None)
    if there is not None and not (out / _REPORT).is_file():
        raise UsageError(
            _OUT, f" is {out}, which has a {there} and no {_REPORT} of a benchmark; name another, or use ", _OVERWRITE
        )


def _check_places(collection: Collection, folder: Path, out: Path, index: Path, written: Sequence[Path]) -> None:
    """Raise UsageError where nothing can be written, or what is written would lie among the collection's files."""
    for parameter, place in ((_OUT, out), (_INDEX, index)):
        if place.exists() and not place.is_dir():
            raise UsageError(parameter, f" is the file {place}; name a folder")
        check_output_folder(parameter, place)
        if collection.files and place.resolve().is_relative_to(folder.resolve()):
            raise UsageError(parameter, f" is {place}, which is in the collection {folder}; name a folder beside it")
    if out.resolve() == index.resolve():
        raise UsageError(_INDEX, f" is {index}, the folder of the report; name another")
    if out.resolve().is_relative_to(index.resolve()):
        raise UsageError(_OUT, f" is {out}, which is in the index folder {index}; name another")
    refuse_inputs(_OUT, written, dict.fromkeys(collection.files, "a file of the collection"))
    for path in written:
        check_output(_OUT, path, make_folders=True)


def _build(documents: JudgedDocuments, index: Path, given: Benchmark, progress: bool) -> BuildReport:
    also = dict.fromkeys(name for way in given.ways for name in beside_for(way.search_with))
    encoding = EncodingOptions(**values_for(EncodingOptions, given.encoding), id_column="id", text_columns=("text",))
    return build_index(
        documents,
        index,
        encoding=encoding,
        indexing=LuceneOptions(also=tuple(also)),
        overwrite=given.overwrite,
        progress=progress,
    )


def _search(queries: Queries, out: Path, index: Path, given: Benchmark, progress: bool) -> Iterator[RunReport]:
    hits = HitOptions(**values_for(HitOptions, given.hits))
    with ExitStack() as opened:
        first: Searcher | None = None
        for way in given.ways:
            path = out / f"{way.search_with}.trec"
            plan = plan_runs(
                [queries.topics], path, k=given.k, tag=way.search_with, index=index, reading=TEXTS, hits=hits
            )
            searcher = opened.enter_context(Searcher(index, searching=way, beside=first))
            first = first or searcher
            yield from write_runs(searcher, plan, counting=partial(counted, unit="queries", shown=progress))


def _versions(manifest: Manifest) -> dict[str, str]:
    """Of the packages that made the index, and of those that read and score."""
    found = {"sparton": __version__, "python": python_version(), **manifest.versions}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _bytes(index: Path) -> dict[str, int]:
    """What an index takes on disk, by its folders."""
    sizes: dict[str, int] = {}
    for path in sorted(index.rglob("*")):
        if path.is_file() and not path.is_symlink():
            inner = path.relative_to(index)
            part = inner.parts[0] if len(inner.parts) > 1 else "other files"
            sizes[part] = sizes.get(part, 0) + path.stat().st_size
    return {**sizes, "all": sum(sizes.values())}
