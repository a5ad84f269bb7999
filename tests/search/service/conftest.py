"""What the tests of the page share."""

from contextlib import closing

import pytest
from support.browser import Page, chromium
from support.pictures import picture_server
from support.products import FIELDS, products
from support.serving import serving
from support.with_fields import index_with_fields

import sparton


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    driver = chromium()
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def pictures():
    """A server of pictures, and a proxy before the service on the shop."""
    with picture_server() as server:
        yield server


@pytest.fixture(scope="session")
def light_searcher(light_index):
    """The small catalogue with a model that loads at once, open."""
    with closing(sparton.Searcher(light_index)) as searcher:
        yield searcher


@pytest.fixture(scope="session")
def well(light_searcher):
    """What a service on the small catalogue says of its health."""
    return {"status": "ok", "documents": 64, "generation": light_searcher.manifest.state}


@pytest.fixture(scope="session")
def shop(small_catalog, pictures, tmp_path_factory):
    """An index of products with fields. Not to be written to."""
    folder = tmp_path_factory.mktemp("shop") / "bags-and-hats"
    return index_with_fields(folder, products(small_catalog, pictures), FIELDS)


@pytest.fixture(scope="session")
def shop_searcher(shop):
    """The shop, open."""
    with closing(sparton.Searcher(shop)) as searcher:
        yield searcher


@pytest.fixture(scope="session")
def shop_service(shop):
    """The address of a service on the shop, which takes seconds to load its model."""
    with serving(shop, "--image-host", "127.0.0.1") as address:
        yield address


@pytest.fixture(scope="session")
def shop_address(shop_service, pictures):
    """Where that service is found, on the host of the pictures."""
    pictures.service = shop_service
    return pictures.address()


@pytest.fixture
def shop_page(browser, shop_address):
    """The shop's page, freshly opened."""
    page = Page(browser, shop_address)
    page.look()
    page.open()
    return page
