"""Make the pictures of the documents: the pipeline, a terminal with real output, and the page to search from.

python docs/site/pictures.py docs        # needs chromium for the page; the sample index is built in a temporary folder
"""

import argparse
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
_SPARTON = [sys.executable, "-c", "from sparton.cli import run; run()"]
_FONT = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_SHOWN = (
    ["index", "data/catalog.parquet", "--index", "shop", "--field", "brand", "--field", "price", "--field", "in_stock"],
    ["search", "small black leather crossbody bag", "--index", "shop", "-k", "1", "--explain"],
    ["search", "evening clutch", "--index", "shop", "-k", "3", "--filter", "price < 200 and in_stock"],
)
_STEPS = (
    ("your rows", "Parquet, CSV, JSON"),
    ("encode", "text → weighted terms"),
    ("collection/", "JSON lines, to keep"),
    ("lucene/", "impact index"),
    ("search", "sum of weight × weight"),
)


def pipeline() -> str:
    """Boxes from rows to hits, with arrows between."""
    width, gap, height = 158, 30, 70
    total = len(_STEPS) * width + (len(_STEPS) - 1) * gap + 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height + 4}" role="img" '
        'font-family="sans-serif" text-anchor="middle">',
        "<title>From rows to hits: read, encode, collect, index, search</title>",
    ]
    for number, (name, what) in enumerate(_STEPS):
        x = 2 + number * (width + gap)
        middle = x + width / 2
        parts.append(f'<rect x="{x}" y="2" width="{width}" height="{height}" rx="8" fill="#fbf3f0" stroke="#c8553d"/>')
        parts.append(f'<text x="{middle}" y="32" font-size="16" font-weight="bold" fill="#222">{name}</text>')
        parts.append(f'<text x="{middle}" y="54" font-size="12" fill="#444">{what}</text>')
        if number:
            y = 2 + height / 2
            parts.append(f'<path d="M{x - gap + 4} {y}h{gap - 12}" stroke="#888" stroke-width="2"/>')
            parts.append(f'<path d="M{x - 9} {y - 5}l7 5l-7 5z" fill="#888"/>')
    return "\n".join([*parts, "</svg>", ""])


def printed(words: list[str], folder: Path) -> str:
    """What a command prints on a terminal of 90 columns, without its bars and notes on the standard error.

    Raises CalledProcessError where it fails.
    """
    main, side = pty.openpty()
    environment = {**os.environ, "COLUMNS": "90", "NO_COLOR": "1"}
    process = subprocess.Popen([*_SPARTON, *words], cwd=folder, env=environment, stdout=side, stderr=subprocess.DEVNULL)
    os.close(side)
    with open(main, "rb", buffering=0) as output:
        pieces = []
        try:
            while piece := output.read(65536):
                pieces.append(piece)
        except OSError:  # the other end is closed
            pass
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, words)
    return b"".join(pieces).decode().replace("\r\n", "\n")


def terminal(folder: Path) -> str:
    """The commands and what they print, as a terminal shows it."""
    console = Console(record=True, width=92, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for words in _SHOWN:
        typed = " ".join(f"'{word}'" if " " in word else word for word in words)
        console.print(Text(f"$ sparton {typed}", style="bold"))
        console.print(Text(printed(words, folder).rstrip("\n")))
    drawn = console.export_svg(title="sparton", unique_id="sparton")
    # No font of another host: the reader's own.
    start, end = drawn.index("@font-face"), drawn.index(".sparton-matrix")
    return (
        (drawn[:start] + drawn[end:])
        .replace("Fira Code, monospace", _FONT)
        .replace("font-family: arial", "font-family: sans-serif")
    )


def search_page(folder: Path, image: Path) -> None:
    """The page of a service with a query asked and a facet counted."""
    from selenium import webdriver

    service = subprocess.Popen(
        [*_SPARTON, "serve", "--index", "shop", "--port", "0"], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    try:
        address = service.stderr.readline().split(" at ")[1].split()[0]
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en-US"):
            options.add_argument(argument)
        browser = webdriver.Chrome(
            options, webdriver.ChromeService(shutil.which("chromedriver"))
        )  # else it would be looked for elsewhere
        try:
            browser.set_window_size(1100, 760)
            browser.get(f"{address.rstrip('/')}/?q=small+black+leather+crossbody+bag")
            time.sleep(4)
            browser.save_screenshot(str(image))
        finally:
            browser.quit()
    finally:
        service.kill()
        service.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    target = parser.parse_args().folder.resolve()
    (target / "pipeline.svg").write_text(pipeline(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").symlink_to(ROOT / "data")
        (target / "terminal.svg").write_text(terminal(folder), encoding="utf-8")
        search_page(folder, target / "search-page.png")


if __name__ == "__main__":
    main()
