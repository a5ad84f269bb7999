"""The archive of Java's classes: made by the first index, used by the next search, and passed over where it is bad."""

import os
import subprocess
import sys

import pytest

from sparton.indexer.java import archive_of, find_jar, find_java
from sparton.search.quick_start import make_archive, missing_archive

pytestmark = pytest.mark.slow

SEARCH = """
import sys
from pathlib import Path
from sparton.search.impact_index import ImpactIndex
from sparton.indexer.java import java_class
index = ImpactIndex(Path(sys.argv[1]))
ranked = index.rank({"bag": 100, "leather": 50}, 20)
print(ranked, index.texts(ranked))
print("sharing" in str(java_class("java.lang.System").getProperty("java.vm.info")), file=sys.stderr)
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def search(index):
    """What a search in a process of its own prints, and whether its Java had an archive."""
    command = [sys.executable, "-P", "-c", SEARCH, str(index / "lucene")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=True)
    found, shared = done.stdout, done.stderr.splitlines()[-1]
    return found, shared == "True"


@pytest.mark.usefixtures("cache")
def test_a_search_with_the_archive_finds_the_same(small_index, tmp_path, monkeypatch):
    expected, shared = search(small_index)
    assert "ScoredDoc" in expected
    assert not shared
    archive = missing_archive()
    assert archive == archive_of(find_java(), find_jar())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the working directory')")
    make_archive(archive, small_index / "lucene")
    assert missing_archive() is None
    assert search(small_index) == (expected, True)

    whole = archive.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"\0" * 4096 + whole[4096:]):
        archive.write_bytes(damaged)
        assert search(small_index) == (expected, False)


@pytest.mark.usefixtures("cache")
def test_what_keeps_it_from_being_made_is_only_logged(small_index, tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with caplog.at_level("INFO", logger="sparton"):
        make_archive(missing_archive(), small_index / "lucene")
    assert "no archive of Java's classes was made for quicker searches" in caplog.text
    assert missing_archive() is not None
