"""Hold a built site against two rules: every link leads somewhere, and a reader's browser asks no other host.

python docs/site/check.py build/site
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
    ("object", "data"),
}
_NOT_LOADED = {"canonical", "next", "prev", "alternate"}


class _Page(HTMLParser):
    """links: what a page leads to or loads; ids: its anchors; foreign: what it loads from another host."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids |= {values[name] or "" for name in ("id", "name") if name in values}
        for name in ("href", "src", "data"):
            link = values.get(name)
            if not link or link.startswith(("data:", "mailto:", "javascript:")):
                continue
            if urlsplit(link).netloc:
                if (tag, name) in _LOADED and values.get("rel") not in _NOT_LOADED:
                    self.foreign.append(link)
            else:
                self.links.append(link)


def problems(site: Path) -> list[str]:
    """A sentence for each broken link, missing anchor and foreign asset of a site."""
    pages = {}
    for path in site.rglob("*.html"):
        pages[path.resolve()] = page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
    found = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        found += [f"{name} loads {link} from another host" for link in page.foreign]
        for link in page.links:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                found.append(f"{name} links to {link}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                found.append(f"{name} links to {link}, and there is no such anchor")
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        if "url(http" in text or "url(//" in text or "@import" in text:
            found.append(f"{style.relative_to(site)} loads something from another host")
    return found


def main() -> None:
    found = problems(Path(sys.argv[1]))
    print("\n".join(found) or "every link leads somewhere, and nothing is loaded from another host")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
