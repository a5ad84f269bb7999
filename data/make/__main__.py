"""Writes catalog.parquet, queries.tsv and qrels.txt: run with `python data/make`."""

from __future__ import annotations

from pathlib import Path

from catalog import build_products
from grade import grade
from queries_other_words import QUERIES as OTHER_WORDS
from queries_same_words import QUERIES as SAME_WORDS
from records import Product, Query
from table import write_table

DATA = Path(__file__).resolve().parent.parent
FIELDS = (
    "id", "title", "brand", "category", "colour", "material", "price", "in_stock", "stock", "sizes", "added",
    "description",
)


def number_queries(queries: tuple[Query, ...]) -> dict[str, Query]:
    """The queries under the ids q01, q02, ... in the order written."""
    return {f"q{number:02d}": query for number, query in enumerate(queries, start=1)}


def write_catalog(products: list[Product], path: Path) -> None:
    """One row for each product."""
    write_table({name: [getattr(product, name) for product in products] for name in FIELDS}, path)


def write_queries(queries: dict[str, Query], path: Path) -> None:
    """One line for each query: id, tab, text."""
    path.write_text("".join(f"{qid}\t{query.text}\n" for qid, query in queries.items()), encoding="utf-8")


def write_qrels(queries: dict[str, Query], products: list[Product], path: Path) -> None:
    """TREC lines for every product graded 1 or more, best first within a query."""
    lines = []
    for qid, query in queries.items():
        graded = [(grade(query, product), product.id) for product in products]
        kept = sorted((pair for pair in graded if pair[0] > 0), key=lambda pair: (-pair[0], pair[1]))
        lines += [f"{qid} 0 {product_id} {value}\n" for value, product_id in kept]
    path.write_text("".join(lines), encoding="utf-8")


def main() -> None:
    """Makes the three files next to this folder."""
    products = build_products()
    queries = number_queries(SAME_WORDS + OTHER_WORDS)
    write_catalog(products, DATA / "catalog.parquet")
    write_queries(queries, DATA / "queries.tsv")
    write_qrels(queries, products, DATA / "qrels.txt")
    print(f"{len(products)} products, {len(queries)} queries")


if __name__ == "__main__":
    main()
