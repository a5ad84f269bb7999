"""Build a Seismic index of a Lucene index's postings, in a process of its own: all of them are in memory meanwhile."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np

from ...errors import SpartonError
from ...indexer.index_writer import open_reader
from ...indexer.java import LONG_RUN, java_exception, java_name, start_jvm
from ...machine import cores
from ...processes import Subprocess, serve
from ...storage.atomic import make_folder, sync_folder, whole_file
from ...storage.index_folder import SEISMIC
from ...storage.manifest import Manifest, Seismic, WrittenFile
from ...storage.markers import file_digest
from .postings import PostingsReader
from .seismic_package import PACKAGE, PackageError, check_package, dataset_class, index_class, told

_MODULE = "sparton.search.first_pass.seismic_build"
_TOGETHER = 50_000  # documents that are handed over at once
_NAMES = ".index.seismic", ".terms.json"


@dataclass(frozen=True, slots=True)
class Build:
    """A request to build a Seismic index. folder: of the index. manifest: of the generation that it is of."""

    folder: Path
    manifest: Manifest


def build_seismic(folder: Path, manifest: Manifest) -> Seismic:
    """Build the Seismic index of the generation that a manifest names, from its Lucene index in `folder`; return what
    sparton.json says of it. Its files have new names, and count once that says so.

    For the process that holds the folder's lock, which removes what a failed build leaves. Raises SpartonError without
    the package, and where Lucene cannot be read or nothing can be written.
    """
    check_package()
    worker = Subprocess(_MODULE)
    try:
        found: Seismic = worker.ask(Build(folder.absolute(), manifest))
    finally:
        worker.close()
    return found


def handle(request: Build) -> Seismic:
    """Build it in this process."""
    start_jvm(LONG_RUN)
    into, name = request.folder / SEISMIC, token_hex(8)
    make_folder(into)
    try:
        vectors = _read(request.folder, request.manifest)
    except java_exception() as error:
        raise SpartonError(
            f"the Lucene index in {request.folder} cannot be read for a Seismic index ({java_name(error)}); check it "
            "with `sparton info --check`"
        ) from error
    whole = into / f"{name}{_NAMES[0]}"
    try:
        with _quiet(), told():
            _indexed(vectors).save(str(into / name))  # it adds the rest of the name
    except PackageError as error:
        raise SpartonError(f"{PACKAGE} could not build {whole} ({error}); see to memory and disk") from error
    with whole.open("rb+") as written:
        os.fsync(written.fileno())
    with whole_file(into / f"{name}{_NAMES[1]}") as stream:
        stream.write(json.dumps(vectors.terms, ensure_ascii=False).encode())
    sync_folder(into)
    files = [WrittenFile(f"{name}{kind}", file_digest(into / f"{name}{kind}")) for kind in _NAMES]
    largest = int(vectors.impacts.max(initial=0))
    return Seismic(request.manifest.state, version(PACKAGE), files[0], files[1], largest)


@contextmanager
def _quiet() -> Iterator[None]:
    """Have nothing printed meanwhile by what prints its configuration and progress. For this process alone."""
    kept = os.dup(1), os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        for number, copy in enumerate(kept, start=1):
            os.dup2(copy, number)
            os.close(copy)


@dataclass(frozen=True, slots=True)
class _Vectors:
    """The vectors of all documents. offsets: where those of each begin among components, which are numbers of terms,
    and impacts. A document that is deleted has none."""

    terms: list[str]
    offsets: np.ndarray
    components: np.ndarray
    impacts: np.ndarray


def _read(folder: Path, manifest: Manifest) -> _Vectors:
    """Turn postings by term into vectors by document. They are read twice, for how long the vectors are has to be known
    before one can be written."""
    readers = [
        open_reader(folder / name, segments) for name, segments in zip(manifest.indexes, manifest.commits, strict=True)
    ]
    numbers: dict[str, int] = {}
    lengths = np.zeros(sum(int(reader.maxDoc()) for reader in readers) + 1, np.int64)
    for term, documents, _ in _every(readers):
        if len(documents):
            numbers.setdefault(term, len(numbers))
        lengths[documents + 1] += 1
    offsets = np.cumsum(lengths)
    components = np.empty(offsets[-1], np.uint16 if len(numbers) <= 2**16 else np.int32)
    impacts = np.empty(offsets[-1], np.int32)
    free = offsets[:-1].copy()
    for term, documents, found in _every(readers):
        slots = free[documents]
        components[slots], impacts[slots] = numbers.get(term, 0), found
        free[documents] += 1
    for reader in readers:
        reader.close()
    return _Vectors(list(numbers), offsets, components, impacts)


def _every(readers: list[Any]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Postings of all readers, in which documents are numbered one reader after the other, as a search does."""
    first = 0
    for reader in readers:
        for term, documents, impacts in PostingsReader(reader).every():
            yield term, documents + np.int32(first), impacts
        first += int(reader.maxDoc())


def _indexed(vectors: _Vectors) -> Any:
    """The Seismic index of some vectors, in which documents are called by their numbers."""
    dataset = dataset_class(len(vectors.terms))(dim=len(vectors.terms))
    most = len(vectors.offsets) - 1
    for start in range(0, most, _TOGETHER):
        offsets = vectors.offsets[start : start + _TOGETHER + 1]
        some = slice(offsets[0], offsets[-1])
        components, impacts = vectors.components[some].astype(np.int64), vectors.impacts[some].astype(np.float32)
        row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        order = np.lexsort((components, row))  # a term may have another number than its place among a segment's
        names = [str(number) for number in range(start, start + len(offsets) - 1)]
        dataset.add_documents_by_id(names, components[order], impacts[order], offsets - offsets[0])
    return index_class(len(vectors.terms)).build_from_dataset(dataset, num_threads=cores())


def main() -> None:
    """What the process runs."""
    serve(handle)
