"""The generation that a service searches, and the newer one that it goes on with."""

import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import SpartonError
from ...storage.manifest import NAME
from ...storage.redaction import redacted
from ...storage.remote import local_path
from ..searcher import Searcher
from .refusal import fault

_SECONDS, _SECONDS_REMOTE = 1.0, 5.0  # between two looks at sparton.json
_LAST = 0.5  # seconds that a look under way has when the service ends, which is given up then
_REFUSED = "%s as it is now is not taken up, and the old one is searched on: "
_FOLDERS = re.compile(r"[^\s'\"`]*/(?=[^\s'\"`])")
FIRST_QUERY = "a first query finds out what is missing, and warms the model"
log = logging.getLogger("sparton")


class CurrentSearcher:
    """Hands out the searcher of the newest generation, and closes an older one when nobody uses it any more."""

    def __init__(self, searcher: Searcher) -> None:
        self.refused: str | None = None  # why the index as it is now is not taken up, for clients
        self._searcher = searcher
        self._users: Counter[int] = Counter()
        self._closed = False
        self._lock = threading.Lock()

    @property
    def newest(self) -> Searcher:
        """The searcher that the next request gets."""
        return self._searcher

    @contextmanager
    def use(self) -> Iterator[Searcher]:
        """A searcher that stays open meanwhile: all that one request is told is of one generation."""
        with self._lock:
            searcher = self._searcher
            self._users[id(searcher)] += 1
        try:
            yield searcher
        finally:
            with self._lock:
                self._users[id(searcher)] -= 1
                done = searcher is not self._searcher and not self._users[id(searcher)]
                if not self._users[id(searcher)]:
                    del self._users[id(searcher)]
            if done:
                searcher.close()

    def replace(self, searcher: Searcher) -> None:
        """Have the next requests use another searcher, which is closed where there will be none."""
        with self._lock:
            old, self._searcher, self.refused = self._searcher, searcher, None
            done = id(old) not in self._users
            closed = self._closed
        if closed:
            searcher.close()
        if done:
            old.close()

    def close(self) -> None:
        """Close the newest one, once its searches under way are done."""
        with self._lock:
            self._closed = True
        self._searcher.close()


class Reloading:
    """Looks every now and then whether an index has a newer generation, and has that used. A context manager.

    What cannot be opened, as of an index that is being built again, is told once, and tried again; meanwhile the
    searcher in use says why. name: of the index among several. said: an error as clients are told it.
    """

    def __init__(
        self,
        current: CurrentSearcher,
        index: str | Path,
        name: str | None = None,
        said: Callable[[SpartonError], str] = str,
    ) -> None:
        self._current, self._index, self._name, self._said = current, str(index), name, said
        self._called = f"the index {name}" if name else "the index"
        path = local_path(index)
        self._manifest = None if path is None else path / NAME
        self._seen: tuple[int, ...] | None = None  # an update may have come since the index was opened
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)
        self._told = ""

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join(_LAST)

    def _run(self) -> None:
        while not self._stopped.wait(_SECONDS if self._manifest else _SECONDS_REMOTE):
            state = self._state()
            if state is None or state != self._seen:
                self._seen = state if self._look() else None

    def _look(self) -> bool:
        """Take up what is new; return whether that went well."""
        try:
            searcher = _renewed(self._current.newest)
        except Exception as error:  # whatever it is, the next look may find it mended
            if (told := f"{type(error).__name__} {error}") != self._told:
                self._told = told
                log.warning(_REFUSED + "%s", self._called, error)
            self._current.refused = _REFUSED % self._called + self._why(error)
            return False
        if searcher is not None:
            log.info(
                "generation %s of %s is taken up: %s documents",
                searcher.manifest.number,
                self._called,
                f"{len(searcher):,}",
            )
            self._current.replace(searcher)
        self._told, self._current.refused = "", None
        return True

    def _why(self, error: Exception) -> str:
        """An error without the folders of this machine: clients need no key to ask for health."""
        if not isinstance(error, SpartonError):
            return fault("taking it up", error)
        why = self._said(error)
        for form in (self._index, redacted(self._index)):
            if "/" in form:
                why = why.replace(form, self._name or self._current.newest.name)
        return _FOLDERS.sub("…/", why)

    def _state(self) -> tuple[int, ...] | None:
        """What tells a sparton.json from the one before it; None where that has to be read."""
        try:
            status = None if self._manifest is None else self._manifest.stat()
        except OSError:
            return None
        return None if status is None else (status.st_mtime_ns, status.st_size, status.st_ino)


def _renewed(older: Searcher) -> Searcher | None:
    """A searcher of what an index has by now, warm, None if that is the same. Raises as Searcher, and where no query
    can be encoded for it."""
    searcher = older.renewed()
    if searcher is None:
        return None
    searcher.warmed_like(older)
    try:
        searcher.terms(FIRST_QUERY)
    except BaseException:
        searcher.close()
        raise
    return searcher
