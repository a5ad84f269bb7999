"""What changes in a shop from day to day, or from piece to piece: how many are left, since when, in which sizes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from records import Style

SEED = 12
SOLD_OUT = 0.15
MOST = 40
FIRST_DAY = datetime(2024, 1, 8, tzinfo=UTC)
DAYS = 880
WOMENS_SHOES = tuple(map(str, range(36, 42)))
MENS_SHOES = tuple(map(str, range(40, 47)))
LETTERS = ("XS", "S", "M", "L", "XL")
BELTS = ("75", "80", "85", "90", "95", "100")
SHOES = {"ankle boots", "knee boots", "sneakers", "loafers", "pumps", "sandals", "ballet flats", "oxfords"}
CLOTHES = {
    "sweater", "turtleneck", "cardigan", "skirt", "trousers", "jeans", "blazer", "wool coat", "trench coat",
    "puffer jacket", "biker jacket", "shearling jacket", "parka", "shirt", "blouse", "t-shirt", "cocktail dress",
    "maxi dress", "shirt dress", "slip dress", "wrap dress",
}
WITH_SIZES = {"gloves": LETTERS[1:4], "hat": LETTERS[1:4], "belt": BELTS}


def stock_of(product_id: str) -> int:
    """How many are left: none of every sixth product or so."""
    random = Random(f"{SEED} stock {product_id}")
    return 0 if random.random() < SOLD_OUT else random.randrange(1, MOST + 1)


def added_of(style: Style, product_id: str) -> datetime:
    """Since when it is in the shop: with its style, or some weeks later as a new colour. On a full minute, in UTC."""
    first = Random(f"{SEED} style {style.name} {style.kind}").randrange(DAYS)
    random = Random(f"{SEED} added {product_id}")
    later = random.choice((0, 0, 0, random.randrange(14, 120)))
    return FIRST_DAY + timedelta(days=first + later, minutes=random.randrange(8 * 60, 17 * 60))


def sizes_of(style: Style, product_id: str) -> list[str] | None:
    """The sizes it comes in, of which the smallest or the largest may be missing; None of what has no size."""
    traits = style.traits.split()
    if style.kind in SHOES:
        every = tuple(dict.fromkeys(
            (*(WOMENS_SHOES if "women" in traits else ()), *(MENS_SHOES if "men" in traits else ()))
        ))
    else:
        every = LETTERS if style.kind in CLOTHES else WITH_SIZES.get(style.kind, ())
    random = Random(f"{SEED} sizes {product_id}")
    start, end = random.choice((0, 0, 1)), random.choice((0, 0, 1))
    return list(every[start:len(every) - end]) or None
