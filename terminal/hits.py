"""Hits and facets as a person reads them on a terminal, as lines of a pipe, or as JSON for programs.

On a terminal a line is cut where the terminal ends. A pipe gets records, one a line, with tabs between their parts and
nothing cut: those of hits begin with the rank, others with what they are, `term`, `total`, `facet` or `more`.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import plural
from ..search.hit_content import facets_content, hit_content
from .screen import cells, columns, cut
from .streams import to_json
from .terms import bar, plain, term_name, term_title

if TYPE_CHECKING:
    from ..search.explain import Match
    from ..search.facets import FacetCount
    from ..search.searcher import Answer, Hit
    from ..storage.fields import FieldValue

_LONGEST_VALUE = 40  # cells of a field's value, on the line of a hit's fields
_LEAST_VALUE = 4  # cells of a facet's value on the narrowest terminal
_LEAST_TEXT = 20  # cells; where there are fewer behind a long id, the text has a line of its own
_INDENT = " " * 5


def hit_json(hit: "Hit", matches: "list[Match] | None", input_terms: Collection[str], query: str | None = None) -> str:
    """A hit as one JSON object, with its query where there are several. input_terms: the query's."""
    content = hit_content(hit, matches, input_terms)
    return to_json(content if query is None else {"query": query, **content})


def hit_lines(hit: "Hit", matches: "list[Match] | None", input_terms: Collection[str]) -> str:
    """A hit as a line, its fields as another, and a bar for each match; as records in a pipe. input_terms: the
    query's. An id is never cut: it may be copied."""
    width = columns()
    if width is None:
        return "\n".join(_records(hit, matches, input_terms))
    head, text = f"{hit.rank:>3}  {_score(hit.score):>8}  {plain(hit.id)}  ", plain(hit.text or "")
    if text and cells(head) + min(cells(text), _LEAST_TEXT) > width:
        lines = [head.rstrip(), cut(_INDENT + text, width)]
    else:
        lines = [(head + cut(text, width - cells(head))).rstrip()]
    if fields := _fields_line(hit.fields, _LONGEST_VALUE):
        lines.append(cut(_INDENT + fields, width))
    for match in matches or ():
        share = match.contribution / hit.score
        row = (
            f"{_INDENT}{_score(match.contribution):>8}  {term_title(match.term, input_terms)} "
            f"{match.query_impact:>4} × {_score(match.document_impact):<4} {share:>4.0%}"
        )
        lines.append(row + bar(share, width - cells(row)))
    return "\n".join(lines)


def facets_lines(answer: "Answer") -> str:
    """How many documents match, and a line for each field that was counted; as records in a pipe. Other values
    than the most frequent ones are counted."""
    width = columns()
    if width is None:
        return "\n".join(_facet_records(answer))
    lines = [f"{plural(answer.total or 0, 'document')} {'matches' if answer.total == 1 else 'match'}"]
    for name, counts in answer.facets.items():
        lines.append(_facet_line(f"  {plain(name)}: ", counts, answer.more_values.get(name, 0), width))
    return "\n".join(lines)


def facets_json(answer: "Answer", query: str | None = None) -> str:
    """The same as one JSON object, with its query where there are several."""
    content = facets_content(answer)
    return to_json(content if query is None else {"query": query, **content})


def _records(hit: "Hit", matches: "list[Match] | None", input_terms: Collection[str]) -> list[str]:
    lines: list[tuple[str, ...]] = [
        (str(hit.rank), _score(hit.score), plain(hit.id), plain(hit.text or ""), _fields_line(hit.fields, None))
    ]
    for match in matches or ():
        name, share = term_name(match.term, input_terms), f"{match.contribution / hit.score:.4f}"
        impacts = str(match.query_impact), _score(match.document_impact)
        lines.append(("term", _score(match.contribution), name, *impacts, share))
    return ["\t".join(line) for line in lines]


def _facet_records(answer: "Answer") -> list[str]:
    lines: list[tuple[str, ...]] = [("total", str(answer.total or 0))]
    for name, counts in answer.facets.items():
        lines += [("facet", plain(name), plain(_value(one.value)), str(one.count)) for one in counts]
        if more := answer.more_values.get(name):
            lines.append(("more", plain(name), str(more)))
    return ["\t".join(line) for line in lines]


def _facet_line(title: str, counts: "Sequence[FacetCount]", more: int, width: int) -> str:
    """The values that have room on a line, and how many others there are."""
    longest = min(_LONGEST_VALUE, max(_LEAST_VALUE, width - cells(title) - 30))  # 30: for counts and "more values"
    values = [f"{cut(plain(_value(one.value)), longest)} {one.count:,}" for one in counts]
    shown, rest = list(values), more
    while True:
        others = f" · … and {plural(rest, 'more value')}" if rest else ""
        line = f"{title}{' · '.join(shown) or 'none'}{others}"
        if cells(line) <= width or len(shown) < 2:
            return line
        shown.pop()
        rest += 1


def _fields_line(fields: "Mapping[str, FieldValue]", longest: int | None) -> str:
    """Fields and their values, without those that are empty."""
    values = {name: cut(plain(_value(value)), longest) for name, value in fields.items()}
    return " · ".join(f"{plain(name)}: {value}" for name, value in values.items() if value)


def _value(value: "FieldValue") -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _score(score: float) -> str:
    """A score: whole numbers as such, others with some digits behind the point, more of them below 1."""
    return f"{score:.0f}" if score == int(score) else f"{score:.4f}" if score >= 1 else f"{score:.6f}"
