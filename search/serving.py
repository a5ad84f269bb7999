"""Run the service until it is told to stop."""

import socket
from collections.abc import Callable
from pathlib import Path

from ..errors import SpartonError, UsageError
from ..indexer.java import LONG_RUN, start_jvm
from ..machine import cores
from .searcher import Searcher

_GRACE = 10  # seconds that requests under way have to be finished once it is told to stop


def serve_index(
    index: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8017,
    threads: int | None = None,
    most_k: int = 1_000,
    model: str | None = None,
    device: str = "cpu",
    trust_remote_code: bool = False,
    on_ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Open an index and answer queries over HTTP until SIGINT or SIGTERM; then finish what is under way.

    on_ready: hears the address once there is something that listens. The rest is as in ServiceOptions and Searcher.
    Raises SpartonError as Searcher, and when the address cannot be listened on or the index has no model.
    """
    for option, value in (("--threads", threads), ("--max-k", most_k)):
        if value is not None and value < 1:
            raise UsageError(f"{option} is {value}; expected at least 1")
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port is {port}; expected 0 to 65535")
    import uvicorn

    from .service import ServiceOptions, make_app

    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        # Python adds the address to what the system says.
        why = (error.strerror or str(error)).partition(" (")[0]
        raise SpartonError(f"{host}:{port} cannot be listened on: {why}; choose --port") from error
    with listening:
        start_jvm(LONG_RUN)
        searcher = Searcher(index, model=model, device=device, trust_remote_code=trust_remote_code)
        try:
            searcher.terms("a first query finds out what is missing, and warms the model")
            app = make_app(searcher, ServiceOptions(most_k=most_k, threads=threads or cores()))
            config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_GRACE)
            address = listening.getsockname()
            on_ready(f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}/")
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            searcher.close()
