"""Write docs/figures.md from what is in benchmarks/results: one table a result, and a sentence that says what it says.

python benchmarks/figures.py docs/figures.md
"""

import argparse
import json
import re
from pathlib import Path
from statistics import median
from typing import Any

from figure_specs import FIGURES, Figure

RESULTS = Path(__file__).parent / "results"
_CONDITIONS = ("gpu", "machine", "driver", "torch", "triton", "transformers", "python", "date", "dtype", "note")
_DASH = "–"
_HEAD = """# Figures

This page is written by `benchmarks/figures.py` from the files in [benchmarks/results](../benchmarks/results):
numbers, hardware and versions are those that each run stored. Where a run was repeated, the median is shown.
[Benchmarks](benchmarks.md) says what each means and which command makes it.

![Speed of each way to encode on one H100](encoding-speed.svg)
"""


def at(result: Any, path: str) -> Any:
    """What is at a path of steps between bars; None where nothing is."""
    for step in path.split("|") if path else ():
        if not isinstance(result, dict) or step not in result:
            return None
        result = result[step]
    return result


def number_of(value: Any, digits: int) -> str:
    """A number with so many digits behind the point, of a list its median; a dash for what is none."""
    if isinstance(value, list) and value and all(isinstance(one, int | float) for one in value):
        value = median(value)
    if isinstance(value, list):
        value = len(value) if not value else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _DASH
    return f"{value:,.{digits}f}"


def sentence_of(result: dict, template: str) -> str:
    """A template with its numbers. Raises KeyError for a number that the result does not have."""

    def filled(match: re.Match) -> str:
        shown = number_of(at(result, match[1]), int(match[2]))
        if shown == _DASH:
            raise KeyError(f"{match[1]} is no number of the result")
        return shown

    return re.sub(r"\{(.+?):(\d)\}", filled, template)


def rows_of(result: dict, path: str, figure: Figure) -> list[tuple[str, list[str]]]:
    """The rows of a table: a name and its cells; rows without any number are left out."""
    found = at(result, path)
    columns = figure.columns.values()
    prefix = path.replace("|", ", ") if len(figure.rows) > 1 else ""
    entries: dict[str, Any] = {prefix: found}
    if isinstance(found, list):
        entries = {f"{prefix}, run {number}": entry for number, entry in enumerate(found, 1)}
    elif isinstance(found, dict) and not any(
        number_of(at(found, column), 0) != _DASH for column, _ in columns if column
    ):
        entries = {f"{prefix}: {name}" if prefix else name: entry for name, entry in found.items()}
    rows = [
        (name, [number_of(at(entry, column), digits) for column, digits in columns]) for name, entry in entries.items()
    ]
    return [(name, cells) for name, cells in rows if set(cells) != {_DASH}]


def conditions_of(result: dict) -> str:
    """Hardware, versions and dates, as stored."""
    told = {}
    for part in (result, *(value for value in result.values() if isinstance(value, dict))):
        told |= {name: part[name] for name in _CONDITIONS if isinstance(part.get(name), str) and name not in told}
        told |= (
            {k: v for k, v in (part.get("versions") or {}).items() if k not in told and isinstance(v, str)}
            if isinstance(part.get("versions"), dict)
            else {}
        )
        if isinstance(part.get("machine"), dict):
            told |= {
                name: value for name, value in part["machine"].items() if isinstance(value, str) and name not in told
            }
    return "; ".join(f"{name} {value}" for name, value in told.items()) or "not stored with this result"


def generic(name: str, result: dict) -> Figure:
    """All numbers of the first two ranks, for a result of which figure_specs.py says nothing."""
    inner = tuple(key for key, value in result.items() if isinstance(value, dict) and key != "versions")
    return Figure(name.removesuffix(".json"), "All numbers of this result:", ("", *inner))


def section(name: str, result: dict) -> str:
    """A result's part of the page."""
    figure = FIGURES.get(name) or generic(name, result)
    rows = [row for path in figure.rows for row in rows_of(result, path, figure)]
    if not rows:
        raise ValueError(f"{name}: the table would be empty; see its entry in figure_specs.py")
    lines = [f"## {figure.title}", "", sentence_of(result, figure.sentence), ""]
    lines += [f"| | {' | '.join(figure.columns)} |", "|---" + "|---:" * len(figure.columns) + "|"]
    lines += [f"| {label} | {' | '.join(cells)} |" for label, cells in rows]
    return "\n".join([*lines, "", f"[{name}](../benchmarks/results/{name}): {conditions_of(result)}.", ""])


def page(results: Path = RESULTS) -> str:
    """The whole page. Results come in the order of figure_specs.py, then the others by name."""
    names = sorted(path.name for path in results.glob("*.json"))
    ordered = [*(name for name in FIGURES if name in names), *(name for name in names if name not in FIGURES)]
    return "\n".join(
        [_HEAD, *(section(name, json.loads((results / name).read_text(encoding="utf-8"))) for name in ordered)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.parse_args().page.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
