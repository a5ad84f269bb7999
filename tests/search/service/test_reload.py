"""A service takes up updates of its index while clients search, and gives each of them one generation."""

import http.client
import json
import threading
import time
from contextlib import closing
from types import SimpleNamespace
from urllib.parse import urlencode, urlsplit

import pytest
from support.serving import serving, started
from support.updates import Catalogue, build, make, searched

import sparton
from sparton.errors import Parameter, SpartonError
from sparton.search import searcher as searching
from sparton.search.service import current

QUERIES = ("black leather bag", "gold clutch", "word1 word2 word30")
CLIENTS, UPDATES = 6, 4


def answered(searcher):
    return {query: [(hit.id, hit.score, hit.text) for hit in searcher.search(query, 50)] for query in QUERIES}


class Client(threading.Thread):
    """Searches until it is told to stop, and keeps what it was told."""

    def __init__(self, address, stopped):
        super().__init__()
        self._host, self._stopped = urlsplit(address).netloc, stopped
        self.responses, self.failed = [], None

    def run(self):
        try:
            with closing(http.client.HTTPConnection(self._host, timeout=60)) as connection:
                while not self._stopped.is_set():
                    for query in QUERIES:
                        connection.request("GET", f"/search?{urlencode({'q': query, 'k': 50})}")
                        response = connection.getresponse()
                        content = json.loads(response.read())
                        assert response.status == 200, content
                        hits = [(hit["id"], hit["score"], hit["text"]) for hit in content["hits"]]
                        self.responses.append((response.headers["Sparton-Generation"], query, hits))
        except BaseException as error:
            self.failed = error


def generation(address):
    with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)) as connection:
        connection.request("POST", "/search", json.dumps({"queries": ["bag"]}), {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.headers["Sparton-Generation"]


@pytest.mark.slow
def test_each_response_is_of_one_generation_while_updates_come(static_model, tmp_path):
    catalogue = Catalogue(150)
    index = build(tmp_path / "index", catalogue.rows.values(), static_model, index_processes=1, heap_mb=128)
    with closing(sparton.Searcher(index)) as searcher:
        expected = {searcher.manifest.state: answered(searcher)}
    stopped = threading.Event()
    with serving(index) as address:
        clients = [Client(address, stopped) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(UPDATES):
            number = 0
            while not number:  # a change that changes something
                change = catalogue.change(share=0.3)
                number = make(change, index, tmp_path / "rows.jsonl").generation - len(expected) + 1
            with closing(sparton.Searcher(index)) as searcher:
                newest = searcher.manifest.state
                expected[newest] = answered(searcher)
            until = time.monotonic() + 60
            while generation(address) != newest:
                assert time.monotonic() < until, "the newest generation was not taken up"
                time.sleep(0.1)
        stopped.set()
        for client in clients:
            client.join()
    for client in clients:
        assert client.failed is None
        for state, query, hits in client.responses:
            assert hits == expected[state][query]
    assert {state for client in clients for state, _, _ in client.responses} == set(expected)


@pytest.mark.slow
def test_a_renewed_searcher_has_the_new_generation_and_the_same_model(static_model, tmp_path):
    catalogue = Catalogue(60)
    index = build(tmp_path / "index", catalogue.rows.values(), static_model, index_processes=1, heap_mb=128)
    with closing(sparton.Searcher(index)) as searcher:
        assert searcher.renewed() is None
        before = searched(searcher)
        sparton.delete_documents(index, ["d1", "d2"])
        with closing(searcher.renewed()) as newer, closing(sparton.Searcher(index)) as opened:
            assert newer.encoder is searcher.encoder
            assert searched(newer) == searched(opened) != before
        assert searched(searcher) == before


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"chunk": True, "max_length": 8}], ids=["documents", "passages"])
def test_a_newer_searcher_has_read_what_the_older_one_did(static_model, tmp_path, options):
    catalogue = Catalogue(60)
    index = build(tmp_path / "index", catalogue.rows.values(), static_model, index_processes=1, heap_mb=128, **options)
    filters, facets = ["price < 40", "brand = Adele"], ["brand", "price"]
    with closing(sparton.Searcher(index)) as searcher:
        searcher.answer("black bag", filters=filters, facets=facets)
        sparton.delete_documents(index, ["d1", "d2"])
        with closing(searcher.renewed().warmed_like(searcher)) as newer, closing(sparton.Searcher(index)) as opened:
            read, kept = newer._index._counter, newer._index._accepted
            assert read.fields_read() == facets
            assert kept.asked() == [newer.selection(filters).filters]
            same = newer.answer("black bag", 50, filters=filters, facets=facets)
            alone = opened.answer("black bag", 50, filters=filters, facets=facets)
            assert (same.hits, same.total, same.facets) == (alone.hits, alone.total, alone.facets)
            assert 0 < same.total < 58


