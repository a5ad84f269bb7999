"""A document of an index by its id, put together of its passages where it was split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import brief
from ..pipeline.tokens.passages import DELIMITER
from ..storage.fields import FieldValue
from ..storage.untrusted import is_whole
from .impact_index import ImpactIndex
from .lucene_hits import ScoredDoc
from .max_passage import document_of, passage_of


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """What an index stores of a document. text: None if not stored. fields: as a Hit's.

    passages: where documents were split, their texts, each of which begins with the end of the one before; `text` has
    one behind the other then, a line each.
    """

    id: str
    text: str | None
    fields: Mapping[str, FieldValue] = field(default_factory=dict, hash=False)
    passages: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Document(id={brief(self.id)}, text={brief(self.text)}, fields={brief(dict(self.fields))})"


def stored_document(index: ImpactIndex, name: str, *, passages: bool) -> Document | None:
    """The document with an id, None if there is none. passages: whether the index has them."""
    found = _rows(index, name, passages)
    if not found:
        return None
    stored = index.stored(found)
    texts = tuple(one.text for one in stored if one.text is not None)
    text = "\n".join(texts) if texts else None
    return Document(name, text, stored[0].fields, texts if passages else ())


def is_stored(index: ImpactIndex, name: str, *, passages: bool) -> bool:
    """Whether there is a document with an id."""
    return bool(_rows(index, name, passages))


def _rows(index: ImpactIndex, name: str, passages: bool) -> Sequence[ScoredDoc]:
    """What the index has of a document, in order."""
    if not is_whole(name):  # which no id is
        return ()
    if not passages:
        return index.with_id(name)
    found = [row for row in index.with_prefix(f"{name}{DELIMITER}") if document_of(row.id) == name]
    return sorted(found, key=lambda row: passage_of(row.id))
