"""Batch retrieval: topics in, a TREC run out."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter

from ...errors import Parameter, SpartonError, UsageError
from ...machine import cores
from ...storage.atomic import check_output, make_folder, output_file, refuse_inputs
from ...storage.index_folder import folders_of
from ..anserini_scores import as_anserini
from ..searcher import Searcher
from ..text_lines import is_word
from ..way import Terms
from .hits import HitOptions, best_hits
from .run_lines import as_close, run_lines
from .topics import AS_THEY_ARE, Topic, TopicOptions, count_topics, read_topics

K, TAG = 1000, "sparton"
ALL_HITS = HitOptions()
_OUTPUT = Parameter("output")
_BATCH = 64  # queries
_Hits = list[tuple[str, float]]
Counting = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run holds. without_terms: topics that have no term which the model knows; without_hits: others that no
    document has a term or a whole word of, or none that passes the filters. Neither have lines in the run. seconds:
    encoding, searching and writing. by_model: whether a model encoded queries. filtered: whether there were filters.
    own: queries whose own hit was left out.
    """

    path: Path
    queries: int
    hits: int
    without_terms: int
    without_hits: int
    seconds: float
    by_model: bool = True
    filtered: bool = False
    own: int = 0


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to search for, and where the results go. runs: {file of topics: its run}. counts: topics of each.
    reading: how topics are read. filters: that hits must pass. hits: which of them count."""

    runs: Mapping[Path, Path]
    counts: Mapping[Path, int]
    k: int
    threads: int
    tag: str
    reading: TopicOptions = AS_THEY_ARE
    filters: tuple[str, ...] = ()
    hits: HitOptions = ALL_HITS


def plan_runs(
    topics: Sequence[Path],
    output: Path,
    *,
    k: int = K,
    threads: int | None = None,
    tag: str = TAG,
    index: Path | None = None,
    reading: TopicOptions = AS_THEY_ARE,
    filters: Sequence[str] = (),
    hits: HitOptions = ALL_HITS,
) -> RunPlan:
    """Look at everything before a model is loaded.

    output: the run of one file of topics; for several, the folder of their runs, named as they are, ending in .trec.
    k: most hits a query. threads: how many search (default: one a core). tag: the run's last column. index: the folder
    of the index that will be searched, into which no run may be written. reading: how topics are read. filters: that
    hits must pass, as Searcher.search takes them. hits: which of them count.
    Raises UsageError for an argument that cannot be meant, and SpartonError as read_topics.
    """
    threads = cores() if threads is None else threads
    for option, value in (("k", k), (Parameter("threads"), threads)):
        if value < 1:
            raise UsageError(option, f" is {value}; expected at least 1")
    if reading.scale is not None and not 0 < reading.scale <= 1_000_000:
        raise UsageError(Parameter("scale"), f" is {reading.scale:g}; expected above 0 and at most 1,000,000")
    if not is_word(tag):
        raise UsageError(Parameter("tag"), f" is {tag!r}; expected one word")
    runs = _runs_of(topics, output)
    for run in runs.values():
        check_output(_OUTPUT, run, make_folders=True)
    inputs = {path: f"the topics {path}" for path in topics}
    if index is not None:
        inputs.update((folder, f"the index {index}") for folder in folders_of(index))
    refuse_inputs(_OUTPUT, runs.values(), inputs)
    return RunPlan(
        runs, {path: count_topics(path, reading) for path in topics}, k, threads, tag, reading, tuple(filters), hits
    )


def write_runs(searcher: Searcher, plan: RunPlan, *, counting: Counting | None = None) -> Iterator[RunReport]:
    """Search for the topics of each file and write a TREC run of each; yields a report as each is there, whole.

    The k best documents of a query come best first, ties in order of id, as Anserini orders them, and scores are
    written as it writes them, but fused ones with all their digits. The queries are in the order of their topics.
    Raises UsageError for a filter that the index cannot be asked.
    counting: of a file's name and its number of queries, what hears how many more are done, as `counted` shows it.
    Raises SpartonError for a document's id that a run cannot hold, and for a topic that is a vector where the way to
    search takes none.
    """
    for topics, output in plan.runs.items():
        make_folder(output.parent)
        yield _write_run(searcher, plan, topics, output, counting or _uncounted)


def _uncounted(_name: str, _total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda _more: None)


def _runs_of(topics: Sequence[Path], output: Path) -> dict[Path, Path]:
    if len(topics) == 1:
        if output.is_dir():
            raise UsageError(_OUTPUT, f" is the folder {output}; name a file for the run of one file of topics")
        return {topics[0]: output}
    if output.exists() and not output.is_dir():
        raise UsageError(_OUTPUT, f" is the file {output}; name a folder for the runs of {len(topics)} files of topics")
    runs: dict[Path, Path] = {}
    taken: dict[str, Path] = {}
    for path in topics:
        run = output / f"{Path(path.name.removesuffix('.gz')).stem}.trec"
        file = os.path.realpath(run)
        if file in taken:
            raise UsageError(f"the runs of {taken[file]} and {path} would both be {run}; give them different names")
        taken[file] = path
        runs[path] = run
    return runs


def encode_topics(searcher: Searcher, topics: Iterable[Topic]) -> Iterator[tuple[str, Terms]]:
    """Id and terms of each topic, in order, encoded a batch at a time. Raises SpartonError for a topic that is a vector
    where the searcher's way to search takes none."""
    every = iter(topics)
    while batch := list(islice(every, _BATCH)):
        if not searcher.way.takes_vectors and (vector := next((one for one in batch if one.text is None), None)):
            raise SpartonError(
                f"the topic {vector.id!r} is a vector, and ",
                Parameter("search_with", searcher.searching.search_with),
                " searches for texts; give topics with texts, or use ",
                Parameter("search_with", "lucene"),
            )
        texts = [topic.text for topic in batch if topic.text is not None]
        encoded = iter(searcher.terms_of(texts)) if texts else iter(())
        for topic in batch:
            yield topic.id, next(encoded) if topic.terms is None else topic.terms


