"""Documents longer than the model takes, as passages that a search folds again."""

import json
from itertools import pairwise

import numpy as np
import pytest

import sparton
from sparton.pipeline.documents import Documents
from sparton.pipeline.tokens.passages import OVERLAP, Spans, join_spans, passages_of, windows
from sparton.search.lucene_hits import ScoredDoc
from sparton.search.max_passage import best_documents

LONGEST = 100
WORDS = ("leather", "canvas", "silk", "satin", "velvet", "linen", "cotton", "wool", "gold", "stone")  # one token each


@pytest.fixture(scope="module")
def long_texts():
    """Texts of 300, 3 and 98 words: with the two special tokens, the last just fits."""
    choose = np.random.default_rng(0)
    return [" ".join(choose.choice(WORDS, count)) for count in (300, 3, 98)]


@pytest.fixture(scope="module")
def chunked(long_texts, tmp_path_factory):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("chunked")
    pq.write_table(pa.table({"id": ["long", "short", "just#7"], "text": long_texts}), folder / "a.parquet")
    report = sparton.build_index(
        folder / "a.parquet", folder / "index", device="cpu", max_length=LONGEST, chunk=True, shard_rows=2
    )
    return report


@pytest.mark.parametrize("length", [1, 97, 98, 99, 132, 133, 500])
def test_windows_cover_a_text_and_overlap(length):
    bounds = windows(length, 98)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == length
    assert all(stop - start == 98 for start, stop in bounds[:-1])
    assert all(before[1] - after[0] == OVERLAP for before, after in pairwise(bounds))
    assert len(bounds) == 1 or bounds[-2][1] < length


@pytest.mark.slow
def test_passages_are_encoded_as_documents_of_their_text(chunked, long_texts):
    lines = [
        json.loads(line)
        for path in sorted((chunked.index / "collection").iterdir())
        for line in path.read_text().splitlines()
    ]
    assert [line["id"] for line in lines] == [*(f"long#{n}" for n in range(7)), "short#0", "just#7#0"]
    assert lines[-1]["contents"] == long_texts[2]
    assert lines[0]["contents"] == " ".join(long_texts[0].split()[:98])
    assert lines[6]["contents"] == " ".join(long_texts[0].split()[6 * 34 :])
    encoder = sparton.Encoder(device="cpu", max_length=LONGEST)
    for line in lines:
        expected = encoder.terms(line["contents"])
        assert line["vector"].keys() == expected.keys()
        assert max(abs(line["vector"][term] - expected[term]) for term in expected) <= 1


@pytest.mark.slow
def test_splitting_is_counted_and_nothing_is_cut(chunked):
    counts = chunked.counts
    assert (counts.rows, counts.documents, counts.split, counts.truncated) == (3, 9, 1, 0)
    assert chunked.work.rows == 3


@pytest.mark.slow
def test_a_search_finds_each_document_once_with_its_best_passage(chunked, long_texts):
    searcher = sparton.Searcher(chunked.index)
    try:
        query = f"velvet stone {long_texts[1]}"
        hits = searcher.search(query, k=10)
        assert sorted(hit.id for hit in hits) == ["just#7", "long", "short"]
        terms = searcher.terms(query)
        for hit, matches in zip(hits, searcher.explain(terms, hits), strict=True):
            assert sum(match.contribution for match in matches) == hit.score
        (long,) = [hit for hit in hits if hit.id == "long"]
        every = {found.id: found.score for found in searcher._index.rank(terms, 100)}
        assert long.score == max(score for name, score in every.items() if name.startswith("long#"))
        assert every[f"long#{long.passage}"] == long.score
        assert [hit.id for hit in searcher.search(query, k=1)] == [hits[0].id]
    finally:
        searcher.close()


def test_more_passages_are_asked_for_until_there_are_enough_documents():
    passages = [ScoredDoc(n, f"a#{n}", 50.0 - n) for n in range(20)]
    passages += [ScoredDoc(20, "c#0", 5.0), ScoredDoc(21, "b#1", 5.0), ScoredDoc(22, "d#0", 1.0)]
    asked = []

    def search(count):
        asked.append(count)
        return passages[:count]

    assert [found.id for found in best_documents(search, 2)] == ["a#0", "b#1"]
    assert asked == [6, 18, 54]
    assert [found.id for found in best_documents(search, 9)] == ["a#0", "b#1", "c#0", "d#0"]


def test_spans_of_slices_are_joined():
    one = Spans(np.array([0, 0, 1]), np.array([0, 2, 0]), np.array([4, 6, 3]))
    two = Spans(np.array([0, 1]), np.array([0, 0]), np.array([2, 1]))
    both = join_spans([one, two], [2, 2])
    texts = Documents(("a", "b", "c", "d"), ("abcdef", "ghi", "jk", "l"))
    assert passages_of(texts, both) == Documents(
        ("a#0", "a#1", "b#0", "c#0", "d#0"), ("abcd", "cdef", "ghi", "jk", "l")
    )
