"""The page to search from, in a real browser, on an index without fields."""

import json
from urllib.parse import urlsplit

import pytest
from support.browser import Page, needs_chromium
from support.serving import serving

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture
def page(browser, small_service):
    """The page, freshly opened."""
    page = Page(browser, small_service)
    page.look()
    page.open()
    return page


def test_the_page_says_what_index_it_searches(page):
    page.wait_for(lambda: page.texts("h1") == ["small"])  # which is asked for apart from any search
    assert page.texts("#size") == ["64 documents"]
    assert not page.is_visible("#filters")
    assert not page.is_visible("#sorting")


def test_a_query_shows_its_hits_in_order(page, searcher):
    query = "small black leather crossbody bag"
    page.ask(query)
    hits = searcher.search(query, 10)
    assert page.texts(".id") == [hit.id for hit in hits]
    assert page.texts("#said") == ["Hits 1 to 10"]
    assert [words.rstrip("…") for words in page.texts(".title")] == [
        hit.text[: len(words.rstrip("…"))] for hit, words in zip(hits, page.texts(".title"), strict=True)
    ]
    assert [
        title.rstrip("…") + rest.removeprefix("…")
        for title, rest in zip(page.texts(".title"), page.texts(".text"), strict=True)
    ] == [hit.text for hit in hits]
    assert page.browser.title == f"{query} – Sparton"


def test_an_explanation_unfolds_and_marks_added_terms(page, searcher):
    query = "black leather bag"
    page.ask(query)
    page.find(".why summary")[0].click()
    page.wait_for(lambda: page.find(".hit:first-child tbody tr")[0].is_displayed())
    terms = searcher.terms(query)
    (matches,) = searcher.explain(terms, searcher.search_terms(terms, 1))
    own = {"black", "leather", "bag"}
    assert page.texts(".hit:first-child tbody th") == [
        match.term if match.term in own else f"+ {match.term}" for match in matches
    ]
    assert page.texts(".hit:first-child tr.own th") == [match.term for match in matches if match.term in own]
    assert page.texts(".hit:first-child tbody td:nth-child(2)") == [
        f"{match.query_impact} × {match.document_impact}" for match in matches
    ]
    widths = [bar.size["width"] for bar in page.find(".hit:first-child .bar")]
    assert widths == sorted(widths, reverse=True)


@pytest.fixture
def computed_page(browser, computed_index):
    """The page of a service whose queries have terms that a model added."""
    with serving(computed_index) as address:
        page = Page(browser, address)
        page.look()
        page.open()
        yield page


def test_colours_are_explained_by_the_terms_of_the_query(computed_page, computed_searcher):
    page, query = computed_page, "black leather bag"
    page.ask(query)
    terms = list(computed_searcher.terms(query))
    own = {"black", "leather", "bag"}
    assert page.texts(".term") == [term if term in own else f"+ {term}" for term in terms[:12]]
    colour = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    page.find(".why summary")[0].click()
    for kind in ("own", "added"):
        colours = {
            page.browser.execute_script(colour, selector, name)
            for selector, name in (
                (f".key.{kind}", "backgroundColor"),
                (f".term.{kind}", "borderLeftColor"),
                (f"tr.{kind} .bar", "backgroundColor"),
            )
        }
        assert len(colours) == 1
    assert page.texts(".legend") == [" a word of the query  + a word that the model added"]


def test_the_address_holds_the_query_and_back_goes_back(page):
    page.ask("red hat")
    first = page.texts(".id")
    page.ask("canvas tote")
    assert page.texts(".id") != first
    page.browser.back()
    page.wait_for(lambda: page.texts(".id") == first)
    assert page.find("input[name=q]")[0].get_attribute("value") == "red hat"


def test_the_reason_for_finding_nothing_is_said(page):
    page.ask("   ")
    assert page.texts("#nothing") == ["Type what you are looking for."]
    page.ask("\u200b")
    reason = "The query has no term that the model knows. Try other words."
    assert page.texts("#nothing") == [reason]
    assert page.texts("#said") == [f"No hits {reason}"]  # announced
    assert page.is_visible("#nothing")
    assert not page.find(".hit")
    page.ask("bag")
    assert not page.is_visible("#nothing")


def test_markup_in_a_query_stays_text(page):
    query = "<img src=x onerror=document.title='broken'> bag"
    page.ask(query)
    assert page.browser.title == f"{query} – Sparton"
    assert not page.find("img")


def test_the_policy_holds_and_the_page_keeps_to_it(page, browser):
    browser.get_log("browser")
    page.ask("black leather bag")
    page.find(".why summary")[0].click()
    page.wait_for(lambda: page.find(".hit:first-child tbody tr")[0].is_displayed())
    assert max(bar.size["width"] for bar in page.find(".hit:first-child .bar")) > 10  # set by the script, as a style
    assert page.find("form")[0].value_of_css_property("display") == "flex"
    assert not browser.get_log("browser")
    browser.execute_script(
        "const added = document.createElement('script'); added.textContent = \"document.title = 'broken'\";"
        "document.body.append(added); const style = document.createElement('style');"
        "style.textContent = 'form { display: none }'; document.head.append(style);"
    )
    assert browser.title == "black leather bag – Sparton"
    assert page.find("form")[0].value_of_css_property("display") == "flex"
    refused = [entry["message"] for entry in browser.get_log("browser")]
    assert len(refused) == 2
    assert all("Content Security Policy" in message for message in refused), refused


def test_another_site_reads_nothing_through_a_name_of_its_own(browser, small_service):
    """Chromium takes any name below localhost for this machine, as a rebound name would be."""
    port = urlsplit(small_service).port
    browser.get(f"http://evil.localhost:{port}/health")
    assert browser.execute_script("return document.body.textContent") == (
        '{"detail": "requests for the host evil.localhost are not served; start the service with --allow-host '
        'evil.localhost if they should be"}'
    )
    browser.get(f"http://localhost:{port}/health")
    assert "documents" in browser.execute_script("return document.body.textContent")


def test_nothing_is_fetched_from_elsewhere_and_nothing_fails(page, browser, small_service):
    browser.get_log("performance")
    browser.get_log("browser")
    page.open("?q=bag")
    assert page.find(".id")
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [sent["params"]["request"]["url"] for sent in messages if sent["method"] == "Network.requestWillBeSent"]
    assert len(asked) >= 3
    assert all(url.startswith((small_service, "data:")) for url in asked), asked
    assert not browser.get_log("browser")
