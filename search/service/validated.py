"""Values of clients held against the models of schemas.py: for HTTP, and for agents that come another way."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ...errors import UsageError, listed, short, shortened

M = TypeVar("M", bound=BaseModel)
_TOLD = 5  # faults of a request, in what its client is told
_LONGEST_NAME = 100  # letters of a name that a client sent, likewise
# Options of searches that a service has for all, and how they are called in a command.
_AT_THE_START = {
    "with": "--with",
    "searchwith": "--with",
    "querytopterms": "--query-top-terms",
    "querypruneratio": "--query-prune-ratio",
}
_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list of texts",
}
# Names that others have for what is meant, in groups: the first name of a group that a request knows may be meant.
_ALIKE = (
    ("q", "query", "queries", "querystring", "querytext", "text", "texts", "search", "input", "inputs"),
    ("k", "limit", "size", "topk", "top", "n", "num", "count", "rows", "pagesize", "perpage", "hits", "maxresults"),
    ("offset", "from", "start", "skip"),
    ("filter", "filters", "fq", "where"),
    ("facet", "facets", "field", "fields", "facetfields", "aggs", "aggregations"),
    ("sort", "sortby", "order", "orderby"),
    ("as", "side"),
    ("explain", "explanation", "explanations", "debug"),
    ("id", "ids", "docid", "document", "documentid"),
    ("index", "indexes", "indexname", "collection"),
)


def names_in(model: type[BaseModel]) -> list[str]:
    """The names of all that a model has, as clients write them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def refuse_unknown(model: type[BaseModel], given: Iterable[str], what: str, kind: str) -> None:
    """Raise UsageError for a name that a model does not have. what: the request, and kind: what a name is of, as a
    sentence has them."""
    known = names_in(model)
    for name in given:
        if name in known:
            continue
        every = f"its {kind}s are {listed(known)}" if known else f"it has no {kind}s"
        raise UsageError(f"{what} has no {kind} {short(name)}{_hint(name[:_LONGEST_NAME].lower(), known)}; {every}")


def validated(model: type[M], values: Mapping[str, Any], what: str) -> M:
    """Values as a model of schemas.py has them. what: as refuse_unknown. Raises UsageError for those that are none."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        found = [_sentence(one, what) for one in errors[:_TOLD]]
        if len(errors) > _TOLD:
            found.append(f"and {len(errors) - _TOLD} more of the kind")
        raise UsageError("; ".join(found)) from None


def _hint(name: str, known: Sequence[str]) -> str:
    """What is said behind a name that is not known: which may have been meant, if any."""
    plain = re.sub("[-_. ]", "", name)
    if flag := _AT_THE_START.get(plain):
        return f", which is chosen when the service is started (sparton serve {flag})"
    same = [other for group in _ALIKE if plain in group for other in known if other in group]
    near = same or get_close_matches(name, known, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def in_words(value: Any) -> str:
    """A value as a sentence repeats it, with JSON's words for what is no text."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return short(value) if isinstance(value, str | int) else shortened(str(value))


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
            return f"{name} is {in_words(value)}, which has half of a character; expected whole ones"
        case "literal_error":
            expected = str(bounds["expected"]).replace("'", "")
            return f"{name} is {in_words(value)}; expected {expected}"
        case kind:
            return f"{name} is {in_words(value)}; expected {_EXPECTED.get(kind, error['msg'])}"


def _where(location: Sequence[str | int]) -> str:
    """What an error is about, as queries[3]."""
    return "".join(f"[{part}]" if isinstance(part, int) else part for part in location)[:_LONGEST_NAME]
