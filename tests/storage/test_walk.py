"""Links among the files of a corpus or collection: each file is read once, whatever leads to it."""

import glob
import json
import os
import shutil
from pathlib import Path

import pytest
from support.lucene_content import read_content
from support.permissions import somebody

import sparton
from sparton.errors import SpartonError
from sparton.indexer import splits
from sparton.pipeline.corpus import files as corpus

PASSED = "{} links or second names of files that are taken already were passed over"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in a folder of our own, so that the sentences hold short paths."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(caplog):
    """What was logged so far, when it is called."""
    caplog.set_level("INFO", "sparton")
    return lambda: caplog.messages


FIND = {"corpus": lambda folder: list(corpus.find_files([folder])), "collection": lambda f: splits.find_files(Path(f))}


@pytest.fixture(params=FIND)
def find(request):
    """Both ways to search through a folder; paths as text."""
    return lambda folder: [str(path) for path in FIND[request.param](folder)]


def write(*names, below="data"):
    """A document of each name, as a line that both a corpus and a collection may hold."""
    for name in names:
        path = Path(below, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"id": name, "contents": f"bag {name}", "vector": {"bag": 1 + len(name)}}) + "\n")


def self_link():
    Path("data/loop").symlink_to(".")


def two_self_links():
    Path("data/loop").symlink_to(".")
    Path("data/again").symlink_to(Path("data").absolute())


def two_mutual_links():
    Path("data/a/to b").symlink_to("../b")
    Path("data/b/to a").symlink_to("../a")


def link_to_a_parent():
    Path("data/a/deep/up").symlink_to("../..")


def links_to_each_other_and_nothing():
    Path("data/one").symlink_to("two")
    Path("data/two").symlink_to("one")


def second_names():
    Path("data/a/hard.jsonl").hardlink_to("data/z.jsonl")
    Path("data/b/soft.jsonl").symlink_to("../z.jsonl")


NAMES = ["a/1.jsonl", "a/deep/2.jsonl", "b/3.jsonl", "z.jsonl"]
WEB = [
    (self_link, NAMES, 1),
    (two_self_links, NAMES, 2),
    (two_mutual_links, ["a/1.jsonl", "a/deep/2.jsonl", "a/to b/3.jsonl", "z.jsonl"], 2),
    (link_to_a_parent, NAMES, 1),
    (links_to_each_other_and_nothing, NAMES, 0),
    (second_names, ["a/1.jsonl", "a/deep/2.jsonl", "a/hard.jsonl", "b/3.jsonl"], 2),
]


@pytest.mark.parametrize(("link", "expected", "passed"), WEB)
def test_a_file_is_taken_once_under_its_first_name(find, said, link, expected, passed):
    write(*NAMES)
    link()
    assert find("data") == [f"data/{name}" for name in expected]
    assert [line for line in said() if "second names" in line] == ([PASSED.format(passed)] if passed else [])


@pytest.mark.slow
def test_what_is_built_is_what_a_plain_copy_gives():
    write(*NAMES)
    shutil.copytree("data", "plain")
    for link in (two_self_links, two_mutual_links, link_to_a_parent, links_to_each_other_and_nothing, second_names):
        link()
    built = []
    for folder in ("data", "plain"):
        sparton.index_vectors(folder, f"{folder}.index")
        content = read_content(Path(f"{folder}.index/lucene").absolute())
        sparton.build_index(folder, f"{folder}.parts", text_columns=["contents"], lucene=False)
        lines = Path(f"{folder}.parts/collection/part-00000.jsonl").read_text().splitlines()
        built.append((content.texts, sorted(lines)))
        assert sorted(content.texts) == sorted(NAMES)
    assert built[0] == built[1]


def test_a_link_to_a_folder_elsewhere_is_followed(find, said):
    write(*NAMES)
    write("more.jsonl", "deep/more.jsonl", below="elsewhere")
    Path("data/m").symlink_to("../elsewhere")
    Path("data/n").symlink_to(Path("elsewhere").absolute())
    assert find("data") == [f"data/{name}" for name in [*NAMES[:3], "m/deep/more.jsonl", "m/more.jsonl", "z.jsonl"]]
    assert said() == [PASSED.format(1)]


def test_the_layout_of_a_cache_of_downloads(find, said):
    """Names lead to blobs that have none; a later snapshot leads to the same ones and one more."""
    Path("data/blobs").mkdir(parents=True)
    for number, (snapshot, name) in enumerate((("1a", "x.jsonl"), ("1a", "y.jsonl"), ("2b", "z.jsonl"))):
        write(f"{number:040}", below="data/blobs")
        Path("data/snapshots", snapshot).mkdir(parents=True, exist_ok=True)
        Path("data/snapshots", snapshot, name).symlink_to(f"../../blobs/{number:040}")
    Path("data/snapshots/2b/x.jsonl").symlink_to(f"../../blobs/{0:040}")
    expected = [f"data/snapshots/{name}" for name in ("1a/x.jsonl", "1a/y.jsonl", "2b/z.jsonl")]
    assert find("data") == expected
    assert [json.loads(Path(name).read_text())["id"] for name in expected] == [f"{number:040}" for number in range(3)]
    assert said() == [PASSED.format(1)]


def test_hidden_names_stay_hidden_and_links_to_them_do_not(find):
    write(".cache/1.jsonl", ".2.jsonl", "3.jsonl")
    assert find("data") == ["data/3.jsonl"]
    Path("data/cache").symlink_to(".cache")
    Path("data/2.jsonl").symlink_to(".2.jsonl")
    assert find("data") == ["data/2.jsonl", "data/3.jsonl", "data/cache/1.jsonl"]


