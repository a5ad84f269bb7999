"""HTML in texts: noticed, and taken out."""

import re
from functools import cache
from html.entities import html5
from typing import Any

_INLINE = str.split("""
    a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q s samp small span strike strong
    sub sup time tt u var wbr
""")
# Between what is before and behind these a reader sees a gap.
_BLOCK = str.split("""
    p li br div td tr ul ol th h1 h2 h3 h4 h5 h6 hr dl dt dd img table tbody thead tfoot section article header footer
    address aside audio blockquote body button canvas caption center col colgroup details dialog dir embed fieldset
    figcaption figure form frame frameset head hgroup html iframe input legend link main map menu meta nav noscript
    object optgroup option picture pre script search select source style summary svg template textarea title video
""")
_NOT_SEEN = ("script", "style", "template", "iframe", "noframes", "noembed")


def _any_case(names: list[str]) -> str:
    """A pattern of some names in any case, without the flag for it, which makes a search several times as slow."""
    return "|".join("".join(f"[{one}{one.upper()}]" if one.isalpha() else one for one in name) for name in names)


_CDATA = "<![CDATA[", "]]>"
_NAMES = rf"{_any_case(_BLOCK)}|{_any_case(_INLINE)}|[a-zA-Z]\w{{0,40}}[:-][\w:-]{{0,80}}"  # or one of a page's own
_MARKUP = re.compile(
    rf"<(?:/?(?:{_NAMES})(?:\s[^<>]{{0,4000}})?/?>|!--|!\[CDATA\[|!(?:DOCTYPE|doctype)\s)"
    r"|&(?:#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|(?P<entity>[a-zA-Z][a-zA-Z0-9]{1,31};))"
)
_BOUNDARY = re.compile(rf"<(?=/?(?:{_any_case(_BLOCK)})[\s/>])")
_HIDDEN = re.compile(rf"<(?:{_any_case(list(_NOT_SEEN))})[\s/>]")


def markup_in(text: str) -> str | None:
    """The first tag, comment or entity in a text; None of a text that is none of HTML, as "a < b" and "R&D"."""
    if "<" not in text and "&" not in text:
        return None
    every = _MARKUP.finditer(text)
    return next((found[0] for found in every if found["entity"] is None or found["entity"] in html5), None)


def without_markup(text: str) -> str:
    """What a reader of HTML sees: the text without tags, scripts, styles and comments, and its entities as characters.

    Blocks, cells and line breaks leave a single blank between them, and inline tags nothing. A text without markup
    stays as it is.
    """
    if markup_in(text) is None:
        return text
    # The blank is put before the tags, for a parser drops some that are where none may be, as cells without a table.
    parsed = _BOUNDARY.sub(" <", text)
    for sign in _CDATA if _CDATA[0] in text else ():
        parsed = parsed.replace(sign, "")
    tree = _parser()(parsed)
    if _HIDDEN.search(text):
        tree.strip_tags(_NOT_SEEN)
    seen: str = tree.root.text(deep=True) if tree.root else ""
    return " ".join(seen.split())


@cache
def _parser() -> Any:
    from selectolax.lexbor import LexborHTMLParser

    return LexborHTMLParser
