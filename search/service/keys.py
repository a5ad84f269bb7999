"""Keys that requests must have, as a file lists them.

Of a key no more than its digest stays in memory, and no sentence repeats one.
"""

import logging
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from ...errors import Parameter, SpartonError
from .access_log import note
from .metrics import Metrics
from .paths import counted_path, is_open
from .refusal import refuse

LEAST, MOST = 16, 512  # characters of a key
_LARGEST = 2**20  # bytes of a file of keys
# What may follow Bearer in a header, without / and +, with which a key in an address would not be known as one.
_KEY = re.compile("[A-Za-z0-9._~-]+=*")
_BEARER = re.compile("bearer +(.*)", re.IGNORECASE | re.DOTALL)
_IN_QUERY = frozenset(("key", "apikey", "xapikey", "accesstoken", "token", "bearer", "authorization"))
_MOST_PARAMETERS = 256  # of an address, each of which may be a key
_SECONDS = 1.0  # between two looks at the file
_HOW = "send the header `Authorization: Bearer KEY`, or `X-API-Key: KEY`"
_FILE = Parameter("api_key_file")
log = logging.getLogger("sparton")


@dataclass(frozen=True, slots=True)
class _Key:
    """The digest of a key. name: for the access log, or None. line: where it stands, from 1."""

    digest: bytes
    name: str | None
    line: int


class Keys:
    """The keys of a file: one a line, after a name and a colon where it has one. Lines that begin with # are comments.

    A file that changes is read again within a second. One that cannot be taken then is told of once, and the keys that
    were stay good.
    Raises SpartonError where it cannot be taken at first. Warns of one that everybody may read.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._state = _state(path)
        self._keys = _read(path)
        self._looked = monotonic()
        self._told = ""
        _warn_if_open(path, self._state)

    def name(self, key: str) -> str | None:
        """The name of one of the keys, "" for one without; None for what is no key."""
        self._look()
        # By its digest, of which nobody can choose a part: so the time tells nothing of a key.
        found = self._keys.get(_digest(key))
        return None if found is None else found.name or ""

    def is_key(self, text: str) -> bool:
        """Whether a text is one of the keys."""
        return self.name(text) is not None

    def _look(self) -> None:
        """Read the file again, if it has changed."""
        if monotonic() - self._looked < _SECONDS:
            return
        self._looked = monotonic()
        try:
            if (state := _state(self._path)) == self._state:
                return
            self._keys, self._state, self._told = _read(self._path), state, ""
        except SpartonError as error:
            if (told := str(error)) != self._told:
                self._told = told
                log.warning("the keys as they are now are not taken up, and the old ones stay good: %s", error)
            return
        _warn_if_open(self._path, state)
        count = len(self._keys)
        log.info("%s taken up: %s", "1 key is" if count == 1 else f"{count:,} keys are", self._path)


class RequireKey:
    """ASGI middleware: 401 for a request without one of the keys, 400 for one that has one in its address.

    Health needs none, and neither do the page, which asks for one, and what describes the service.
    """

    def __init__(self, app: ASGIApp, keys: Keys, metrics: Metrics) -> None:
        self._app, self._keys, self._metrics = app, keys, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = counted_path(scope["path"])
        if scope.get("query_string", b"").count(b"&") >= _MOST_PARAMETERS:
            why = f"the address has more than {_MOST_PARAMETERS} parameters; expected fewer"
            await self._refuse(send, path, 400, why, {})
            return
        if self._is_in_address(scope):
            why = f"a key in an address is not taken, for addresses are kept in logs and histories; {_HOW}"
            await self._refuse(send, path, 400, why, {})
            return
        if is_open(path) and scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        given = list(_given(scope))
        names = [self._keys.name(key) for key in given]
        if not names or None in names:
            why = f"this service needs a key; {_HOW}"
            challenge = 'Bearer realm="Sparton"'
            if names:
                why = f"the key of this request is none of those that this service takes; {_HOW}"
                challenge += ', error="invalid_token"'
            await self._refuse(send, path, 401, why, {"www-authenticate": challenge})
            return
        if names[0]:
            note(key=names[0])
        await self._app(scope, receive, send)

    async def _refuse(self, send: Send, path: str, status: int, why: str, headers: Mapping[str, str]) -> None:
        self._metrics.add_request(path, status)
        self._metrics.add_refused("key")
        await refuse(send, status, why, headers)

    def _is_in_address(self, scope: Scope) -> bool:
        """Whether a parameter is called as keys are, or anything in the address is a key."""
        query = scope.get("query_string", b"").decode("latin-1")
        pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
        if any(re.sub("[-_.]", "", name).lower() in _IN_QUERY for name, _ in pairs):
            return True
        parts = {*scope["path"].split("/"), *(text for pair in pairs for text in pair)}
        return any(self._keys.is_key(part) for part in parts if LEAST <= len(part) <= MOST)


def _given(scope: Scope) -> Iterator[str]:
    """The keys that a request's headers have. Other schemes of Authorization are for others, as a proxy."""
    for name, value in scope["headers"]:
        text = value.decode("latin-1").strip()
        if name == b"x-api-key":
            yield text
        elif name == b"authorization" and (found := _BEARER.fullmatch(text)):
            yield found[1]