def test_an_index_is_not_searched_by_whatever_name(find, said):
    write("1.jsonl", "index/sparton.json", "index/collection/part-00000.jsonl")
    Path("data/a").symlink_to("index")
    Path("data/b").symlink_to("a")
    assert find("data") == ["data/1.jsonl"]
    assert said() == []


@pytest.fixture
def deep():
    """A folder below more others than the interpreter's calls may be; shutil.rmtree would fail with it."""
    folders = [Path("data")]
    folders[0].mkdir()
    for _ in range(1_500):
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    (folders[-1] / "1.jsonl").touch()
    yield folders[-1]
    (folders[-1] / "1.jsonl").unlink()
    for folder in reversed(folders):
        folder.rmdir()


@pytest.mark.slow
def test_folders_as_deep_as_a_path_can_be(find, deep):
    assert find("data") == [str(deep / "1.jsonl")]


@pytest.mark.parametrize("name", ["gone.jsonl", "self.jsonl", "through.jsonl"])
def test_a_link_with_the_name_of_data_that_leads_nowhere(find, here, name):
    write(*NAMES)
    leads = {"gone.jsonl": "data/nothing", "self.jsonl": "data/self.jsonl", "through.jsonl": "data/z.jsonl/x"}[name]
    Path("data", name).symlink_to(Path(leads).relative_to("data"))
    with pytest.raises(SpartonError) as caught:
        find("data")
    assert str(caught.value) == (
        f"data/{name} leads to {here / leads}, where there is no file; mend or remove the link"
    )


def test_another_link_that_leads_nowhere_is_told_of(find, said):
    write(*NAMES)
    Path("data/README").symlink_to("nothing")
    Path("data/disk").symlink_to("/nothing/mounted")
    assert find("data") == [f"data/{name}" for name in NAMES]
    assert said() == ["2 links that lead nowhere were passed over; their names are of no data file"]


def test_what_is_no_file_and_called_like_one(find):
    write(*NAMES)
    os.mkfifo("data/pipe.jsonl")
    with pytest.raises(SpartonError) as caught:
        find("data")
    assert str(caught.value) == "data/pipe.jsonl is no regular file; leave it out, or put a file in its stead"


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        (0o311, "the folder data/a cannot be listed (Permission denied); see to its permissions, or leave it out"),
        (0o644, "data/a/1.jsonl cannot be looked at (Permission denied); see to its permissions, or leave it out"),
    ],
)
def test_a_folder_that_cannot_be_listed(find, mode, sentence):
    write(*NAMES)
    for folder in (".", "data", "data/b"):
        Path(folder).chmod(0o755)
    Path("data/a").chmod(mode)
    with somebody(), pytest.raises(SpartonError) as caught:
        find("data")
    Path("data/a").chmod(0o755)
    assert str(caught.value) == sentence


def test_paths_folders_and_patterns_share_what_is_taken(said):
    write(*NAMES)
    self_link()
    second_names()
    paths = ["data/b/soft.jsonl", "data/a", "data", "data/loop/b/3.jsonl", "data/*.jsonl", Path("data").absolute()]
    expected = ["b/soft.jsonl", "a/1.jsonl", "a/deep/2.jsonl", "b/3.jsonl"]
    assert [str(path) for path in corpus.find_files(paths)] == [f"data/{name}" for name in expected]
    # Of a: the hard link. Of data: both of a, the hard link, soft.jsonl, the loop, z. Then one, one, and all seven.
    assert said() == [PASSED.format(1 + 6 + 1 + 1 + 7)]


def files_of(pattern):
    """What a pattern names, by the standard library."""
    return {Path(name).resolve() for name in glob.glob(pattern, recursive=True) if name.endswith(".jsonl")}


PATTERNS = [
    "data/**/*.jsonl",
    "data/**",
    "**/*.jsonl",
    "data/*/**/[12].jsonl",
    "*/?.jsonl",
    "data/**/**/3*",
    "data/*/*",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_names_what_it_always_did_and_ends_where_links_go_round(here, pattern):
    write(*NAMES, ".hidden/4.jsonl", "_5.jsonl", "a/.6.jsonl")
    expected = files_of(pattern)
    assert expected
    assert {path.resolve() for path in corpus.find_files([pattern])} == expected
    for link in (two_self_links, two_mutual_links, link_to_a_parent):
        link()
    if "**" not in pattern:  # with which the library would go on and on
        expected = files_of(pattern)
    for given in (pattern, str(here / pattern)):
        found = corpus.find_files([given])
        assert {path.resolve() for path in found} == expected
        assert len(found) == len(expected)
        assert list(found) == sorted(found)


def test_a_pattern_tells_of_what_it_cannot_see(here):
    write(*NAMES)
    Path("data/a/gone.jsonl").symlink_to("nothing")
    with pytest.raises(SpartonError) as caught:
        corpus.find_files(["data/**/*.jsonl"])
    assert str(caught.value) == (
        f"data/a/gone.jsonl leads to {here / 'data/a/nothing'}, where there is no file; mend or remove the link"
    )
    Path(".").chmod(0o755)
    Path("data").chmod(0o311)
    with somebody(), pytest.raises(SpartonError) as caught:
        corpus.find_files(["data/*.jsonl"])
    assert str(caught.value) == (
        "the folder data cannot be listed (Permission denied); see to its permissions, or leave it out"
    )


def test_a_name_that_is_not_utf8_is_refused_wherever_it_is_found():
    write(*NAMES, os.fsdecode(b"b/caf\xe9.jsonl"))
    for paths in (["data"], ["data/b/*"], ["data/b/caf\udce9.jsonl"]):
        with pytest.raises(SpartonError) as caught:
            corpus.find_files(paths)
        assert str(caught.value) == "the path 'data/b/caf\\udce9.jsonl' is not UTF-8; rename it"
