"""Read JsonVectorCollection lines as what Lucene is handed: id, stored text, and joined postings.

Most of the work of indexing in Python would be decoding JSON to objects and joining those to text again. A line laid
out as Sparton and json.dumps lay it out is therefore rewritten as it is, after checks that leave no doubt about
what it says; every other line takes the long way.
"""

import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, BinaryIO

from ..errors import Parameter, SpartonError
from ..storage.fields import Field, FieldValue
from ..storage.nesting import not_too_deep
from ..storage.skipped_rows import BadRow
from ..storage.untrusted import UnexpectedError, in_json, once
from .field_types import MOST_BYTES, FieldError, checked_fields
from .splits import Split

# Unicode noncharacters: never part of a text, so of no vocabulary term either.
BETWEEN_TERMS, BEFORE_IMPACT = "\ufdd0", "\ufdd1"
_BETWEEN, _BEFORE = BETWEEN_TERMS.encode(), BEFORE_IMPACT.encode()
_MOST = 2**31 - 1
_VECTOR = b', "vector": {'
# Where no impact stands, or behind it an empty term.
_NO_IMPACT = re.compile(_BEFORE + rb"(?![1-9][0-9]{0,9}(?:" + _BETWEEN + rb"(?!" + _BEFORE + rb")|\Z))")
_MEND = ("; mend it, or leave out such rows with ", Parameter("skip_bad_rows", True))
_BYTE_ORDER_MARK = "\ufeff".encode()
_DECODER = json.JSONDecoder(object_pairs_hook=once)
_CONTROL = re.compile("[\0-\x1f]")  # what JSON has escaped in strings
OnBad = Callable[[int, BadRow], None]
_NO_FIELDS: Mapping[str, Field] = MappingProxyType({})
_NO_VALUES: Mapping[str, FieldValue] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Vector:
    """A document. raw: the line without its vector, if it has `contents` or `fields`. postings: term, U+FDD1, impact,
    and U+FDD0 between one and the next. terms: how many those are. zeros: terms that were left out, their impact being
    0. fields: those that the index has."""

    id: str
    raw: str | None
    postings: str
    terms: int
    zeros: int = 0
    fields: Mapping[str, FieldValue] = field(default_factory=dict)


def join_postings(vector: Mapping[str, int]) -> str:
    """The postings of {term: impact} as one text, which `postings_analyzer` takes apart."""
    return BETWEEN_TERMS.join([f"{term}{BEFORE_IMPACT}{impact}" for term, impact in vector.items()])


def read_vectors(
    split: Split,
    scale: float | None = None,
    *,
    careful: bool = False,
    on_bad: OnBad | None = None,
    fields: Sequence[Field] = (),
) -> Iterator[Vector]:
    """The documents of a split, in order; one without terms has no postings. As numbered_vectors."""
    return (vector for _, vector in numbered_vectors(split, scale, careful=careful, on_bad=on_bad, fields=fields))


def numbered_vectors(
    split: Split,
    scale: float | None = None,
    *,
    careful: bool = False,
    on_bad: OnBad | None = None,
    fields: Sequence[Field] = (),
) -> Iterator[tuple[int, Vector]]:
    """The documents of a split, each with the number, from 1, of its line in the split. Blank lines are none.

    scale: impacts are round(weight x scale); None takes impacts as they are. An impact of 0 is left out.
    careful: go the long way with every line. Otherwise some faults are left for Lucene to find.
    on_bad: hears of each line that the long way would refuse, which is left out: its number and what is wrong. Without
    it the first one is an error. fields: that the index has; without any, what a line has as `fields` is no more than
    stored.

    Raises SpartonError naming the file if it cannot be read, and file and line where a line is no such object, an
    impact is no integer from 0 to 2^31 - 1, their sum (the document's length to Lucene) is beyond that, an id or a
    term is empty, not Unicode or longer than Lucene takes, a term holds U+FDD0 or U+FDD1, or an object has an entry
    twice, or a value is not of its field's kind.
    """
    known = {one.name: one for one in fields}
    careful = careful or scale is not None
    for number, line in enumerate(_lines(split), start=1):
        vector = None if careful else _as_written(line, known)
        if vector is None or (on_bad is not None and not _is_sound(vector)):
            if not line.removeprefix(_BYTE_ORDER_MARK).strip():
                continue
            try:
                vector = _as_json(line, scale, known)
            except _LineError as error:
                if on_bad is None:
                    number += first_line(split) - 1
                    raise SpartonError(f"{split.path} line {number} ", *error.args, *_MEND) from error
                on_bad(number, error.bad)
                continue
        yield number, vector


