"""What an index holds, in numbers, beside what its collection says."""

import json
import math
from collections import Counter

import pytest
from support.updates import Catalogue, build, make, write_rows

import sparton
from sparton.indexer import index_writer
from sparton.indexer.index_writer import LuceneWriter
from sparton.indexer.java import start_jvm
from sparton.indexer.read_vectors import read_vectors
from sparton.indexer.splits import cut
from sparton.search.index_bytes import lucene_bytes
from sparton.search.postings_stats import count_postings
from sparton.search.searcher import Searcher
from sparton.search.stats import Spread, index_stats
from sparton.storage.manifest import load_manifest

SMALL = {"shard_rows": 40, "index_processes": 2, "heap_mb": 128}


def collected(index):
    """The vectors of the collection that counts."""
    manifest = load_manifest(index)
    folder = index / "collection"
    names = (
        [part.name for part in manifest.updated.parts]
        if manifest.updated
        else sorted(path.name for path in folder.glob("*.jsonl"))
    )
    return [json.loads(line)["vector"] for name in names for line in (folder / name).read_text().splitlines()]


def spread(numbers):
    """By definition: the mean, and by rank the least number that 50 and 99 in 100 are not above."""
    ordered = sorted(numbers)
    return Spread(sum(ordered) / len(ordered), *(ordered[math.ceil(len(ordered) * p / 100) - 1] for p in (50, 99)))


def assert_stats(index, queries=None):
    """What is found is what plain Python counts in the collection."""
    vectors = collected(index)
    documents = Counter(term for vector in vectors for term in vector)
    found = index_stats(index, queries)
    assert (found.documents, found.terms, found.postings) == (len(vectors), len(documents), documents.total())
    assert found.terms_a_document == spread([len(vector) for vector in vectors])
    longest = sorted(documents.items(), key=lambda item: (-item[1], item[0]))[:10]
    assert [(one.term, one.documents, one.share) for one in found.longest] == [
        (term, count, count / len(vectors)) for term, count in longest
    ]
    if queries is not None:
        asked = Counter(term for query in queries for term in query)
        shares = [(count / len(queries), documents[term] / len(vectors)) for term, count in asked.items()]
        assert found.queries.flops == pytest.approx(
            sum(of_queries * of_documents for of_queries, of_documents in shares)
        )
        assert found.queries.terms_a_query == spread([len(query) for query in queries])
        assert found.queries.queries == len(queries)
        assert found.queries.without_terms == sum(not query for query in queries)
    lucene = sum(path.stat().st_size for path in (index / "lucene").rglob("*") if path.is_file())
    assert sum(found.lucene.values()) <= lucene
    assert all(size >= 0 for size in found.lucene.values())
    assert min(found.lucene[kind] for kind in ("postings", "terms", "stored")) > 0
    return found


QUERIES = [{"bag": 3, "leather": 5}, {}, {"bag": 1, "nobody": 9}, {"word7": 2}]


