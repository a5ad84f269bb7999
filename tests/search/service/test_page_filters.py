"""Filters, counts, orders and pages of hits, clicked in the page, against what the searcher finds with the same."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from support.browser import needs_chromium
from support.products import ODD

pytestmark = [pytest.mark.slow, needs_chromium]

QUERY = "leather bag silk dress wool coat gold shoes"  # which most products have a word of
START = f"?q={QUERY.replace(' ', '+')}"


@pytest.fixture
def page(shop_page):
    """The hits of a query."""
    shop_page.open(START)
    return shop_page


def box(page, *key):
    """What one field's choice is made with."""
    return page.browser.execute_script(
        "const key = JSON.stringify(arguments[0]);"
        "return [...document.querySelectorAll('[data-key]')].find(found => found.dataset.key === key) ?? null",
        key,
    )


def click(page, element):
    """Click on something that asks for other hits, and wait for them."""
    address = page.browser.current_url
    page.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()
    page.wait_for(lambda: page.browser.current_url != address)
    page.wait_for_response()


def counts(page, field):
    """A field's values and counts, in their order."""
    return page.browser.execute_script(
        "const group = [...document.querySelectorAll('fieldset')].find("
        "  found => found.querySelector('legend').textContent === arguments[0]);"
        "return group && [...group.querySelectorAll('.choice')].map("
        "  line => [line.querySelector('.value').textContent, +line.querySelector('.count').textContent])",
        field,
    )


def check_hits(page, searcher, *filters, **more):
    """The page shows what the searcher finds."""
    hits = searcher.search(QUERY, 10, filters=filters, **more)
    assert page.texts(".id") == [hit.id for hit in hits]
    total = searcher.answer(QUERY, 1, filters=filters, facets=["brand"]).total
    first = more.get("offset", 0) + 1
    assert page.texts("#said") == [f"Hits {first} to {first + len(hits) - 1} of {total}" if total > 1 else "1 hit"]


def facet(searcher, field, *filters):
    """The values of a field that are short enough to choose among, and their counts."""
    (counted,) = searcher.answer(QUERY, 1, filters=filters, facets=[field]).facets.values()
    return [[str(one.value), one.count] for one in counted if len(str(one.value)) <= 80]


def test_values_are_counted_among_all_that_match(page, shop_searcher):
    check_hits(page, shop_searcher)
    for field in ("brand", "category", "colour", "tags"):
        assert counts(page, field.capitalize()) == facet(shop_searcher, field)
    named = {"True": "Yes", "False": "No"}
    assert counts(page, "In stock") == [[named[value], count] for value, count in facet(shop_searcher, "in_stock")]
    assert counts(page, "Title") is None
    assert counts(page, "Image") is None


def others(page, field):
    """What is said of a field's values that are not shown, and what leads to those that are folded away."""
    return page.browser.execute_script(
        "const group = [...document.querySelectorAll('fieldset')].find("
        "  found => found.querySelector('legend').textContent === arguments[0]);"
        "return [...group.querySelectorAll('.others, summary')].map(found => found.textContent)",
        field,
    )


def test_values_that_are_not_shown_are_counted(page, shop_searcher):
    def expected(field, *filters):
        hits = shop_searcher.search(QUERY, 1000, filters=filters)
        more = len({hit.fields[field] for hit in hits if field in hit.fields}) - 20
        shown = len(facet(shop_searcher, field, *filters))
        unseen = [f"… and {more} more value{'s' if more > 1 else ''}"] if more > 0 else []
        folded = [f"{shown - 7 + max(more, 0)} more of {field.capitalize()}"] if shown > 9 else []
        return folded + unseen

    for field in ("category", "colour", "brand"):
        assert others(page, field.capitalize()) == expected(field)
    assert [len(expected(field)) for field in ("category", "colour", "brand")] == [2, 2, 1]
    click(page, box(page, "is", "in_stock", "false"))
    for field in ("category", "colour", "brand"):
        assert others(page, field.capitalize()) == expected(field, "in_stock = false")
    page.open(START)
    click(page, box(page, "is", "category", facet(shop_searcher, "category")[0][0]))
    assert others(page, "Category") == expected("category")  # its own filter leaves its counts as they were


