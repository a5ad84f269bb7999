"""The main job: corpus in, index folder out."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from .errors import Parameter, SpartonError, UsageError
from .indexer.options import LuceneOptions, LucenePlan, plan_build
from .options import flat_keywords, values_for
from .pipeline.options import EncodingOptions
from .pipeline.progress import Work
from .storage.atomic import remove_folder
from .storage.index_folder import COLLECTION, LUCENE, resumed, start
from .storage.index_location import IndexLocation, open_index_location, refuse_sources
from .storage.manifest import COMPLETE, ENCODED, ENCODING, Counts, Manifest, Settings, recorded_name
from .storage.markers import finished_parts
from .terminal.build_report import BuildReport
from .terminal.kept import keep
from .terminal.progress_bar import progress_bar, waiting

if TYPE_CHECKING:
    from .engines.engine import Engine
    from .engines.ray_cluster import Cluster
    from .indexer.build import LuceneBuild
    from .pipeline.corpus.columns import Columns
    from .pipeline.parts.collection import Part

log = logging.getLogger("sparton")


@flat_keywords
def build_index(
    corpus: str | Path | Sequence[str | Path],
    index: str | Path = "sparton-index",
    *,
    encoding: EncodingOptions,
    indexing: LuceneOptions,
    overwrite: bool = False,
    lucene: bool = True,
    progress: bool = False,
) -> BuildReport:
    """Encode a corpus into `index`/collection and build `index`/lucene from it.

    corpus: data files, folders, globs or URIs. index: a folder, or the URI of one, for which a local one stands until
    it is there whole. Of a build that was interrupted, what is finished is kept and the rest is done.
    encoding, indexing: given as records, or field by field as keywords: build_index(corpus, index, top_terms=200).
    With chunk, documents longer than max_length are split into passages that overlap, which a search folds again;
    otherwise they are cut. With join=False the indexes of the processes stay next to each other, and are searched as
    one. With engine="ray" a cluster, which `address` names (see Cluster), does the work; its nodes must all see corpus
    and folder under the same paths.
    overwrite: replace an index made with other settings, or a finished one; nothing is removed before the ids, the
    columns and the model were found to be good. lucene=False stops after the collection.

    Raises SpartonError, with one sentence, when the corpus, the model or the folder cannot be used, or another
    process is writing to the folder.
    """
    from .pipeline.corpus.columns import check_files, choose_columns
    from .pipeline.corpus.ids import check_ids
    from .pipeline.corpus.reader import Corpus
    from .pipeline.parts.job import Job

    if encoding.address is not None and encoding.engine != "ray":
        raise UsageError(
            Parameter("address"),
            f" is {encoding.address!r}, which is Ray's, and ",
            Parameter("engine"),
            f" is {encoding.engine}; give ",
            Parameter("engine", "ray"),
            " too",
        )
    encoding = replace(encoding, scale=float(encoding.scale))
    location = open_index_location(index, overwrite)
    folder = location.folder
    plan = plan_lucene(indexing) if lucene else None
    source = Corpus([corpus] if isinstance(corpus, str | Path) else corpus)
    refuse_sources(location, [(file, f"the corpus file {file}") for file in source.files])
    columns = choose_columns(source.schema, encoding.id_column, encoding.text_columns)
    if columns.guessed:
        log.info("columns: id = %s, text = %s", columns.id, " + ".join(columns.text))
    check_files(source, columns)
    with waiting("reading ids", shown=progress):
        rows = check_ids(source, columns.id)
    if not rows:
        raise SpartonError(f"the corpus has no rows (files: {len(source.files)}); there is nothing to index")

    from .engines.engine import open_engine  # torch takes seconds, and the corpus may be wrong in a moment

    with (
        _cluster(encoding.engine, encoding.address) as cluster,
        closing(_opened(partial(open_engine, encoding, cluster), progress)) as engine,
    ):
        found = engine.settings
        with waiting("reading the corpus for its digest", shown=progress):
            fingerprint = source.fingerprint()
        decided = {
            "model": replace(found, name=recorded_name(encoding.model, found.name, None if location.uri else folder)),
            "corpus": fingerprint,
            "id_column": columns.id,
            "text_columns": columns.text,
        }
        settings = Settings(**values_for(Settings, encoding) | decided)
        with location.locked():
            manifest = resumed(folder, settings, overwrite)
            went_on = manifest is not None
            if manifest is None:
                manifest = start(folder, settings, source.files)
                location.begin_anew()
            elif manifest.stage == ENCODING:
                remove_folder(folder / LUCENE)  # an older build's, if all was killed before it was removed
            keep(folder)
            generation = manifest.generation
            job = Job(
                files=source.files,
                states=source.states,
                columns=columns,
                rows=rows,
                folder=folder,
                generation=generation,
                options=encoding,
                uri=location.uri,
            )
            work = Work()
            started = perf_counter()
            with _lucene_build(location, manifest, plan, cluster) as building:
                if manifest.stage == ENCODED or building:
                    with waiting("checking what is encoded", shown=progress):
                        manifest = _checked(location, manifest, job.shards, building)
                if manifest.stage == ENCODING:
                    if not cluster:
                        with waiting("looking for what is encoded", shown=progress):
                            location.get_parts(generation)
                    # Closed when it is left: what a CPU has encoded of a part is saved then.
                    with progress_bar(rows, shown=progress) as so_far, closing(engine.encode(job, so_far)) as encoded:
                        parts = _shared(encoded, location, generation, bool(cluster), bool(building))
                        counts = _counts_of(parts, building, columns, rows)
                    work = so_far.work
                    manifest = location.save(manifest.at(ENCODED, counts))
                ended = perf_counter()
                if building:
                    with waiting("finishing the Lucene index", shown=progress):
                        building.finish(manifest.counts.documents)
                        location.put_lucene()
                    manifest = location.save(manifest.at(COMPLETE, indexes=building.indexes))
            seconds = ended - started, perf_counter() - ended
            location.discard()
    return BuildReport(location.name, manifest.counts, went_on, *seconds, work)


def _opened(open_engine: "Callable[[], Engine]", progress: bool) -> "Engine":
    with waiting("loading the model", shown=progress):
        return open_engine()


def _cluster(engine: str, address: str | None) -> "AbstractContextManager[Cluster | None]":
    if engine == "local":
        return nullcontext()
    from .engines.ray_cluster import Cluster

    return closing(Cluster(address))


def _checked(location: IndexLocation, manifest: Manifest, shards: int, building: "LuceneBuild | None") -> Manifest:
    """A manifest whose encoding is finished: what its parts are now decides whether it still is, or begins again where
    they are not what was written. Those of a finished one are indexed."""
    if manifest.stage == ENCODING:
        return manifest
    location.get_parts(manifest.generation)
    parts = list(finished_parts(location.folder, manifest.generation, shards))
    if len(parts) < shards:
        log.warning(
            "%d of %d parts of the collection are not what was written any more, and are encoded again",
            shards - len(parts),
            shards,
        )
        return location.save(manifest.at(ENCODING))
    if building:
        for path in parts:
            building.add(path)
    return manifest if manifest.stage == ENCODED else location.save(manifest.at(ENCODED))  # its lucene folder is lost


def _shared(
    parts: "Iterable[Part]", location: IndexLocation, generation: str, by_others: bool, wanted: bool
) -> "Iterator[Part]":
    """The parts, each once it is where the folder here stands for. by_others: they have put it there; wanted: and it is
    needed here."""
    for part in parts:
        path = location.folder / COLLECTION / part.path.name  # on another node the folder may be another
        if not by_others:
            location.put_part(path)
        elif wanted:
            location.get_part(path, generation)
        yield replace(part, path=path)


def _lucene_build(
    location: IndexLocation, manifest: Manifest, plan: LucenePlan | None, cluster: "Cluster | None"
) -> "AbstractContextManager[LuceneBuild | None]":
    """The Lucene index to be built, or None if none is asked for or it is there."""
    from .indexer.build import LuceneBuild

    if plan is None or (manifest.stage == COMPLETE and location.has_lucene(manifest.indexes)):
        return nullcontext()
    folder = location.folder
    if cluster is None or location.uri:  # other nodes do not see the folder that stands for a URI
        return LuceneBuild(folder / LUCENE, plan, manifest.generation)
    from .engines.ray_indexing import RayHelper

    # Not of this process: the nodes' working directories are others.
    place = (folder / LUCENE).absolute()
    return LuceneBuild(place, plan, manifest.generation, new_helper=RayHelper)


def _counts_of(parts: "Iterable[Part]", building: "LuceneBuild | None", columns: "Columns", rows: int) -> Counts:
    """All counts together, after having each part indexed as soon as it is finished. rows: of the corpus."""
    total = Counts()
    for part in parts:
        total += part.counts
        if building:
            building.add(part.path)
    if total.rows != rows:
        raise SpartonError(
            f"the parts have {total.rows:,} rows and the corpus {rows:,}; build the index again with ",
            Parameter("overwrite", True),
        )
    if not total.documents:
        raise SpartonError(
            f"none of the {total.rows} rows has text that gives a term (columns {', '.join(columns.text)}); "
            "choose others with ",
            Parameter("text_columns"),
        )
    return total


def plan_lucene(options: LuceneOptions) -> LucenePlan:
    """How Lucene is to be built here. Raises SpartonError where there is no Java for it."""
    from .indexer.java import find_jar, find_java

    plan = plan_build(options)
    find_java()
    find_jar()
    return plan