def test_an_index_is_counted_as_its_collection(small_index):
    found = assert_stats(small_index, QUERIES)
    lucene = sum(path.stat().st_size for path in (small_index / "lucene").iterdir() if path.name != "write.lock")
    assert (sum(found.lucene.values()), found.deleted, found.passages, found.beside) == (lucene, 0, False, {})
    assert found.collection == sum(path.stat().st_size for path in (small_index / "collection").iterdir())
    kinds = Counter()
    for path in (small_index / "lucene").iterdir():
        kinds[path.suffix] += path.stat().st_size
    assert found.lucene["postings"] == kinds[".doc"]
    assert found.lucene["stored"] == kinds[".fdt"] + kinds[".fdx"] + kinds[".fdm"]
    assert found.lucene["terms"] == kinds[".tim"] + kinds[".tip"] + kinds[".tmd"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"chunk": True, "max_length": 5}, id="passages"),
        pytest.param({"join": False}, id="several Lucene indexes"),
        pytest.param({"store_text": False, "prune_ratio": 0.4}, id="pruned, without texts"),
    ],
)
def test_an_updated_index_is_counted_without_what_was_deleted(static_model, tmp_path, options):
    catalogue = Catalogue(150)
    index = build(tmp_path / "index", catalogue.rows.values(), static_model, **SMALL, **options)
    assert_stats(index, QUERIES)
    for _ in range(4):
        make(catalogue.change(share=0.2), index, tmp_path / "rows.jsonl")
        found = assert_stats(index, QUERIES)
        assert found.passages is ("chunk" in options)
        manifest = load_manifest(index)
        commits = zip(manifest.indexes, manifest.updated.commits, strict=True)
        files = [index / name / file for name, commit in commits for file in commit.files]
        assert sum(found.lucene.values()) == sum(path.stat().st_size for path in files)
        assert found.collection == sum(
            (index / "collection" / part.name).stat().st_size for part in manifest.updated.parts
        )
    sparton.delete_documents(index, list(catalogue.rows)[:5])
    assert assert_stats(index).deleted > 0
    sparton.compact_index(index)
    assert assert_stats(index).deleted == 0


