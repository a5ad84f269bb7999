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

import numpy as np

from ...errors import Parameter, SpartonError, UsageError
from ...machine import cores
from ...storage.atomic import check_output, make_folder, output_file, refuse_inputs
from ...storage.index_folder import folders_of
from ..searcher import Searcher
from ..text_lines import is_word
from .topics import AS_THEY_ARE, Topic, TopicOptions, count_topics, read_topics

K, TAG = 1000, "sparton"
_OUTPUT = Parameter("output")
_BATCH = 64  # queries
Counting = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run holds. without_terms: topics that have no term which the model knows; without_hits: others that no
    document has a term of. Neither have lines in the run. seconds: encoding, searching and writing.
    """

    path: Path
    queries: int
    hits: int
    without_terms: int
    without_hits: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to search for, and where the results go. runs: {file of topics: its run}. counts: topics of each.
    reading: how topics are read. filters: that hits must pass."""

    runs: Mapping[Path, Path]
    counts: Mapping[Path, int]
    k: int
    threads: int
    tag: str
    reading: TopicOptions = AS_THEY_ARE
    filters: tuple[str, ...] = ()


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
) -> RunPlan:
    """Look at everything before a model is loaded.

    output: the run of one file of topics; for several, the folder of their runs, named as they are, ending in .trec.
    k: most hits a query. threads: how many search (default: one a core). tag: the run's last column. index: the folder
    of the index that will be searched, into which no run may be written. reading: how topics are read. filters: that
    hits must pass, as Searcher.search takes them.
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
        runs, {path: count_topics(path, reading) for path in topics}, k, threads, tag, reading, tuple(filters)
    )


def write_runs(searcher: Searcher, plan: RunPlan, *, counting: Counting | None = None) -> Iterator[RunReport]:
    """Search for the topics of each file and write a TREC run of each; yields a report as each is there, whole.

    The k best documents of a query come best first, ties in order of id, as Anserini orders them, and scores are
    written as it writes them. The queries are in the order of their topics. Raises UsageError for a filter that the
    index cannot be asked.
    counting: of a file's name and its number of queries, what hears how many more are done, as `counted` shows it.
    Raises SpartonError for a document's id that a run cannot hold.
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


def encode_topics(searcher: Searcher, topics: Iterable[Topic]) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Id and {term: impact} of each topic, in order, encoded a batch at a time."""
    every = iter(topics)
    while batch := list(islice(every, _BATCH)):
        texts = [topic.text for topic in batch if topic.text is not None]
        encoded = iter(searcher.terms_of(texts)) if texts else iter(())
        for topic in batch:
            yield topic.id, next(encoded) if topic.terms is None else topic.terms


def _write_run(searcher: Searcher, plan: RunPlan, topics: Path, output: Path, counting: Counting) -> RunReport:
    start = perf_counter()
    queries = hits = without_terms = without_hits = 0
    with (
        output_file(output) as stream,
        counting(topics.name, plan.counts[topics]) as count,
    ):
        for name, found in _search_all(searcher, encode_topics(searcher, read_topics(topics, plan.reading)), plan):
            queries += 1
            hits += len(found or ())
            without_terms += found is None
            without_hits += found == []
            stream.write(_lines(name, found or (), plan.tag).encode())
            count(1)
    return RunReport(output, queries, hits, without_terms, without_hits, perf_counter() - start)


def _search_all(
    searcher: Searcher, queries: Iterable[tuple[str, Mapping[str, int]]], plan: RunPlan
) -> Iterator[tuple[str, list[tuple[str, float]] | None]]:
    """Id and hits of each query, in order; None for one without terms. While a batch is encoded, the one before is
    searched for, and no more wait."""

    selection = searcher.selection(plan.filters)
    waiting: deque[tuple[str, Future[list[tuple[str, float]]] | None]] = deque()
    pool = ThreadPoolExecutor(plan.threads)
    try:
        for name, terms in queries:
            waiting.append((name, pool.submit(searcher.rank_terms, terms, plan.k, selection) if terms else None))
            while len(waiting) > _BATCH:
                done, hits = waiting.popleft()
                yield done, hits.result() if hits else None
        for done, hits in waiting:
            yield done, hits.result() if hits else None
    finally:
        pool.shutdown(cancel_futures=True)


def _lines(query: str, hits: Sequence[tuple[str, float]], tag: str) -> str:
    names = [name for name, _ in hits]
    if names and not (all(names) and is_word("".join(names))):
        name = next(name for name in names if not is_word(name))
        none = "empty ids" if not name else "NUL in ids" if "\0" in name else "white space in ids"
        raise SpartonError(
            f"the index has a document with the id {name!r}, and a TREC run holds no {none}; index the corpus with "
            "other ids"
        )
    scores = _apart([score for _, score in hits]).tolist()
    return "".join(
        [
            f"{query} Q0 {name} {rank} {score:.6f} {tag}\n"
            for rank, ((name, _), score) in enumerate(zip(hits, scores, strict=True), start=1)
        ]
    )


def _apart(scores: Sequence[float]) -> np.ndarray:
    """float32 scores, best first, of which equal ones are moved apart by a millionth, as Anserini does by default.

    trec_eval would rank equal scores by id, backwards. A large score has no room for it in float32 and stays as it is.
    """
    exact = np.array(scores, dtype=np.float32)
    ranks = np.arange(len(exact))
    first = np.maximum.accumulate(np.where(np.diff(exact, prepend=np.inf), ranks, 0))
    return exact - np.float32(1e-6) * (ranks - first).astype(np.float32)
