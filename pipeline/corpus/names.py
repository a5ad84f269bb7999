"""Names of columns as people write them: what they mean does not hang on case, blanks, signs or accents."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")


def plain(name: str) -> str:
    """A name's letters and digits alone, in lower case: of "Body (HTML)", bodyHtml and body_html it is bodyhtml."""
    return "".join(filter(str.isalnum, _without_accents(name))).casefold()


def words(name: str) -> list[str]:
    """The words of a name, in lower case: of variantSKU and "Variant SKU" they are variant and sku."""
    return [word.casefold() for word in _WORD.findall(_without_accents(name))]


def with_plain(meant: Sequence[str], names: Iterable[str]) -> list[str]:
    """Those of some names whose plain form is among `meant`, in its order."""
    ranks = {name: rank for rank, name in enumerate(meant)}
    found = [(ranks[short], name) for name in names if (short := plain(name)) in ranks]
    return [name for _, name in sorted(found, key=lambda one: one[0])]


def is_within(name: str, outer: str) -> bool:
    """Whether a dotted name is of something within another column."""
    return name.startswith(f"{outer}.")


def _without_accents(name: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))
