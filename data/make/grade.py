"""Grades a product for a query by rule.

The cost of a product starts at nothing and grows with each thing the shopper asked for and does not get:

    kind      asked for 0, would do 1, only the same sort of thing 2, anything else: not relevant
    colour    asked for 0, a near colour 1, another 2
    material  asked for 0, a close one 1, another 2
    need      met 0, a neighbouring size 1, not met 2 (each)
    like      met 0, not met 1 (each)

Grade 3 is a cost of 0, grade 2 a cost of 1, grade 1 a cost of 2, and anything above is not relevant.
"""

from __future__ import annotations

from colours_bright import BRIGHTS
from colours_neutral import NEUTRALS
from fabrics import FABRICS
from leathers import LEATHERS
from records import Product, Query

COLOURS = {**NEUTRALS, **BRIGHTS}
MATERIALS = {**LEATHERS, **FABRICS}
NEXT_SIZE = {"small": {"medium"}, "medium": {"small", "large"}, "large": {"medium"}}


def options(text: str) -> set[str]:
    """The alternatives in "a|b|c"."""
    return {part.strip() for part in text.split("|") if part.strip()}


def kind_cost(query: Query, product: Product) -> int | None:
    """What the product's kind costs, or None where it is not relevant at all."""
    for cost, kinds in enumerate((query.kinds, query.close, query.kin)):
        if product.kind in options(kinds):
            return cost
    return None


def colour_cost(query: Query, product: Product) -> int:
    """What the product's colour costs."""
    wanted = options(query.colours)
    if not wanted or product.colour in wanted:
        return 0
    return 1 if any(product.colour in COLOURS[colour].near for colour in wanted) else 2


def material_cost(query: Query, product: Product) -> int:
    """What the product's material costs; a query may name materials or families of them."""
    names = {product.material, MATERIALS[product.material].family}
    if not query.materials or names & options(query.materials):
        return 0
    return 1 if names & options(query.close_materials) else 2


def traits_cost(query: Query, product: Product) -> int:
    """What the traits that the product lacks cost."""
    cost = 0
    for need in query.needs.split():
        wanted = options(need)
        if not wanted & product.traits:
            near = set().union(*(NEXT_SIZE.get(trait, set()) for trait in wanted))
            cost += 1 if near & product.traits else 2
    return cost + sum(1 for like in query.likes.split() if not options(like) & product.traits)


def grade(query: Query, product: Product) -> int:
    """The grade from 0 (not relevant) to 3 (exactly what was asked)."""
    kind = kind_cost(query, product)
    if kind is None:
        return 0
    cost = kind + colour_cost(query, product) + material_cost(query, product) + traits_cost(query, product)
    return max(0, 3 - cost)
