"""For which hosts requests are served.

Any page may have its own name resolve to this machine, and a browser then lets it read what is served (DNS rebinding).
What gives it away is the name, which the browser puts into the request.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote

from starlette.types import Scope

from ...errors import Parameter, UsageError

EVERY = "*"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]*)?")
_ABSOLUTE = re.compile(rb"https?://([^/]*)(.*)", re.IGNORECASE)


class Hosts:
    """The hosts that requests may be for: this machine's loopback names, and those that are named, * for every one.

    Raises UsageError for a name that no request can have.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        names = tuple(names)
        self._every = EVERY in names
        self._names = {_named(name) for name in names if name != EVERY}

    def allow(self, host: str) -> bool:
        """Whether a host, as hosts_of gives it, is one of them."""
        known = _canonical(host)
        loopback = known == "localhost" if isinstance(known, str) else known.is_loopback
        return self._every or loopback or known in self._names


def is_host(name: str) -> bool:
    """Whether a name or an address, without a port, is one that a request can be for."""
    host = _bracketed(name)
    return _host(host) == host.lower()


def image_hosts(names: Iterable[str]) -> tuple[str, ...]:
    """The hosts that pictures may come from, in small letters. Raises UsageError for a name that a
    Content-Security-Policy cannot have; it takes no IPv6 address."""
    names = tuple(names)
    for name in names:
        if ":" in name or not is_host(name):
            raise UsageError(
                Parameter("image_hosts"),
                f" is {name!r}; expected a name or an IPv4 address as a URL has it, without a port",
            )
    return tuple(name.lower() for name in names)


def hosts_of(scope: Scope) -> list[str]:
    """The hosts that a request names, without ports: its Host header's, and that of a target that is a whole address.

    Empty if it has no Host header, several, or anything in either of them that is no host.
    """
    headers = [value for name, value in scope["headers"] if name == b"host"]
    target = _ABSOLUTE.fullmatch(scope.get("raw_path") or b"")
    hosts = [_host(value.decode("latin-1")) for value in (*headers, *([target[1]] if target else ()))]
    return [host for host in hosts if host] if len(headers) == 1 and all(hosts) else []


def with_path_alone(scope: Scope) -> Scope:
    """A request as it would be if its target were the path rather than a whole address, as proxies are sent it."""
    target = _ABSOLUTE.fullmatch(scope.get("raw_path") or b"")
    if not target:
        return scope
    path = target[2] or b"/"
    return {**scope, "path": unquote(path.decode("ascii")), "raw_path": path}


def _host(text: str) -> str | None:
    """The host of `host` or `host:port`; None for what is neither."""
    found = _HOST.fullmatch(text)
    if not found or (found[1].startswith("[") and isinstance(_canonical(found[1]), str)):
        return None
    return found[1].lower()


def _named(name: str) -> str | IPv4Address | IPv6Address:
    if not is_host(name):
        raise UsageError(
            Parameter("allow_hosts"),
            f" is {name!r}; expected a name or an address as a URL has it, without a port, or * for all",
        )
    return _canonical(name)


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


def _canonical(host: str) -> str | IPv4Address | IPv6Address:
    """Addresses can be spelled in several ways, names in large and small letters."""
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return host.lower()
