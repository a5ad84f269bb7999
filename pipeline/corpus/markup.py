"""HTML in texts: noticed, and taken out."""

import re
from functools import cache
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
_NOT_SEEN = ["script", "style", "template", "iframe", "noframes", "noembed"]
_TAGS = frozenset((*_BLOCK, *_INLINE))
_CDATA = "<![CDATA[", "]]>"
_MARKUP = re.compile(
    r"</?(?P<tag>[a-zA-Z][\w:-]{0,120})(?:\s[^<>]{0,4000})?/?>|<!--|<!\[CDATA\[|<!(?:DOCTYPE|doctype)\s"
    r"|&(?:#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|(?P<entity>[a-zA-Z][a-zA-Z0-9]{1,31};))"
)


def markup_in(text: str) -> str | None:
    """The first tag, comment or entity in a text; None of a text that is none of HTML, as "a < b" and "R&D"."""
    if "<" not in text and "&" not in text:
        return None
    return next((found[0] for found in _MARKUP.finditer(text) if _is_known(found["tag"], found["entity"])), None)


def without_markup(text: str) -> str:
    """What a reader of HTML sees: the text without tags, scripts, styles and comments, and its entities as characters.

    Blocks, cells and line breaks leave a single blank between them, and inline tags nothing. A text without markup
    stays as it is.
    """
    if markup_in(text) is None:
        return text
    for sign in _CDATA if _CDATA[0] in text else ():
        text = text.replace(sign, "")
    parser, boundary, not_seen = _reader()
    # The blank is put before the tags, for a parser drops some that are where none may be, as cells without a table.
    tree = parser(boundary.sub(" <", text))
    if not_seen.search(text):
        tree.strip_tags(_NOT_SEEN)
    seen: str = tree.root.text(deep=True) if tree.root else ""
    return " ".join(seen.split())


def _is_known(tag: str | None, entity: str | None) -> bool:
    """Whether a tag or an entity is one of HTML; a tag whose name has a hyphen or a colon is one of a page's own."""
    if tag is None:
        from html.entities import html5

        return entity is None or entity in html5
    return tag.lower() in _TAGS or "-" in tag or ":" in tag


@cache
def _reader() -> tuple[Any, re.Pattern[str], re.Pattern[str]]:
    """The parser, where a boundary is, and where something that is not seen begins."""
    from selectolax.lexbor import LexborHTMLParser

    return (
        LexborHTMLParser,
        re.compile(rf"<(?=/?(?:{_any_case(_BLOCK)})[\s/>])"),
        re.compile(rf"<(?:{_any_case(_NOT_SEEN)})[\s/>]"),
    )


def _any_case(names: list[str]) -> str:
    """A pattern of some names in any case, without the flag for it, which makes a search several times as slow."""
    return "|".join("".join(f"[{one}{one.upper()}]" if one.isalpha() else one for one in name) for name in names)
