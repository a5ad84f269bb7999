"""/encode: texts as the terms that an index's queries have, or its documents."""

import json
import shutil
from contextlib import closing

import pytest
from fastapi.testclient import TestClient

import sparton
from sparton.search.service.app import make_app
from sparton.search.service.schemas import MOST_LETTERS, MOST_QUERIES

TEXTS = ["small black leather crossbody bag", "red hat", "", "‮ bäg \x00 👜", "bag " * 900]


def client_of(searcher):
    return TestClient(make_app(searcher), "http://localhost")


def pairs(terms):
    """Terms and impacts in their order."""
    return list(terms.items())


def kept_vectors(index):
    """Text and vector of each document, from the collection."""
    for part in sorted((index / "collection").glob("part-*.jsonl")):
        for line in part.read_text().splitlines():
            document = json.loads(line)
            yield document["contents"], document["vector"]


def heaviest_first(terms):
    return all(one >= next_one for one, next_one in zip([*terms.values()], [*terms.values()][1:], strict=False))


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_the_terms_of_a_query_for_it(searcher, text):
    client = client_of(searcher)
    for parameters in ({"text": text}, {"text": text, "as": "query"}):
        response = client.get("/encode", params=parameters)
        content = json.loads(response.text, object_pairs_hook=list)
        expected = pairs(searcher.terms(text))
        assert content == [("text", text), ("terms", expected)]
        assert response.headers["Sparton-Generation"] == searcher.manifest.state
        assert heaviest_first(dict(expected))


def test_a_batch_has_the_terms_of_each_text_alone_in_its_order(searcher):
    client = client_of(searcher)
    texts = [*TEXTS, TEXTS[0]]
    for side in ("query", "document"):
        results = client.post("/encode", json={"texts": texts, "as": side}).json()["results"]
        alone = [client.get("/encode", params={"text": text, "as": side}).json()["terms"] for text in texts]
        assert [pairs(result["terms"]) for result in results] == [pairs(terms) for terms in alone]
    assert client.post("/encode", json={"texts": texts}).json()["results"] == [
        {"terms": searcher.terms(text)} for text in texts
    ]


def test_an_index_whose_documents_are_encoded_as_queries_opens_nothing_for_them(light_index):
    with closing(sparton.Searcher(light_index)) as searcher:
        client = client_of(searcher)
        found = client.get("/encode", params={"text": TEXTS[0], "as": "document"}).json()["terms"]
        assert pairs(found) == pairs(searcher.terms(TEXTS[0])) != []
        assert searcher._documents is None
        assert searcher._document_encoder() is searcher.encoder


@pytest.mark.slow
def test_documents_that_are_encoded_otherwise_are_encoded_as_they_were(small_catalog, static_model, tmp_path):
    index = tmp_path / "index"
    sparton.build_index(small_catalog, index, model=str(static_model), top_terms=4, index_processes=1, heap_mb=128)
    with closing(sparton.Searcher(index)) as searcher:
        client = client_of(searcher)
        for text, vector in [*kept_vectors(index)][:12]:
            as_document = client.get("/encode", params={"text": text, "as": "document"}).json()["terms"]
            as_query = client.get("/encode", params={"text": text}).json()["terms"]
            assert as_document == vector
            assert heaviest_first(as_document)
            assert len(as_query) > 4 == len(as_document)
            assert as_query == searcher.terms(text)
            assert pairs(as_document) == pairs(searcher.document_terms(text)) == pairs(as_query)[:4]
        # The table is loaded once for both.
        assert searcher._document_encoder()._table is searcher.encoder._table
        assert searcher._document_encoder() is searcher._document_encoder() is not searcher.encoder


def test_an_index_of_vectors_has_terms_of_queries_alone(static_model, tmp_path):
    (tmp_path / "vectors.jsonl").write_text('{"id": "1", "contents": "a bag", "vector": {"bag": 5}}\n')
    index = tmp_path / "odd-shop"
    sparton.index_vectors(tmp_path / "vectors.jsonl", index, model=str(static_model))
    with closing(sparton.Searcher(index)) as searcher:
        client = client_of(searcher)
        assert client.get("/encode?text=bag").json()["terms"] == searcher.encoder.terms("bag")
        for response in (
            client.get("/encode?text=bag&as=document"),
            client.post("/encode", json={"texts": ["bag"], "as": "document"}),
        ):
            assert (response.status_code, response.json()["detail"]) == (
                422,
                "as is document and the documents of odd-shop are vectors that another tool wrote, so no text can be "
                "encoded as they were; expected query",
            )


def test_an_encoder_of_documents_that_is_gone_is_told_of_without_paths(small_catalog, static_model, tmp_path, caplog):
    index, model = tmp_path / "index", tmp_path / "model"
    shutil.copytree(static_model, model)
    sparton.build_index(small_catalog, index, model=str(model), top_terms=4, index_processes=1, heap_mb=128)
    with closing(sparton.Searcher(index)) as searcher:
        shutil.rmtree(model)
        client = client_of(searcher)
        for _ in range(2):
            response = client.get("/encode?text=bag&as=document")
            assert (response.status_code, response.json()["detail"]) == (
                503,
                "what encodes the documents of index cannot be opened; the service's log says why",
            )
        assert client.get("/encode?text=bag").json()["terms"] == searcher.encoder.terms("bag")
    # Once: it is tried again after a minute.
    (line,) = [record.getMessage() for record in caplog.records if "cannot be opened" in record.getMessage()]
    assert line.startswith("what encodes the documents of index cannot be opened: ")
    assert str(model) in line


@pytest.mark.parametrize(
    ("send", "sentence"),
    [
        (lambda c: c.get("/encode"), "text is missing; GET /encode needs it"),
        (lambda c: c.get("/encode?text=a&as=queries"), "as is 'queries'; expected query or document"),
        (lambda c: c.get("/encode?text=a&text=b"), "text is given 2 times; expected it once"),
        (
            lambda c: c.get("/encode?texts=a"),
            "GET /encode has no parameter 'texts' (did you mean text?); its parameters are text, as",
        ),
        (
            lambda c: c.get("/encode?text=a&side=query"),
            "GET /encode has no parameter 'side' (did you mean as?); its parameters are text, as",
        ),
        (
            lambda c: c.get(f"/encode?text={'a' * (MOST_LETTERS + 1)}"),
            "text has 4,097 letters; expected at most 4,096",
        ),
        (
            lambda c: c.post("/encode", json={"texts": ["a"] * (MOST_QUERIES + 1)}),
            "texts has 65 entries; expected at most 64",
        ),
        (
            lambda c: c.post("/encode", json={"texts": ["a", "b" * (MOST_LETTERS + 1)]}),
            "texts[1] has 4,097 letters; expected at most 4,096",
        ),
        (lambda c: c.post("/encode", json={"texts": []}), "texts is empty; expected at least one text"),
        (lambda c: c.post("/encode", json={"texts": "a"}), "texts is 'a'; expected a list of texts"),
        (lambda c: c.post("/encode", json={"texts": ["a", 3]}), "texts[1] is 3; expected a text"),
        (lambda c: c.post("/encode", json={"texts": ["a"], "as": None}), "as is null; expected query or document"),
        (
            lambda c: c.post("/encode", json={"text": ["a"]}),
            "POST /encode has no field 'text' (did you mean texts?); its fields are texts, as",
        ),
    ],
)
def test_what_cannot_be_encoded_is_refused_in_a_sentence(searcher, send, sentence):
    response = send(client_of(searcher))
    assert (response.status_code, response.json()) == (422, {"detail": sentence})
