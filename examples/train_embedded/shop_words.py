"""Words that mean the same in shops, which neither WordNet nor the texts tell: shop_words.txt.

A line "a, b, c" says that each stands for the others, and a line "a: b, c" that who asks for the first is served by the
others, the nearest first, and not the other way round.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "shop_words.txt"


@cache
def _lines() -> tuple[str, ...]:
    return tuple(line for line in _FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))


def groups() -> list[list[str]]:
    """Names that mean the same."""
    return [line.split(", ") for line in _lines() if ":" not in line]


def shop_words() -> Mapping[str, list[list[str]]]:
    """For each word lists of others, the nearest first, as synonyms.json has them."""
    found = {word: [[other for other in group if other != word]] for group in groups() for word in group}
    for line in _lines():
        word, _, others = line.partition(": ")
        if others:
            found[word] = [[other] for other in others.split(", ")]
    return found
