"""The main job: corpus in, index folder out."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from .errors import SpartonError, UsageError
from .files import LOCK, locked
from .manifest import COMPLETE, ENCODED, ENCODING, NAME, Counts, Manifest, Settings, load_manifest
from .pipeline.options import SHARD_ROWS, check_encoding_options

if TYPE_CHECKING:
    from tqdm import tqdm

    from .pipeline.columns import Columns
    from .pipeline.corpus import Corpus
    from .pipeline.encoder import Encoder

log = logging.getLogger("sparton")

_VERSIONED = ("torch", "transformers", "tokenizers", "pyarrow", "pyserini")


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build left behind. Seconds are of this call; `resumed` is False for a build from scratch."""

    index: Path
    counts: Counts
    resumed: bool
    encoding_seconds: float
    indexing_seconds: float


def build_index(
    corpus: str | Path | Sequence[str | Path],
    index: str | Path = "sparton-index",
    *,
    model: str = "tiny",
    revision: str | None = None,
    id_column: str | None = None,
    text_columns: Sequence[str] = (),
    max_length: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
    batch_tokens: int | None = None,
    scale: float = 100,
    top_terms: int | None = None,
    shard_rows: int = SHARD_ROWS,
    store_text: bool = True,
    overwrite: bool = False,
    lucene: bool = True,
    trust_remote_code: bool = False,
    progress: bool = False,
) -> BuildReport:
    """Encode a corpus into `index`/collection and build `index`/lucene from it.

    corpus: data files, folders or globs. Of a build that was interrupted, what is finished is kept and the rest is
    done. overwrite: replace an index made with other settings, or a finished one; nothing is removed before the ids,
    the columns and the model were found to be good. lucene=False stops after the collection. The other options are
    those of Encoder and choose_columns.

    Raises SpartonError, with one sentence, when the corpus, the model or the folder cannot be used, or another
    process is writing to the folder.
    """
    from .pipeline.columns import check_files, choose_columns
    from .pipeline.corpus import Corpus
    from .pipeline.identifiers import check_ids

    if shard_rows < 1:
        raise UsageError(f"--shard-rows is {shard_rows}; expected at least 1")
    check_encoding_options(max_length, dtype, scale, top_terms, batch_tokens)
    folder = Path(index)
    _standing(folder, overwrite)
    if lucene:
        _check_java()
    source = Corpus([corpus] if isinstance(corpus, str | Path) else corpus)
    columns = choose_columns(source.schema, id_column, text_columns)
    if columns.guessed:
        log.info("columns: id = %s, text = %s", columns.id, " + ".join(columns.text))
    check_files(source, columns)
    rows = check_ids(source, columns.id)
    if not rows:
        raise SpartonError(f"the corpus has no rows (files: {len(source.files)}); there is nothing to index")

    from .pipeline.encoder import Encoder  # torch takes seconds, and the corpus may be wrong in a moment

    encoder = Encoder(
        model,
        revision=revision,
        max_length=max_length,
        device=device,
        dtype=dtype,
        scale=scale,
        top_terms=top_terms,
        batch_tokens=batch_tokens,
        trust_remote_code=trust_remote_code,
    )
    settings = Settings(
        model=encoder.settings,
        corpus=source.fingerprint(),
        id_column=columns.id,
        text_columns=columns.text,
        scale=float(scale),
        top_terms=top_terms,
        shard_rows=shard_rows,
        store_text=store_text,
    )
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, f"another run is writing the index {folder}; wait for it, or name another folder"):
        manifest = _resumed(folder, settings, overwrite)
        resumed = manifest is not None
        if manifest is None:
            manifest = _start(folder, settings, source)
        started = perf_counter()
        if manifest.stage == ENCODING:
            manifest = manifest.at(ENCODED, _encode(source, columns, encoder, folder, settings, rows, progress))
            manifest.save(folder)
        encoded = perf_counter()
        if lucene and not ((folder / "lucene").is_dir() and manifest.stage == COMPLETE):
            manifest = _index(folder, manifest)
    return BuildReport(folder, manifest.counts, resumed, encoded - started, perf_counter() - encoded)


