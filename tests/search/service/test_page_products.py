"""The page on an index with fields: products with pictures, and values that were written to do harm."""

import pytest
from support.browser import needs_chromium
from support.products import HOSTILE, ODD, SCRIPT

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture
def page(shop_page):
    return shop_page


def pairs(page, selector):
    """Terms and definitions of a list."""
    return list(zip(page.texts(f"{selector} dt"), page.texts(f"{selector} dd"), strict=True))


def test_a_hit_is_shown_as_a_product(page, shop_searcher):
    query = "black leather bag"
    page.ask(query)
    hits = shop_searcher.search(query, 10)
    assert page.texts("h1") == ["bags-and-hats"]
    assert page.texts(".id") == [hit.id for hit in hits]
    assert page.texts(".title") == [hit.fields["title"] for hit in hits]
    assert page.texts(".price") == [f"€{hit.fields['price']:,.2f}" for hit in hits]
    descriptions = [hit.text.removeprefix(f"{hit.fields['title']} ") for hit in hits]
    assert page.texts(".text") == [text if len(text) <= 600 else f"{text[:600].rstrip()}…" for text in descriptions]
    fields = hits[0].fields
    days = ["", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep"]
    day = f"{days[int(fields['added'][5:7])]} {int(fields['added'][8:10])}, 2026"
    added = day if fields["added"].endswith("00:00:00Z") else f"{day}, 12:30 PM UTC"
    assert (
        pairs(page, ".hit:first-child .body > dl")
        == [
            ("Brand", fields["brand"]),
            ("Category", fields["category"]),
            ("Colour", fields["colour"]),
            ("In stock", "yes" if fields["in_stock"] else "no"),
            ("Added", added),
            *([("Tags", ", ".join(fields["tags"]))] if fields["tags"] else []),
        ][:6]
    )
    assert dict(pairs(page, ".hit:first-child .why")) | {"Added": added} == {
        "Title": fields["title"],
        "Brand": fields["brand"],
        "Category": fields["category"],
        "Colour": fields["colour"],
        "Currency": "EUR",
        "Image": fields["image"],
        "Price": f"{fields['price']:g}",
        "In stock": "yes" if fields["in_stock"] else "no",
        "Added": added,
        "Tags": ", ".join(fields["tags"]),
        **({'An "odd" `name`, with \\ and': fields[ODD]} if ODD in fields else {}),
    }


def test_pictures_come_from_this_host_and_those_allowed_and_leave_no_trace_if_they_cannot(
    page, pictures, shop_searcher
):
    query = "black leather bag"
    pictures.asked.clear()
    page.look(height=9_000)  # pictures are fetched when they are seen
    page.ask(query)
    hits = shop_searcher.search(query, 10)
    goods = {hit.id: hit.fields["image"] for hit in hits if "/good" in hit.fields["image"]}
    goods = {name: image for name, image in goods.items() if "localhost" not in image}
    assert 0 < len(goods) < len(hits)
    page.wait_for(
        lambda: page.browser.execute_script(
            "return [...document.querySelectorAll('.picture img')].every(image => image.complete && image.naturalWidth)"
        )
    )
    shown = page.browser.execute_script(
        "return [...document.querySelectorAll('.hit')].filter(hit => hit.querySelector('img')).map(hit => {"
        "  const image = hit.querySelector('img'), box = hit.querySelector('.picture').getBoundingClientRect();"
        "  return [hit.querySelector('.id').textContent, image.getAttribute('src'), image.alt, image.loading,"
        "          box.width, box.height];"
        "})"
    )
    titles = {hit.id: hit.fields["title"] for hit in hits}
    assert shown == [
        [name, image if image.startswith("http") else pictures.address() + image[1:], titles[name], "lazy", 128, 128]
        for name, image in goods.items()
    ]
    assert len(page.find(".picture")) == len(shown)
    assert {path for path in pictures.asked if "good" in path} == {
        "/pictures/" + image.rpartition("/")[2] for image in goods.values()
    }


def test_hostile_values_harm_nothing(page, browser, pictures, shop_searcher):
    browser.get_log("browser")
    query = "umbrella"
    page.ask(query)
    hits = shop_searcher.search(query, 10)
    assert {hit.id for hit in hits} >= HOSTILE.keys()
    assert page.texts(".id") == [hit.id for hit in hits]
    for summary in page.find(".why summary"):
        summary.click()
    assert browser.title == "umbrella – Sparton"
    assert not page.find("main script")
    assert [image for image in page.find("main img") if "/pictures/" not in image.get_attribute("src")] == []
    assert "/pictures/good?leave=.png" not in pictures.asked
    titles = dict(zip(page.texts(".id"), page.texts(".title"), strict=True))
    assert titles["markup"] == SCRIPT
    assert titles["bidi"] == HOSTILE["bidi"]["title"]
    assert titles["long"] == f"{HOSTILE['long']['title'][:160].rstrip()}…"
    order = [hit.id for hit in hits]
    own = f".hit:nth-child({order.index('markup') + 1}) .why"
    assert dict(pairs(page, own)) == {
        "Title": SCRIPT,
        "Brand": SCRIPT,
        "Proto": SCRIPT,
        "Constructor": "c",
        "HasOwnProperty": "h",
    }
    assert browser.execute_script("return Object.keys(Object.prototype).length + Object.keys({}).length") == 0
    assert len(page.find(".hit")) == len(hits)
    assert max(len(text) for text in page.texts("main dd, main p, main h3")) <= 20_001
    lost = [entry["message"] for entry in browser.get_log("browser") if "/pictures/lost" not in entry["message"]]
    assert lost == []


def test_half_a_character_is_shown_as_one_that_is_missing(page):
    """No index can hold one, but a service may be anything."""
    title = page.browser.execute_script(
        "const half = String.fromCharCode(0xd83d), fields = {title: half.repeat(3), brand: half};"
        "const hit = {rank: 1, id: half, score: 1, text: half, fields, matches: []};"
        "document.getElementById('hits').append(item(hit, new Map(), {title: 'title', prices: []}));"
        "return [...document.querySelector('.title').textContent].length"
    )
    assert title == 3
    assert page.browser.execute_script("return cut('\\u{1f45c}'.repeat(50), 9)") == "\U0001f45c" * 9 + "…"
