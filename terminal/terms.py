"""Terms with their bars, as a terminal shows them, and text that may stand on a line."""

from collections.abc import Collection, Mapping

from .screen import cells, columns, padded
from .streams import printable, to_json

_EXPANDED = "+"  # before a term that the model added
_BAR = 20  # cells of the longest one


def terms_json(text: str, terms: Mapping[str, int], input_terms: Collection[str]) -> str:
    """An encoded text as one JSON object."""
    weights = [{"term": term, "impact": impact, "expanded": term not in input_terms} for term, impact in terms.items()]
    return to_json({"text": text, "terms": weights})


def terms_lines(terms: Mapping[str, int], input_terms: Collection[str]) -> str:
    """An encoded text as a bar for each term, as long as its share of the heaviest; in a pipe impacts and terms, with a
    tab between them."""
    width = columns()
    if width is None:
        return "\n".join(f"{impact}\t{term_name(term, input_terms)}" for term, impact in terms.items())
    heaviest, lines = max(terms.values(), default=1), []
    for term, impact in terms.items():
        row = f"{impact:>6}  {term_title(term, input_terms)}"
        lines.append(row + bar(impact / heaviest, width - cells(row)))
    return "\n".join(lines)


def term_name(term: str, input_terms: Collection[str]) -> str:
    """A term, marked if the model added it."""
    return plain(f"{'' if term in input_terms else _EXPANDED}{term}")


def term_title(term: str, input_terms: Collection[str]) -> str:
    """The same, as wide as others."""
    return padded(term_name(term, input_terms), 16)


def bar(share: float, room: int) -> str:
    """A bar behind a blank, in so many cells at most. Nothing where there is hardly any room."""
    longest = min(_BAR, room - 1)
    return f" {'█' * max(1, round(longest * share))}" if longest >= 4 else ""


def plain(text: str) -> str:
    """On one line, and with nothing in it that a terminal would obey."""
    return " ".join(printable(text).split())