def test_a_newer_searcher_is_without_filters_that_its_fields_do_not_have(static_model, tmp_path):
    rows = list(Catalogue(60).rows.values())
    index = build(tmp_path / "index", rows, static_model, index_processes=1, heap_mb=128)
    with closing(sparton.Searcher(index)) as searcher:
        searcher.answer("black bag", filters=["price < 40"], facets=["brand", "price"])
        words = [{**row, "price": f"about {row['price']}"} for row in rows]
        build(index, words, static_model, index_processes=1, heap_mb=128, overwrite=True)
        with closing(searcher.renewed().warmed_like(searcher)) as newer:
            assert newer._index._counter.fields_read() == ["brand"]
            assert newer._index._accepted.asked() == []
            facets = newer.answer("black bag", facets=["price"]).facets["price"]
            assert all(str(one.value).startswith("about ") for one in facets)


def test_what_cannot_be_read_beforehand_is_closed(static_model, tmp_path):
    index = build(tmp_path / "index", Catalogue(60).rows.values(), static_model, index_processes=1, heap_mb=128)
    with closing(sparton.Searcher(index)) as searcher:
        searcher.answer("black bag", facets=["brand"])
        sparton.delete_documents(index, ["d1"])
        newer = searcher.renewed()
        newer.close()
        with pytest.raises(SpartonError) as caught:
            newer.warmed_like(searcher)
        assert str(caught.value) == f"the index {index / 'lucene'} was closed; open it again to search it"
        assert searcher.answer("black bag", facets=["brand"]).total == 60


def test_a_renewed_searcher_has_the_model_of_an_index_that_is_built_again_meanwhile(
    static_model, tmp_path, monkeypatch
):
    rows = Catalogue(60).rows.values()
    index = build(tmp_path / "index", rows, static_model, index_processes=1, heap_mb=128)
    open_index = searching._open_index

    def built_again(*arguments):
        monkeypatch.undo()
        build(index, rows, static_model, index_processes=1, heap_mb=128, scale=7, overwrite=True)
        return open_index(*arguments)

    with closing(sparton.Searcher(index)) as searcher:
        sparton.delete_documents(index, ["d1", "d2"])
        monkeypatch.setattr(searching, "_open_index", built_again)
        with closing(searcher.renewed()) as newer, closing(sparton.Searcher(index)) as opened:
            assert newer.manifest == opened.manifest
            assert newer.terms("black bag") == opened.terms("black bag") != searcher.terms("black bag")
            assert searched(newer) == searched(opened)


