"""A headless Chromium, and what tests do with the page of a service in it."""

import shutil
from urllib.parse import parse_qs, urlsplit

import pytest

SECONDS = 60  # a browser on a busy machine takes its time
needs_chromium = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="needs Debian's chromium and chromium-driver",
)


def chromium():
    """A browser that keeps what it logs and sends. Whoever calls this quits it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en-US"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


class Page:
    """The page of a service, and ways to use it and to find things on it."""

    def __init__(self, browser, address):
        self.browser, self.address = browser, address

    def look(self, width=1280, height=900, scheme="light", motion="no-preference"):
        """Give the browser a size and what its user prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        media = {"features": [{"name": name, "value": value} for name, value in features.items()]}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def open(self, search=""):
        """Open the page with a query string, and wait for what it finds."""
        self.browser.get(f"{self.address}{search}")
        self.wait_for_response()

    def find(self, selector):
        """All elements that a selector finds."""
        from selenium.webdriver.common.by import By

        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        """The texts of all that is found, at one moment: the page may put others in their place at any."""
        return self.browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(found => found.textContent)", selector
        )

    def wait_for(self, condition):
        """What a condition gives, once that is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, SECONDS, poll_frequency=0.05).until(lambda _: condition())

    def wait_for_response(self):
        """Wait until what the address asks for is there."""
        self.wait_for(lambda: self.browser.execute_script("return !document.querySelector('[aria-busy]')"))
        self.wait_for(lambda: self.texts("#said") != ["Searching…"])

    def ask(self, query):
        """Type a query and wait for what it finds."""
        (box,) = self.find("input[name=q]")
        box.clear()
        box.send_keys(query)
        box.submit()
        self.wait_for(lambda: self.asked("q") == [query])
        self.wait_for_response()

    def asked(self, name):
        """The values of a name in the page's address."""
        return parse_qs(urlsplit(self.browser.current_url).query, keep_blank_values=True).get(name, [])

    def is_visible(self, selector):
        """Whether the one that a selector finds can be seen."""
        (found,) = self.find(selector)
        return found.is_displayed()
