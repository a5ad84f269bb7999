"""Topics: the queries of a run, as texts or already encoded."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import SpartonError
from ...pipeline.encoding.impacts import LARGEST
from ..text_lines import numbered_lines

_IDS = ("_id", "qid", "id")
_TEXTS = ("text", "query", "title")


@dataclass(frozen=True, slots=True)
class Topic:
    """A query with its id. Either `text` or `terms`, {term: impact}, is there, and the other is None."""

    id: str
    text: str | None
    terms: Mapping[str, int] | None = None


def read_topics(path: Path) -> Iterator[Topic]:
    """The topics of a file, plain or gzip, in order.

    A line is an id, a tab and a text; or a JSON object, as in BEIR's queries.jsonl ({"_id", "text"}; the id may be
    called "qid" or "id", the text "query" or "title"), or as in Anserini's encoded topics ({"qid", "vector": {term:
    impact}}). Blank lines are skipped.

    Raises SpartonError, when it comes to the line, for one that is neither, for an id that is empty, holds white space
    (no run can hold it) or is repeated, and for an impact that is no whole number from 1.
    """
    first: dict[str, int] = {}
    for number, line in numbered_lines(path):
        location = f"{path}, line {number}"
        topic = _from_json(line, location) if line.startswith("{") else _from_tsv(line, location)
        if topic.id.split() != [topic.id]:
            raise SpartonError(f"{location}: the id {topic.id!r} is no single word; a run could not hold it")
        if (before := first.setdefault(topic.id, number)) != number:
            raise SpartonError(f"{location}: the id {topic.id!r} stands in line {before} too; ids must differ")
        yield topic


def count_topics(path: Path) -> int:
    """How many topics a file has, all of them looked at. Raises SpartonError as read_topics, or if there are none."""
    count = sum(1 for _ in read_topics(path))
    if not count:
        raise SpartonError(f"{path} holds no topics; expected an id, a tab and a text a line, or JSON lines")
    return count


def _from_tsv(line: str, location: str) -> Topic:
    name, tab, text = line.partition("\t")
    if not tab:
        raise SpartonError(f"{location}: {_short(line)} has no tab; expected an id, a tab and a text, or a JSON object")
    return Topic(name.strip(), text)


def _from_json(line: str, location: str) -> Topic:
    try:
        content = json.loads(line)
    except ValueError as error:
        raise SpartonError(f"{location}: this is no JSON object ({error})") from error
    name = next((content[key] for key in _IDS if key in content), None)
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise SpartonError(f"{location}: the topic has no id; expected text or a number as {_either(_IDS)}")
    if "vector" in content:
        return Topic(_sound(str(name)), None, _impacts(content["vector"], location))
    text = next((content[key] for key in _TEXTS if key in content), None)
    if not isinstance(text, str):
        raise SpartonError(f"{location}: the topic has no text; expected text as {_either(_TEXTS)}, or a vector")
    return Topic(_sound(str(name)), _sound(text))


def _impacts(vector: Any, location: str) -> dict[str, int]:
    if not isinstance(vector, dict):
        raise SpartonError(f"{location}: the vector is {_short(vector)}; expected {{term: impact}}")
    for term, impact in vector.items():
        if isinstance(impact, bool) or not isinstance(impact, int | float) or impact != impact // 1:
            raise SpartonError(f"{location}: the impact of {term!r} is {_short(impact)}; expected a whole number")
        if not 1 <= impact <= LARGEST:
            raise SpartonError(f"{location}: the impact of {term!r} is {impact}; expected one from 1 to {LARGEST}")
    return {_sound(term): int(impact) for term, impact in vector.items()}


def _sound(text: str) -> str:
    """Without the halves of characters that JSON's escapes can spell and UTF-8 cannot."""
    return text.encode(errors="replace").decode()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(f'"{name}"' for name in names)
