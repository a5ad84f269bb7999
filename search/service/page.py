"""The page to search from, and what browsers are told about it."""

import base64
import re
from functools import cache
from hashlib import sha256
from importlib.resources import files


@cache
def page() -> str:
    """The page."""
    return files(__package__).joinpath("page.html").read_text(encoding="utf-8")


@cache
def security_headers() -> dict[str, str]:
    """Headers for every response: the page runs its own script and style and asks this service alone, nobody puts it
    into a frame, and nothing is taken for what it is not."""
    policy = {
        "default-src": "'none'",
        "script-src": _digests("script"),
        "style-src": _digests("style"),
        "connect-src": "'self'",
        "img-src": "data:",  # its icon, which is empty
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