def _state(path: str) -> tuple[int, ...]:
    """What tells a file from the one before it. Raises SpartonError for what is no file that can be read again."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise SpartonError(_FILE, f" {path} is {what}, and is read again when it changes; expected a file of keys")
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode


def _read(path: str) -> dict[bytes, _Key]:
    """The keys of a file, by their digests. Raises SpartonError for a line that has none, and where there is no key."""
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(content) > _LARGEST:
        raise SpartonError(_FILE, f" {path} has more than {_LARGEST:,} bytes; expected a key a line")
    # Bytes that are no text stand in no key, so that the line is told of.
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    keys: dict[bytes, _Key] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key = _key(line, path, number)
        if (same := keys.setdefault(key.digest, key)) is not key:
            raise SpartonError(_FILE, f" {path} has the same key in the lines {same.line} and {number}; leave one")
    if not keys:
        raise SpartonError(_FILE, f" {path} has no key; expected a key a line, as `openssl rand -hex 32` makes one")
    return keys


def _key(line: str, path: str, number: int) -> _Key:
    """The key of a line."""
    before, colon, after = line.rpartition(":")
    key, name = after.strip(), before.strip()
    at = f" {path} has in line {number} "
    if colon and not name:
        raise SpartonError(_FILE, f"{at}a colon without a name before it; expected KEY, or NAME: KEY")
    if not _KEY.fullmatch(key) or (name and not name.isprintable()):
        raise SpartonError(
            _FILE,
            f"{at}what is no key; expected letters from A to Z, digits and -._~ without blanks, with = at the end if "
            "at all, after a name and a colon if it has one; / and + mean something else in an address",
        )
    if not LEAST <= len(key) <= MOST:
        raise SpartonError(
            _FILE,
            f"{at}a key of {len(key)} characters; expected {LEAST} to {MOST}, as `openssl rand -hex 32` makes one",
        )
    return _Key(_digest(key), name or None, number)


def _digest(key: str) -> bytes:
    """A key's. The = at its end, which only fill it up, count for nothing: an address may have lost them."""
    return sha256(key.rstrip("=").encode()).digest()


def _warn_if_open(path: str, state: tuple[int, ...]) -> None:
    """Tell of a file that everybody may read."""
    if os.name == "posix" and state[-1] & stat.S_IROTH:
        log.warning("the keys in %s can be read by everybody on this machine; `chmod o-r` takes that away", path)


def _unreadable(path: str, error: Exception) -> SpartonError:
    why = error.strerror if isinstance(error, OSError) else error
    return SpartonError(_FILE, f" {path!r} cannot be read ({why}); expected a file with a key a line")
