"""The tests under each Python that is installed, and an index of Lucene 9 under Lucene 10.

    make test-all                                    # Python 3.11, 3.12 and 3.13, the quick tests
    make test-all PYTHONS="3.11 3.13" TESTS=full     # the whole suite
    python tests/every_python.py --newest 3.13       # what pip gives without constraints

Each Python gets an environment of its own (some 8 GB with the CUDA packages of torch), made with its constraints and
kept for the next time. One that is not installed is skipped, with a word. Then each environment searches the indexes
that the others built: Lucene reads what it or the version before it wrote. Exit code 1 where anything failed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
TESTS = {
    "none": None,
    "quick": ["-m", "not slow and not gpu"],
    "full": ["-m", "not gpu and not cluster"],
}
LUCENE = 'from sparton.indexer.java import java_class; print(java_class("org.apache.lucene.util.Version").LATEST.major)'
# The queries are encoded once: another torch may round a weight to the next impact.
BUILD = """
import json, sys
import sparton
index, topics = sys.argv[1:]
sparton.build_index("data/catalog.parquet", index)
searcher = sparton.Searcher(index)
with open(topics, "w", encoding="utf-8") as stream:
    for line in open("data/queries.tsv", encoding="utf-8"):
        name, text = line.rstrip("\\n").split("\\t")
        stream.write(json.dumps({"qid": name, "vector": searcher.terms(text)}) + "\\n")
"""
TOO_NEW = "was written by a newer Lucene"


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python with Sparton in it, and the major version of its Lucene."""

    name: str
    python: Path
    lucene: int


def main() -> None:
    """Go through the Pythons, then through the pairs of environments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", default=PYTHONS, help="versions, as 3.12")
    parser.add_argument("--tests", choices=TESTS, default="quick")
    parser.add_argument("--newest", action="store_true", help="install without constraints")
    parser.add_argument("--folder", type=Path, default=ROOT / ".venvs", help="where the environments are kept")
    arguments = parser.parse_args()
    failed: list[str] = []
    environments: list[Environment] = []
    for version in arguments.pythons or PYTHONS:
        interpreter = find_python(version)
        if interpreter is None:
            say(f"Python {version} is not installed: skipped")
            continue
        name = f"{version}-newest" if arguments.newest else version
        python = make_environment(interpreter, version, arguments.folder.resolve() / name, newest=arguments.newest)
        if python is None:
            failed.append(f"{name}: its packages were not installed")
            continue
        selection = TESTS[arguments.tests]
        if selection is not None and not run_tests(name, python, selection):
            failed.append(f"{name}: tests failed")
        major = subprocess.run([python, "-c", LUCENE], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        environments.append(Environment(name, python, int(major)))
    failed += search_each_others(environments)
    tested = ", ".join(f"Python {one.name} with Lucene {one.lucene}" for one in environments)
    say(f"tested: {tested or 'nothing'}")
    for sentence in failed:
        say(f"FAILED {sentence}")
    sys.exit(1 if failed or not environments else 0)


def find_python(version: str) -> Path | None:
    """An interpreter of this version: on the PATH, or among pyenv's."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = shutil.which(f"python{version}")
    candidates = [Path(on_path)] if on_path else []
    candidates += sorted(root.glob(f"versions/{version}.*/bin/python"))
    for candidate in candidates:
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        # pyenv leaves names on the PATH that start nothing.
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == version:
            return candidate
    return None


def make_environment(interpreter: Path, version: str, folder: Path, *, newest: bool) -> Path | None:
    """The Python of an environment with Sparton and what its tests need; None if pip failed."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
    constraints = [] if newest else ["--constraint", f"constraints/py{version.replace('.', '')}.txt"]
    say(f"{folder.name}: installing")
    command = [python, "-m", "pip", "install", "--quiet", "--editable", ".[test]", *constraints]
    return python if subprocess.run(command, cwd=ROOT, check=False).returncode == 0 else None


def run_tests(name: str, python: Path, selection: Sequence[str]) -> bool:
    """Whether the tests pass."""
    say(f"{name}: testing")
    command = [python, "-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", *selection]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def search_each_others(environments: Sequence[Environment]) -> list[str]:
    """Each index under each environment: equal runs, or one sentence where the index's Lucene is newer."""
    failed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for builder in environments:
            index, topics = folder / f"index-{builder.name}", folder / f"{builder.name}.jsonl"
            if subprocess.run([builder.python, "-c", BUILD, index, topics], cwd=ROOT, check=False).returncode:
                failed.append(f"{builder.name} building an index")
                continue
            expected = run_of(builder, index, topics, folder / "expected.trec")
            if isinstance(expected, str):
                failed.append(f"{builder.name} searching its own index: {expected}")
                continue
            for reader in environments:
                if reader is builder:
                    continue
                found = run_of(reader, index, topics, folder / "found.trec")
                if reader.lucene < builder.lucene:
                    right = isinstance(found, str) and found.count("\n") <= 1 and TOO_NEW in found
                else:
                    right = found == expected
                what = f"{reader.name} (Lucene {reader.lucene}) searching an index of {builder.name} ({builder.lucene})"
                say(
                    f"{what}: {found.strip()}"
                    if isinstance(found, str)
                    else f"{what}: {len(found.splitlines()):,} hits"
                )
                if not right:
                    failed.append(what)
    return failed


def run_of(environment: Environment, index: Path, topics: Path, out: Path) -> bytes | str:
    """The run that an environment writes over an index, or what it says on stderr if it writes none."""
    out.unlink(missing_ok=True)
    command = [environment.python.with_name("sparton"), "run", topics, "-o", out, "--index", index, "-k", "100"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return out.read_bytes() if done.returncode == 0 else done.stderr


def say(sentence: str) -> None:
    print(f"== {sentence}", flush=True)


if __name__ == "__main__":
    main()
