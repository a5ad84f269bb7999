"""One agent that started this process, served over its standard input and output by the Model Context Protocol."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path

from ...errors import Parameter, SpartonError, UsageError
from ...indexer.java import LONG_RUN, start_jvm
from ...machine import cores
from ...options import names
from ..options import SearcherOptions
from .bounds import Bounds
from .current import Reloading
from .indexes import opened_indexes, served_indexes
from .options import ServeOptions

_ALIKE = frozenset(("mcp", "stdio", "threads", "max_k", "reload"))  # options that mean the same without HTTP


def serve_agent(places: Mapping[str | None, str | Path], serving: ServeOptions, searching: SearcherOptions) -> None:
    """Open indexes and serve the agent at the other end of stdin and stdout, until stdin is closed and what was read of
    it is answered, or 10 seconds have passed.

    places: where the indexes are, by name. Nothing else is written to stdout meanwhile: what is printed goes to stderr.
    Raises as serve_index does.
    """
    _check(serving)
    check_mcp()
    import anyio

    from .agent_streams import AgentStreams
    from .mcp import Agents
    from .metrics import Metrics
    from .query_threads import QueryThreads

    with _stdout_alone() as out:  # before Java starts, which says things there
        start_jvm(LONG_RUN)
        with ExitStack() as until_the_end:
            indexes = opened_indexes(places, searching, until_the_end)
            threads = QueryThreads(serving.threads or cores(), Metrics())
            until_the_end.callback(threads.close)
            agents = Agents(served_indexes(indexes), threads, Bounds(most_k=serving.max_k))
            for name, current in indexes.items() if serving.reload else ():
                until_the_end.enter_context(Reloading(current, places[name], name))
            anyio.run(AgentStreams(sys.stdin.buffer, out, threads).serve, agents.server())


def check_mcp() -> None:
    """Raise SpartonError where the package that speaks the protocol is not installed."""
    try:
        import mcp  # noqa: F401
    except ImportError as error:
        raise SpartonError(
            Parameter("mcp"), " needs the package mcp; install it with `pip install 'sparton[mcp]'`"
        ) from error


def _check(serving: ServeOptions) -> None:
    """Raise for options that mean nothing here, and for streams that are closed."""
    if not serving.mcp:
        raise UsageError(Parameter("stdio"), " is how one agent is served; add ", Parameter("mcp"))
    usual = ServeOptions()
    for name in names(ServeOptions):
        if name not in _ALIKE and getattr(serving, name) != getattr(usual, name):
            raise UsageError(
                Parameter(name), " is for HTTP, and with ", Parameter("stdio"), " there is none; leave out one of them"
            )
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output")):
        if stream is None:
            raise SpartonError(
                f"standard {name} is closed, and an agent is served over it; have the agent start this command"
            )


@contextmanager
def _stdout_alone() -> Iterator[FileIO]:
    """The standard output for who has this, while what others write to it goes to stderr."""
    sys.stdout.flush()
    number = sys.stdout.fileno()
    kept = os.dup(number)
    os.dup2(sys.stderr.fileno(), number)
    try:
        with FileIO(os.dup(kept), "wb") as out:
            yield out
    finally:
        sys.stdout.flush()
        os.dup2(kept, number)
        os.close(kept)