def test_what_no_query_can_be_encoded_for_is_not_taken_up(small_catalog, static_model, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(current, "_SECONDS", 0.01)
    index = tmp_path / "index"
    options = {"index_processes": 1, "heap_mb": 128, "overwrite": True}
    sparton.build_index(small_catalog, index, model=str(static_model), **options)
    (tmp_path / "vectors.jsonl").write_text('{"id": "1", "contents": "a bag", "vector": {"bag": 5}}\n')
    searchers = current.CurrentSearcher(older := sparton.Searcher(index))
    before = [hit.id for hit in older.search("black bag")]
    with closing(searchers):
        sparton.index_vectors(tmp_path / "vectors.jsonl", index, **options)
        caplog.clear()  # of what the builds say
        with caplog.at_level("WARNING", "sparton"), current.Reloading(searchers, index):
            until = time.monotonic() + 60
            while not caplog.messages:
                assert time.monotonic() < until, "nothing was told"
                time.sleep(0.01)
        assert searchers.newest is older
        until = time.monotonic() + 60
        while searchers.refused is None:
            assert time.monotonic() < until, "the searcher does not say why"
            time.sleep(0.01)
        assert searchers.refused == caplog.messages[0].replace(str(index), "index")
        assert [hit.id for hit in older.search("black bag")] == before != []
    assert caplog.messages == [
        f"the index as it is now is not taken up, and the old one is searched on: the index {index} was made of "
        "vectors without naming their model, so no text can be encoded for it; build it again with "
        "from_collection and model"
    ]


class Newest:
    """What a look for a newer generation asks a searcher."""

    manifest = SimpleNamespace(number=3)

    def __len__(self):
        return 7

    def warmed_like(self, older):
        return self

    def terms(self, query):
        return {}

    def renewed(self):
        return None


def test_a_service_goes_on_looking_after_any_error(tmp_path, monkeypatch, caplog):
    class Older(Newest):
        looks = 0

        def renewed(self):
            self.looks += 1
            if self.looks < 4:
                raise RuntimeError("odd")
            return Newest()

        def close(self):
            self.closed = True

    monkeypatch.setattr(current, "_SECONDS", 0.01)
    older = Older()
    searchers = current.CurrentSearcher(older)
    with caplog.at_level("WARNING"), current.Reloading(searchers, tmp_path):
        until = time.monotonic() + 60
        while searchers.newest is older:
            assert time.monotonic() < until, "the newer one was not taken up"
            time.sleep(0.01)
    assert older.closed
    assert searchers.refused is None
    assert [record.getMessage() for record in caplog.records] == [
        "the index as it is now is not taken up, and the old one is searched on: odd"
    ]


@pytest.mark.slow
def test_a_look_under_way_holds_up_no_end_and_what_it_opens_is_closed(tmp_path, monkeypatch):
    looking, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    class Newer(Newest):
        def close(self):
            closed.set()

    class Older(Newest):
        def renewed(self):
            looking.set()
            assert go_on.wait(60)
            return Newer()

        def close(self):
            pass

    monkeypatch.setattr(current, "_SECONDS", 0.01)
    searchers = current.CurrentSearcher(Older())
    with current.Reloading(searchers, tmp_path):
        assert looking.wait(60)
    searchers.close()
    assert not closed.is_set()
    go_on.set()
    assert closed.wait(60)


def test_what_is_told_to_clients_has_no_folder_of_this_machine(tmp_path):
    class Older:
        name = "bags"

    searchers = current.CurrentSearcher(Older())
    called = "as it is now is not taken up, and the old one is searched on: "
    for place, name, error, sentence in (
        (
            "/data/my bags",
            None,
            SpartonError("the index /data/my bags is gone"),
            f"the index {called}the index bags is gone",
        ),
        (
            "file:///data/all/bags",
            "shop",
            SpartonError("of file:///data/all/bags: gone"),
            f"the index shop {called}of shop: gone",
        ),
        ("bags", None, SpartonError("the model '/models/a/b' is gone"), f"the index {called}the model '…/b' is gone"),
        ("bags", None, SpartonError("no s3://bucket/x/y."), f"the index {called}no …/y."),
        (
            "bags",
            None,
            SpartonError("3 of 4 are read; add ", Parameter("mcp")),
            f"the index {called}3 of 4 are read; add mcp",
        ),
        (
            "bags",
            None,
            RuntimeError("/secret"),
            f"the index {called}taking it up met a fault in Sparton (RuntimeError); please report it",
        ),
    ):
        reloading = current.Reloading(searchers, place, name)
        Older.renewed = lambda self, error=error: raised(error)
        assert reloading._look() is False
        assert searchers.refused == sentence


def raised(error):
    raise error


def asked(address, path):
    """What a service gives, read."""
    with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


@pytest.mark.slow
def test_a_generation_without_what_the_service_searches_with_is_told_of_until_it_has_it(static_model, tmp_path):
    pytest.importorskip("seismic")
    rows = Catalogue(60).rows.values()
    index = build(tmp_path / "bags", rows, static_model, index_processes=1, heap_mb=128, also=["seismic"])
    with closing(sparton.Searcher(index)) as searcher:
        first = searcher.manifest.state
    why = (
        "the index as it is now is not taken up, and the old one is searched on: the Seismic index of {0} is of "
        "generation 0 and the index of generation 1; build it with `sparton compact {0} --also seismic`, or search "
        "with --with lucene"
    )
    process = started(index, "--with", "seismic")
    try:
        address = process.stderr.readline().split(" at ")[1].split()[0]
        well = {"status": "ok", "documents": 60, "generation": first}
        assert json.loads(asked(address, "/health")) == well
        assert 'sparton_generation_refused{index="index"} 0.0' in asked(address, "/metrics")
        sparton.delete_documents(index, ["d1", "d2"])
        assert process.stderr.readline() == f"{why.format(index)}\n"
        behind = health(address, lambda content: "not_taken_up" in content)
        assert behind == {**well, "not_taken_up": why.format("bags")}
        assert 'sparton_generation_refused{index="index"} 1.0' in asked(address, "/metrics")
        assert json.loads(asked(address, "/doc/d1"))["id"] == "d1"
        sparton.compact_index(index, also="seismic")
        with closing(sparton.Searcher(index)) as searcher:
            newest = searcher.manifest.state
        assert health(address, lambda content: content["generation"] != first) == {
            "status": "ok",
            "documents": 58,
            "generation": newest,
        }
        assert 'sparton_generation_refused{index="index"} 0.0' in asked(address, "/metrics")
    finally:
        process.kill()
        process.communicate()


def health(address, is_so):
    """The health of a service once something is so."""
    until = time.monotonic() + 60
    while not is_so(content := json.loads(asked(address, "/health"))):
        assert time.monotonic() < until, content
        time.sleep(0.05)
    return content
