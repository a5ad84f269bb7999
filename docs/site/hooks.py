"""What MkDocs does beside its own: the changelog and linked files become pages, marks of fences go."""

import posixpath
import re
import shutil
import tomllib
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "build" / "docs-source"  # what the reference of names is read from: the package, and no environment
_PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "docs": "index.md"}
_LINK = re.compile(r"(?<=\]\()([^)#\s]+)(#[^)\s]*)?(?=\))")
_MARKS = re.compile(r"^( *```\w+) .*$", re.MULTILINE)


def on_startup(command, dirty):
    """Lay out the package for the reference of names."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    shutil.rmtree(SOURCES, ignore_errors=True)
    for package in packages:
        folder = ROOT.joinpath(*package.split(".")[1:])
        target = SOURCES.joinpath(*package.split("."))
        target.mkdir(parents=True, exist_ok=True)
        for module in folder.glob("*.py"):
            shutil.copy(module, target)


def on_config(config):
    """Leave out of the navigation what is not written yet."""
    config.nav = _existing(config.nav)
    return config


def on_files(files, config):
    """Add the changelog, and a page for each file of the repository that a page links to."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "changelog.md", content=_LINK.sub(r"../\1\2", changelog)))
    pages = [(path.name, path.read_text(encoding="utf-8")) for path in sorted((ROOT / "docs").glob("*.md"))]
    linked = {
        _repository_path(link)
        for name, text in [*pages, ("changelog.md", _LINK.sub(r"../\1\2", changelog))]
        for link, _ in _LINK.findall(text)
        if link.startswith("../")
    }
    for path in sorted(linked - _PAGES.keys()):
        if not path.startswith("docs/"):
            files.append(File.generated(config, f"repository/{path}.html", content=_source_page(path)))
    return files


def on_post_template(output_content, template_name, config):
    """Leave out the page for what is not found, whose links hold at the root of a host alone."""
    return "" if template_name == "404.html" else output_content


def on_page_markdown(markdown, page, config, files):
    """Have links to files of the repository lead to their pages."""

    def replaced(match):
        link, anchor = match[1], match[2] or ""
        if not link.startswith("../"):
            return match[0]
        path = _repository_path(link)
        if path.startswith("docs/"):
            return path.removeprefix("docs/") + anchor
        return _PAGES.get(path, f"repository/{path}.html") + anchor

    return _MARKS.sub(r"\1", _LINK.sub(replaced, markdown))


def _repository_path(link: str) -> str:
    """A link of a page in docs, as a path within the repository. Raises PluginError where nothing is."""
    path = posixpath.normpath(posixpath.join("docs", link))
    if not (ROOT / path).exists():
        raise PluginError(f"a page links to {link}, and the repository has no {path}")
    return path


def _source_page(path: str) -> str:
    """A page by itself, of a file with its lines numbered, or of the names in a folder."""
    full = ROOT / path
    if full.is_dir():
        text = "\n".join(
            sorted(f"{entry.name}{'/' * entry.is_dir()}" for entry in full.iterdir() if entry.name != "__pycache__")
        )
        lexer = TextLexer()
    else:
        text = full.read_text(encoding="utf-8")
        try:
            lexer = get_lexer_for_filename(path)
        except ClassNotFound:
            lexer = TextLexer()
    return highlight(text, lexer, HtmlFormatter(full=True, title=path, linenos="inline", lineanchors="L"))


def _existing(nav):
    kept = []
    for entry in nav:
        ((title, target),) = entry.items()
        if isinstance(target, list):
            kept.append({title: _existing(target)})
        elif target == "changelog.md" or (ROOT / "docs" / target).is_file():
            kept.append(entry)
    return kept
