"""What the page makes of an index's fields by their names and values."""

from contextlib import closing

import pytest
from support.browser import Page, needs_chromium
from support.serving import serving
from support.with_fields import index_with_fields

import sparton
from sparton.storage.fields import Field

pytestmark = [pytest.mark.slow, needs_chromium]

PRICES = ("compare_at_price", "sale_price", "price.amount")
DOCUMENTS = {
    f"P{number:03}": (
        "gold clutch" if number < 25 else "black bag",
        {"sku": f"S{number}", "brand": f"Brand {number % 30}", "compare_at_price": 99, "sale_price": number + 1}
        | ({"price.amount": number + 0.5} if number % 2 else {}),
    )
    for number in range(150)
}
FIELDS = (Field("sku", "string"), Field("brand", "string"), *(Field(name, "number") for name in PRICES))


@pytest.fixture(scope="module")
def index(static_model, tmp_path_factory):
    return index_with_fields(tmp_path_factory.mktemp("page") / "index", DOCUMENTS, FIELDS, model=str(static_model))


@pytest.fixture(scope="module")
def address(index):
    with serving(index) as address:
        yield address


@pytest.fixture
def page(browser, address):
    page = Page(browser, address)
    page.look()
    return page


def legends(page):
    return page.texts("#choices legend")


def test_values_that_differ_among_few_hits_are_offered_among_many(page):
    page.open("?q=clutch")
    assert legends(page) == ["Compare at price", "Sale price", "Price amount"]
    page.ask("bag")
    assert legends(page) == ["Brand", "Compare at price", "Sale price", "Price amount"]
    assert page.browser.execute_script("return [...ids]") == ["sku"]
    page.ask("clutch")
    page.ask("bag")
    assert legends(page) == ["Brand", "Compare at price", "Sale price", "Price amount"]


def test_a_hit_shows_the_likeliest_of_its_prices(page, index):
    page.open("?q=bag")
    with closing(sparton.Searcher(index)) as searcher:
        hits = searcher.search("bag", 10)
    paid = [hit.fields.get("price.amount", hit.fields["sale_price"]) for hit in hits]
    assert page.texts(".hit .price") == [f"{price:.2f}" for price in paid]
    facts = page.texts(".hit .body > dl dt")
    assert facts == [
        name
        for hit in hits
        for name in ["Sku", "Brand", "Compare at price", *(["Sale price"] if "price.amount" in hit.fields else [])]
    ]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["compare_at_price", "price"], ["price"]),
        (["compare_at_price", "sale_price"], ["sale_price"]),
        (["Regular price", "Sale price"], ["Sale price", "Regular price"]),
        (["Variant Compare At Price", "Variant Price"], ["Variant Price"]),
        (["price.currency", "price.amount"], ["price.amount"]),
        (["compareAtPrice.amount", "offers.price"], ["offers.price"]),
        (["OldPrice", "gold_price"], ["gold_price"]),
        (["cost_price", "original price", "amount", "priceless"], []),
    ],
)
def test_prices_are_known_by_their_names(page, names, found):
    page.open()
    fields = [{"name": name, "kind": "number"} for name in names]
    assert page.browser.execute_script("return roles(arguments[0]).prices", fields) == found
