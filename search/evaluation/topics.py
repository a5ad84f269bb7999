"""Topics: the queries of a run, as texts or already encoded."""

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ...errors import Parameter, SpartonError, UsageError, short
from ...pipeline.encoding.impacts import LARGEST
from ...storage.json_layout import other_layout
from ...storage.nesting import not_too_deep
from ...storage.untrusted import UnexpectedError, is_whole, once
from ..text_lines import BLANKS, fields_of, is_word, numbered_lines, refuse_folder
from .headings import TEXTS, find_heading
from .trec_topics import is_top, read_tops

_IDS = ("_id", "qid", "id")
_TEXTS = ("text", "query", "title")
_XML = re.compile(r"\s*<[?!A-Za-z][^<]*>")
_EXACT = 2**53  # up to which a float is each whole number
_IN_A_ROW = 5  # times that a word may stand in a text one after the other, before we ask whether it is a weight
log = logging.getLogger("sparton")


@dataclass(frozen=True, slots=True)
class Topic:
    """A query with its id. Either `text` or `terms`, {term: impact}, is there, and the other is None."""

    id: str
    text: str | None
    terms: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class TopicOptions:
    """How topics are read. pretokenized: whether their texts are tokens that a model made, each as often as its
    impact says; None for texts, of which one that looks like such tokens is refused. scale: the impacts of vectors are
    round(weight x scale); with None whole numbers are taken as they are."""

    pretokenized: bool | None = None
    scale: float | None = None


AS_THEY_ARE = TopicOptions()


def read_topics(
    path: Path, options: TopicOptions = AS_THEY_ARE, tell: Callable[[str], None] = log.debug
) -> Iterator[Topic]:
    """The topics of a file, plain or gzip, in order.

    A line is an id, a tab and a text, after a heading or without one (whose further columns are passed over); or a
    JSON object, as in BEIR's queries.jsonl ({"_id", "text"}; the id may be called "qid" or "id", the text "query" or
    "title"), or as in Anserini's encoded topics ({"qid", "vector": {term: impact}}, before a text if it has both). A
    file that begins with <top> has TREC's topics, of which the title is the text. Blank lines are skipped, and impacts
    of 0 are left out.

    tell: hears of a heading that was passed over.
    Raises SpartonError, when it comes to the line, for one that is none of these, for an id that no run can hold (it
    is empty, or has blanks or NUL) or that is repeated, and for an impact that is none.
    """
    first: dict[str, int] = {}
    for number, topic in _numbered_topics(path, options, tell):
        location = f"{path}, line {number}"
        if not is_word(topic.id):
            raise SpartonError(f"{location}: the id {short(topic.id)} is no single word; a run could not hold it")
        if (before := first.setdefault(topic.id, number)) != number:
            raise SpartonError(f"{location}: the id {short(topic.id)} stands in line {before} too; ids must differ")
        yield topic


def count_topics(path: Path, options: TopicOptions = AS_THEY_ARE) -> int:
    """How many topics a file has, all of them looked at. Raises SpartonError as read_topics, or if there are none;
    UsageError for a scale where no topic is a vector."""
    count = vectors = 0
    for topic in read_topics(path, options, log.info):
        count += 1
        vectors += topic.terms is not None
    if not count:
        raise SpartonError(f"{path} holds no topics; expected an id, a tab and a text a line, or JSON lines")
    if options.scale is not None and (options.pretokenized or not vectors):
        raise UsageError(
            Parameter("scale"), f" is for topics that are vectors, and {path} has none; leave it out for texts"
        )
    return count


def _numbered_topics(path: Path, options: TopicOptions, tell: Callable[[str], None]) -> Iterator[tuple[int, Topic]]:
    refuse_folder(path, "topics", ("queries.jsonl", "queries.tsv", "*topics*", "*queries*"))
    lines = numbered_lines(path)
    opening = next(lines, None)
    if opening is None:
        return
    if is_top(opening[1]):
        for number, name, text in read_tops(chain([opening], lines), path):
            yield number, _of_text(name, text, options, f"{path}, line {number}")
        return
    _refuse_other_files(opening[1], path)
    columns: tuple[int, int] | None = None
    if not _is_json(opening[1]):
        columns = _columns(opening, path, tell)
    for number, line in lines if columns else chain([opening], lines):
        location = f"{path}, line {number}"
        if _is_json(line):
            yield number, _from_json(line, options, location)
        else:
            yield number, _from_tsv(line, columns, options, location)


def _refuse_other_files(start: str, path: Path) -> None:
    """Raise SpartonError for a file that is no lines of topics, as its first line shows."""
    if layout := other_layout(start):
        raise SpartonError(f"{path} {layout}")
    if "\t" in start:
        return
    if _XML.match(start):
        raise SpartonError(f"{path} is XML; expected an id, a tab and a text a line, JSON lines, or TREC's <top>")
    for sign in ",;":
        if sign in start and find_heading(start.split(sign), TEXTS):
            raise SpartonError(f"{path} has {sign!r} between columns, {short(start)}; expected tabs: save it as TSV")


def _is_json(line: str) -> bool:
    return line.lstrip(BLANKS).startswith("{")


