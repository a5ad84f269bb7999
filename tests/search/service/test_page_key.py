"""The page of a service that needs a key: it asks for one, in a real browser."""

import pytest
from selenium.webdriver.common.keys import Keys
from support.browser import Page, needs_chromium
from support.serving import serving

pytestmark = [pytest.mark.slow, needs_chromium]
KEY = "kept-by-the-shop-0123456789"


@pytest.fixture(scope="module")
def address(small_index, tmp_path_factory):
    """Where a service on the small index listens, for who has the key."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(KEY)
    path.chmod(0o600)
    with serving(small_index, "--api-key-file", str(path)) as address:
        yield address


def unlock(page, key):
    """Type a key where the page asks for one, and wait for what comes of it."""
    page.wait_for(lambda: page.is_visible("#unlock"))
    assert page.browser.switch_to.active_element.get_attribute("id") == "key"
    (box,) = page.find("#key")
    assert (box.accessible_name, box.get_attribute("type"), box.get_attribute("value")) == (
        *("This service needs a key.", "password", ""),
    )
    box.send_keys(key, Keys.ENTER)


def test_the_page_asks_for_a_key_and_keeps_it_for_its_tab(browser, address, searcher):
    page = Page(browser, address)
    page.look()
    page.open("?q=black+bag")
    assert page.texts("#nothing") == [
        "this service needs a key; send the header `Authorization: Bearer KEY`, or `X-API-Key: KEY`"
    ]
    unlock(page, "nobody-has-this-key-42")
    page.wait_for(lambda: page.texts("#nothing")[0].startswith("the key of this request is none of those"))
    assert page.texts(".id") == []
    unlock(page, KEY)
    expected = [hit.id for hit in searcher.search("black bag", 10)]
    page.wait_for(lambda: page.texts(".id") == expected)
    assert not page.is_visible("#unlock")
    assert page.texts("h1") == ["small"]
    page.open("?q=red+hat")  # loaded anew
    assert page.texts(".id") == [hit.id for hit in searcher.search("red hat", 10)]
    assert not page.is_visible("#unlock")
    assert KEY not in browser.current_url
    kept = "return [Object.entries(sessionStorage), Object.entries(localStorage), document.cookie]"
    assert browser.execute_script(kept) == [[["sparton-key", KEY]], [], ""]


def test_another_tab_asks_again(browser, address):
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    try:
        page = Page(browser, address)
        page.open()
        page.wait_for(lambda: page.is_visible("#unlock"))
        assert page.texts("h1") == ["Sparton"]
    finally:
        browser.close()
        browser.switch_to.window(first)
