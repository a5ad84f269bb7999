"""How an index is served, as options. A record is made without the packages that serve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ...options import MOST_THREADS, PORTS, Option, Options, at_least
from .bounds import MOST_K

_THREADS = Option("How many search. [default: one a core]", "Service", at_least(1, MOST_THREADS))
_PAGE_IMAGES = Option("Host from which the page shows pictures, besides its own.", "Service")
_HOSTS = Option("Host that requests may be for, besides --host and localhost; * for all.", "Service")
_CONNECTIONS = Option("Most connections at once; fewer where fewer files may be open.", "Service", at_least(1, 2**20))
_SECONDS = Option("Seconds in which a request's headers must come, and then its body.", "Service", at_least(1, 86_400))
_UNFINISHED = Option("Megabytes that all bodies may hold that have not come whole.", "Service", at_least(1, 2**20))
_RELOAD = Option("Take up updates of the index within seconds.", "Service")
_KEYS = Option("File of keys, one a line, of which requests must have one.", "Service")
_ORIGINS = Option("Origin whose pages may read responses, as https://shop.example; * for all.", "Service")
_LOG = Option("Write a line of JSON for each request to stderr.", "Service")
_MCP = Option("Serve agents too, by the Model Context Protocol, at /mcp.", "Service")
_STDIO = Option("With --mcp: serve one agent over stdin and stdout, and no HTTP.", "Service")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions(Options):
    """Where a service listens, whom it serves, and how much of what.

    allow_hosts: "*" for all. image_hosts: names or IPv4 addresses. threads: searches at once. max_k: hits that a query
    may ask for. max_connections: for one more, another is closed. request_seconds: within which a client must take some
    of a response, too. max_unfinished_mb: of bodies larger than usual. reload: look every second whether the index was
    updated. api_key_file: keys as docs/service.md has them. cors_origins: "*" for all. mcp, stdio: for agents.
    """

    host: Annotated[str, Option("Address to listen on.", "Service")] = "127.0.0.1"
    port: Annotated[int, Option("Port to listen on; 0 takes a free one.", "Service", PORTS)] = 8017
    allow_hosts: Annotated[Sequence[str], _HOSTS] = ()
    image_hosts: Annotated[Sequence[str], _PAGE_IMAGES] = ()
    threads: Annotated[int | None, _THREADS] = None
    max_k: Annotated[int, Option("Most hits that a query may ask for.", "Service", at_least(1))] = MOST_K
    max_connections: Annotated[int, _CONNECTIONS] = 1_000
    request_seconds: Annotated[int, _SECONDS] = 20
    max_unfinished_mb: Annotated[int, _UNFINISHED] = 64
    reload: Annotated[bool, _RELOAD] = True
    api_key_file: Annotated[str | None, _KEYS] = None
    cors_origins: Annotated[Sequence[str], _ORIGINS] = ()
    access_log: Annotated[bool, _LOG] = False
    mcp: Annotated[bool, _MCP] = False
    stdio: Annotated[bool, _STDIO] = False