def _write_run(searcher: Searcher, plan: RunPlan, topics: Path, output: Path, counting: Counting) -> RunReport:
    start = perf_counter()
    queries = hits = without_terms = without_hits = own = 0
    written = as_close if searcher.way.fused else as_anserini
    with (
        output_file(output) as stream,
        counting(topics.name, plan.counts[topics]) as count,
    ):
        topics_read = encode_topics(searcher, read_topics(topics, plan.reading))
        for name, found, own_hit in _search_all(searcher, topics_read, plan):
            own += own_hit
            queries += 1
            hits += len(found or ())
            without_terms += found is None
            without_hits += found == []
            stream.write(run_lines(name, found or (), plan.tag, written).encode())
            count(1)
    seconds = perf_counter() - start
    by_model = searcher.way.needs_model
    return RunReport(output, queries, hits, without_terms, without_hits, seconds, by_model, bool(plan.filters), own)


def _search_all(
    searcher: Searcher, queries: Iterable[tuple[str, Terms]], plan: RunPlan
) -> Iterator[tuple[str, _Hits | None, bool]]:
    """Id and hits of each query, in order, and whether its own hit was left out; None for one without terms. While a
    batch is encoded, the one before is searched for, and no more wait."""
    selection = searcher.selection(plan.filters)

    def search(name: str, terms: Terms) -> tuple[_Hits, bool]:
        return best_hits(lambda most: searcher.rank_terms(terms, most, selection), name, plan.k, plan.hits)

    waiting: deque[tuple[str, Future[tuple[_Hits, bool]] | None]] = deque()
    pool = ThreadPoolExecutor(plan.threads)
    try:
        for name, terms in queries:
            waiting.append((name, pool.submit(search, name, terms) if terms else None))
            while len(waiting) > _BATCH:
                done, found = waiting.popleft()
                yield done, *(found.result() if found else (None, False))
        for done, found in waiting:
            yield done, *(found.result() if found else (None, False))
    finally:
        pool.shutdown(cancel_futures=True)
