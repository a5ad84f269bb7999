"""Several indexes in one service: each gives what it gives alone, and documents are found by their ids."""

import http.client
import json
import time
from contextlib import closing
from urllib.parse import quote, urlsplit

import pytest
from fastapi.testclient import TestClient
from support.serving import serving
from support.updates import Catalogue, build

import sparton
from sparton.errors import UsageError
from sparton.search.service.app import make_app
from sparton.search.service.indexes import named_places, place_text

IDS = [
    *(
        "P1",
        "a/b",
        "/a",
        "a/",
        "a//b",
        "a%2Fb",
        "a b",
        "a?b#c",
        "ä/ö",
        "日本/👜",
        "a\nb",
        "a\r",
        "a\t/",
        "..",
        "../search",
    ),
    *("%", "%ff", "'\"<b>", "search", "\u202ebag", "\ufffd", "x" * 300, "a+b", ";=&", "doc/1", "\x01"),
]


@pytest.fixture(scope="module")
def odd(static_model, tmp_path_factory):
    """An index of documents with odd ids and fields."""
    folder = tmp_path_factory.mktemp("odd")
    rows = [{"id": name, "text": f"black bag number {n}", "price": n + 0.5} for n, name in enumerate(IDS)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {"model": str(static_model), "fields": ["price"], "index_processes": 1, "heap_mb": 128}
    sparton.build_index(folder / "rows.jsonl", folder / "odd", **options)
    return folder / "odd"


@pytest.fixture(scope="module")
def passages(static_model, tmp_path_factory):
    """An index of documents that are split, and whose texts are longer than a passage."""
    folder = tmp_path_factory.mktemp("split")
    texts = {f"a/{n}": " ".join(f"word{i}" for i in range(n, n + 40)) for n in range(12)}
    rows = "".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items())
    (folder / "rows.jsonl").write_text(rows)
    options = {"model": str(static_model), "chunk": True, "max_length": 8, "index_processes": 1, "heap_mb": 128}
    sparton.build_index(folder / "rows.jsonl", folder / "split", **options)
    return folder / "split"


@pytest.fixture(scope="module")
def searchers(odd, passages, light_index):
    """Three indexes, open, of one model."""
    first = sparton.Searcher(odd)
    opened = {"odd": first, "split": sparton.Searcher(passages, beside=first)}
    opened["small.1"] = sparton.Searcher(light_index, beside=first)
    yield opened
    for searcher in opened.values():
        searcher.close()


@pytest.fixture(scope="module")
def client(searchers):
    with TestClient(make_app(searchers), "http://localhost") as client:
        yield client


def content(response):
    """What a response says, but for the time that it took."""
    assert response.status_code == 200, response.text
    found = response.json()
    for result in found.get("results", [found]):
        result.pop("milliseconds", None)
    return found, response.headers.get("Sparton-Generation")


@pytest.mark.slow
def test_each_index_responds_as_it_does_alone_and_the_first_without_a_name(client, searchers):
    body = {"queries": ["black bag", "word3 word7", ""], "k": 4}
    for name, searcher in searchers.items():
        alone = TestClient(make_app(searcher), "http://localhost")
        for path in ("/search?q=black+bag+word5&k=7&explain=true", "/encode?text=black+bag", "/doc/a/3", "/doc/P1"):
            expected, found = alone.get(path), client.get(f"/indexes/{name}{path}")
            if expected.status_code == 404:
                assert found.json() == {"detail": f"{name} has no document with the id {path[5:]!r}"}
                continue
            assert content(found) == content(expected)
            if name == "odd":
                assert content(client.get(path)) == content(expected)
        assert content(client.post(f"/indexes/{name}/search", json=body)) == content(alone.post("/search", json=body))
        described, generation = content(client.get(f"/indexes/{name}/index"))
        assert described == {**alone.get("/index").json(), "name": name}
        assert generation == searcher.manifest.state
        assert client.get(f"/indexes/{name}/").text == alone.get("/").text == client.get("/").text


@pytest.mark.slow
def test_the_service_tells_of_all_its_indexes(client, searchers):
    listed = client.get("/indexes").json()["indexes"]
    assert listed == [client.get(f"/indexes/{name}/index").json() for name in searchers]
    assert [one["name"] for one in listed] == ["odd", "split", "small.1"]
    assert client.get("/health").json() == {
        "status": "ok",
        "documents": sum(map(len, searchers.values())),
        "indexes": {name: {"documents": len(one), "generation": one.manifest.state} for name, one in searchers.items()},
    }
    assert 'sparton_generation_refused{index="split"} 0.0' in client.get("/metrics").text
    client.get("/indexes/split/search?q=bag")
    assert 'path="/indexes/{name}/search",status="200"' in client.get("/metrics").text


