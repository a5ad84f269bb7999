"""Requests read by the models of schemas.py; what cannot be meant is refused in a sentence."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_origin

from fastapi import HTTPException, Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ...errors import UsageError, listed, short, shortened
from ...options import read_number
from ...storage.nesting import not_too_deep

M = TypeVar("M", bound=BaseModel)
_TOLD = 5  # faults of a request, in what its client is told
_LONGEST_NAME = 100  # letters of a name that a client sent, likewise
_YES, _NO = ("true", "1", "yes", "on", "t", "y"), ("false", "0", "no", "off", "f", "n")
_JSON = re.compile(r"application/([a-z0-9.+-]+\+)?json", re.IGNORECASE)
_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list of texts",
}


def read_parameters(model: type[M], request: Request, what: str) -> M:
    """The parameters in a request's address. what: the request, as a sentence names it.

    Raises UsageError for one that is unknown, cannot be meant, or stands several times where there can be one.
    """
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        given.setdefault(name, []).append(value)
    kinds = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    _refuse_unknown(given, list(kinds), what, "parameter")
    values: dict[str, Any] = {}
    for name, texts in given.items():
        is_several = get_origin(kinds[name]) is list
        if len(texts) > 1 and not is_several:
            raise UsageError(f"{name} is given {len(texts)} times; expected it once")
        values[name] = texts if is_several else _value(name, texts[0], kinds[name])
    return _validated(model, values, what)


def refuse_parameters(request: Request, what: str) -> None:
    """Raise UsageError for parameters beside a body, which has all of a request."""
    for name in request.query_params:
        raise UsageError(f"{what} has no parameter {short(name)}; say all in the body")


async def read_body(model: type[M], request: Request, what: str) -> M:
    """The body of a request, which is JSON. Raises as read_parameters, and HTTPException for one of another type."""
    refuse_parameters(request, what)
    body = await request.body()
    names = [field.alias or name for name, field in model.model_fields.items()]
    if not body:
        raise UsageError(f"the body is empty; expected an object with {listed(names)}")
    kind = request.headers.get("content-type", "")
    if not _JSON.fullmatch(kind.partition(";")[0].strip()):
        found = f"its body is {short(kind)}" if kind else "it does not say what its body is"
        raise HTTPException(415, f"{what} takes JSON and {found}; expected the header Content-Type: application/json")
    content = _parsed(body)
    if not isinstance(content, dict):
        raise UsageError(f"the body is {_shown(content)}; expected an object with {listed(names)}")
    _refuse_unknown(content, names, what, "field")
    return _validated(model, content, what)


def _parsed(body: bytes) -> Any:
    try:
        encoding = json.detect_encoding(body)
        return json.loads(not_too_deep(body.decode(encoding)), object_pairs_hook=_once)
    except RecursionError:
        raise UsageError("the body is nested too deeply; expected an object with texts and numbers") from None
    except UnicodeDecodeError:
        raise HTTPException(400, "the body is no text; expected JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"the body is no JSON ({error.msg} at character {error.pos}); expected an object") from None
    except ValueError:  # Python reads no longer ones
        raise UsageError("the body has a number of more digits than can be read; expected a smaller one") from None


def _once(entries: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(entries)
    if len(content) < len(entries):
        name, count = Counter(name for name, _ in entries).most_common(1)[0]
        raise UsageError(f"{short(name)} is given {count} times; expected it once")
    return content


def _refuse_unknown(given: Sequence[str] | dict[str, Any], known: list[str], what: str, kind: str) -> None:
    for name in given:
        if name in known:
            continue
        near = get_close_matches(name[:_LONGEST_NAME].lower(), known, 1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        every = f"its {kind}s are {listed(known)}" if known else f"it has no {kind}s"
        raise UsageError(f"{what} has no {kind} {short(name)}{meant}; {every}")


def _value(name: str, text: str, kind: Any) -> Any:
    """The value of a parameter, from what was typed for it."""
    if kind is int:
        return read_number(name, text, int)
    if kind is not bool:
        return text
    if text.lower() not in (*_YES, *_NO):
        raise UsageError(f"{name} is {short(text)}; expected true or false")
    return text.lower() in _YES


def _validated(model: type[M], values: dict[str, Any], what: str) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        found = [_sentence(one, what) for one in errors[:_TOLD]]
        if len(errors) > _TOLD:
            found.append(f"and {len(errors) - _TOLD} more of the kind")
        raise UsageError("; ".join(found)) from None


def _sentence(error: ErrorDetails, what: str) -> str:
    """What is wrong with one value."""
    name, value, bounds = _where(error["loc"]), error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"{name} is missing; {what} needs it"
        case "string_too_long":
            return f"{name} has {len(value):,} letters; expected at most {bounds['max_length']:,}"
        case "too_long":
            return f"{name} has {len(value):,} entries; expected at most {bounds['max_length']:,}"
        case "too_short":
            return f"{name} is empty; expected at least one text"
        case "string_unicode":
            return f"{name} is {_shown(value)}, which has half of a character; expected whole ones"
        case "literal_error":
            expected = str(bounds["expected"]).replace("'", "")
            return f"{name} is {_shown(value)}; expected {expected}"
        case kind:
            return f"{name} is {_shown(value)}; expected {_EXPECTED.get(kind, error['msg'])}"


def _where(location: Sequence[str | int]) -> str:
    """What an error is about, as queries[3]."""
    return "".join(f"[{part}]" if isinstance(part, int) else part for part in location)[:_LONGEST_NAME]


def _shown(value: Any) -> str:
    """A value as a sentence repeats it, with JSON's words for what is no text."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return short(value) if isinstance(value, str | int) else shortened(str(value))
