"""The main job: from a corpus to an index."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from ..engines.register import check_engine, open_engine
from ..errors import Parameter, SpartonError, UsageError
from ..indexer.options import LuceneOptions
from ..options import flat_keywords, values_for
from ..pipeline.corpus.spooled import GivenCorpus, recorded
from ..pipeline.options import EncodingOptions
from ..pipeline.progress import Work
from ..storage.index_location import IndexLocation, open_index_location, refuse_sources
from ..storage.manifest import COMPLETE, ENCODED, Counts, Settings, recorded_names
from ..storage.skipped_rows import SkippedRows
from ..terminal.build_report import BuildReport
from ..terminal.progress_bar import progress_bar, waiting
from .given_corpus import given_files
from .index_build import IndexBuild, open_build, plan_lucene

if TYPE_CHECKING:
    from ..engines.engine import Engine
    from ..pipeline.corpus.columns import Columns
    from ..pipeline.corpus.files import DataFile
    from ..pipeline.corpus.reader import Corpus
    from ..pipeline.parts.job import Job

log = logging.getLogger("sparton")


@flat_keywords
def build_index(
    corpus: GivenCorpus,
    index: str | Path = "sparton-index",
    *,
    encoding: EncodingOptions,
    indexing: LuceneOptions,
    overwrite: bool = False,
    lucene: bool = True,
    progress: bool = False,
) -> BuildReport:
    """Encode a corpus into `index`/collection and build `index`/lucene from it.

    corpus: data files, folders, globs or URIs; or the rows themselves: a DataFrame of pandas or polars, an Arrow table
    or reader, a Dataset of `datasets`, or dicts, as a list or from a generator. Rows are written to a file first, which
    is removed at the end: next to the index, or in the folder that SPARTON_SCRATCH names.
    index: a folder, or the URI of one. The index of a URI is built in a local folder, and put there as it is finished.
    encoding, indexing: given as records, or field by field as keywords: build_index(corpus, index, top_terms=200).
    With chunk, documents longer than max_length are split into passages that overlap, which a search folds again;
    otherwise they are cut. With join=False the indexes of the processes stay next to each other, and are searched as
    one. With engine="ray" a cluster, which `address` names (see Cluster), does the work; its nodes must all see corpus
    and folder under the same paths.
    overwrite: replace an index made with other settings, or a finished one; nothing is removed before the ids, the
    columns and the model were found to be good.
    lucene: False stops after the collection.
    With also=["seismic"] there is a Seismic index beside Lucene's in the end, with also=["bm25"] one of the texts for
    BM25, which a finished index gets too.
    progress: show on stderr what goes on.

    Of a build that was interrupted, what is finished is kept and the rest is done.
    Raises SpartonError, with one sentence, when the corpus, the model or the folder cannot be used, or another
    process is writing to the folder.
    """
    from ..pipeline.parts.job import Job

    check_engine(encoding)
    location = open_index_location(index, overwrite)
    if indexing.also and not lucene:
        raise UsageError(
            Parameter("also"), " is for an index that has Lucene's; leave out ", Parameter("lucene", False)
        )
    plan = plan_lucene(indexing, store_text=encoding.store_text) if lucene else None
    shared = encoding.address is not None  # of a cluster, which may be of other machines
    with (
        given_files(corpus, location, shared=shared, progress=progress) as files,
        # Loading takes seconds, and the corpus may be wrong in a moment.
        _checked_source(files, location, encoding, progress) as source,
        closing(_loaded(encoding, progress)) as engine,
    ):
        with waiting("reading the corpus for its digest", shown=progress):
            fingerprint = source.corpus.fingerprint()
        beside = None if location.uri else location.folder
        decided = {
            "model": recorded_names(engine.settings, encoding.model, encoding.query_model, beside),
            "corpus": fingerprint,
            "id_column": source.columns.id,
            "text_columns": source.columns.text,
            "fields": source.columns.fields,
        }
        settings = Settings(**values_for(Settings, encoding) | decided)
        with open_build(location, settings, recorded(source.corpus.files), overwrite=overwrite) as build:
            job = Job(
                files=source.corpus.files,
                states=source.corpus.states,
                columns=source.columns,
                rows=source.rows,
                folder=build.folder,
                generation=build.generation,
                options=encoding,
                uri=location.uri,
            )
            build.save_skipped(source.skipped)
            work = Work()
            started = perf_counter()
            with build.lucene(plan, engine.indexer(location)) as building:
                with waiting("checking what is encoded", shown=progress):
                    encoded = build.index_finished(job.shards)
                if not encoded:
                    work = _encode(build, engine, job, progress)
                ended = perf_counter()
                if building:
                    with waiting("finishing the Lucene index", shown=progress):
                        build.finish_lucene(build.manifest.counts.documents)
                    build.save(COMPLETE)
            seconds = ended - started, perf_counter() - ended
            if lucene:
                build.add_others(indexing.also, progress=progress)
    report = BuildReport(location.name, build.manifest.counts, build.resumed, *seconds, work)
    return replace(
        report,
        unused=source.columns.unused,
        skipped=dict(source.skipped.kinds),
        beside_seconds=build.beside_seconds,
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """A corpus that was checked. rows: of it. skipped: those that are left out."""

    corpus: "Corpus"
    columns: "Columns"
    rows: int
    skipped: SkippedRows


@contextmanager
def _checked_source(
    paths: "Sequence[str | DataFile]", location: IndexLocation, encoding: EncodingOptions, progress: bool
) -> Iterator[_Source]:
    """Find out all that can be told of a corpus without a model."""
    from ..pipeline.corpus.files import of_users
    from ..pipeline.corpus.reader import Corpus
    from ..pipeline.corpus.survey import Wanted, survey_all

    corpus = Corpus(paths, header=encoding.header)
    refuse_sources(location, [(file, f"the corpus file {file}") for file in of_users(corpus.files)])
    with closing(SkippedRows()) as skipped:
        with waiting("reading columns and ids", shown=progress):
            bad = skipped if encoding.skip_bad_rows else None
            columns, rows = survey_all(corpus, Wanted(**values_for(Wanted, encoding)), bad)
        if not rows:
            raise SpartonError(f"the corpus has no rows (files: {len(corpus.files)}); there is nothing to index")
        yield _Source(corpus, columns, rows, skipped)


def _loaded(encoding: EncodingOptions, progress: bool) -> "Engine":
    with waiting("loading the model", shown=progress):
        return open_engine(encoding)


def _encode(build: IndexBuild, engine: "Engine", job: "Job", progress: bool) -> Work:
    """Encode what is not encoded yet; return what was done."""
    with waiting("looking for what is encoded", shown=progress):
        build.prepare_parts(local=engine.local)
    # Closed when it is left: what a CPU has encoded of a part is saved then.
    with progress_bar(job.rows, shown=progress) as so_far, closing(engine.encode(job, so_far)) as parts:
        counts = build.collect(parts, local=engine.local)
        _check(counts, job)
    build.save(ENCODED, counts)
    return so_far.work


def _check(counts: Counts, job: "Job") -> None:
    """Raise SpartonError where the parts are not those of the corpus, or nothing in them can be found."""
    if counts.rows != job.rows:
        raise SpartonError(
            f"the parts have {counts.rows:,} rows and the corpus {job.rows:,}; build the index again with ",
            Parameter("overwrite", True),
        )
    if not counts.documents and counts.dropped_no_terms:
        columns = ", ".join(job.columns.text)
        least = () if job.options.min_impact is None else (", and that ", Parameter("min_impact"), " is not too high")
        raise SpartonError(
            f"the model gives none of {counts.dropped_no_terms:,} texts a term (columns {columns}); see that it is one "
            "of sparse vectors, and knows the language of the texts",
            *least,
        )
    if not counts.documents:
        raise SpartonError(
            f"none of the {counts.rows} rows has text (columns {', '.join(job.columns.text)}); choose others with ",
            Parameter("text_columns"),
        )
