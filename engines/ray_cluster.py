"""A Ray cluster: connecting to one, or starting one here, and asking things of it.

Ray places work, restarts what was lost and calls it again; nothing of that is done here. What is called again finds on
disk what the lost one had finished.
"""

import logging
import socket
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from ..errors import Parameter, SpartonError
from ..storage.store_calls import VARIABLE, store_timeout
from .fault_signals import fault_handlers_kept

# Call again whatever was lost with its worker or node, as often as it takes; what raises is not called again.
ALWAYS = -1
_SECONDS = 10


class Cluster:
    """A connection. address: "auto" for the cluster this machine belongs to, "host:port" for another, None to start one
    here. A process that is connected already stays so. Raises SpartonError where there is none."""

    def __init__(self, address: str | None) -> None:
        self._ours = not ray.is_initialized()
        if self._ours:
            try:
                _knock(address)
                with fault_handlers_kept():  # Ray takes them, and at its end leaves none
                    ray.init(
                        address=address or "local",
                        include_dashboard=None if address else False,
                        log_to_driver=False,
                        logging_level=logging.ERROR,
                        runtime_env={"env_vars": {VARIABLE: f"{store_timeout():g}"}} if address else None,
                    )
            except (OSError, RuntimeError, ValueError) as error:
                raise SpartonError(
                    f"there is no Ray cluster at {address!r} ({_first_line(error)}); start one with "
                    "`ray start --head`, or leave out ",
                    Parameter("address"),
                    " to use this machine alone",
                ) from None
        nodes: list[dict[str, Any]] = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        self.cpus = sum(int(node.get("CPU", 0)) for node in nodes)
        self.gpus = sum(int(node.get("GPU", 0)) for node in nodes)
        self.gpus_a_node = max((int(node.get("GPU", 0)) for node in nodes), default=0)

    def close(self) -> None:
        """Leave the cluster, or end it if it was started here."""
        if self._ours:
            with fault_handlers_kept():
                ray.shutdown()


def _knock(address: str | None) -> None:
    """Raise OSError where nobody listens: Ray itself would go on trying for many minutes."""
    host, colon, port = (address or "").rpartition("://")[2].rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=_SECONDS).close()


def result_of(reference: Any) -> Any:
    """Wait for a result. Raises the SpartonError or OSError that was met, or one that says what Ray says."""
    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, SpartonError | OSError):
            raise error.cause from None
        raise SpartonError(
            f"a Ray task met {type(error.cause).__name__}: {_first_line(error.cause)}; this is a fault in Sparton, "
            "please report it"
        ) from error
    except RayError as error:
        raise SpartonError(f"Ray says: {_first_line(error)}; what was finished is kept, so run again") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