def test_values_that_are_checked_narrow_the_hits_and_the_other_counts(page, shop_searcher):
    (first, _), (second, _), *_ = brands = facet(shop_searcher, "brand")
    click(page, box(page, "is", "brand", first))
    assert page.asked("is.brand") == [first]
    check_hits(page, shop_searcher, f'brand = "{first}"')
    assert counts(page, "Brand") == brands
    assert counts(page, "Category") == facet(shop_searcher, "category", f'brand = "{first}"')
    click(page, box(page, "is", "brand", second))
    both = f'brand in ("{first}", "{second}")'
    check_hits(page, shop_searcher, both)
    click(page, box(page, "is", "in_stock", "false"))
    check_hits(page, shop_searcher, both, "not in_stock")
    assert counts(page, "Brand") == facet(shop_searcher, "brand", "in_stock = false")
    assert page.texts("#used bdi") == [f"Brand: {first}", f"Brand: {second}", "In stock: No"]
    page.browser.back()
    page.wait_for(lambda: page.texts("#used bdi") == [f"Brand: {first}", f"Brand: {second}"])
    page.wait_for_response()
    check_hits(page, shop_searcher, both)


def test_filters_in_use_go_by_a_click_one_or_all(page, shop_searcher):
    brand = facet(shop_searcher, "brand")[0][0]
    page.open(f"{START}&is.brand={brand.replace(' ', '+')}&from.price=100&offset=0")
    check_hits(page, shop_searcher, f'brand = "{brand}"', "price >= 100")
    assert page.texts("#used li a") == [f"Remove Brand: {brand} ×", "Remove Price from 100 ×", "Clear all filters"]
    click(page, page.find("#used a")[0])
    check_hits(page, shop_searcher, "price >= 100")
    assert page.browser.switch_to.active_element.tag_name == "main"
    click(page, page.find("#used a")[-1])
    check_hits(page, shop_searcher)
    assert not page.is_visible("#used")


def test_numbers_and_days_have_a_first_and_a_last(page, shop_searcher):
    for end, value, *filters in (
        ("from", "40", "price >= 40"),
        ("to", "300.5", "price >= 40", "price <= 300.5"),
    ):
        box(page, end, "price").send_keys(value, Keys.ENTER)
        page.wait_for(lambda end=end, value=value: page.asked(f"{end}.price") == [value])
        page.wait_for_response()
        check_hits(page, shop_searcher, *filters)
        assert page.browser.switch_to.active_element == box(page, end, "price")
    page.open(f"{START}&from.added=2026-03-01&to.added=2026-05-14")
    check_hits(page, shop_searcher, "added >= 2026-03-01", "added < 2026-05-15")
    assert box(page, "to", "added").get_attribute("value") == "2026-05-14"


def test_odd_names_and_values_are_chosen_by(page, shop_searcher):
    (value, count), *_ = facet(shop_searcher, ODD)
    click(page, box(page, "is", ODD, value))
    name = ODD.replace("\\", "\\\\").replace("`", "\\`")
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    check_hits(page, shop_searcher, f'`{name}` = "{quoted}"')
    assert count == shop_searcher.answer(QUERY, filters=[f"`{name}` = '{quoted}'"], facets=["brand"]).total
    page.open(f"{START}&is.__proto__=x&from.constructor=a")
    assert page.texts("#used bdi") == ["Proto: x", "Constructor from a"]


