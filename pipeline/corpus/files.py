"""The files of a corpus: found by path, folder, glob or URI."""

import glob
import logging
import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

from ...errors import SpartonError, UsageError, listed, short
from ...storage.manifest import NAME as MANIFEST
from ...storage.redaction import redacted
from ...storage.remote import RemoteFile, files_below, local_path
from ...storage.store_calls import bounded
from ...storage.untrusted import UnexpectedError, parse_json
from ...storage.walk import HIDDEN, Files, is_folder, look, tell_hidden, tell_others
from .formats import KNOWN, READS, suffix_of
from .spooled import SpooledFile

log = logging.getLogger("sparton")
DataFile = Path | RemoteFile | SpooledFile
F = TypeVar("F", Path, RemoteFile)
_BEIR_CORPUS = {"corpus.jsonl", "corpus.jsonl.gz"}
_BEIR_QUERIES = {"queries.jsonl", "queries.jsonl.gz"}
# What `datasets` saves beside its Arrow files, and beside the folders of a dataset's splits.
_DATASETS = "dataset_dict.json"
_STATE = "state.json"
_OF_DATASETS = {"dataset_info.json", _STATE, _DATASETS}
_MOST_STATE = 2**24  # bytes


def find_files(paths: Sequence[str | DataFile]) -> tuple[DataFile, ...]:
    """The data files that files, folders (searched through), globs and URIs of files and folders name: each one's in
    name order, none twice, whatever links lead to it.

    Raises UsageError for no path at all; SpartonError for a path that is missing or holds no data file, and as Files.
    """
    if not paths:
        raise UsageError("no corpus was given; name a Parquet file, a folder or a glob")
    found: dict[DataFile, None] = {}
    files = Files(_is_data)
    for path in paths:
        if isinstance(path, SpooledFile):
            found[path] = None
            continue
        local = None if isinstance(path, RemoteFile) else local_path(path)
        if local is None:
            found.update(dict.fromkeys(_remote_files(path.uri if isinstance(path, RemoteFile) else str(path))))
        else:
            found.update(dict.fromkeys(_files_of(local, files)))
    files.report()
    return tuple(found)


def of_users(files: Sequence[DataFile]) -> list[Path | RemoteFile]:
    """Those files of a corpus that are not our own."""
    return [file for file in files if not isinstance(file, SpooledFile)]


def _remote_files(uri: str) -> list[RemoteFile]:
    """The data files that a URI names."""
    folder, files = files_below(uri)
    indexes = [file.uri.removesuffix(MANIFEST) for file in files if file.name == MANIFEST] if folder else []
    known = [
        file
        for file in files
        if _is_data(file.name)
        and not (folder and _is_hidden(file, uri))
        and not any(file.uri.startswith(index) for index in indexes)
    ]
    if folder:
        hidden = [file for file in files if _is_data(file.name) and _is_hidden(file, uri)]
        tell_hidden([file.name for file in hidden if file.name.startswith(HIDDEN)])
        tell_others([file.name for file in files if not _is_data(file.name) and file.name != MANIFEST])
        known = _meant(known)
    if not known:
        name = redacted(uri)
        what = f"the folder {name} has no data files" if folder else f"{name} is of no format that Sparton reads"
        raise SpartonError(f"{what}; Sparton reads {READS}")
    return known


def _is_hidden(file: RemoteFile, folder: str) -> bool:
    """Whether a search through a folder passes over a file, by its name or that of a folder within."""
    return re.search(r"/[._]", file.uri.removeprefix(folder.rstrip("/"))) is not None


