"""Filters, facets, orders and offsets in Python, on the command line and over HTTP, against searches without them."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from support.saved_models import needs_sentence_transformers
from support.with_fields import SHOP, index_with_fields

import sparton
from sparton.errors import UsageError
from sparton.search.service.app import make_app

pytestmark = needs_sentence_transformers

WORDS = ["black", "red", "tan", "brown", "leather", "suede", "clutch", "evening", "strap", "buckle"]
BRANDS = ["Adele", "Odile & Co", "Verrane"]
FEW = 'brand in (Adele, "Odile & Co") and price < 40'


def some_fields(number):
    fields = {"price": number * 37 % 101 / 2, "brand": BRANDS[number % 3], "in_stock": number % 4 > 0}
    if number % 5 == 0:
        fields |= {"added": f"2026-01-{number % 28 + 1:02}T00:00:00Z", "tags": ["new", BRANDS[number % 2]]}
    return fields if number % 7 else {}


DOCUMENTS = {
    f"P{number:02}": (f"{WORDS[number % 10]} bag with {WORDS[number * 3 % 7]} and bag {number}", some_fields(number))
    for number in range(60)
}
NAMES = "price (number), brand (string), in_stock (boolean), added (timestamp), tags (strings)"


@pytest.fixture(scope="module")
def shop(static_model, tmp_path_factory):
    return index_with_fields(tmp_path_factory.mktemp("shop") / "index", DOCUMENTS, model=str(static_model))


@pytest.fixture(scope="module")
def searcher(shop):
    opened = sparton.Searcher(shop)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(searcher):
    with TestClient(make_app(searcher), base_url="http://localhost") as client:
        yield client


def few(hit):
    return hit.fields.get("brand") in ("Adele", "Odile & Co") and hit.fields["price"] < 40


def contents(hits):
    """What hits are, but for their ranks."""
    return [(hit.id, hit.score, hit.text, dict(hit.fields)) for hit in hits]


def test_a_search_with_filters_has_the_hits_that_pass_them_and_their_scores(searcher):
    every = searcher.search("red leather bag", 60)
    expected = [hit for hit in every if few(hit)]
    assert 10 < len(expected) < 40
    for filters in ([FEW], FEW, (FEW,), iter([FEW]), ["price < 40", 'brand in (Adele, "Odile & Co")'], [FEW, FEW]):
        found = searcher.search("red leather bag", 60, filters=filters)
        assert contents(found) == contents(expected)
        assert [hit.rank for hit in found] == list(range(1, len(expected) + 1))
    terms = searcher.terms("red leather bag")
    assert searcher.search_terms(terms, 60, filters=iter([FEW])) == searcher.search("red leather bag", 60, filters=FEW)
    assert searcher.rank_terms(terms, 60, searcher.selection(FEW)) == [(hit.id, hit.score) for hit in expected]


def test_pages_of_hits_make_the_whole(searcher):
    for more in ({}, {"filters": FEW}, {"sort": "-price"}, {"sort": "brand", "filters": "exists brand"}):
        whole = searcher.search("red bag", 60, **more)
        pages = [searcher.search("red bag", 7, offset=offset, **more) for offset in range(0, 70, 7)]
        assert [hit for page in pages for hit in page] == whole
        assert [hit.rank for hit in whole] == list(range(1, len(whole) + 1))


def test_facets_count_all_that_match_however_few_hits_are_asked_for(searcher):
    every = searcher.search("red leather", 60)
    answer = searcher.answer("red leather", 2, facets=["brand", "in_stock", "brand"])
    assert (answer.total, contents(answer.hits)) == (len(every), contents(every[:2]))
    counted = {name: {count.value: count.count for count in counts} for name, counts in answer.facets.items()}
    assert counted == {
        name: {
            value: sum(hit.fields.get(name) == value for hit in every)
            for value in {hit.fields[name] for hit in every if name in hit.fields}
        }
        for name in ("brand", "in_stock")
    }
    plain = searcher.answer("red leather", 2)
    assert (plain.total, plain.facets, plain.hits) == (None, {}, answer.hits)
    none = searcher.answer("zzz", facets="brand")
    assert (none.total, none.facets, none.hits) == (0, {"brand": []}, [])


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"filters": "prise < 3"}, "the filter 'prise < 3' names the field 'prise', which the index does not have; "),
        ({"filters": ["price < 3", "price <"]}, "the filter 'price <' is wrong at its end; expected a value"),
        ({"filters": 3}, "filters is 3; expected texts"),
        ({"filters": [3]}, "filters is [3]; expected texts"),
        ({"facets": "colour"}, "a facet names the field 'colour', which the index does not have; expected one of "),
        ({"facets": [None]}, "facets is [None]; expected texts"),
        ({"sort": "tags"}, "the order 'tags' names 'tags', and documents have several strings of it; expected one of "),
        ({"offset": -1}, "offset is -1; expected at least 0"),
        ({"offset": "1"}, "offset is '1'; expected a whole number"),
    ],
)
def test_what_cannot_be_asked_is_refused(searcher, asked, sentence):
    with pytest.raises(UsageError) as caught:
        searcher.answer("bag", **asked)
    assert str(caught.value).startswith(sentence)


@pytest.mark.slow
def test_the_most_frequent_values_of_a_field_are_those_of_all_documents(searcher):
    fields = [values for _, values in DOCUMENTS.values()]
    for name, kind in (("brand", str), ("in_stock", bool), ("price", float), ("tags", str)):
        given = [values[name] for values in fields if name in values]
        counts = Counter(value for one in given for value in (one if isinstance(one, list) else [one]))
        expected = sorted(counts, key=lambda value: (-counts[value], kind(value)))
        assert searcher.frequent_values(name, 20) == expected[:20]
        assert searcher.frequent_values(name, 2) == expected[:2]
    with pytest.raises(UsageError) as refused:
        searcher.frequent_values("colour")
    assert str(refused.value) == (
        f"frequent_values names the field 'colour', which the index does not have; expected one of {NAMES}"
    )
    with pytest.raises(UsageError) as refused:
        searcher.frequent_values("brand", 0)
    assert str(refused.value) == "most is 0; expected at least 1"


@pytest.mark.slow
def test_threads_that_share_a_searcher_get_what_each_would_get_alone(shop, searcher):
    """A searcher just opened, whose filters and values nobody has asked for yet."""
    asked = [
        {"filters": [FEW], "facets": ["brand", "price"]},
        {"filters": ["in_stock"], "sort": "-price", "offset": 3},
        {"facets": ["added", "tags", "in_stock"]},
        {"filters": [FEW, "not exists tags"], "sort": "brand"},
    ]

    def content(opened, more):
        answer = opened.answer("red leather bag", 5, **more)
        return answer.hits, answer.total, answer.facets

    alone = [content(searcher, more) for more in asked]
    for _ in range(3):
        opened = sparton.Searcher(shop)
        with ThreadPoolExecutor(8) as pool:
            turns = [number % len(asked) for number in range(64)]
            found = list(pool.map(lambda turn: content(opened, asked[turn]), turns))  # noqa: B023
        opened.close()
        assert found == [alone[turn] for turn in turns]


def test_an_index_without_fields_says_so(small_index, run_cli):
    for option, what in ("--filter", "the filter 'price'"), ("--facet", "a facet"), ("--sort", "the order 'price'"):
        ran = run_cli("search", "bag", option, "price", "--index", small_index)
        assert (ran.code, ran.stdout, ran.stderr) == (
            2,
            "",
            f"Error: {what} names the field 'price', and the index has no fields; build it again with --field\n",
        )


def test_passages_have_filters_facets_orders_and_pages_of_their_documents(static_model, tmp_path):
    documents = {
        f"{name}": (" ".join([text] * (number % 4 * 10 + 1)), fields)
        for number, (name, (text, fields)) in enumerate(DOCUMENTS.items())
    }
    folder = index_with_fields(tmp_path / "index", documents, model=str(static_model), chunk=True, max_length=90)
    with_passages = sparton.Searcher(folder)
    assert len(with_passages) > 100
    every = with_passages.search("red leather bag", 60)
    assert {hit.id: dict(hit.fields) for hit in every} == {name: fields for name, (_, fields) in documents.items()}
    expected = [hit for hit in every if few(hit)]
    answer = with_passages.answer("red leather bag", 5, filters=FEW, facets="brand", offset=3)
    assert contents(answer.hits) == contents(expected[3:8])
    assert (answer.total, sum(count.count for count in answer.facets["brand"])) == (len(expected), len(expected))
    by_price = sorted(expected, key=lambda hit: (hit.fields["price"], hit.id))
    found = with_passages.search("red leather bag", 6, filters=FEW, sort="price", offset=2)
    assert [(hit.rank, hit.passage) for hit in found] == [(n + 3, hit.passage) for n, hit in enumerate(by_price[2:8])]
    assert contents(found) == contents(by_price[2:8])
    with_passages.close()


def test_the_command_line_prints_what_python_finds(shop, searcher, run_cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    arguments = ["red bag", "-k", 4, "--filter", "price < 40", "--filter", "in_stock", "--sort", "-price"]
    more = {"filters": ["price < 40", "in_stock"], "sort": "-price", "offset": 2}
    answer = searcher.answer("red bag", 4, facets=["brand", "tags"], **more)
    assert len(answer.hits) == 4
    arguments += ["--offset", 2, "--facet", "brand", "--facet", "tags", "--index", shop]
    *lines, last = run_cli("search", *arguments, "--json").stdout.splitlines()
    hits = [(hit.rank, hit.id, hit.score, hit.text, dict(hit.fields)) for hit in answer.hits]
    assert [tuple(json.loads(line).values()) for line in lines] == hits
    counts = {name: [{"value": c.value, "count": c.count} for c in found] for name, found in answer.facets.items()}
    assert json.loads(last) == {"total": answer.total, "facets": counts}
    printed = run_cli("search", *arguments).stdout.splitlines()
    assert [line.split("\t")[:3] for line in printed[: len(hits)]] == [
        [str(rank), f"{score:.0f}", name] for rank, name, score, *_ in hits
    ]
    assert [line.split("\t") for line in printed[len(hits) :]] == [
        ["total", str(answer.total)],
        *(["facet", name, count["value"], str(count["count"])] for name, found in counts.items() for count in found),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["bag", "--filter", "brand < B"], 2, "the filter 'brand < B' has 'brand', a string, with <; expected =, !=, "
         "in, not in or exists, and a value as 'Adele', 'Odile & Co', 'Verrane'"),
        (["bag", "--filter", "price < 0"], 0, "no hits for 'bag': no document that passes the filters holds a term of "
         "the query"),
        (["bag", "--offset", "60"], 0, "no hits for 'bag': there are no more than 60"),
        (["bag", "--offset", "-1"], 2, "--offset is -1; expected at least 0"),
    ],
)  # fmt: skip
def test_what_the_command_line_says_of_searches_without_hits(shop, run_cli, arguments, code, said):
    ran = run_cli("search", *arguments, "--index", shop)
    title = "Error" if code else "sparton"
    assert (ran.code, ran.stdout, ran.stderr) == (code, "", f"{title}: {said}\n")


def test_a_run_holds_what_passes_its_filters(shop, searcher, run_cli, tmp_path):
    topics = tmp_path / "topics.tsv"
    topics.write_text("q1\tred leather bag\nq2\tevening clutch\nq3\tzzz\n")
    for filters in ([], [FEW], ["in_stock", "exists tags"]):
        options = [option for text in filters for option in ("--filter", text)]
        assert run_cli("run", topics, "-o", tmp_path / "run", "--index", shop, *options).code == 0
        lines = [line.split() for line in (tmp_path / "run").read_text().splitlines()]
        assert [(query, name, int(rank)) for query, _, name, rank, *_ in lines] == [
            (name, hit.id, hit.rank)
            for name, query in (("q1", "red leather bag"), ("q2", "evening clutch"))
            for hit in searcher.search(query, 1000, filters=filters)
        ]
    ran = run_cli("run", topics, "-o", tmp_path / "no-run", "--index", shop, "--filter", "prise")
    assert (ran.code, ran.stderr.splitlines()[-1]) == (
        2,
        f"Error: the filter 'prise' names the field 'prise', which the index does not have; expected one of {NAMES}",
    )
    assert not (tmp_path / "no-run").exists()


def expected_content(answer):
    """The response for an answer, but for the time that it took."""
    content = {
        "hits": [
            {"rank": hit.rank, "id": hit.id, "score": hit.score, "text": hit.text, "fields": dict(hit.fields)}
            for hit in answer.hits
        ],
    }
    if answer.total is not None:
        counts = {name: [{"value": c.value, "count": c.count} for c in found] for name, found in answer.facets.items()}
        content |= {"total": answer.total, "facets": counts}
    if answer.more_values:
        content["more_values"] = answer.more_values
    if answer.reason:
        content["reason"] = answer.reason
    return content


def test_the_service_responds_as_python_does(client, searcher):
    for asked in (
        {},
        {"filters": [FEW, "in_stock"], "facets": ["brand", "price"], "sort": "-price", "offset": 1},
        {"facets": ["added", "tags"]},
        {"filters": ["exists tags"], "sort": "added"},
    ):
        expected = {"query": "red bag", **expected_content(searcher.answer("red bag", 5, **asked))}
        names = {"filters": "filter", "facets": "facet"}
        query = urlencode({"q": "red bag", "k": 5, **{names.get(k, k): v for k, v in asked.items()}}, doseq=True)
        found = client.get(f"/search?{query}").json()
        assert found.pop("milliseconds").keys() == {"encode", "search", "fetch"}
        assert found == expected
        results = client.post("/search", json={"queries": ["red bag", "zzz"], "k": 5, **asked}).json()["results"]
        for result, text in zip(results, ("red bag", "zzz"), strict=True):
            del result["milliseconds"]
            assert ("reason" in result) == (not result["hits"])
            assert result == {"query": text, **expected_content(searcher.answer(text, 5, **asked))}


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"filter": "price <"}, "the filter 'price <' is wrong at its end; expected a value"),
        (
            {"filter": "prise < 3"},
            f"the filter 'prise < 3' names the field 'prise', which the index does not have; expected one of {NAMES}",
        ),
        ({"facet": "x"}, f"a facet names the field 'x', which the index does not have; expected one of {NAMES}"),
        ({"offset": 10_001}, "offset is 10001; expected 0 to 10000"),
        ({"offset": -1}, "offset is -1; expected 0 to 10000"),
        ({"filter": ["in_stock"] * 33}, "filter has 33 entries; expected at most 32"),
        ({"sort": "x" * 4_097}, "sort has 4,097 letters; expected at most 4,096"),
    ],
)
def test_the_service_refuses_what_cannot_be_asked(client, asked, sentence):
    response = client.get(f"/search?{urlencode({'q': 'bag', **asked}, doseq=True)}")
    assert (response.status_code, response.json()) == (422, {"detail": sentence})


def test_the_service_tells_what_is_in_the_index(client, searcher, shop, static_model):
    assert client.get("/index").json() == {
        "name": shop.name,
        "documents": 60,
        "generation": searcher.manifest.state,
        "fields": [{"name": field.name, "kind": field.kind} for field in SHOP],
        "model": static_model.name,
    }


KNOWN = "its parameters are q, k, explain, sort, offset, filter, facet"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("q=bag&filters=price%20%3C%201", f"GET /search has no parameter 'filters' (did you mean filter?); {KNOWN}"),
        ("q=bag&facets=brand", f"GET /search has no parameter 'facets' (did you mean facet?); {KNOWN}"),
        ("query=bag", f"GET /search has no parameter 'query' (did you mean q?); {KNOWN}"),
        ("q=bag&K=3", f"GET /search has no parameter 'K' (did you mean k?); {KNOWN}"),
        ("q=bag&=3", f"GET /search has no parameter ''; {KNOWN}"),
        ("q=bag&k=3&k=5", "k is given 2 times; expected it once"),
        ("q=red&q=bag&q=hat", "q is given 3 times; expected it once"),
        ("q=bag&sort=price&sort=-price", "sort is given 2 times; expected it once"),
    ],
)
def test_a_parameter_that_would_not_be_heeded_is_refused(client, query, sentence):
    response = client.get(f"/search?{query}")
    assert (response.status_code, response.json()) == (422, {"detail": sentence})


def test_parameters_beside_a_body_are_refused(client):
    response = client.post("/search?k=3&filter=in_stock", json={"queries": ["bag"]})
    sentence = "POST /search has no parameter 'k'; say all in the body"
    assert (response.status_code, response.json()) == (422, {"detail": sentence})


def test_a_long_name_of_a_parameter_is_told_in_short(client):
    response = client.get(f"/search?q=bag&{'x' * 5_000}=1")
    assert response.status_code == 422
    assert len(response.json()["detail"]) < 300


def test_a_query_that_is_asked_again_has_the_same_terms_whatever_was_done_to_them(shop):
    queries = [f"{WORDS[number % 10]} bag {number}" for number in range(40)] + ["black bag " * 1_000]
    with closing(sparton.Searcher(shop)) as searcher:
        for query in [*queries, *queries[::-1], *queries[:3] * 3]:
            terms = searcher.terms(query)
            assert list(terms.items()) == list(searcher.encoder.terms(query).items())
            terms.clear()


def test_one_query_with_other_filters_is_encoded_once(shop):
    with closing(sparton.Searcher(shop)) as searcher:
        encoder = searcher.encoder
        searcher.encoder = counting = CountingEncoder(encoder)
        brands = [searcher.answer("black bag", filters=[f"brand = {brand!r}"], facets=["tags"]) for brand in BRANDS]
        assert counting.texts == ["black bag"]
        searcher.encoder = encoder
        for brand, answer in zip(BRANDS, brands, strict=True):
            assert answer.hits == searcher.search("black bag", filters=[f"brand = {brand!r}"])
            assert {hit.fields["brand"] for hit in answer.hits} == {brand}
        searcher.encoder = counting
        for number in range(256):
            searcher.terms(f"bag {number}")
        searcher.terms("black bag")  # which was long ago
        assert counting.texts == ["black bag", *(f"bag {number}" for number in range(256)), "black bag"]


class CountingEncoder:
    """An encoder that keeps which texts it was given one by one."""

    def __init__(self, encoder):
        self._encoder, self.texts = encoder, []

    def __getattr__(self, name):
        return getattr(self._encoder, name)

    def terms(self, text):
        self.texts.append(text)
        return self._encoder.terms(text)
