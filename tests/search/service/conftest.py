"""What the tests of the page share."""

import pytest
from support.browser import chromium


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    driver = chromium()
    yield driver
    driver.quit()
