"""Build a BM25 index of the texts that a Lucene impact index stores, in a process of its own."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np

from ..errors import Parameter, SpartonError, UsageError
from ..indexer.bm25 import Bm25Writer, lucene_version
from ..indexer.index_writer import open_reader, read_commit
from ..indexer.java import LONG_RUN, java_exception, java_message, java_name, start_jvm
from ..processes import Subprocess, serve
from ..storage.atomic import make_folder, sync_folder
from ..storage.fields import Field
from ..storage.index_folder import BM25
from ..storage.manifest import Bm25, Bm25File, Manifest
from ..storage.markers import file_digest
from .doc_values import ids
from .lucene_hits import DamagedIndexError, scored_docs
from .stored_texts import Stored, stored_documents

_MODULE = "sparton.search.bm25_build"
_TOGETHER = 1_000  # documents that are read at once
log = logging.getLogger("sparton")


@dataclass(frozen=True, slots=True)
class Build:
    """A request to build a BM25 index. folder: of the index. manifest: of the generation that it is of."""

    folder: Path
    manifest: Manifest


def check_texts(store_text: bool) -> None:
    """Raise UsageError where an index that is to be built would keep no texts."""
    if not store_text:
        raise UsageError(
            Parameter("also"),
            f" has {BM25!r}, which is made of the texts that the index stores, and ",
            Parameter("store_text", False),
            " leaves them out; leave out one of them",
        )


def check_stored_texts(manifest: Manifest, name: str) -> None:
    """Raise SpartonError where an index keeps no texts. name: of the index, as it may be printed."""
    if not manifest.settings.store_text:
        raise SpartonError(
            f"the index {name} keeps no texts, of which a BM25 index is made; build it again with ",
            Parameter("store_text", True),
            " and ",
            Parameter("overwrite", True),
        )


def build_bm25(folder: Path, manifest: Manifest) -> Bm25:
    """Build the BM25 index of the generation that a manifest names, of the texts that its Lucene index in `folder`
    stores; return what sparton.json says of it. Its folder has a new name, and counts once that says so.

    For the process that holds the folder's lock, which removes what a failed build leaves. Raises SpartonError where no
    document has a text, and where Lucene cannot be read or nothing can be written.
    """
    worker = Subprocess(_MODULE)
    try:
        found: Bm25 = worker.ask(Build(folder.absolute(), manifest))
    finally:
        worker.close()
    if found.without_text:
        log.info(
            "%s of %s documents have no text, and BM25 finds none of them",
            f"{found.without_text:,}",
            f"{found.documents:,}",
        )
    return found


def handle(request: Build) -> Bm25:
    """Build it in this process."""
    start_jvm(LONG_RUN)
    name, every = token_hex(8), request.folder / BM25
    unfinished = every / f"{name}.tmp"
    make_folder(unfinished)
    documents, without_text = _write(unfinished, request)
    if documents and documents == without_text:
        raise SpartonError(
            f"none of {documents:,} documents has a text, by which BM25 would find it; index vectors with `contents`, "
            "or leave out ",
            Parameter("also"),
        )
    segments, files, _ = read_commit(unfinished)
    sync_folder(unfinished)
    unfinished.replace(every / name)
    sync_folder(every)
    written = tuple(Bm25File(f"{name}/{file}", file_digest(every / name / file)) for file in sorted({segments, *files}))
    return Bm25(request.manifest.state, lucene_version(), written, documents, without_text)


def _write(into: Path, request: Build) -> tuple[int, int]:
    """Write the index; return how many documents it has, and how many of these have no text."""
    documents = without_text = 0
    try:
        writer = Bm25Writer(into, request.manifest.settings.fields)
        try:
            for name, stored in _stored(request):
                text = stored.text or ""
                writer.add(name, text, stored.fields)
                documents += 1
                without_text += not text.strip()
            writer.finish()
        finally:
            writer.close()
    except java_exception() as error:
        raise SpartonError(
            f"Lucene could not write {into}: {java_message(error)}; the index is as it was, so mend this and run again"
        ) from error
    return documents, without_text


def _stored(request: Build) -> Iterator[tuple[str, Stored]]:
    """Id, text and fields of each document that is not deleted, in Lucene's order."""
    manifest = request.manifest
    for index, segments in zip(manifest.indexes, manifest.commits, strict=True):
        try:
            reader = open_reader(request.folder / index, segments)
            try:
                yield from _stored_in(reader, manifest.settings.fields)
            finally:
                reader.close()
        except (java_exception(), DamagedIndexError) as error:
            found = str(error) if isinstance(error, DamagedIndexError) else java_name(error)
            raise SpartonError(
                f"the Lucene index in {request.folder} cannot be read for a BM25 index ({found}); check it with "
                "`sparton info --check`"
            ) from error


def _stored_in(reader: Any, fields: tuple[Field, ...]) -> Iterator[tuple[str, Stored]]:
    kinds = {field.name: field for field in fields}
    for leaf in reader.leaves():
        segment = leaf.reader()
        live = segment.getLiveDocs()
        numbers = [one for one in range(int(segment.maxDoc())) if live is None or live.get(one)]
        for start in range(0, len(numbers), _TOGETHER):
            some = numbers[start : start + _TOGETHER]
            names = [name.decode() for name in ids(segment, np.array(some, np.int32))]
            ranked = scored_docs(some, names, [0.0] * len(some))
            yield from zip(names, stored_documents(segment, ranked, kinds), strict=True)


def main() -> None:
    """What the process runs."""
    serve(handle)
