"""TREC's topics: <top> with <num>, <title> and more, mostly without closing tags."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path

from ...errors import SpartonError
from ..text_lines import BLANKS, fields_of

_WANTED = ("num", "title")
# Where a line begins any tag ends what came before; within a line those that topics are made of.
_TAG = re.compile(
    r"(?:^[ \t]*<(?P<first>/?[A-Za-z][\w-]*)[^<>]*>|"
    r"<(?P<within>/?(?:top|num|title|desc|narr|head|dom|smry|con|fac|def|nat|time))\b[^<>]*>)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\s*(?:Number\s*:)?\s*", re.IGNORECASE)
_TITLE = re.compile(r"\s*(?:Topic\s*:)?\s*", re.IGNORECASE)


@dataclass(slots=True)
class _Top:
    """One <top> while it is read: the texts of each field, and the field that is being read."""

    line: int
    fields: dict[str, list[str]] = dataclass_field(default_factory=dict)
    now: str | None = None


def is_top(line: str) -> bool:
    """Whether a line begins a topic of TREC's."""
    return re.match(r"[ \t]*<top\b[^<>]*>", line, re.IGNORECASE) is not None


def read_tops(lines: Iterable[tuple[int, str]], path: Path) -> Iterator[tuple[int, str, str]]:
    """Line of its <top>, id and title of each topic, in order. lines: with their numbers, without blank ones.

    Raises SpartonError for a topic without number or title or with two of either, and for text in no field.
    """
    top: _Top | None = None
    for number, line in lines:
        location = f"{path}, line {number}"
        for tag, text in _pieces(line):
            if tag in ("top", "/top") and top:
                yield _finished(top, path)
                top = None
            elif tag == "/top":
                raise SpartonError(f"{location}: </top> ends no topic; expected <top> before it")
            if tag == "top":
                top = _Top(number)
            elif tag and top:
                _enter(top, tag, location)
            if text.strip(BLANKS) or (tag and not top and tag != "/top"):
                if top is None or top.now is None:
                    found = text[:40].strip(BLANKS) or f"<{tag}>"
                    raise SpartonError(
                        f"{location}: {found!r} lies in no field of a topic; expected <top>, <num>, <title>"
                    )
                top.fields[top.now].append(text)
    if top:
        yield _finished(top, path)


def _enter(top: _Top, tag: str, location: str) -> None:
    """Begin a field, or end the one that is being read."""
    if tag.startswith("/"):
        top.now = None if tag[1:] == top.now else top.now
        return
    if tag in _WANTED and tag in top.fields:
        raise SpartonError(
            f"{location}: the topic that begins in line {top.line} has a second <{tag}>; expected one, and <top> "
            "before the next topic"
        )
    top.fields.setdefault(tag, [])
    top.now = tag


def _pieces(line: str) -> Iterator[tuple[str, str]]:
    """Each tag of a line, in lower case, with the text behind it; first the text before any, with no tag."""
    tag, end = "", 0
    for match in _TAG.finditer(line):
        if tag or match.start():
            yield tag, line[end : match.start()]
        tag, end = (match["first"] or match["within"]).lower(), match.end()
    yield tag, line[end:]


def _finished(top: _Top, path: Path) -> tuple[int, str, str]:
    for field in _WANTED:
        if field not in top.fields:
            raise SpartonError(
                f"{path}, line {top.line}: this topic has no <{field}>; expected <top>, <num> and <title>"
            )
    name, title = (" ".join(fields_of(" ".join(top.fields[field]))) for field in _WANTED)
    return top.line, _NUMBER.sub("", name, count=1), _TITLE.sub("", title, count=1)
