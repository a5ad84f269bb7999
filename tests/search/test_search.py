"""Search against exact sparse dot products."""

import json
from contextlib import closing

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_matrix

import sparton
from sparton.errors import UsageError
from sparton.pipeline.model.files import find_model
from sparton.pipeline.options import DEFAULT_MODEL
from sparton.search.searcher import Hit


@pytest.fixture(scope="module")
def vectors(small_index):
    """{id: {term: impact}} as the collection has it."""
    parts = sorted((small_index / "collection").iterdir())
    lines = [json.loads(line) for part in parts for line in part.read_text(encoding="utf-8").split("\n") if line]
    return {line["id"]: line["vector"] for line in lines}


@pytest.fixture(scope="module")
def matrix(vectors, encoder):
    """The collection as a matrix of documents by terms."""
    numbers = {term: number for number, term in enumerate(encoder.vocabulary)}
    postings = [
        (row, numbers[term], impact) for row, vector in enumerate(vectors.values()) for term, impact in vector.items()
    ]
    rows, terms, impacts = np.array(postings, dtype=np.int64).T
    return csr_matrix((impacts, (rows, terms)), shape=(len(vectors), len(numbers)))


@pytest.fixture(scope="module")
def queries(data):
    lines = (data / "queries.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[1] for line in lines[::3]]


def exact(terms, vectors, matrix, vocabulary):
    numbers = {term: number for number, term in enumerate(vocabulary)}
    query = np.zeros(len(vocabulary), dtype=np.int64)
    for term, impact in terms.items():
        query[numbers[term]] = impact
    scores = matrix @ query
    ranked = sorted(zip(vectors, scores.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return [(name, float(score)) for name, score in ranked if score]


@pytest.mark.parametrize("number", range(29))
def test_scores_and_order_are_the_exact_ones(computed_searcher, vectors, matrix, queries, number):
    terms = computed_searcher.terms(queries[number])
    expected = exact(terms, vectors, matrix, computed_searcher.encoder.vocabulary)
    hits = computed_searcher.search(queries[number], len(vectors))
    assert expected
    assert [(hit.id, hit.score) for hit in hits] == expected
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(find_model(DEFAULT_MODEL).documents.folder)


def words_of(tokenizer, query):
    """The tokens of each word, signs of punctuation left out."""
    encoding, words = tokenizer(query, add_special_tokens=False), {}
    for token, number in zip(encoding.tokens(), encoding.word_ids(), strict=True):
        words.setdefault(number, set()).add(token)
    return [frozenset(pieces) for pieces in words.values() if any(piece.strip("#").isalnum() for piece in pieces)]


def test_by_a_table_they_are_those_of_documents_with_a_whole_word(searcher, vectors, matrix, queries, tokenizer):
    """Where a word is several pieces; see test_whole_words.py, and of forms and synonyms test_stems.py and
    test_rare_words.py."""
    split = 0
    for query in queries:
        terms, words = searcher.terms(query), searcher.encoder.words(query)
        cut = dict.fromkeys(words_of(tokenizer, query))
        forms = [word for word in words if word not in cut]
        # One word each, which is one token or the pieces of the tokenizer, or else has a form.
        replaced = [pieces for pieces in cut if pieces not in words]
        assert len(words) == len(cut)
        assert len(forms) == len(replaced)
        assert all(len(pieces) > 1 for pieces in replaced)
        every = [*(word & terms.keys() for word in words if word & terms.keys()), *terms.synonyms]
        expected = exact(terms, vectors, matrix, searcher.encoder.vocabulary)
        if any(len(word) > 1 for word in every):
            split += 1
            expected = [pair for pair in expected if any(word <= vectors[pair[0]].keys() for word in every)]
        assert [(hit.id, hit.score) for hit in searcher.search(query, len(vectors))] == expected
    assert 0 < split < len(queries)


def test_the_explanation_sums_to_the_score(searcher, vectors, queries):
    terms = searcher.terms(queries[1])
    hits = searcher.search_terms(terms, 20)
    for hit, matches in zip(hits, searcher.explain(terms, hits), strict=True):
        assert sum(match.contribution for match in matches) == hit.score
        assert {match.term for match in matches} == set(terms) & set(vectors[hit.id])
        contributions = [match.contribution for match in matches]
        assert contributions == sorted(contributions, reverse=True)
        for match in matches:
            assert (match.query_impact, match.document_impact) == (terms[match.term], vectors[hit.id][match.term])


def test_fewer_hits_are_the_first_of_more(searcher):
    assert searcher.search("leather bag", 3) == searcher.search("leather bag", 20)[:3]


def test_more_hits_than_documents_may_be_asked_for(searcher, vectors):
    assert 0 < len(searcher.search("leather bag", 1_000_000)) <= len(vectors)


def test_a_hit_has_the_text_that_was_encoded(searcher, small_catalog):
    rows = {row["id"]: row for row in pq.read_table(small_catalog).to_pylist()}
    (hit,) = searcher.search("silk scarf", 1)
    assert hit.text == f"{rows[hit.id]['title']} {rows[hit.id]['description']}"


def test_a_document_is_found_by_its_own_title(searcher, small_catalog):
    rows = pq.read_table(small_catalog).slice(0, 12).to_pylist()
    for row in rows:
        assert row["id"] in [hit.id for hit in searcher.search(row["title"], 3)]


@pytest.mark.slow
def test_a_query_is_encoded_with_the_settings_of_the_index(small_catalog, tmp_path):
    model = str(find_model(DEFAULT_MODEL).documents.folder)  # which then encodes queries too
    sparton.build_index(small_catalog, tmp_path / "index", model=model, max_length=6, scale=10, top_terms=20)
    searcher = sparton.Searcher(tmp_path / "index")
    assert searcher.encoder.settings == searcher.manifest.settings.model
    assert searcher.terms("one two three four five six") == searcher.terms("one two three four")
    assert max(searcher.terms("black leather bag").values()) < 60
    # Only documents are cut to their top terms.
    assert len(searcher.terms("black leather bag")) == len(
        sparton.Encoder(model, device="cpu", scale=10).terms("black leather bag")
    )


@pytest.mark.parametrize("query", ["", " ", "亞亟"])
def test_a_query_without_terms_has_no_hits(searcher, query):
    assert searcher.search(query, 5) == []


def test_a_term_that_no_document_holds_has_no_hits(searcher):
    assert searcher.search_terms({"no such term": 5}, 5) == []
    assert searcher.explain({"no such term": 5}, [Hit(1, "P0001", 0.0, None)]) == [[]]


@pytest.mark.parametrize("k", [0, -1])
def test_less_than_one_hit_cannot_be_asked_for(searcher, k):
    with pytest.raises(UsageError) as caught:
        searcher.search("bag", k)
    assert str(caught.value) == f"k is {k}; expected at least 1"


def test_each_of_many_hits_has_its_own_text(tmp_path):
    """More than are read in one call of Java, some without a text."""
    texts = {f"d{number}": f"text of {number}" * (number % 5) if number % 7 else None for number in range(1, 251)}
    lines = [
        {"id": name, "vector": {"bag": number}} | ({} if text is None else {"contents": text})
        for number, (name, text) in enumerate(texts.items(), start=1)
    ]
    (tmp_path / "part.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    sparton.index_vectors(tmp_path / "part.jsonl", tmp_path / "index")
    with closing(sparton.Searcher(tmp_path / "index")) as searcher:
        for k in (1, 99, 100, 101, 250):
            hits = searcher.search_terms({"bag": 1}, k)
            assert [(hit.id, hit.text) for hit in hits] == list(reversed(texts.items()))[:k]
