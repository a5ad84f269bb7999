"""A service takes up updates of its index while clients search, and gives each of them one generation."""

import http.client
import json
import threading
import time
from contextlib import closing
from urllib.parse import urlencode, urlsplit

import pytest
from support.serving import serving
from support.updates import Catalogue, build, make, searched

import sparton

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


def test_a_renewed_searcher_has_the_new_generation_and_the_same_model(static_model, tmp_path):
    catalogue = Catalogue(60)
    index = build(tmp_path / "index", catalogue.rows.values(), static_model, index_processes=1, heap_mb=128)
    with closing(sparton.Searcher(index)) as searcher:
        assert searcher.renewed() is None
        before = searched(searcher)
        sparton.delete_documents(["d1", "d2"], index)
        with closing(searcher.renewed()) as newer, closing(sparton.Searcher(index)) as opened:
            assert newer.encoder is searcher.encoder
            assert searched(newer) == searched(opened) != before
        assert searched(searcher) == before