def test_an_index_that_is_alone_is_listed_too(searchers, odd):
    alone = TestClient(make_app(searchers["odd"]), "http://localhost")
    (listed,) = alone.get("/indexes").json()["indexes"]
    assert listed == {**alone.get("/index").json(), "name": "index"}
    assert alone.get("/index").json()["name"] == odd.name
    assert content(alone.get("/indexes/index/search?q=bag")) == content(alone.get("/search?q=bag"))


@pytest.mark.parametrize("path", ["/search?q=bag", "/encode?text=a", "/doc/1", "/index", "/", "", "/nothing"])
def test_an_index_that_is_not_there_is_a_sentence(client, path):
    response = client.get(f"/indexes/sh%0Aop{path}", follow_redirects=False)
    assert response.status_code == 404
    if path != "/nothing":
        sentence = "no index has the name 'sh\\nop'; expected one of odd, split, small.1"
        assert response.json() == {"detail": sentence}


def test_the_page_of_an_index_is_found_without_the_last_slash_behind_any_prefix(client):
    for name in ("odd", "small.1"):
        for search in ("", "?q=red+bag&filter=price%20%3C%203"):
            response = client.get(f"/indexes/{name}{search}", follow_redirects=False)
            assert (response.status_code, response.headers["location"]) == (307, f"{name}/{search}")
            assert client.get(f"/indexes/{name}{search}").text == client.get("/").text


def test_indexes_of_one_model_share_what_is_loaded_of_it(searchers, small_catalog, static_model, tmp_path):
    first, second, third = searchers.values()
    # Texts of passages are shorter, so that they have an encoder of their own, of the same table.
    assert third.encoder is first.encoder is not second.encoder
    assert second.encoder._table is first.encoder._table
    index = tmp_path / "scaled"
    options = {"scale": 7, "index_processes": 1, "heap_mb": 128}
    sparton.build_index(small_catalog, index, model=str(static_model), **options)
    with closing(sparton.Searcher(index, beside=first)) as scaled, closing(sparton.Searcher(index)) as alone:
        assert scaled.encoder._table is first.encoder._table is not alone.encoder._table
        assert scaled.terms("black bag") == alone.terms("black bag") != first.terms("black bag")


@pytest.mark.parametrize("name", IDS)
def test_a_document_is_found_by_its_id_whatever_it_holds(client, searchers, name):
    document = searchers["odd"].get(name)
    assert document.text == f"black bag number {IDS.index(name)}"
    expected = {"id": name, "text": document.text, "fields": {"price": IDS.index(name) + 0.5}}
    for safe in ("", "/"):
        # As it goes over the wire: a client would take .. for the path above.
        found, generation = get_raw(client, f"/doc/{quote(name, safe=safe)}")
        assert (found, generation) == (expected, searchers["odd"].manifest.state)


def get_raw(client, target):
    import asyncio
    from urllib.parse import unquote

    sent = []

    async def send(message):
        sent.append(message)

    whole = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive():
        return next(whole, None) or await asyncio.Event().wait()  # a client that waits for its response

    scope = {"type": "http", "method": "GET", "path": unquote(target), "raw_path": target.encode(), "query_string": b""}
    asyncio.run(client.app({**scope, "headers": [(b"host", b"localhost")]}, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return json.loads(b"".join(message["body"] for message in sent[1:])), headers.get("sparton-generation")


def test_a_document_that_was_split_has_its_passages(client, searchers):
    document = searchers["split"].get("a/3")
    assert len(document.passages) > 2
    assert client.get("/indexes/split/doc/a/3").json() == {
        "id": "a/3",
        "text": document.text,
        "fields": {},
        "passages": list(document.passages),
    }


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/doc/P2", "odd has no document with the id 'P2'"),
        ("/doc/", "/doc/ names no document; expected /doc/ID"),
        ("/doc/p1", "odd has no document with the id 'p1'"),
        ("/doc/P1%0A", "odd has no document with the id 'P1\\n'"),
        ("/doc/P1%2F", "odd has no document with the id 'P1/'"),
        ("/doc/P1%23", "odd has no document with the id 'P1#'"),
        ("/doc/%FF", "there is no document with this id: it is not in UTF-8"),
        ("/doc/%ED%A0%BD", "there is no document with this id: it is not in UTF-8"),
        ("/indexes/split/doc/a/3%230", "split has no document with the id 'a/3#0'"),
        ("/doc/" + "y" * 5_000, f"odd has no document with the id '{'y' * 58}…"),
    ],
)
def test_a_document_that_is_not_there_is_a_sentence(client, path, sentence):
    response = client.get(path)
    assert (response.status_code, response.json()) == (404, {"detail": sentence})