def _standing(folder: Path, overwrite: bool) -> Manifest | None:
    """The manifest that is there, or None. Raises SpartonError for a folder that is not ours to touch."""
    if folder.exists() and not folder.is_dir():
        raise SpartonError(f"{folder} is a file; name a folder for the index with --index")
    if not folder.exists() or all(path.name == LOCK for path in folder.iterdir()):
        return None
    if not (folder / NAME).is_file():
        raise SpartonError(
            f"the folder {folder} holds files but no {NAME}, so it is not a Sparton index; name another with --index"
        )
    try:
        return load_manifest(folder)
    except SpartonError:
        if overwrite:
            return None
        raise


def _check_java() -> None:
    from .indexer.java import find_jar, find_java

    find_java()
    find_jar()


def _resumed(folder: Path, settings: Settings, overwrite: bool) -> Manifest | None:
    """The manifest of a build to go on with, or None to start from scratch.

    With overwrite, encoding that was interrupted still goes on: it is the same command run again.
    Raises SpartonError for other settings without overwrite.
    """
    standing = _standing(folder, overwrite)
    if standing is None:
        return None
    differences = standing.settings.differences(settings)
    if overwrite:
        return None if differences or standing.stage != ENCODING else standing
    if differences:
        raise SpartonError(
            f"the index {folder} was made with other settings: {'; '.join(differences)}; "
            "use --overwrite to replace it, or --index to make another"
        )
    return standing


def _start(folder: Path, settings: Settings, source: "Corpus") -> Manifest:
    """Clear what an older build left, and write the manifest of this one."""
    from .pipeline.collection import COLLECTION, MARKERS

    manifest = Manifest(settings, ENCODING, tuple(str(file) for file in source.files), versions=_versions())
    manifest.save(folder)
    for name in (MARKERS, COLLECTION, "lucene", "lucene.tmp"):
        if (folder / name).exists():
            shutil.rmtree(folder / name)
    return manifest


def _encode(
    source: "Corpus",
    columns: "Columns",
    encoder: "Encoder",
    folder: Path,
    settings: Settings,
    rows: int,
    progress: bool,
) -> Counts:
    from .pipeline.collection import write_collection
    from .pipeline.shards import read_shards

    shards = read_shards(source, columns, settings.shard_rows)
    total = Counts()
    with _bar(rows, progress) as bar:
        for counts in write_collection(
            shards,
            encoder,
            folder,
            settings_digest=settings.digest(),
            store_text=settings.store_text,
            on_rows=bar.update,
        ):
            total += counts
    if not total.documents:
        raise SpartonError(
            f"none of the {rows} rows has text that gives a term (columns {', '.join(columns.text)}); "
            "choose others with --text-column"
        )
    return total


@contextmanager
def _bar(rows: int, progress: bool) -> "Iterator[tqdm[None]]":
    from tqdm import tqdm

    with tqdm(total=rows, desc="encoding", unit="doc", unit_scale=True, disable=not progress) as bar:
        yield bar


def _index(folder: Path, manifest: Manifest) -> Manifest:
    from .indexer.lucene import build_lucene
    from .pipeline.collection import COLLECTION

    if manifest.stage == COMPLETE:  # its lucene folder is lost
        manifest = manifest.at(ENCODED)
        manifest.save(folder)
    parts = sorted((folder / COLLECTION).glob("part-*.jsonl"))
    build_lucene(parts, folder / "lucene", manifest.counts.documents)
    manifest = manifest.at(COMPLETE)
    manifest.save(folder)
    return manifest


def _versions() -> dict[str, str]:
    from . import __version__

    return {"sparton": __version__, **{name: metadata.version(name) for name in _VERSIONED}}
