"""TREC's documents: <DOC> with <DOCNO> and tags of text, mostly without an order."""

import html
import re
from collections.abc import Iterable, Iterator

from ...errors import SpartonError, short
from .collection import Document

_TITLES = ("title", "headline", "head", "ttl", "hl")
_TEXTS = ("text", "body", "leadpara", "lp", "abstract")
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)(?:\s[^<>]*)?>")


def begins_document(line: str) -> bool:
    """Whether a line begins a document of TREC's, perhaps behind what XML says of itself."""
    return re.match(r"\s*(<\?xml[^>]*>\s*)?<DOC>", line, re.IGNORECASE) is not None


def read_documents(lines: Iterable[tuple[int, str]], path: object) -> Iterator[Document]:
    """The documents of a file. lines: with their numbers, without blank ones.

    The text of one is what stands in its titles, and then what stands in its texts, each on one line; other tags within
    them are blanks, and character references are read. A document without any of these tags has no text.
    Raises SpartonError for a document without number or end, and for text outside of documents.
    """
    begun: tuple[int, list[str]] | None = None
    for number, line in lines:
        rest = line
        while rest.strip():
            if begun is None:
                if not begins_document(rest):
                    if re.fullmatch(r"\s*(<[?!][^<>]*>|</?(?:docs|root|documents)>)\s*", rest, re.IGNORECASE):
                        break
                    raise SpartonError(
                        f"{path}, line {number}: {short(rest.strip())} is in no document; expected <DOC>"
                    )
                begun, rest = (number, []), re.split("<DOC>", rest, maxsplit=1, flags=re.IGNORECASE)[1]
            end = re.search("</DOC>", rest, re.IGNORECASE)
            inner = rest[: end.start()] if end else rest
            if re.search("<DOC>", inner, re.IGNORECASE):
                raise SpartonError(
                    f"{path}, line {number}: a <DOC> begins, and that of line {begun[0]} has no </DOC>; expected one"
                )
            begun[1].append(inner)
            if not end:
                break
            yield _document(" \n".join(begun[1]), f"{path}, line {begun[0]}")
            begun, rest = None, rest[end.end() :]
    if begun is not None:
        raise SpartonError(f"{path}, line {begun[0]}: this <DOC> has no </DOC>; the file ends before")


def _document(content: str, where: str) -> Document:
    fields: dict[str, list[str]] = {}
    open_tags: list[str] = []
    end = 0
    for match in [*_TAG.finditer(content), None]:
        text = content[end : match.start() if match else len(content)]
        name = next((tag for tag in open_tags if tag in (*_TITLES, *_TEXTS, "docno")), None)
        if name and text.strip():
            fields.setdefault(name, []).append(" ".join(html.unescape(text).split()))
        if match is None:
            break
        tag, end = match[2].lower(), match.end()
        if match[1]:
            if tag in open_tags:
                del open_tags[open_tags.index(tag) :]
        else:
            open_tags.append(tag)
    if len(numbers := fields.get("docno", [])) != 1:
        found = f"{len(numbers)} of them" if numbers else "none"
        raise SpartonError(f"{where}: this <DOC> has no <DOCNO> with an id ({found}); expected one")
    texts = [text for part in (*_TITLES, *_TEXTS) for text in fields.get(part, ())]
    return Document(numbers[0], " ".join(texts), where)
