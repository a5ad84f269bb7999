"""Makes queries of product titles, as shoppers type them: the head noun and the attributes just before it."""

import re

# Whose pairs have product titles as queries.
SOURCES = ("retail-demo-store", "leipzig-products", "magento-sample", "ms-eshop-contoso")
_ENDS = re.compile(r"\s[-–—|/]\s|[,(\[:;]| (?:with|for|by|in|from|and) ", re.IGNORECASE)
_WORD = re.compile(r"[a-z][a-z'’-]*[a-z]")
_FEWEST = 2


def first_phrase(title: str) -> str:
    """A title up to the first mark or preposition that ends its first phrase."""
    return _ENDS.split(title, maxsplit=1)[0]


def short_titles(title: str) -> list[str]:
    """The last two and the last three words of a title's first phrase, if it has more; model numbers are no words.

    English puts the head noun of such a phrase last: "Elegant White Tulip Bouquet" gives "tulip bouquet" and "white
    tulip bouquet". A title of one phrase that is short already gives nothing.
    """
    words = [word for word in first_phrase(title).lower().split() if _WORD.fullmatch(word)]
    return [" ".join(words[-count:]) for count in (_FEWEST, _FEWEST + 1) if len(words) > count]
