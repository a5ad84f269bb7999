"""What is built and installed: the packages of the wheel, the light requirements, and a search without what encodes."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.saved_models import needs_sentence_transformers, save, save_masked_lm, static

from sparton.indexer.java import find_jar

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HEAVY = {"pyserini", "torch", "transformers"}
# A finder that raised would not be what a missing package is like: code may ask whether there is one.
WITHOUT = """
import sys
from importlib.machinery import PathFinder
class Lacking(PathFinder):
    @classmethod
    def find_spec(cls, name, *rest):
        heavy = {"pyserini", "torch", "transformers", "triton"}
        return None if name.partition(".")[0] in heavy else PathFinder.find_spec(name, *rest)
sys.meta_path[sys.meta_path.index(PathFinder)] = Lacking
from sparton.cli import run
run()
"""


def test_the_wheel_has_every_package():
    named = set(PROJECT["tool"]["setuptools"]["packages"])
    rooms = {path.parents[0] for room in ROOT.glob("*/__init__.py") for path in room.parent.rglob("*.py")}
    assert named == {"sparton", "sparton.data", *(f"sparton.{'.'.join(r.relative_to(ROOT).parts)}" for r in rooms)}


def test_the_light_requirements_are_the_package_s_own():
    dependencies = PROJECT["project"]["dependencies"]
    heavy = [line for line in dependencies if re.match(r"[\w-]+", line)[0] in HEAVY]
    assert lines_of("search.txt") == [line for line in dependencies if line not in heavy]
    assert lines_of("encode.txt") == ["-r search.txt", *(line for line in heavy if not line.startswith("pyserini"))]


def lines_of(name):
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_the_module_says_the_version_that_the_metadata_has():
    done = subprocess.run([sys.executable, "-m", "sparton", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == metadata.version("sparton")


@pytest.mark.slow
@needs_sentence_transformers
def test_a_search_by_a_table_needs_nothing_that_encodes(run_cli, tmp_path):
    save([static(save_masked_lm(tmp_path / "plain"))], tmp_path / "table")
    pq.write_table(pa.table({"id": ["a", "b"], "text": ["black leather bag", "red bag"]}), tmp_path / "bags.parquet")
    built = run_cli("index", tmp_path / "bags.parquet", "--index", tmp_path / "i", "--model", tmp_path / "table")
    assert built.code == 0, built.stderr
    search = "search", "black bag", "--json", "--index", str(tmp_path / "i")
    found = without_heavy(*search)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == run_cli(*search).stdout != ""
    refused = without_heavy(
        "index", tmp_path / "bags.parquet", "--index", tmp_path / "j", "--model", tmp_path / "plain"
    )
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(
        "Error: to encode by this model, torch and transformers must be installed; run `pip install torch"
    )


def without_heavy(*arguments):
    environment = {**os.environ, "ANSERINI_CLASSPATH": str(find_jar().parent)}
    command = [sys.executable, "-c", WITHOUT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