def _files_of(path: Path, files: Files) -> list[Path]:
    """The files that a path names and that were not taken before."""
    _check_name(path)
    met = files.met
    if is_folder(look(path)):
        found = files.below(path)
        if files.met == met:
            raise SpartonError(f"the folder {path} has no data files; Sparton reads {READS}")
        found = _meant(found)
    elif os.path.lexists(path):
        if not _is_data(path.name):
            raise SpartonError(f"{path} is of no format that Sparton reads; it reads {READS}")
        found = files.take(path)
    elif glob.has_magic(str(path)):
        found = files.matching(path)
        if files.met == met:
            raise SpartonError(f"the pattern {path} matches no data file; Sparton reads {READS}")
    else:
        raise SpartonError(f"the corpus {path} does not exist; check the path")
    for file in found:
        _check_name(file)
    return found


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise SpartonError(f"the path {str(path)!r} is not UTF-8; rename it") from None


def _is_data(name: str) -> bool:
    return suffix_of(name) in KNOWN


def _meant(files: Sequence[F]) -> list[F]:
    """What a search through a folder is to take of the data files in it: of a BEIR folder the corpus, and of a folder
    that `datasets` saved its Arrow files."""
    by_folder: dict[PurePosixPath, dict[str, F]] = {}
    for file in files:
        path = _path(file)
        by_folder.setdefault(path.parent, {})[path.name] = file
    kept: set[F] = set()
    beir: set[PurePosixPath] = set()
    left_out: set[F] = set()
    for folder, names in by_folder.items():
        if names.keys() & _BEIR_CORPUS and names.keys() & _BEIR_QUERIES:
            beir.add(folder)
            kept.update(names[name] for name in names.keys() & _BEIR_CORPUS)
            log.info("%s is a BEIR folder: its corpus is meant", redacted(str(folder)))
        if any(suffix_of(name) == ".arrow" for name in names):
            left_out.update(names[name] for name in names.keys() & _OF_DATASETS)
            left_out.update(_caches(names))
        elif names.keys() & _OF_DATASETS == {_DATASETS}:
            left_out.add(names[_DATASETS])  # the splits are in folders of their own
            splits = sorted(other.name for other in by_folder if other.parent == folder)
            if len(splits) > 1:
                log.info(
                    "%s is a DatasetDict, all of which is read: %s; name the folder of one split to read that alone",
                    redacted(str(folder)),
                    ", ".join(splits),
                )
    left_out.update(file for file in files if beir.intersection(_path(file).parents))
    return [file for file in files if file in kept or file not in left_out]


def _caches(names: Mapping[str, F]) -> list[F]:
    """The Arrow files in a folder that `datasets` saved which are not of the dataset: what .map() and .filter() leave
    there later. names: all data files in it. Raises SpartonError where the dataset lacks a file."""
    state = names.get(_STATE)
    kept = None if state is None else _saved_names(state)
    if kept is None:
        return []
    for name in kept:
        if name not in names and not (isinstance(state, Path) and state.with_name(name).is_file()):  # taken before
            raise SpartonError(f"{state} names the file {short(name)}, which is missing; save the dataset again")
    caches = [name for name in names if suffix_of(name) == ".arrow" and name not in kept]
    if caches:
        folder = redacted(str(_path(names[_STATE]).parent))
        log.info(
            "%s holds %s beside the dataset, which state.json does not name: passed over", folder, listed(caches, 3)
        )
    return [names[name] for name in caches]


def _saved_names(state: Path | RemoteFile) -> set[str] | None:
    """The files of a dataset as its state.json names them; None of a file that is of something else."""
    try:
        with state.open("rb") as stream:
            read = partial(stream.read, _MOST_STATE + 1)
            content = parse_json(bounded(read, str(state)) if isinstance(state, RemoteFile) else read())
    except UnexpectedError:
        return None
    files = content.get("_data_files") if isinstance(content, dict) else None
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        return None
    found = [file.get("filename") for file in files]
    names = {name for name in found if isinstance(name, str) and PurePosixPath(name).name == name}
    return names if found and len(names) == len(found) else None


def _path(file: Path | RemoteFile) -> PurePosixPath:
    return PurePosixPath(file.uri if isinstance(file, RemoteFile) else file.as_posix())
