"""sparton-export.json: what an export is of, and which files are finished, so that it goes on where it was killed."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from ..errors import Parameter, SpartonError, UsageError
from ..storage.atomic import LEFTOVERS, LOCK, check_output_folder, whole_file
from ..storage.manifest import Digest
from ..storage.markers import file_digest
from ..storage.untrusted import UnexpectedError, Where, load_json, matching, read

NAME = "sparton-export.json"
_FORMAT = 1
_File = Annotated[
    str,
    matching(r"[A-Za-z0-9._/-]+", "a path within the folder"),
    Where("a path within the folder", lambda name: ".." not in name and not name.startswith("/")),
]


@dataclass(frozen=True, slots=True)
class Subject:
    """What an export is of: two of the same have the same bytes.

    to: the format. index: its generation. topics: a digest of them and of how they are read and encoded, None without
    any. version: of Sparton.
    """

    to: str
    index: str
    topics: Digest | None
    version: str


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of an export. name: as a path within its folder."""

    name: _File
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Step:
    """A finished step of an export: what it wrote, and of how many documents (or queries) and postings. notes: what was
    clipped, renamed or left out, in words, and of how much."""

    files: tuple[WrittenFile, ...] = ()
    count: int = 0
    postings: int = 0
    notes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Content:
    format: int
    subject: Subject
    complete: bool
    steps: dict[str, Step]


class Ledger:
    """The finished steps of the export in a folder, which this process has locked. Each change is written at once."""

    def __init__(self, folder: Path, subject: Subject) -> None:
        """Go on with what is there. Raises SpartonError for the export of something else, or a damaged record."""
        self._folder, self._subject = folder, subject
        found = _load(folder)
        if found and found.subject != subject:
            was, now = found.subject, subject
            different = [
                words
                for words, one, other in (
                    (f"to {was.to}", was.to, now.to),
                    ("of another index, or another generation of this one", was.index, now.index),
                    ("with other topics, or topics read or encoded otherwise", was.topics, now.topics),
                    (f"by Sparton {was.version}", was.version, now.version),
                )
                if one != other
            ]
            raise SpartonError(
                f"{folder} holds an export {' and '.join(different)}; name another folder with ",
                Parameter("output"),
            )
        self.steps: dict[str, Step] = found.steps if found else {}
        self._sound: set[str] = set()  # steps whose files are what was written
        self._save(complete=found is not None and found.complete)

    def kept(self, name: str) -> Step | None:
        """A step that is finished, if each of its files is what was written."""
        step = self.steps.get(name)
        if step is None or (name not in self._sound and not all(_is_whole(self._folder, one) for one in step.files)):
            return None
        self._sound.add(name)
        return step

    def finish(self, name: str, files: Sequence[str], count: int, postings: int, notes: dict[str, int]) -> Step:
        """Take a step for finished that has written these files."""
        written = (WrittenFile(file, file_digest(path), path.stat().st_size) for file, path in self._paths(files))
        self.steps[name] = step = Step(tuple(written), count, postings, notes)
        self._save(complete=False)
        return step

    def complete(self) -> None:
        """Take the export for finished. Raises SpartonError for a file that is none of its, where who loads the export
        would load that too."""
        known = {file.name for step in self.steps.values() for file in step.files}
        for pattern in sorted(set(map(_alike, known))):
            for path in sorted(self._folder.glob(pattern)):
                name = path.relative_to(self._folder).as_posix()
                if path.is_file() and name not in known and not path.match(LEFTOVERS):
                    raise SpartonError(
                        f"{path} is no file of this export, and would be loaded with it; move it to another folder and "
                        "run again"
                    )
        self._save(complete=True)

    def _paths(self, files: Sequence[str]) -> list[tuple[str, Path]]:
        return [(file, self._folder / file) for file in files]

    def _save(self, *, complete: bool) -> None:
        content = asdict(_Content(_FORMAT, self._subject, complete, self.steps))
        with whole_file(self._folder / NAME) as stream:
            stream.write(json.dumps(content, indent=1).encode() + b"\n")


def check_folder(option: Parameter, folder: Path) -> None:
    """Raise UsageError for a file, a folder whose files are no export's: nothing of it is touched; and for one that
    cannot be written to."""
    check_output_folder(option, folder)
    if not folder.is_dir():
        if os.path.lexists(os.path.realpath(folder)):
            raise UsageError(option, f" is {folder}, which is a file; name a folder")
        return
    others = (path for path in folder.iterdir() if path.name != LOCK and not path.match(LEFTOVERS))
    if not (folder / NAME).is_file() and any(others):
        raise UsageError(option, f" is {folder}, which holds files but no {NAME}; name another folder")


def _load(folder: Path) -> _Content | None:
    if not (folder / NAME).is_file():
        return None
    try:
        content: _Content = read(_Content, load_json(folder / NAME))
    except UnexpectedError as error:
        raise SpartonError(
            f"{folder / NAME} is damaged: {error}; name another folder with ", Parameter("output")
        ) from error
    if content.format != _FORMAT:
        raise SpartonError(
            f"{folder / NAME} is of format {content.format} and this Sparton reads format {_FORMAT}; name another "
            "folder with ",
            Parameter("output"),
        )
    return content


def _alike(name: str) -> str:
    """A pattern of the files that are loaded together with one."""
    folder, _, _ = name.rpartition("/")
    return f"{folder}/*" if folder else re.sub("-[0-9-]+[.]", "-*.", name)


def _is_whole(folder: Path, file: WrittenFile) -> bool:
    path = folder / file.name
    try:
        return path.stat().st_size == file.size and file_digest(path) == file.digest
    except OSError:
        return False
