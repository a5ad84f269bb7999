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
from .manifest import COMPLETE, ENCODED, ENCODING, NAME, Counts, Manifest, Settings, load_manifest

if TYPE_CHECKING:
    from tqdm import tqdm

    from .pipeline.columns import Columns
    from .pipeline.corpus import Corpus
    from .pipeline.encoder import Encoder

log = logging.getLogger("sparton")

SHARD_ROWS = 8_192
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
    done. overwrite: replace an index made with other settings; nothing is removed before the corpus and the model
    were found to be good. lucene=False stops after the collection. The other options are those of Encoder and
    choose_columns.

    Raises SpartonError, with one sentence, when the corpus, the model or the folder cannot be used.
    """
    from .pipeline.columns import choose_columns
    from .pipeline.corpus import Corpus
    from .pipeline.encoder import Encoder, check_encoding_options
    from .pipeline.identifiers import check_ids

    if shard_rows < 1:
        raise UsageError(f"--shard-rows is {shard_rows}; expected at least 1")
    check_encoding_options(max_length, dtype, scale, top_terms, batch_tokens)
    folder = Path(index)
    standing = _standing(folder, overwrite)
    if lucene:
        _check_java()
    source = Corpus([corpus] if isinstance(corpus, str | Path) else corpus)
    columns = choose_columns(source.schema, id_column, text_columns)
    if columns.guessed:
        log.info("columns: id = %s, text = %s", columns.id, " + ".join(columns.text))
    source.check_columns([columns.id, *columns.text])
    rows = check_ids(source, columns.id)
    if not rows:
        raise SpartonError(f"the corpus has no rows (files: {len(source.files)}); there is nothing to index")
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
    if standing is not None and not overwrite:
        _refuse_other_settings(folder, standing.settings, settings)
    if standing is None or overwrite:
        standing = _start(folder, settings, source)
        resumed = False
    else:
        resumed = True

    started = perf_counter()
    if standing.stage == ENCODING:
        counts = _encode(source, columns, encoder, folder, settings, rows, progress)
        standing = standing.at(ENCODED, counts)
        standing.save(folder)
    encoded = perf_counter()
    if lucene and (standing.stage != COMPLETE or not (folder / "lucene").is_dir()):
        _index(folder, standing)
        standing = standing.at(COMPLETE)
        standing.save(folder)
    return BuildReport(folder, standing.counts, resumed, encoded - started, perf_counter() - encoded)


def _standing(folder: Path, overwrite: bool) -> Manifest | None:
    """The manifest that is there, or None. Raises SpartonError for a folder that is not ours to touch."""
    if folder.exists() and not folder.is_dir():
        raise SpartonError(f"{folder} is a file; name a folder for the index with --index")
    if not folder.exists() or not any(folder.iterdir()):
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


def _refuse_other_settings(folder: Path, old: Settings, new: Settings) -> None:
    differences = old.differences(new)
    if differences:
        raise SpartonError(
            f"the index {folder} was made with other settings: {'; '.join(differences)}; "
            "use --overwrite to replace it, or --index to make another"
        )


def _start(folder: Path, settings: Settings, source: "Corpus") -> Manifest:
    """Clear what an older build left, and write the manifest of this one."""
    from .pipeline.collection import COLLECTION, MARKERS

    folder.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(settings, ENCODING, tuple(str(file) for file in source.files), versions=_versions())
    # The manifest goes first: if this is interrupted, the folder is an unfinished index of the new settings whose
    # markers may be the old ones; so the markers go before it.
    shutil.rmtree(folder / MARKERS, ignore_errors=True)
    manifest.save(folder)
    for name in (COLLECTION, "lucene", "lucene.tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)
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
        for counts in write_collection(shards, encoder, folder, store_text=settings.store_text, on_rows=bar.update):
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


def _index(folder: Path, manifest: Manifest) -> None:
    from .indexer.lucene import build_lucene
    from .pipeline.collection import COLLECTION

    indexed = build_lucene(sorted((folder / COLLECTION).glob("part-*.jsonl")), folder / "lucene")
    if indexed != manifest.counts.documents:
        raise SpartonError(
            f"Lucene holds {indexed} documents and the collection {manifest.counts.documents}; "
            "files in the collection were changed, so build the index again with --overwrite"
        )


def _versions() -> dict[str, str]:
    from . import __version__

    return {"sparton": __version__, **{name: metadata.version(name) for name in _VERSIONED}}
