"""Rows that are put into a finished index, documents that are taken out of it, and merging.

What is found then is what a fresh build of the final corpus finds.
"""

import json
import random

import pytest

import sparton
from sparton.storage.manifest import load_manifest

WORDS = "black red tan brown leather bag suede clutch evening small large shoulder strap gold brass".split()
QUERIES = ("black leather bag", "gold clutch", "word1 word2 word30", "small brown strap with word7")


def text_of(rng):
    return "black " + " ".join(rng.choices([*WORDS, *(f"word{i}" for i in range(150))], k=rng.randint(1, 12)))


def write_rows(path, rows):
    path.write_text("".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in rows.items()))
    return path


def found(index, queries=QUERIES, k=1000):
    searcher = sparton.Searcher(index)
    try:
        return [[(hit.id, hit.passage, hit.score, hit.text) for hit in searcher.search(query, k)] for query in queries]
    finally:
        searcher.close()


def collection_of(index):
    """The lines of a collection by id: the id, text and vector that they have."""
    lines = {}
    for part in sorted((index / "collection").glob("part-*.jsonl")):
        for line in part.read_bytes().splitlines():
            name = json.loads(line)["id"]
            assert name not in lines
            lines[name] = line
    return lines


def counted(index):
    counts = load_manifest(index).counts
    return counts.rows, counts.documents, counts.split, counts.postings


def checked(run_cli, index):
    ran = run_cli("info", "--index", index, "--check")
    assert ran.code == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def build(static_model, tmp_path):
    """Build an index of {id: text} by a table."""

    def build(rows, name="index", **options):
        path = write_rows(tmp_path / f"{name}.jsonl", rows)
        options = {"shard_rows": 40, "index_processes": 2, "heap_mb": 128, **options}
        sparton.build_index(path, tmp_path / name, model=str(static_model), **options)
        return tmp_path / name

    return build


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"store_text": False}, id="without texts"),
        pytest.param({"chunk": True, "max_length": 8}, id="passages"),
        pytest.param({"join": False}, id="several Lucene indexes"),
    ],
)
def test_random_changes_leave_what_a_fresh_build_of_the_final_corpus_has(build, tmp_path, run_cli, options):
    rng, every = random.Random(7), 3  # rounds between two fresh builds
    rows = {f"d{i}": text_of(rng) for i in range(200)}
    index = build(rows, **options)
    for turn in range(10):
        kind = rng.choice(["update", "update", "delete", "compact"])
        if kind == "update":
            some = {name: text_of(rng) for name in rng.sample(sorted(rows), 12)}
            some |= {f"n{turn}-{i}#{i}": text_of(rng) for i in range(rng.randint(0, 60))}
            some |= {name: rows[name] for name in rng.sample(sorted(rows), 5)}
            report = sparton.update_index(write_rows(tmp_path / "some.jsonl", some), index)
            assert report.added == len(some.keys() - rows.keys())
            assert report.changed_text == sum(rows.get(name, text) != text for name, text in some.items())
            rows |= some
        elif kind == "delete":
            gone = rng.sample(sorted(rows), 9)
            report = sparton.delete_documents([*gone, "nobody"], index)
            assert (report.removed, report.missing) == (9, 1)
            for name in gone:
                del rows[name]
        else:
            sparton.compact_index(index)
        if turn % every:
            continue
        fresh = build(rows, f"fresh{turn}", **options)
        assert counted(index) == counted(fresh) == (len(rows), *counted(fresh)[1:])
        assert found(index) == found(fresh)
        assert collection_of(index) == collection_of(fresh)
        checked(run_cli, index)