def _columns(opening: tuple[int, str], path: Path, tell: Callable[[str], None]) -> tuple[int, int] | None:
    """Which columns are id and text, if the first line is a heading."""
    number, line = opening
    names = [name.strip(BLANKS) for name in line.split("\t")]
    heading = find_heading(names, TEXTS) if len(names) > 1 else None
    if heading is None:
        return None
    name, text = heading
    if text is None:
        raise SpartonError(
            f"{path}, line {number}: this is a heading, {short(line)}, and none of its columns is called "
            f"{', '.join(TEXTS[:3])}; rename the column of texts, or remove the line"
        )
    others = [names[column] for column in range(len(names)) if column not in heading]
    unused = f"; columns not used: {', '.join(others)}" if others else ""
    tell(f"{path}, line {number}: taken for a heading, with ids in {names[name]} and texts in {names[text]}{unused}")
    return name, text


def _from_tsv(line: str, columns: tuple[int, int] | None, options: TopicOptions, location: str) -> Topic:
    fields = line.split("\t")
    if len(fields) < 2:
        raise SpartonError(f"{location}: {short(line)} has no tab; expected an id, a tab and a text, or a JSON object")
    if columns is None:
        if any(field.strip(BLANKS) for field in fields[2:]):
            raise SpartonError(
                f"{location}: {len(fields)} columns; expected an id, a tab and a text without tabs, or a first line "
                'that names the columns, as "qid" and "query"'
            )
        columns = (0, 1)
    if max(columns) >= len(fields):
        raise SpartonError(f"{location}: {len(fields)} columns, and the heading has {max(columns) + 1} or more")
    name, text = (fields[column] for column in columns)
    return _of_text(name.strip(BLANKS), text, options, location)


def _from_json(line: str, options: TopicOptions, location: str) -> Topic:
    try:
        content = json.loads(not_too_deep(line), object_pairs_hook=once)
    except UnexpectedError as error:
        raise SpartonError(f"{location}: {error}") from error
    except ValueError as error:
        raise SpartonError(f"{location}: this is no JSON object ({error})") from error
    except RecursionError as error:
        raise SpartonError(f"{location}: this is JSON nested too deeply; expected a topic's id and text") from error
    key = next((key for key in _IDS if key in content), None)
    name = content[key] if key else None
    if isinstance(name, float) and abs(name) <= _EXACT and name == int(name):
        name = int(name)
    if isinstance(name, bool) or not isinstance(name, str | int):
        found = f"the topic's {key} is {short(name)}" if key else "the topic has no id"
        raise SpartonError(f"{location}: {found}; expected text or a number as {_either(_IDS)}")
    if not is_whole(name := str(name)):
        raise SpartonError(f"{location}: the id {short(name)} has half of a character; expected Unicode")
    if "vector" in content:
        return Topic(name, None, _impacts(content["vector"], options.scale, location))
    text = next((content[key] for key in _TEXTS if key in content), None)
    if not isinstance(text, str):
        raise SpartonError(f"{location}: the topic has no text; expected text as {_either(_TEXTS)}, or a vector")
    return _of_text(name, text.encode(errors="replace").decode(), options, location)


def _of_text(name: str, text: str, options: TopicOptions, location: str) -> Topic:
    """A topic from what stands where its text does."""
    if options.pretokenized:
        return Topic(name, None, Counter(fields_of(text)))
    if options.pretokenized is None and (word := _stuttered(text)):
        raise SpartonError(
            f"{location}: {short(word)} stands {_IN_A_ROW} times in a row or more, as in queries that are encoded "
            "already; use ",
            Parameter("pretokenized", True),
            " if each token stands as often as its impact says, or ",
            Parameter("pretokenized", False),
            " to encode the words as a text",
        )
    return Topic(name, text)


def _stuttered(text: str) -> str | None:
    """A word that stands in a text many times in a row, if there is one."""
    previous, times = None, 0
    for word in fields_of(text):
        previous, times = word, times + 1 if word == previous else 1
        if times == _IN_A_ROW:
            return word
    return None


def _impacts(vector: Any, scale: float | None, location: str) -> dict[str, int]:
    if not isinstance(vector, dict):
        raise SpartonError(f"{location}: the vector is {short(vector)}; expected {{term: impact}}")
    impacts = {term: _impact(term, weight, scale, location) for term, weight in vector.items()}
    return {term: impact for term, impact in impacts.items() if impact}


def _impact(term: str, weight: Any, scale: float | None, location: str) -> int:
    of = f"{location}: the impact of {short(term)} is {short(weight)}"
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise SpartonError(f"{of}; expected a whole number")
    if scale is not None:
        if not 0 <= weight <= LARGEST or not weight * scale < LARGEST + 0.5:
            raise SpartonError(f"{of}; expected a number from 0, and times ", Parameter("scale"), f" at most {LARGEST}")
        return round(weight * scale)
    if weight != weight // 1:
        advice = ("; float weights need ", Parameter("scale")) if weight - weight == 0 else ()
        raise SpartonError(f"{of}; expected a whole number", *advice)
    if not 0 <= weight <= LARGEST:
        raise SpartonError(f"{of}; expected one from 0 to {LARGEST}")
    return int(weight)


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(f'"{name}"' for name in names)