@pytest.mark.parametrize(
    ("places", "named"),
    [
        ("index", {None: "index"}),
        (["index"], {None: "index"}),
        (["shop=a=b", "docs.2=s3://bucket/x=y"], {"shop": "a=b", "docs.2": "s3://bucket/x=y"}),
        (["./a=b"], {None: "./a=b"}),
        (["s3://bucket/a=b"], {None: "s3://bucket/a=b"}),
        ("run=3/index", {"run": "3/index"}),
        ({"shop": "a=b", "A_-.9": "c"}, {"shop": "a=b", "A_-.9": "c"}),
    ],
)
def test_places_have_names_before_the_first_sign_of_equality(places, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(named_places(places).items()) == list(named.items())


def test_a_path_that_exists_is_one_whatever_it_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run=3").mkdir()
    assert named_places("run=3") == {None: "run=3"}
    assert named_places(["x=run=3"]) == {"x": "run=3"}
    assert named_places(tmp_path / "a=b") == {None: tmp_path / "a=b"}


def test_keys_of_a_place_are_not_told():
    places = {"shop": "s3://key:secret@bucket/shop", "docs": "docs"}
    assert "secret" not in place_text(places)
    assert place_text(places).endswith(", docs=docs")


NAMES = "letters, digits, -, _ and ., the first a letter or a digit, 64 at most"


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        (["a", "b"], "index is a and there are several indexes; name each of them, as in shop=a"),
        (["shop=a", "b"], "index is b and there are several indexes; name each of them, as in shop=b"),
        (["shop=a", "shop=b"], "index has the name shop twice; expected each name once"),
        (["shop="], "index is shop=, with no folder or URI behind the name"),
        (["=a"], f"index has the name ''; expected {NAMES}"),
        (["..=a"], f"index has the name '..'; expected {NAMES}"),
        (["my shop=a"], f"index has the name 'my shop'; expected {NAMES}"),
        (["bücher=a"], f"index has the name 'bücher'; expected {NAMES}"),
        ([f"{'x' * 65}=a"], f"index has the name '{'x' * 58}…; expected {NAMES}"),
        ({"a/b": "c"}, f"index has the name 'a/b'; expected {NAMES}"),
        ({3: "c"}, f"index has the name 3; expected {NAMES}"),
        ([], "index names no index; expected at least one"),
        ({}, "index names no index; expected at least one"),
        ([3], "index is 3; expected a folder, a URI or name=PLACE"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(places, sentence):
    with pytest.raises(UsageError) as caught:
        named_places(places)
    assert str(caught.value) == sentence


def test_an_index_that_is_missing_is_named(run_cli, light_index, tmp_path):
    gone = tmp_path / "gone"
    ran = run_cli("serve", "--port", "0", "--index", f"small={light_index}", "--index", f"docs={gone}")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"Error: of the index docs: the index {gone} does not exist; make it with `sparton index CORPUS --index "
        f"{gone}`\n"
    )
    ran = run_cli("serve", "--index", f"small={light_index}", "--index", light_index)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"Error: --index is {light_index} and there are several indexes; name each of them, as in shop={light_index}\n"
    )


@pytest.mark.slow
def test_a_service_takes_up_the_update_of_each_of_its_indexes(static_model, light_index, tmp_path):
    index = build(tmp_path / "a=b", Catalogue(60).rows.values(), static_model, index_processes=1, heap_mb=128)
    told = f"small={light_index}, new={index}"
    with serving(f"small={light_index}", f"--index=new={index}", told=told) as address:

        def found(path):
            connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
            with closing(connection):
                connection.request("GET", path)
                response = connection.getresponse()
                return response.headers["Sparton-Generation"], json.loads(response.read())

        before = found("/search?q=black+bag")[1]["hits"], found("/indexes/new/index")[0]
        sparton.delete_documents(index, ["d1", "d2"])
        until = time.monotonic() + 60
        while (generation := found("/indexes/new/index")[0]) == before[1]:
            assert time.monotonic() < until, "the newer generation was not taken up"
            time.sleep(0.1)
        with closing(sparton.Searcher(index)) as opened:
            hits = [(hit.id, hit.score) for hit in opened.search("black bag", 60)]
            assert generation == opened.manifest.state
        response = found("/indexes/new/search?q=black+bag&k=60")[1]
        assert [(hit["id"], hit["score"]) for hit in response["hits"]] == hits
        assert found("/search?q=black+bag")[1]["hits"] == before[0]
