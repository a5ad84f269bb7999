"""How a request is refused before the application sees it, and what is said of a fault."""

import json
from collections.abc import Mapping

from starlette.types import Send


def fault(what: str, error: Exception) -> str:
    """The sentence for what nobody foresaw, in which there is nothing of what was asked or is stored."""
    return f"{what} met a fault in Sparton ({type(error).__name__}); please report it"


async def refuse(send: Send, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
    """Send a sentence in JSON, as all else is refused, and close the connection: what is still sent is not read."""
    pairs = {"content-type": "application/json", "connection": "close", **(headers or {})}
    encoded = [(name.encode(), value.encode()) for name, value in pairs.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": json.dumps({"detail": why}).encode()})
