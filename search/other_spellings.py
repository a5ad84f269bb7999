"""How else an English word is written: in Britain and America, apart ("lawn mower") or as one ("lawnmower").

A candidate may be no word at all. Whoever asks keeps those that an index has.
"""

import re
from collections.abc import Iterator

_SHORTEST = 3  # letters of a word that is written as one with another
# What Britain and America write differently: Webster's reforms (An American Dictionary of the English Language, 1828),
# and letters of Greek and Latin. Most go by their stems, for "pour" is no "por", and "filling" no "filing".
_COLOURS = (
    "arb|arm|behavi|clam|col|endeav|fav|ferv|flav|glam|harb|hon|hum|lab|neighb|od|parl|ranc|rum|sav|splend|tum|vap|vig"
)
_TRAVELS = "[a-z]*[aeiou][b-df-hj-np-tv-z]+[aeiou]"
_PAIRS = tuple(
    (re.compile(rf"({before}){one}(?={behind})"), rf"\g<1>{other}")
    for before, first, second, behind in (
        (f"(?:^(?:dis)?|^[a-z]{{3,}})(?:{_COLOURS})", "our", "or", ""),
        ("[a-z]{3}", "is", "iz", "e|ing|ation"),
        ("[a-z]{2}l", "ys", "yz", "e|ing"),
        ("[a-z]{2}", "ogue", "og", "s?$"),
        ("(?:cen|fi|li|lus|me|thea|calib|sab|sept|spec|reconnoi)[tb]?", "re", "er", "s?$"),
        ("^fib", "re", "er", ""),
        ("^man", "oeuvre", "euver", "[ds]?$"),
        ("[a-z]{3}", "ence", "ense", "s?$"),
        (_TRAVELS, "ll", "l", "ing|ed|er"),
        ("^woo", "ll", "l", "en"),
        ("^jew", "ellery", "elry", "$"),
        ("^s?m", "ould", "old", ""),
        ("^s", "ulph", "ulf", ""),
        ("^pl", "ough", "ow", ""),
        ("^alum", "inium", "inum", ""),
        ("^gr", "ey", "ay", ""),
        ("^p", "yjama", "ajama", ""),
        ("^", "moustache", "mustache", ""),
        ("^", "yoghurt", "yogurt", ""),
        ("^", "doughnut", "donut", ""),
        ("^", "sceptic", "skeptic", ""),
        ("^", "artefact", "artifact", ""),
        ("^", "programme", "program", "s?$"),
        ("^", "kerb", "curb", ""),
        ("^", "tyre", "tire", "s?$"),
        ("", "haem", "hem", ""),
        ("", "aemia", "emia", ""),
        ("", "paed", "ped", ""),
        ("", "anaesth", "anesth", ""),
        ("^", "oesoph", "esoph", ""),
        ("^", "oestr", "estr", ""),
        ("^", "oedem", "edem", ""),
        ("", "foet", "fet", ""),
        ("", "rrhoea", "rrhea", ""),
        ("^", "archaeo", "archeo", ""),
        ("", "aesthet", "esthet", ""),
        ("", "gynaec", "gynec", ""),
        ("", "faec", "fec", ""),
        ("", "manoeuvr", "maneuver", "(?:ing|able)$"),
        ("", "mediaev", "mediev", ""),
    )
    for one, other in ((first, second), (second, first))
)


def spellings(word: str) -> Iterator[str]:
    """A word as it is written elsewhere. word: in lower case."""
    for pattern, written in _PAIRS:
        other, count = pattern.subn(written, word, count=1)
        if count:
            yield other


def apart(word: str) -> Iterator[tuple[str, str]]:
    """The two words that a word may be written as one of."""
    for place in range(_SHORTEST, len(word) - _SHORTEST + 1):
        yield word[:place], word[place:]


def as_one(first: str, second: str) -> str | None:
    """Two words as one; None where one of them is too short to be a part."""
    return first + second if min(len(first), len(second)) >= _SHORTEST else None
