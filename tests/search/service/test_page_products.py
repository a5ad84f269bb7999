"""The page on an index with fields: products with pictures, and values that were written to do harm."""

from contextlib import closing

import pyarrow.parquet as pq
import pytest
from support.browser import Page, needs_chromium
from support.pictures import picture_server
from support.serving import serving
from support.with_fields import index_with_fields

import sparton
from sparton.storage.fields import Field

pytestmark = [pytest.mark.slow, needs_chromium]

ODD = 'an "odd" `name`, with \\ and .'
FIELDS = (
    *(Field(name, "string") for name in ("title", "brand", "category", "colour", "currency", "image", "video")),
    Field("price", "number"),
    Field("in_stock", "boolean"),
    Field("added", "timestamp"),
    Field("tags", "strings"),
    *(Field(name, "string") for name in ("__proto__", "constructor", "hasOwnProperty", ODD)),
)
SCRIPT = "<script>document.title = 'broken'</script><img src=x onerror=\"document.title='broken'\">"
HOSTILE = {  # all of them are about an umbrella, which no product of the catalogue is
    "markup": {"title": SCRIPT, "brand": SCRIPT, "__proto__": SCRIPT, "constructor": "c", "hasOwnProperty": "h"},
    "script address": {"title": "umbrella one", "image": "javascript:document.title='broken'"},
    "data address": {"title": "umbrella two", "image": "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"},
    "own paths": {"title": "umbrella three", "image": "/search?q=umbrella.png"},
    "user": {"title": "umbrella four", "image": "http://shop@127.0.0.1/pictures/good-user.png"},
    "bidi": {"title": "umbrella \u202e\u2066gnp.exe", "brand": "\u202eelleda", "currency": "\u202e€", "price": 5},
    "long": {"title": "umbrella " * 111_111, "brand": "b" * 40_000, "image": f"/{'i' * 1_000_000}.png"},
    "</li><script>document.title='broken'</script>": {"title": "umbrella five"},
}


def products(catalog, pictures):
    """The small catalogue's rows as documents with fields, and hostile ones."""
    documents = {}
    for number, row in enumerate(pq.read_table(catalog).to_pylist()):
        fields = {name: row[name] for name in ("title", "brand", "category", "colour", "price")}
        fields |= {"currency": "EUR", "in_stock": number % 3 > 0, "added": f"2026-0{1 + number % 9}-1{number % 10}"}
        fields["added"] += "T00:00:00Z" if number % 2 else "T12:30:00Z"
        fields["tags"] = [["new"], ["sale", "gift"], []][number % 3]
        fields["image"] = [
            f"/pictures/good{number}.png",
            f"{pictures.address()}pictures/good{number}.png",
            f"{pictures.address('localhost')}pictures/good{number}.png",  # a host that is not allowed
            f"/pictures/lost{number}.png",
        ][number % 4]
        if number % 5 == 0:
            fields[ODD] = f'value "{number % 3}" \\'
        documents[row["id"]] = (f"{row['title']} {row['description']}", fields)
    return documents | {name: (f"umbrella {name}", fields) for name, fields in HOSTILE.items()}


@pytest.fixture(scope="module")
def pictures():
    with picture_server() as server:
        yield server


@pytest.fixture(scope="module")
def shop(small_catalog, pictures, tmp_path_factory):
    """An index of products. Not to be written to."""
    folder = tmp_path_factory.mktemp("shop") / "bags-and-hats"
    return index_with_fields(folder, products(small_catalog, pictures), FIELDS, model="tiny")


@pytest.fixture(scope="module")
def shop_searcher(shop):
    with closing(sparton.Searcher(shop)) as searcher:
        yield searcher


@pytest.fixture(scope="module")
def address(shop, pictures):
    """Where the service is found, on the host of the pictures."""
    with serving(shop, "--image-host", "127.0.0.1") as served:
        pictures.service = served
        yield pictures.address()


@pytest.fixture
def page(browser, address):
    """The page, freshly opened."""
    page = Page(browser, address)
    page.look()
    page.open()
    return page


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


def test_hostile_values_harm_nothing(page, browser, shop_searcher):
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
    assert len(page.find(".hit")) == 10
    assert max(len(text) for text in page.texts("main dd, main p, main h3")) <= 20_001
    lost = [entry["message"] for entry in browser.get_log("browser") if "/pictures/lost" not in entry["message"]]
    assert lost == []


def test_half_a_character_is_shown_as_one_that_is_missing(page):
    """No index can hold one, but a service may be anything."""
    title = page.browser.execute_script(
        "const half = String.fromCharCode(0xd83d), fields = {title: half.repeat(3), brand: half};"
        "const hit = {rank: 1, id: half, score: 1, text: half, fields, matches: []};"
        "document.getElementById('hits').append(item(hit, new Map(), {title: 'title'}));"
        "return [...document.querySelector('.title').textContent].length"
    )
    assert title == 3
    assert page.browser.execute_script("return cut('\\u{1f45c}'.repeat(50), 9)") == "\U0001f45c" * 9 + "…"
