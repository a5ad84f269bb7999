"""Files of an export: JSON by lines or in one, whole, and where asked for of bounded size."""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from ..storage.atomic import make_folder, whole_file

PIECES = "pieces"  # folder of those files that become others
BOUND = 2**23  # bytes: some services take requests of 10 MiB, Qdrant of 32 MB and Elasticsearch of 100 MB


def json_line(content: Any) -> bytes:
    """A value as JSON, on a line."""
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def write_file(folder: Path, name: str, pieces: Iterable[bytes]) -> str:
    """Write a file; return its name."""
    make_folder((folder / name).parent)
    with whole_file(folder / name) as stream:
        stream.writelines(pieces)
    return name


def write_json(folder: Path, name: str, content: Any) -> str:
    """Write a value as JSON that people read; return the file's name."""
    return write_file(folder, name, [orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2)])


def noting_larger(records: Iterable[bytes], most: int, why: str, notes: Counter[str]) -> Iterator[bytes]:
    """The same records. notes: hears, in the words of `why`, of those that have more bytes than `most`."""
    for record in records:
        if len(record) > most:
            notes[why] += 1
        yield record


def write_bounded(
    folder: Path,
    stem: str,
    suffix: str,
    records: Iterable[bytes],
    *,
    around: tuple[bytes, bytes, bytes] = (b"", b"", b""),
    bound: int | None = None,
) -> list[str]:
    """Write records to files STEM-000SUFFIX, STEM-001SUFFIX, …; return their names.

    A file ends before the record that would make it larger than the bound, and has one at least. around: what comes
    before the first record of a file, between two, and behind the last.
    """
    bound = BOUND if bound is None else bound
    before, between, behind = around
    every = iter(records)
    record = next(every, None)
    names: list[str] = []
    while record is not None:
        names.append(f"{stem}-{len(names):03}{suffix}")
        with whole_file(folder / names[-1]) as stream:
            size = stream.write(before) + stream.write(record)
            while (record := next(every, None)) is not None and size + len(record) <= bound:
                size += stream.write(between) + stream.write(record)
            stream.write(behind)
    return names


def join_files(folder: Path, name: str, pieces: Iterable[str]) -> str:
    """Write a file of others, one behind the other; return its name."""
    with whole_file(folder / name) as stream:
        for piece in pieces:
            with (folder / piece).open("rb") as source:
                shutil.copyfileobj(source, stream, 2**20)
    return name
