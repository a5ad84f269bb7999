"""The page to search from, and what browsers are told about it."""

import base64
import re
from functools import cache
from hashlib import sha256
from importlib.resources import files

from .hosts import image_hosts

_SCRIPTS = ("page_values.js", "page_address.js", "page_filters.js", "page_hits.js", "page.js")  # each uses those before


@cache
def page(images: tuple[str, ...] = (), hits: int = 10, offset: int = 10_000) -> str:
    """The page, in one piece. images: hosts from which it may show pictures, besides its own. hits: that it asks for at
    once. offset: of the last hits that it may ask for."""
    scripts = "\n".join(f"<script>\n{template(name)}</script>" for name in _SCRIPTS)
    parts = {
        "images": " ".join(image_hosts(images)),
        "hits": str(hits),
        "offset": str(offset),
        "style": style(),
        "scripts": scripts,
    }
    return re.sub("{{([a-z]+)}}", lambda found: parts[found[1]], template("page.html"))


def style() -> str:
    """The style of every page, which is one, so that one digest of it will do."""
    return f"<style>\n{template('page.css')}</style>"


@cache
def template(name: str) -> str:
    """A file of a page."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def security_headers(images: tuple[str, ...] = ()) -> dict[str, str]:
    """Headers for every response: the page runs its own script and style and asks this service alone, nobody puts it
    into a frame, and nothing is taken for what it is not. images: as the page's; they may be at any port.

    Raises UsageError for one that is no host.
    """
    policy = {
        "default-src": "'none'",
        "script-src": _digests("script"),
        "style-src": _digests("style"),
        "connect-src": "'self'",
        # Of data: its icon, which is empty; the script takes no picture from there.
        "img-src": " ".join(("'self'", "data:", *(f"{host}:*" for host in image_hosts(images)))),
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'none'",  # its form is handled by the script
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }


def _digests(element: str) -> str:
    """Those of the texts of the page's elements of a kind."""
    found = re.findall(f"<{element}>(.*?)</{element}>", page(), re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'" for text in found)