def passed_over(number: int, bad: BadRow) -> None:
    """An `on_bad` for lines that were told of when they were first read."""


def first_line(split: Split) -> int:
    """The number, from 1, of the first line of a split in its file."""
    if not split.start:
        return 1
    with split.path.open("rb") as lines:
        count, end = 0, 0
        for line in lines:
            if end >= split.start:
                break
            end += len(line)
            count += 1
    return count + 1


class _LineError(ValueError):
    """What is wrong with a line, in the parts of a SpartonError. kind: as BadRow has it. advice: what goes last."""

    def __init__(self, kind: str, *found: str | Parameter, advice: tuple[str | Parameter, ...] = ()) -> None:
        super().__init__(*found, *advice)
        self.bad = BadRow(kind, "".join(map(str, found)))


def _as_written(line: bytes, fields: Mapping[str, Field] = _NO_FIELDS) -> Vector | None:
    """A line that is `{…, "vector": {"term": 12, "other": 3}}`, with just these blanks and no escape among the terms.

    None if it is not. A string in JSON cannot hold an unescaped quote, so `, "vector": {` is where it seems to be;
    within another object, what is before it would be no JSON. That an impact is not too large is left to Lucene; a
    repeated term (nobody writes that) shows in its counts.
    """
    offset = line.find(_VECTOR)
    body = line[offset + len(_VECTOR) : -3]
    if offset < 0 or body[:1] != b'"' or line[-3:] != b"}}\n" or b"\\" in body or _BETWEEN in body or _BEFORE in body:
        return None
    postings = body[1:].replace(b'": ', _BEFORE).replace(b', "', _BETWEEN)
    terms = postings.count(_BEFORE)
    # Every quote has gone with a separator, and there are as many of one kind as of the other: no term looks like one.
    if b'"' in postings or postings.count(_BETWEEN) != terms - 1 or _NO_IMPACT.search(postings):
        return None
    if postings.startswith(_BEFORE):  # the first term is empty
        return None
    try:
        raw = line[:offset].decode() + "}"
        content = _DECODER.decode(not_too_deep(raw))
        name = content["id"]
        if not isinstance(name, str) or not name or len(name.encode()) > MOST_BYTES or "vector" in content:
            return None
        own = _fields(content, fields)
        return Vector(name, raw if _is_stored(content) else None, postings.decode(), terms, fields=own)
    except (ValueError, KeyError, TypeError, RecursionError, UnexpectedError):
        return None  # the long way says what is wrong


def _is_sound(vector: Vector) -> bool:
    """Whether the long way would certainly read what the quick way has read: terms are without control characters, not
    long, each once, and the sum of their impacts is not too large."""
    parts = vector.postings.replace(BETWEEN_TERMS, BEFORE_IMPACT).split(BEFORE_IMPACT)
    terms, impacts = parts[::2], parts[1::2]
    return (
        len(set(terms)) == vector.terms
        and sum(map(int, impacts)) <= _MOST
        and max(map(len, terms)) * 4 <= MOST_BYTES
        and _CONTROL.search(vector.postings) is None
    )


def _as_json(line: bytes, scale: float | None, fields: Mapping[str, Field] = _NO_FIELDS) -> Vector:
    content = _object(line)
    name, vector = content["id"], content.pop("vector")
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise _LineError("id", f"has the id {in_json(name)}; an id is a text or a whole number")
    if name == "":
        raise _LineError("id", "has an empty id; an id is a text or a whole number")
    if "" in vector:
        raise _LineError("term", "has an empty term")
    for text in (str(name), *vector):
        if len(encoded := text.encode(errors="replace")) > MOST_BYTES or encoded.decode() != text:
            found = "is not Unicode" if len(encoded) <= MOST_BYTES else f"has {len(encoded)} bytes, and Lucene takes"
            most = "" if len(encoded) <= MOST_BYTES else f" {MOST_BYTES}"
            kind = "id" if text == str(name) else "term"
            raise _LineError(kind, f"has an id or a term, {text[:20]!r} …, that {found}{most}")
    if scale is not None:
        impacts = {term: _rounded(term, weight, scale) for term, weight in vector.items()}
    else:
        impacts = {term: _impact(term, impact) for term, impact in vector.items()}
    impacts = {term: impact for term, impact in impacts.items() if impact}
    for term in impacts:
        if BETWEEN_TERMS in term or BEFORE_IMPACT in term:
            raise _LineError("term", f"has the term {term!r} with U+FDD0 or U+FDD1, which Unicode keeps out of text")
    if (total := sum(impacts.values())) > _MOST:
        raise _LineError(
            "sum of impacts",
            f"has impacts that sum to {total} and Lucene holds at most {_MOST}",
            advice=("; lower ", Parameter("scale")),
        )
    # As Pyserini's users expect of doc.raw(): a JSON object with `contents`.
    # A lone surrogate, which is not Unicode, can be in JSON only.
    raw = json.dumps(content) if _is_stored(content) else None
    try:
        own = _fields(content, fields)
    except FieldError as error:
        raise _LineError("field", str(error)) from error
    return Vector(str(name), raw, join_postings(impacts), len(impacts), len(vector) - len(impacts), own)


