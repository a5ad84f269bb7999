"""Which columns look like the id and the text, by the names that people give them."""

from collections.abc import Mapping, Sequence

from .formats import ANY, NULL, TEXT
from .kinds import is_id, is_words
from .names import is_within, with_plain

ID_NAMES = ("id", "_id", "docid", "doc_id", "pid", "product_id")
TITLE_NAMES = ("title", "name")
BODY_NAMES = ("text", "contents", "content", "body", "description", "passage", "abstract")
# As names.plain has them, those first that are likelier to tell rows apart.
_IDS = str.split("""
    id docid docno pid productid itemid articleid documentid passageid objectid uid uuid guid sku variantsku asin
    productcode itemcode articlecode articlenumber articleno itemnumber itemno productnumber productno partnumber
    artikelnummer artikelnr artikelid produktnummer produktnr produktid bestellnummer bestellnr gtin gtin13 ean ean13
    upc isbn mpn handle code reference referenz ref nummer nr
""")
_TITLES = str.split("""
    title name producttitle productname itemtitle itemname articlename displayname headline titel produkttitel
    produktname artikelname bezeichnung artikelbezeichnung produktbezeichnung titre nom titulo nombre titolo nome naam
""")
# One of these is all that there is to say of a document.
_WHOLE = str.split("text contents content body passage abstract fulltext documenttext segment")
_SUBTITLES = str.split("subtitle subheading tagline untertitel")
_SHORT = str.split("shortdescription summary shorttext teaser excerpt kurzbeschreibung kurztext")
_DESCRIPTIONS = str.split("""
    description bodyhtml descriptionhtml htmldescription productdescription itemdescription beschreibung
    produktbeschreibung artikelbeschreibung artikeltext descripcion descrizione descriptif omschrijving
""")
_LONG = str.split("longdescription fulldescription detaileddescription longtext langbeschreibung langtext")
_FEATURES = str.split("features keyfeatures productfeatures bulletpoints bulletpoint highlights merkmale eigenschaften")


def guessed_ids(known: Mapping[str, str]) -> list[str]:
    """Columns that could be that of ids, the likeliest first. known: the kinds of the columns, by their names."""
    found = dict.fromkeys([*(name for name in ID_NAMES if name in known), *with_plain(_IDS, known)])
    return [name for name in found if is_id(known[name])] or list(found)


def guessed_texts(known: Mapping[str, str]) -> tuple[str, ...]:
    """The columns of text, in the order in which they are read best: a title, and a body or several descriptions."""
    title = _first(TITLE_NAMES, _TITLES, known)
    body = _first(BODY_NAMES, [*_WHOLE, *_DESCRIPTIONS], known)
    groups = [title, body]
    if not (body and with_plain(_WHOLE, body)):
        subtitle, short, long, features = (_first((), names, known) for names in (_SUBTITLES, _SHORT, _LONG, _FEATURES))
        groups = [title, subtitle, short, body, long, features]
    return tuple(dict.fromkeys(name for found in groups for name in found))


def guessed_within(known: Mapping[str, str], *, with_id: bool) -> tuple[list[str], tuple[str, ...]]:
    """The same two of columns within another that has a text, and with_id an id too, as product.sku."""
    for outer in dict.fromkeys(name.rpartition(".")[0] for name in known if "." in name):
        inner = {name[len(outer) + 1 :]: kind for name, kind in known.items() if is_within(name, outer)}
        ids, texts = guessed_ids(inner), guessed_texts(inner)
        if texts and (ids or not with_id):
            return [f"{outer}.{name}" for name in ids], tuple(f"{outer}.{name}" for name in texts)
    return [], ()


def is_title(name: str) -> bool:
    """Whether a column's name, or the last part of it, is that of a title."""
    return bool(with_plain(_TITLES, [name.rpartition(".")[2]]))


def _first(exact: Sequence[str], meant: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """The first of the columns with such names, alone or none; one whose kind is that of words if there is one."""
    found = list(dict.fromkeys([*(name for name in exact if name in known), *with_plain(meant, known)]))
    words = [name for name in found if known[name] in (TEXT, NULL, ANY) or is_words(known[name])]
    return (words or (found if exact else []))[:1]
