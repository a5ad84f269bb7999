"""The page to search from, in a real browser."""

import shutil
from urllib.parse import parse_qs, urlsplit

import pytest
from support.serving import serving

SECONDS = 60  # a browser on a busy machine takes its time

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="needs Debian's chromium and chromium-driver",
    ),
]


@pytest.fixture(scope="module")
def address(small_index):
    """Where a service on the small index listens."""
    with serving(small_index) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, address):
    """The page, freshly opened, and a way to find things on it."""
    from selenium.webdriver.common.by import By

    browser.get(address)
    return lambda selector: browser.find_elements(By.CSS_SELECTOR, selector)


def wait_for(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, SECONDS).until(lambda _: condition())


def texts(browser, selector):
    """The texts of all that is found, at one moment: the page may put others in their place at any."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(found => found.textContent)", selector
    )


def ask(browser, page, query):
    (box,) = page("input[name=q]")
    box.clear()
    box.send_keys(query)
    box.submit()
    # Once the address has changed, what is said is of this query.
    wait_for(browser, lambda: parse_qs(urlsplit(browser.current_url).query).get("q") == [query])
    wait_for(browser, lambda: "hits" in texts(browser, "#said")[0])


def test_a_query_shows_its_hits_in_order(browser, page, searcher):
    query = "small black leather crossbody bag"
    ask(browser, page, query)
    hits = searcher.search(query, 10)
    wait_for(browser, lambda: texts(browser, ".id") == [hit.id for hit in hits])
    assert page("li .text")[0].text == hits[0].text
    assert page("#said")[0].text.startswith("10 hits, ")


def test_an_explanation_unfolds_and_marks_added_terms(browser, page, searcher):
    query = "black leather bag"
    ask(browser, page, query)
    wait_for(browser, lambda: page("summary"))
    page("summary")[0].click()
    wait_for(browser, lambda: page("li:first-child tr") and page("li:first-child tr")[0].is_displayed())
    terms = searcher.terms(query)
    (matches,) = searcher.explain(terms, searcher.search_terms(terms, 1))
    cells = [row.text.split() for row in page("li:first-child tr")]
    assert [cell[0].lstrip("+") or cell[1] for cell in cells] == [match.term for match in matches]
    added = {row.text.split()[0].lstrip("+") for row in page("li:first-child tr.added")}
    assert not added & {"black", "leather", "bag"}
    widths = [bar.size["width"] for bar in page("li:first-child .bar")]
    assert widths == sorted(widths, reverse=True)


def test_the_address_holds_the_query_and_back_goes_back(browser, page):
    ask(browser, page, "red hat")
    first = texts(browser, ".id")
    ask(browser, page, "canvas tote")
    browser.back()
    wait_for(browser, lambda: texts(browser, ".id") == first)
    assert page("input[name=q]")[0].get_attribute("value") == "red hat"


def test_a_query_without_hits_says_so(browser, page):
    ask(browser, page, "\u200b")
    assert page("#said")[0].text.startswith("No hits")
    assert not page("li")


def test_markup_in_a_query_stays_text(browser, page):
    ask(browser, page, "<img src=x onerror=document.title='broken'> bag")
    assert browser.title == "Sparton"


def test_the_policy_holds_and_the_page_keeps_to_it(browser, page, searcher):
    browser.get_log("browser")
    query = "black leather bag"
    ask(browser, page, query)
    wait_for(browser, lambda: texts(browser, ".id") == [hit.id for hit in searcher.search(query, 10)])
    page("summary")[0].click()
    wait_for(browser, lambda: page("li:first-child tr")[0].is_displayed())
    assert max(bar.size["width"] for bar in page("li:first-child .bar")) > 10  # set by the script, as a style
    assert page("form")[0].value_of_css_property("display") == "flex"
    assert not browser.get_log("browser")
    browser.execute_script(
        "const added = document.createElement('script'); added.textContent = \"document.title = 'broken'\";"
        "document.body.append(added); const style = document.createElement('style');"
        "style.textContent = 'form { display: none }'; document.head.append(style);"
    )
    assert browser.title == "Sparton"
    assert page("form")[0].value_of_css_property("display") == "flex"
    refused = [entry["message"] for entry in browser.get_log("browser")]
    assert len(refused) == 2
    assert all("Content Security Policy" in message for message in refused), refused


def test_another_site_reads_nothing_through_a_name_of_its_own(browser, page, address):
    """Chromium takes any name below localhost for this machine, as a rebound name would be."""
    port = urlsplit(address).port
    browser.get(f"http://evil.localhost:{port}/health")
    assert browser.execute_script("return document.body.textContent") == (
        '{"detail": "requests for the host evil.localhost are not served; start the service with --allow-host '
        'evil.localhost if they should be"}'
    )
    browser.get(f"http://localhost:{port}/health")
    assert "documents" in browser.execute_script("return document.body.textContent")


def test_nothing_is_fetched_from_elsewhere_and_nothing_fails(browser, page, address):
    import json

    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(f"{address}?q=bag")
    wait_for(browser, lambda: page(".id"))
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [sent["params"]["request"]["url"] for sent in messages if sent["method"] == "Network.requestWillBeSent"]
    assert len(asked) >= 2
    assert all(url.startswith((address, "data:")) for url in asked), asked
    assert not browser.get_log("browser")