def _is_stored(content: Mapping[str, Any]) -> bool:
    """Whether a line says more of its document than the vector does."""
    return "contents" in content or "fields" in content


def _fields(content: Mapping[str, Any], fields: Mapping[str, Field]) -> Mapping[str, FieldValue]:
    """The fields of a line that the index has. Raises FieldError."""
    return checked_fields(content["fields"], fields) if fields and "fields" in content else _NO_VALUES


def _object(line: bytes) -> dict[str, Any]:
    """The object that a line is, with an id and a vector that is an object."""
    expected = 'is not {"id": …, "vector": {term: impact}}'
    try:
        # Python would guess UTF-16 as well, whose lines do not end where these do.
        text = line.removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n").decode(errors="surrogatepass")
        content = _DECODER.decode(not_too_deep(text))
    except UnexpectedError as error:
        raise _LineError("entry twice", f"{expected}: {error}") from error
    except ValueError as error:
        kind = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "not JSON"
        raise _LineError(kind, f"{expected}: it is no JSON ({error})") from error
    except RecursionError as error:
        raise _LineError("nested too deep", f"{expected}: it is nested too deeply") from error
    if not isinstance(content, dict):
        raise _LineError("no object", f"{expected}: it is {in_json(content)}")
    for key in ("id", "vector"):
        if key not in content:
            raise _LineError(f"no {key}", f"{expected}: it has no {key}")
    if not isinstance(content["vector"], dict):
        raise _LineError("no vector", f"{expected}: its vector is {in_json(content['vector'])}")
    return content


def _impact(term: str, impact: Any) -> int:
    """An impact that is taken as it is."""
    if type(impact) is int and 0 <= impact <= _MOST:
        return impact
    if isinstance(impact, float) and impact == 0:
        return 0
    advice = ("; float weights need ", Parameter("scale")) if isinstance(impact, float) else ()
    raise _LineError(
        "impact",
        f"gives the term {term!r} the impact {in_json(impact)}; an impact is an integer from 0 to {_MOST}",
        advice=advice,
    )


def _rounded(term: str, weight: Any, scale: float) -> int:
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not number or not 0 <= weight <= _MOST or not weight * scale < _MOST + 0.5:
        raise _LineError(
            "weight",
            f"gives the term {term!r} the weight {in_json(weight)}; a weight is a number from 0, and times ",
            Parameter("scale"),
            f" at most {_MOST}",
        )
    rounded: int = round(weight * scale)
    return rounded


def _lines(split: Split) -> Iterator[bytes]:
    try:
        with split.path.open("rb") as file:
            check_unchanged(split, file)
            if split.zipped:
                with gzip.open(file) as lines:
                    yield from lines
                check_unchanged(split, file)
                return
            offset = split.start
            if offset:
                file.seek(offset - 1)
                offset += len(file.readline()) - 1  # the line that reaches into the split belongs to the one before
            for line in file:
                if offset >= split.stop:
                    break
                offset += len(line)
                yield line
            check_unchanged(split, file)
    except (OSError, EOFError, zlib.error) as error:
        raise SpartonError(f"{split.path} cannot be read: {error}; mend or remove the file and run again") from error


def check_unchanged(split: Split, file: BinaryIO) -> None:
    """Raise SpartonError for a file that changed since it was cut: a split ends where its file did then, and its name
    promises certain bytes."""
    if os.fstat(file.fileno()).st_mtime_ns != split.changed_ns:
        raise SpartonError(
            f"{split.path} was changed while it was indexed; leave it as it is until the command has ended, and run it "
            "again"
        )
