"""Another job: from vectors that any tool wrote as JsonVectorCollection to an index."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from time import perf_counter

from ..errors import Parameter, SpartonError, UsageError
from ..indexer.opening import unused_entries
from ..indexer.options import LuceneOptions
from ..indexer.splits import find_files
from ..options import flat_keywords, values_for
from ..pipeline.options import SCALE, EncoderOptions, ModelOptions, VectorOptions
from ..pipeline.progress import Work
from ..storage.index_location import open_index_location, refuse_sources
from ..storage.manifest import COMPLETE, Counts, ModelSettings, Settings, recorded_names
from ..storage.skipped_rows import SkippedRows
from ..terminal.build_report import BuildReport
from ..terminal.progress_bar import counted
from .index_build import IndexBuild, open_build, plan_lucene


@flat_keywords
def index_vectors(
    collection: str | Path,
    index: str | Path = "sparton-index",
    *,
    queries: VectorOptions,
    indexing: LuceneOptions,
    overwrite: bool = False,
    progress: bool = False,
) -> BuildReport:
    """Build `index`/lucene from JsonVectorCollection files, {"id", "vector": {term: impact}} a line.

    collection: a folder, searched through for .jsonl, .json and either with .gz, or one such file. A line's `contents`
    is stored as its text; the report names what the first line of a file has instead. A repeated id is refused.
    queries, indexing: given as records, or field by field as keywords: index_vectors(collection, index, scale=100).
    Impacts are round(weight x scale); with None integers are taken as they are, and terms with an impact of 0 are left
    out and counted. The model is what encodes queries, at query_scale whatever the vectors' scale is; without one the
    index answers queries that are encoded already. overwrite: as in build_index; what is half-built of other vectors
    or with other options needs none.

    With skip_bad_rows, lines that are no vectors of impacts are left out: the first ten are logged, and `index` keeps
    what is wrong with each in skipped-rows.jsonl.

    Raises SpartonError as build_index, and for a line that is no vector of impacts, naming file and line.
    """
    if queries.model is None:
        _refuse_idle(queries)
    location = open_index_location(index, overwrite)
    plan = plan_lucene(indexing)
    files = find_files(Path(collection))
    unused = dict.fromkeys(name for file in files for name in unused_entries(file))
    refuse_sources(location, [(file, f"the collection {collection}") for file in files])
    beside = None if location.uri else location.folder
    settings = Settings(
        model=_model_settings(queries, queries.model, beside) if queries.model else None,
        corpus=_fingerprint(files, Path(collection)),
        id_column="id",
        text_columns=("contents",),
        scale=queries.scale,
        top_terms=None,
        shard_rows=0,
        store_text=True,
        query_scale=queries.query_scale if queries.model else None,
    )
    with (
        closing(SkippedRows()) as skipped,
        open_build(location, settings, files, overwrite=overwrite) as build,
    ):
        started = perf_counter()
        if build.is_complete:
            _take_saved(build, skipped, queries)
        else:
            build.drop_parts()
            bad = skipped if queries.skip_bad_rows else None
            with (
                counted("indexing", sum(file.stat().st_size for file in files), "bytes", shown=progress) as count,
                build.lucene(plan, scale=queries.scale, on_bytes=count, unique=True, skipped=bad) as lucene,
            ):
                assert lucene is not None
                for file in files:
                    lucene.add(file, _label(file, Path(collection)))
                try:
                    indexed = build.finish_lucene()
                finally:
                    skipped.report()
            build.save_skipped(skipped)
            counts = Counts(
                indexed.documents + indexed.empty + indexed.bad,
                indexed.documents,
                dropped_no_terms=indexed.empty,
                dropped_bad=indexed.bad,
                postings=indexed.postings,
                zeros=indexed.zeros,
            )
            build.save(COMPLETE, counts)
        seconds = perf_counter() - started
        build.add_others(indexing.also, progress=progress)
        report = BuildReport(location.name, build.manifest.counts, build.resumed, 0.0, seconds, Work())
        return replace(report, unused=tuple(unused), skipped=dict(skipped.kinds), beside_seconds=build.beside_seconds)


def _take_saved(build: IndexBuild, skipped: SkippedRows, queries: VectorOptions) -> None:
    """Learn what a finished index was made without. Raises SpartonError where nothing was to be left out."""
    if not build.manifest.counts.dropped_bad:
        return
    if not queries.skip_bad_rows:
        raise SpartonError(
            f"the index {build.location.name} lacks {build.manifest.counts.dropped_bad:,} rows that could not be read, "
            "for it was made with ",
            Parameter("skip_bad_rows", True),
            "; give that again, or mend the rows and replace it with ",
            Parameter("overwrite", True),
        )
    build.saved_skipped(skipped)
    skipped.report()


def _refuse_idle(queries: VectorOptions) -> None:
    """Raise UsageError for an option that concerns a model, where there is none."""
    for name in ("revision", "query_model", "query_revision", "query_terms", "max_length", "dtype", "query_scale"):
        value = getattr(queries, name)
        if value != getattr(VectorOptions(), name):
            raise UsageError(
                Parameter(name),
                f" is {value} and there is no ",
                Parameter("model"),
                " that it could be for; name one",
            )


def _model_settings(queries: ModelOptions, model: str, index: Path | None) -> ModelSettings:
    """The model as a query will need it."""
    from ..pipeline.encoding.open_encoder import open_document_encoder

    asked = values_for(EncoderOptions, queries) | {"model": model, "scale": SCALE}
    found = open_document_encoder(EncoderOptions(**asked, device="cpu")).settings
    return recorded_names(found, model, queries.query_model, index)


def _label(file: Path, collection: Path) -> str:
    """What a file is called within the collection, wherever that lies."""
    return file.name if file == collection else str(file.relative_to(collection))


def _fingerprint(files: Sequence[Path], collection: Path) -> str:
    """A digest of names, sizes and times of change: of ten times the corpus's bytes, a digest of all takes minutes."""
    stats = [(_label(file, collection), stat.st_size, stat.st_mtime_ns) for file in files for stat in [file.stat()]]
    return f"sha256:{sha256(json.dumps(stats).encode()).hexdigest()}"
