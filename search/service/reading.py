"""Requests read by the models of schemas.py; what cannot be meant is refused in a sentence."""

import json
import re
from collections import Counter
from typing import Any, TypeVar, get_origin

from fastapi import HTTPException, Request
from pydantic import BaseModel

from ...errors import UsageError, listed, short
from ...options import read_number
from ...storage.nesting import not_too_deep
from .validated import in_words, names_in, refuse_unknown, validated

M = TypeVar("M", bound=BaseModel)
_YES, _NO = ("true", "1", "yes", "on", "t", "y"), ("false", "0", "no", "off", "f", "n")
_JSON = re.compile(r"application/([a-z0-9.+-]+\+)?json", re.IGNORECASE)


def read_parameters(model: type[M], request: Request, what: str) -> M:
    """The parameters in a request's address. what: the request, as a sentence names it.

    Raises UsageError for one that is unknown, cannot be meant, or stands several times where there can be one.
    """
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        given.setdefault(name, []).append(value)
    kinds = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    refuse_unknown(model, given, what, "parameter")
    values: dict[str, Any] = {}
    for name, texts in given.items():
        is_several = get_origin(kinds[name]) is list
        if len(texts) > 1 and not is_several:
            raise UsageError(f"{name} is given {len(texts)} times; expected it once")
        values[name] = texts if is_several else _value(name, texts[0], kinds[name])
    return validated(model, values, what)


def refuse_parameters(request: Request, what: str) -> None:
    """Raise UsageError for parameters beside a body, which has all of a request."""
    for name in request.query_params:
        raise UsageError(f"{what} has no parameter {short(name)}; say all in the body")


async def read_body(model: type[M], request: Request, what: str) -> M:
    """The body of a request, which is JSON. Raises as read_parameters, and HTTPException for one of another type."""
    refuse_parameters(request, what)
    body = await request.body()
    expected = f"expected an object with {listed(names_in(model))}"
    if not body:
        raise UsageError(f"the body is empty; {expected}")
    kind = request.headers.get("content-type", "")
    if not _JSON.fullmatch(kind.partition(";")[0].strip()):
        found = f"its body is {short(kind)}" if kind else "it does not say what its body is"
        raise HTTPException(415, f"{what} takes JSON and {found}; expected the header Content-Type: application/json")
    content = _parsed(body)
    if not isinstance(content, dict):
        raise UsageError(f"the body is {in_words(content)}; {expected}")
    refuse_unknown(model, content, what, "field")
    return validated(model, content, what)


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


def _value(name: str, text: str, kind: Any) -> Any:
    """The value of a parameter, from what was typed for it."""
    if kind is int:
        return read_number(name, text, int)
    if kind is not bool:
        return text
    if text.lower() not in (*_YES, *_NO):
        raise UsageError(f"{name} is {short(text)}; expected true or false")
    return text.lower() in _YES
