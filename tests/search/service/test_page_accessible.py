"""The page for everyone: what axe finds, keyboards, small screens, and what a screen reader is told."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from support.browser import Page, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]
STATES = {
    "start": "",
    "results": "?q=black+leather+bag",
    "filtered": "?q=black+leather+bag&is.in_stock=true&from.price=20&sort=price",
    "hostile": "?q=umbrella",
    "empty": "?q=++",
    "no term": "?q=%E2%80%8B",
    "too narrow": "?q=bag&from.price=1000000",
    "error": "?q=bag&sort=nothing",
}


def axe():
    """The script of axe-core."""
    found = find_spec("axe_core_python")
    if found is None:
        pytest.skip("axe-core-python is not installed (extra test)")
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def looked_at(browser, script):
    """What axe finds on a page, and the rules that it passes. It is not asked for what else takes long: all nodes that
    a rule passes, and a selector of each node."""
    browser.execute_script(script)
    return browser.execute_async_script(
        "axe.run(document, {resultTypes: ['violations', 'incomplete'], selectors: false}).then(found => arguments[0]({"
        "passes: found.passes.map(rule => rule.id), found: [...found.violations, ...found.incomplete]"
        ".map(rule => [rule.id, rule.nodes.map(node => node.html)])}))"
    )


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_axe_finds_nothing(shop_page, width, scheme):
    script, page = axe(), shop_page
    page.look(width, scheme=scheme)
    for state, search in STATES.items():
        page.open(search)
        page.browser.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
        found = looked_at(page.browser, script)
        assert found["found"] == [], state
        assert {"color-contrast", "label", "region", "page-has-heading-one"} <= set(found["passes"]), state


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_the_description_of_the_service_is_for_everyone_too(browser, shop_address, width, scheme):
    script, page = axe(), Page(browser, f"{shop_address}docs")
    page.look(width, scheme=scheme)
    browser.get(page.address)
    browser.get_log("browser")
    browser.refresh()
    assert browser.get_log("browser") == []  # the policy lets all of it be
    assert page.find("main section h2")[0].value_of_css_property("font-size") == "16px"  # of the page's style
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert looked_at(browser, script)["found"] == []
    (link,) = page.find("nav a[href='#get_encode']")
    link.click()
    (heading,) = page.find("#get_encode h2")
    assert heading.text == "Encode a text GET /encode"
    assert 0 <= browser.execute_script("return arguments[0].getBoundingClientRect().top", heading) < 200


def test_the_page_has_landmarks_and_headings_in_order(shop_page):
    shop_page.open("?q=bag")
    landmarks = shop_page.find("header, form[role=search], aside, main, nav")
    assert [found.aria_role for found in landmarks] == ["banner", "search", "complementary", "main", "navigation"]
    assert [found.accessible_name for found in landmarks[2:]] == ["Filters", "Results", "Pages"]
    headings = shop_page.find("h1, h2, h3")
    assert [found.tag_name for found in headings] == ["h1", "h2", "h2", *["h3"] * 10]


def test_what_was_found_is_announced_politely(shop_page):
    (status,) = shop_page.find("[role=status]")
    shop_page.ask("bag")
    assert status.text.startswith("Hits 1 to 10 of ")
    assert status.aria_role == "status"
    assert shop_page.find("main [aria-live=assertive]") == []


def test_all_can_be_done_with_a_keyboard_and_the_focus_is_seen(shop_page):
    page, browser = shop_page, shop_page.browser
    box = browser.switch_to.active_element
    assert box.get_attribute("name") == "q"
    box.send_keys("black leather bag", Keys.ENTER)
    page.wait_for(lambda: page.asked("q") == ["black leather bag"])
    page.wait_for_response()
    # Each that gets the focus is asked for its outline at once: by the driver it would take a second a dozen.
    browser.execute_script(
        "window.reached = new Set([document.activeElement]); window.outlines = new Set(); window.left = false;"
        "addEventListener('focusin', ({target}) => {"
        "  reached.add(target); outlines.add(getComputedStyle(target).outlineStyle) });"
        "addEventListener('focusout', ({relatedTarget}) => { left ||= relatedTarget === null });"
    )
    for _ in range(20):
        ActionChains(browser).send_keys(Keys.TAB * 10).perform()
        if browser.execute_script("return left"):
            break
    assert browser.execute_script("return [...outlines]") == ["solid"]
    missed = browser.execute_script(
        "return [...document.querySelectorAll('a:not(.skip), button, input, select, summary')]"
        ".filter(found => found.checkVisibility() && !reached.has(found)).map(found => found.outerHTML)"
    )
    assert missed == []


def test_the_focus_stays_on_a_box_that_is_checked(shop_page):
    page = shop_page
    page.open("?q=black+leather+bag")
    key = '["is","in_stock","true"]'
    page.browser.execute_script(
        "[...document.querySelectorAll('[data-key]')].find(found => found.dataset.key === arguments[0]).focus()", key
    )
    page.browser.switch_to.active_element.send_keys(Keys.SPACE)
    page.wait_for(lambda: page.asked("is.in_stock") == ["true"])
    page.wait_for_response()
    assert page.browser.switch_to.active_element.get_attribute("data-key") == key
    assert page.browser.switch_to.active_element.is_selected()


def test_one_can_skip_to_the_results_without_searching_again(shop_page):
    page = shop_page
    page.open("?q=bag")
    first = page.find(".hit")[0]
    page.browser.execute_script("document.querySelector('.skip').focus()")
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.browser.switch_to.active_element.tag_name == "main"
    assert page.find(".hit")[0] == first


@pytest.mark.parametrize("state", STATES)
def test_a_phone_shows_it_all_without_scrolling_sideways(shop_page, state):
    page = shop_page
    page.look(360)
    page.open(STATES[state])
    if page.is_visible("#filters"):
        assert not page.find("#filters > details")[0].get_attribute("open")
    page.browser.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
    assert page.browser.execute_script("return document.documentElement.scrollWidth") == 360


def test_nothing_moves_for_those_who_want_that(shop_page):
    page = shop_page
    moving = (
        "return [...document.querySelectorAll('*')]"
        ".some(found => parseFloat(getComputedStyle(found).transitionDuration))"
    )
    page.open("?q=bag")
    assert page.browser.execute_script(moving)
    page.look(motion="reduce")
    assert not page.browser.execute_script(moving)