def test_hits_are_sorted_by_what_is_chosen(page, shop_searcher):
    sort = Select(page.find("#sort")[0])
    assert [option.text for option in sort.options] == [
        *("Best match", "Price, low to high", "Price, high to low", "Added, oldest first", "Added, newest first")
    ]
    for name, text in (("price", "Price, low to high"), ("-added", "Added, newest first")):
        Select(page.find("#sort")[0]).select_by_visible_text(text)
        page.wait_for(lambda name=name: page.asked("sort") == [name])
        page.wait_for_response()
        check_hits(page, shop_searcher, sort=name)
    Select(page.find("#sort")[0]).select_by_visible_text("Best match")
    page.wait_for(lambda: page.asked("sort") == [])
    page.wait_for_response()
    check_hits(page, shop_searcher)


def test_pages_go_on_and_back(page, shop_searcher):
    total = shop_searcher.answer(QUERY, facets=["brand"]).total
    pages = -(-total // 10)
    assert pages > 2
    assert page.texts("#pages > *") == [f"Page 1 of {pages}", "Next →"]
    for number in range(2, pages + 1):
        click(page, page.find("#pages a")[-1])
        assert page.asked("offset") == [str(10 * (number - 1))]
        check_hits(page, shop_searcher, offset=10 * (number - 1))
        assert page.browser.execute_script("return scrollY") == 0
    assert page.texts("#pages > *") == ["← Previous", f"Page {pages} of {pages}"]
    page.browser.back()
    page.wait_for(lambda: page.asked("offset") == [str(10 * (pages - 2))])
    page.wait_for_response()
    check_hits(page, shop_searcher, offset=10 * (pages - 2))
    click(page, box(page, "is", "in_stock", "true"))
    assert page.asked("offset") == []
    check_hits(page, shop_searcher, "in_stock")
    page.open(f"{START}&offset=1000")
    assert page.texts("#nothing > *") == ["There are no more hits.", "Go to the first hits"]
    click(page, page.find("#nothing a")[0])
    check_hits(page, shop_searcher)


def test_filters_that_are_too_narrow_are_offered_to_be_cleared(page, shop_searcher):
    page.open(f"{START}&from.price=1000000")
    assert page.texts("#said") == ["No hits There are hits for this query, but the filters leave none of them."]
    assert page.texts("#nothing > *") == [
        "There are hits for this query, but the filters leave none of them.",
        "Clear all filters",
    ]
    click(page, page.find("#nothing a")[0])
    check_hits(page, shop_searcher)


def test_filters_in_the_service_s_own_words_stand_in_the_address(page, shop_searcher):
    page.open(f"{START}&filter=price+%3C+100+or+not+in_stock")
    check_hits(page, shop_searcher, "price < 100 or not in_stock")
    assert page.texts("#used bdi") == ["price < 100 or not in_stock"]
    page.open(f"{START}&filter=price+%3C+cheap")
    sentence = "the filter 'price < cheap' compares 'price', a number, with 'cheap'; expected a number as 9.99"
    assert page.texts("#said") == [f"No response {sentence}"]
    assert page.texts("#nothing > *") == [sentence, "Clear all filters"]
    click(page, page.find("#nothing a")[0])
    check_hits(page, shop_searcher)


def test_what_is_typed_stays_while_hits_come(page):
    """The other end of a range is being typed when the hits of the first one come."""
    page.browser.execute_script(
        "const [from, to] = document.querySelectorAll('input[type=number]');"
        "from.value = 10; from.dispatchEvent(new Event('change')); to.focus(); to.value = 500;"
    )
    page.wait_for(lambda: page.asked("from.price") == ["10"])
    page.wait_for_response()
    focused = page.browser.switch_to.active_element
    assert focused == box(page, "to", "price")
    assert focused.get_attribute("value") == "500"


def test_links_are_addresses_that_may_be_opened_elsewhere(page):
    next_page = page.find("#pages")[0].find_elements(By.LINK_TEXT, "Next →")[0]
    assert next_page.get_attribute("href") == f"{page.address}{START}&offset=10"
