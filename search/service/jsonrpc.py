"""What an agent sends, as one message of JSON-RPC; what is none gets an error in one sentence.

The package mcp is an extra: this module is imported where agents are served, and nowhere else.
"""

import json
from typing import Any

from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCMessage, jsonrpc_message_adapter
from pydantic import ValidationError

from ...errors import UsageError
from ...storage.nesting import not_too_deep
from .validated import in_words

_EXPECTED = 'expected an object as {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'


class NoMessageError(UsageError):
    """What was sent is no message. code: JSON-RPC's. request: the id that it has all the same, or None."""

    def __init__(self, code: int, why: str, request: str | int | None = None) -> None:
        super().__init__(why)
        self.code, self.request = code, request

    def response(self) -> JSONRPCError:
        """What its sender gets."""
        return JSONRPCError(jsonrpc="2.0", id=self.request, error=ErrorData(code=self.code, message=str(self)))


def read_message(content: bytes, what: str) -> JSONRPCMessage:
    """The message that some bytes are. what: the bytes, as a sentence names them. Raises NoMessageError."""
    parsed = _parsed(content, what)
    request = _id(parsed)
    if why := _wrong(parsed):
        raise NoMessageError(INVALID_REQUEST, f"{what} is no JSON-RPC request: {why}; {_EXPECTED}", request)
    try:
        return jsonrpc_message_adapter.validate_json(content, by_name=False)
    except ValidationError:  # a response, which no agent has been asked for, or half of a character
        raise NoMessageError(INVALID_REQUEST, f"{what} is no JSON-RPC request; {_EXPECTED}", request) from None


def as_line(message: JSONRPCMessage) -> str:
    """A message as JSON, on one line."""
    return message.model_dump_json(by_alias=True, exclude_unset=True)


def _parsed(content: bytes, what: str) -> Any:
    try:
        return json.loads(not_too_deep(content.decode()))
    except RecursionError:
        why = "is nested too deeply"
    except UnicodeDecodeError:
        why = "is no text in UTF-8"
    except json.JSONDecodeError as error:
        why = f"is no JSON ({error.msg} at character {error.pos})"
    except ValueError:  # Python reads no longer ones
        why = "has a number of more digits than can be read"
    raise NoMessageError(PARSE_ERROR, f"{what} {why}; {_EXPECTED}")


def _id(parsed: Any) -> str | int | None:
    """The id of what was sent, if it has one that a response can have."""
    found = parsed.get("id") if isinstance(parsed, dict) else None
    if isinstance(found, str):
        return found if found.isprintable() else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _wrong(parsed: Any) -> str | None:
    """What keeps JSON from being a request, a notification or a response."""
    if not isinstance(parsed, dict):
        return f"it is {in_words(parsed)}"
    if "jsonrpc" not in parsed:
        return "it has no jsonrpc"
    if parsed["jsonrpc"] != "2.0":
        return f"its jsonrpc is {in_words(parsed['jsonrpc'])}"
    number = parsed.get("id", 0)
    is_response = "result" in parsed or "error" in parsed
    if not isinstance(number, str | int) or isinstance(number, bool):
        return None if is_response else f"its id is {in_words(number)}"
    if is_response:
        return None
    if "method" not in parsed:
        return "it has no method"
    if not isinstance(parsed["method"], str):
        return f"its method is {in_words(parsed['method'])}"
    if not isinstance(parsed.get("params") or {}, dict):
        return f"its params are {in_words(parsed['params'])}"
    return None