def test_a_counter_counts_more_than_a_digit_holds(tmp_path):
    lines = [{"id": f"d{number}", "vector": {f"t{term}": 1 for term in range(number)}} for number in range(1, 131)]
    (tmp_path / "part.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    index = tmp_path / "index"
    sparton.index_vectors(tmp_path / "part.jsonl", index)
    found = index_stats(index)
    assert (found.documents, found.terms, found.postings) == (130, 130, 130 * 131 // 2)
    assert found.terms_a_document == Spread(65.5, 65, 129)
    assert [(one.term, one.documents) for one in found.longest] == [(f"t{term}", 130 - term) for term in range(10)]
    with Searcher(index) as searcher:
        counts = count_postings(searcher._index._reader)
    assert sorted(counts.terms.tolist()) == list(range(1, 131))
    assert found.collection is None


@pytest.mark.slow
def test_a_segment_in_one_file_is_counted_by_what_is_in_it(small_index, tmp_path, monkeypatch):
    start_jvm()
    parts = sorted((small_index / "collection").glob("*.jsonl"))

    def written(folder):
        writer = LuceneWriter(folder)
        for part in parts:
            for split in cut(part):
                writer.add(split.name(), read_vectors(split))
        writer.commit()
        writer.close()
        return lucene_bytes(folder, None), {path.suffix for path in folder.iterdir()}, folder

    apart, suffixes, _ = written(tmp_path / "apart")
    assert ".cfs" not in suffixes
    plain = index_writer.writer_config

    def compound(*given):
        config = plain(*given)
        config.setUseCompoundFile(True)
        return config

    monkeypatch.setattr(index_writer, "writer_config", compound)
    together, suffixes, folder = written(tmp_path / "together")
    assert ".cfs" in suffixes
    assert ".doc" not in suffixes
    for kind in ("postings", "terms", "stored", "doc values", "norms"):
        assert together[kind] == apart[kind] > 0
    sizes = [path.stat().st_size for path in folder.iterdir() if path.name != "write.lock"]
    assert together.total() == sum(sizes)
    assert together["other"] > apart["other"]


@pytest.mark.slow
def test_a_command_prints_it(small_index, run_cli, tmp_path, searcher):
    found = index_stats(small_index)
    ran = run_cli("stats", small_index)
    assert ran.code == 0
    lines = ran.stdout.splitlines()
    assert lines[0] == f"{small_index}: 64 documents, {found.terms:,} terms, {found.postings:,} postings"
    terms = found.terms_a_document
    assert lines[1] == f"  terms a document  mean {terms.mean:.1f}, p50 {terms.p50}, p99 {terms.p99}"
    first = found.longest[0]
    assert lines[2].split() == ["longest", "postings", first.term, str(first.documents), f"{first.share:.1%}"]
    assert f"  bytes of collection {found.collection:>16,}" in lines
    assert f"  bytes of lucene     {sum(found.lucene.values()):>16,}" in lines
    assert f"    postings          {found.lucene['postings']:>16,}" in lines
    (tmp_path / "topics.tsv").write_text("q1\tsmall black leather bag\nq2\t亞亟\nq3\tred silk scarf dress coat\n")
    ran = run_cli("stats", small_index, "--topics", tmp_path / "topics.tsv", "--query-top-terms", 4, "--json")
    content = json.loads(ran.stdout)
    with Searcher(small_index, query_top_terms=4) as few:
        queries = few.terms_of(["small black leather bag", "亞亟", "red silk scarf dress coat"])
    expected = index_stats(small_index, queries).queries
    assert content["queries"] == {
        "queries": 3,
        "without_terms": 1,
        "terms_a_query": {"mean": 8 / 3, "p50": 4, "p99": 4},
        "flops": expected.flops,
    }
    assert content["lucene"] == found.lucene
    ran = run_cli("stats", small_index, "--topics", tmp_path / "topics.tsv", "--query-top-terms", 4)
    assert ran.stdout.splitlines()[2:4] == [
        "  terms a query     mean 2.7, p50 4, p99 4 (3 queries, 1 without any)",
        f"  FLOPS             {expected.flops:.2f} products a query and document",
    ]


def test_topics_that_are_vectors_need_no_model(run_cli, tmp_path):
    (tmp_path / "part.jsonl").write_text('{"id": "d1", "vector": {"bag": 3}}\n{"id": "d2", "vector": {"red": 1}}\n')
    sparton.index_vectors(tmp_path / "part.jsonl", tmp_path / "index")
    (tmp_path / "topics.jsonl").write_text('{"qid": "1", "vector": {"bag": 0.5, "tan": 1}}\n')
    ran = run_cli("stats", tmp_path / "index", "--topics", tmp_path / "topics.jsonl", "--scale", 100, "--json")
    assert json.loads(ran.stdout)["queries"]["flops"] == 0.5
    (tmp_path / "topics.tsv").write_text("q1\tbag\n")
    ran = run_cli("stats", tmp_path / "index", "--topics", tmp_path / "topics.tsv")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].startswith(f"Error: the index {tmp_path / 'index'} was made of vectors")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--device", "cpu"], "--device is for queries; name some with --topics"),
        (["--query-top-terms", 3], "--query-top-terms is for queries; name some with --topics"),
        (["--topics", "nowhere.tsv"], "nowhere.tsv"),
        (["--topics", "TOPICS", "--scale", 0], "--scale is 0; expected above 0 and at most 1,000,000"),
        (["--topics", "TOPICS", "--scale", 3], "--scale is for topics that are vectors, and TOPICS has none"),
    ],
)
def test_what_cannot_be_meant_is_said(small_index, run_cli, tmp_path, flags, sentence):
    topics = write_rows(tmp_path / "topics.jsonl", [{"qid": "1", "text": "bag"}])
    ran = run_cli("stats", small_index, *(topics if flag == "TOPICS" else flag for flag in flags))
    assert ran.code in (1, 2)
    assert ran.stdout == ""
    assert sentence.replace("TOPICS", str(topics)) in ran.stderr.splitlines()[-1]


def test_a_damaged_index_is_said_in_a_sentence(bags, static_model, tmp_path, run_cli):
    index = tmp_path / "index"
    sparton.build_index(bags, index, model=str(static_model))
    (doc,) = (index / "lucene").glob("*.doc")
    doc.write_bytes(doc.read_bytes()[:40])
    ran = run_cli("stats", index)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == (
        f"Error: Lucene cannot read {index / 'lucene'} (CorruptIndexException); look at all of it with `sparton info "
        "--check`, and build the index again with --overwrite"
    )
