"""Java's classes as a search loads them, kept in an archive that the next start maps into memory.

Class data sharing (JEP 310): a cold search then opens its index in half the time. The archive belongs to one Java, one
jar and one JPype, and takes 23 MB of the user's cache folder. `sparton index` makes it if there is none, in 5 s.
"""

import logging
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import SpartonError
from ..indexer.java import SHORT_RUN, archive_of, find_jar, find_java, java_class, jvm_options, start_jvm
from ..processes import command_of
from ..storage.atomic import make_folder, whole_file
from .impact_index import ImpactIndex

log = logging.getLogger("sparton")
_MODULE = "sparton.search.quick_start"
_SECONDS = 120  # for each of two steps, at most


def missing_archive() -> Path | None:
    """Where the archive belongs; None if it is there, or no Java here can make it."""
    try:
        home = find_java()
        archive = archive_of(home, find_jar())
    except SpartonError:
        return None
    return archive if (home / "bin" / "java").is_file() and not archive.exists() else None


def make_archive(archive: Path, folder: Path) -> None:
    """Make the archive. folder: of a Lucene index, which is searched while the classes are noted.

    If that fails, it is logged, and searches start as they do without an archive.
    """
    try:
        home = find_java()
        make_folder(archive.parent)
        with TemporaryDirectory() as scratch:
            noted, made = Path(scratch) / "classes", Path(scratch) / "archive"
            class_path = _run(*command_of(_MODULE), str(folder), str(noted))
            _run(
                str(home / "bin" / "java"),
                *jvm_options(home, SHORT_RUN),
                "-Xshare:dump",
                f"-XX:SharedClassListFile={noted}",
                f"-XX:SharedArchiveFile={made}",
                "-cp",
                class_path,
            )
            with whole_file(archive) as stream:
                stream.write(made.read_bytes())
    except (OSError, subprocess.SubprocessError, SpartonError) as error:
        log.info("no archive of Java's classes was made for quicker searches: %s", error)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)
    return done.stdout.decode()


def main() -> None:
    """What a process of its own runs: search once, have Java write down the classes that it loads, and print its class
    path. Its arguments are the folder of the index and the file of classes."""
    folder, noted = sys.argv[1:]
    start_jvm((*SHORT_RUN, f"-XX:DumpLoadedClassList={noted}"))
    index = ImpactIndex(Path(folder))
    term = index.first_term()
    index.texts(index.rank({} if term is None else {term: 1}, 10))
    print(java_class("java.lang.System").getProperty("java.class.path"), end="")
