"""Turns the hand-written styles into products, one for each colour and material."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

from colours_bright import BRIGHTS
from colours_neutral import NEUTRALS
from fabrics import FABRICS
from leathers import LEATHERS
from records import Product, Style
from shelf import added_of, sizes_of, stock_of
from styles_accessories import STYLES as ACCESSORIES
from styles_dresses import STYLES as DRESSES
from styles_dressy_bags import STYLES as DRESSY_BAGS
from styles_handbags import STYLES as HANDBAGS
from styles_knitwear import STYLES as KNITWEAR
from styles_outerwear import STYLES as OUTERWEAR
from styles_separates import STYLES as SEPARATES
from styles_shoes import STYLES as SHOES
from styles_small_leather import STYLES as SMALL_LEATHER
from styles_work_and_travel import STYLES as WORK_AND_TRAVEL

COLOURS = {**NEUTRALS, **BRIGHTS}
MATERIALS = {**LEATHERS, **FABRICS}
STYLES = (
    *HANDBAGS, *DRESSY_BAGS, *WORK_AND_TRAVEL, *SMALL_LEATHER, *SHOES,
    *OUTERWEAR, *KNITWEAR, *DRESSES, *SEPARATES, *ACCESSORIES,
)
SEED = 11
LONG_TEXT_WORDS = 42
HARD = {"acetate", "crystal", "metal", "pearl", "polycarbonate", "rubber"}
CLOTH_WORDS = {"dye", "dyed", "stitching", "wear", "worn", "brush", "washed", "washes", "texture"}
SINGULAR_WORDS = {"it", "It", "its", "Its", "thing"}


class NotePicker:
    """Hands out notes so that each is used about equally often, and never twice within a style."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._uses: Counter[str] = Counter()

    def pick(self, notes: tuple[str, ...], taken: set[str]) -> str:
        """The least used note that this style does not have yet, or the least used of all."""
        free = [note for note in notes if note not in taken] or list(notes)
        fewest = min(self._uses[note] for note in free)
        note = self._random.choice([note for note in free if self._uses[note] == fewest])
        self._uses[note] += 1
        taken.add(note)
        return note


def fitting(notes: tuple[str, ...], style: Style, material: str) -> tuple[str, ...]:
    """The notes that suit a style: nothing about cloth on hard materials, no "it" for shoes, gloves and the like."""
    unwanted: set[str] = set()
    if MATERIALS[material].family in HARD:
        unwanted |= CLOTH_WORDS
    if style.kind.endswith("s") and not style.kind.endswith("ss"):
        unwanted |= SINGULAR_WORDS
    kept = tuple(note for note in notes if not unwanted & set(re.findall(r"\w+", note)))
    return kept or notes


def describe(style: Style, colour: str, material: str, turn: int, picker: NotePicker, taken: set[str]) -> str:
    """The style's own text with a sentence about the colour, the material, or both."""
    text = " ".join(style.text.split())
    pools = [fitting(notes, style, material) for notes in (COLOURS[colour].notes, MATERIALS[material].notes)]
    if turn % 2:
        pools.reverse()
    if len(text.split()) >= LONG_TEXT_WORDS:
        pools = [next((pool for pool in pools if set(pool) - taken), pools[0])]
    return " ".join([text, *(picker.pick(pool, taken) for pool in pools)])


def price_of(style: Style, material: str) -> float:
    """The style's price adjusted for the material, to the nearest five euros."""
    return float(5 * round(style.price * MATERIALS[material].price_factor / 5))


def build_products() -> list[Product]:
    """Every product of the catalogue, in the order of the styles."""
    picker = NotePicker(SEED)
    products: list[Product] = []
    for style in STYLES:
        taken: set[str] = set()
        for turn, (colour, material) in enumerate(style.pairs()):
            title = style.title.format(colour=colour, material=material)
            if colour in material:
                title = title.replace(f"{colour} {material}", material)
            product_id = f"P{len(products) + 1:04d}"
            products.append(Product(
                id=product_id,
                title=title[0].upper() + title[1:],
                brand=style.brand,
                category=style.kind,
                colour=colour,
                material=material,
                price=price_of(style, material),
                in_stock=stock_of(product_id) > 0,
                stock=stock_of(product_id),
                sizes=sizes_of(style, product_id),
                added=added_of(style, product_id),
                description=describe(style, colour, material, turn, picker, taken),
                kind=style.kind,
                traits=frozenset(style.traits.split()),
            ))
    return products
