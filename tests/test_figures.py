"""docs/figures.md says what the files in benchmarks/results say, and docs/api.md has every public name."""

import json
import re
import subprocess
import sys

import pytest
from support.documents import ROOT

import sparton

PAGE = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
RESULTS = sorted(path.name for path in ROOT.glob("benchmarks/results/*.json"))


def numbers(value):
    """All numbers of a result, and the medians of its lists of numbers."""
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, dict):
        for entry in value.values():
            yield from numbers(entry)
    elif isinstance(value, list):
        plain = sorted(entry for entry in value if isinstance(entry, int | float))
        if plain and len(plain) == len(value):
            middle = len(plain) // 2
            yield (plain[middle] + plain[-middle - 1]) / 2
        for entry in value:
            yield from numbers(entry)


def test_the_page_is_what_the_script_writes(tmp_path):
    script = ROOT / "benchmarks" / "figures.py"
    subprocess.run([sys.executable, script, tmp_path / "page.md"], check=True)
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == PAGE, (
        "write it again: python benchmarks/figures.py docs/figures.md"
    )


@pytest.mark.parametrize("name", RESULTS)
def test_a_section_has_numbers_of_its_result_alone(name):
    """Each number of the table, as it is rounded, is one of the file's: read without the script."""
    (section,) = [part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE) if f"results/{name})" in part]
    result = list(numbers(json.loads((ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8"))))
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| |")]
    cells = [cell.strip() for row in rows for cell in row.strip("|").split("|")[1:]]
    shown = [cell for cell in cells if cell != "–"]
    assert shown
    for cell in shown:
        digits = len(cell.partition(".")[2])
        assert any(f"{number:,.{digits}f}" == cell for number in result), f"{name} has no {cell}"


def test_the_reference_has_every_public_name():
    named = re.findall(r"^::: sparton\.(\w+)$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(set(sparton.__all__) - {"__version__"})
