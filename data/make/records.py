"""The records that the other files fill in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Style:
    """One hand-written style, sold in several colours and materials.

    ``title`` and ``text`` may hold ``{colour}`` and ``{material}``. ``traits`` is a list of words that only the
    grading rules see. ``variants`` reads "material: colour, colour; material: colour".
    """

    name: str
    kind: str
    brand: str
    price: float
    title: str
    text: str
    traits: str
    variants: str

    def pairs(self) -> list[tuple[str, str]]:
        """The (colour, material) pairs of this style, in the order written."""
        found = []
        for part in self.variants.split(";"):
            material, colours = part.split(":")
            found += [(colour.strip(), material.strip()) for colour in colours.split(",")]
        return found


@dataclass(frozen=True)
class Colour:
    """A colour or pattern: the colours a shopper would take instead, and sentences about it."""

    near: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Material:
    """A material: the family it belongs to, what it does to the price, and sentences about it."""

    family: str
    price_factor: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Product:
    """One row of the catalogue, with the hidden facts that the grading rules use."""

    id: str
    title: str
    brand: str
    category: str
    colour: str
    material: str
    price: float
    in_stock: bool
    stock: int
    sizes: list[str] | None
    added: datetime
    description: str
    kind: str
    traits: frozenset[str]


@dataclass(frozen=True)
class Query:
    """A shopper's query and the rule that grades products for it (see grade.py).

    ``kinds`` are asked for, ``close`` would do, ``kin`` are only the same sort of thing. ``needs`` are traits the
    shopper insists on, ``likes`` are traits that matter less; "a|b" means either. ``other_words`` marks a query whose
    main word is not the one the products use.
    """

    text: str
    kinds: str
    close: str = ""
    kin: str = ""
    colours: str = ""
    materials: str = ""
    close_materials: str = ""
    needs: str = ""
    likes: str = ""
    other_words: bool = False
