"""Queries that wait together: which are encoded when, and which no more."""

import asyncio
import json
import threading

import pytest

from sparton.errors import SpartonError, UsageError
from sparton.search.service.app import ServiceOptions, make_app
from sparton.search.service.current import CurrentSearcher
from sparton.search.service.metrics import Metrics
from sparton.search.service.query_threads import QueryThreads


class Gated:
    """A searcher whose encoding waits until it is let go, and that keeps what was encoded together."""

    def __init__(self, searcher):
        self._searcher = searcher
        self.begun, self.go = threading.Event(), threading.Event()
        self.batches = []

    def __getattr__(self, name):
        return getattr(self._searcher, name)

    def __len__(self):
        return len(self._searcher)

    def terms_each(self, queries):
        """As Searcher's, once it may go on."""
        self.begun.set()
        assert self.go.wait(60)
        if "unlucky" in queries:
            raise SpartonError("the model gave no impact")
        self.batches.append(list(queries))
        return self._searcher.terms_each(queries)


@pytest.fixture
def gated(light_searcher):
    """Such a one."""
    return Gated(light_searcher)


def hits_of(content):
    return [(hit["rank"], hit["id"], hit["score"], hit["text"]) for hit in json.loads(content)["hits"]]


def alone(searcher, query, k):
    return [(hit.rank, hit.id, hit.score, hit.text) for hit in searcher.search(query, k)]


async def begun(gated):
    """Wait until something is encoded."""
    assert await asyncio.to_thread(gated.begun.wait, 60)


def answered(gated, *requests):
    """What several requests get, that come while another one is encoded: (queries, k) each."""

    async def ask():
        threads = QueryThreads(2, Metrics())
        try:
            first = asyncio.create_task(threads.answer(gated, ["first"], 3, False, {}))
            await begun(gated)
            tasks = [asyncio.create_task(threads.answer(gated, queries, k, False, {})) for queries, k in requests]
            await asyncio.sleep(0)
            gated.go.set()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            await first
            return found
        finally:
            gated.go.set()
            threads.close()

    return asyncio.run(ask())


def test_what_waits_is_encoded_together_and_answered_as_alone(gated, light_searcher):
    requests = [(["black bag"], 3), (["red hat", "tote"], 7), (["black bag"], 1), ([""], 5)]
    found = answered(gated, *requests)
    assert gated.batches == [["first"], ["black bag", "red hat", "black bag", "", "tote"]]
    for (queries, k), contents in zip(requests, found, strict=True):
        assert [json.loads(content)["query"] for content in contents] == queries
        assert [hits_of(content) for content in contents] == [alone(light_searcher, query, k) for query in queries]


def test_a_request_with_many_queries_keeps_nobody_waiting_for_all(gated):
    many = [f"bag {number}" for number in range(200)]
    answered(gated, (many, 1), (["red hat"], 1))
    order = [query for batch in gated.batches for query in batch]
    assert order.index("red hat") == 2
    assert [query for query in order if query not in ("first", "red hat")] == many
    assert max(map(len, gated.batches)) == 64


def test_long_queries_wait_for_one_another_in_small_batches(gated):
    long = [f"{number} " + "bag " * 1_000 for number in range(6)]
    answered(gated, (long, 1))
    assert [len(batch) for batch in gated.batches] == [1, 3, 3]


def test_a_query_that_cannot_be_encoded_fails_alone(gated, light_searcher):
    good, bad, both = answered(gated, (["black bag"], 3), (["unlucky"], 3), (["red hat", "unlucky"], 3))
    assert [hits_of(content) for content in good] == [alone(light_searcher, "black bag", 3)]
    for error in (bad, both):
        assert isinstance(error, SpartonError)
        assert str(error) == "the model gave no impact"


def test_what_cannot_be_meant_is_not_encoded(gated):
    async def ask(more):
        threads = QueryThreads(1, Metrics())
        try:
            await threads.answer(gated, ["bag"], 3, False, more)
        finally:
            threads.close()

    for more in ({"filters": ["price <"]}, {"facets": ["price"]}, {"sort": "price"}):
        with pytest.raises(UsageError):
            asyncio.run(ask(more))
    assert not gated.begun.is_set()


class Asked:
    """A request to an application, as a server hands it on."""

    def __init__(self, app, queries, path="/search"):
        self._app, self._path = app, path
        self._body = json.dumps({"queries": queries, "k": 3} if path == "/search" else {"texts": queries}).encode()
        self.gone, self.sent = asyncio.Event(), []
        self._given, self._whole = False, None

    def receive_after(self, whole):
        """Have its body come only then."""
        self._whole = whole

    async def _receive(self):
        if self._whole is not None:
            await self._whole.wait()
        if self._given:
            await self.gone.wait()
            return {"type": "http.disconnect"}
        self._given = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def _send(self, message):
        self.sent.append(message)

    def begin(self):
        """Its task."""
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        scope = {
            "type": "http",
            "method": "POST",
            "path": self._path,
            "raw_path": self._path.encode(),
            "query_string": b"",
        }
        return asyncio.create_task(self._app({**scope, "headers": headers}, self._receive, self._send))


@pytest.mark.parametrize("path", ["/search", "/encode"])
def test_queries_of_a_client_that_has_hung_up_are_dropped(gated, light_searcher, path):
    async def ask():
        app = make_app(gated)
        first, last = Asked(app, ["tote"]), Asked(app, ["red hat"])
        abandoned = Asked(app, ["bag"] * 64, path)
        tasks = [first.begin()]
        await begun(gated)
        tasks += [abandoned.begin(), last.begin()]
        while app.state.metrics.waiting < 3:
            await asyncio.sleep(0.001)
        abandoned.gone.set()
        await tasks[1]
        gated.go.set()
        await asyncio.gather(*tasks)
        metrics = app.state.metrics.text().splitlines()
        app.state.threads.close()
        return first, abandoned, last, metrics

    first, abandoned, last, metrics = asyncio.run(ask())
    assert abandoned.sent == []
    assert gated.batches == [["tote"], ["red hat"]]
    for request, query in ((first, "tote"), (last, "red hat")):
        (result,) = json.loads(request.sent[1]["body"])["results"]
        assert hits_of(json.dumps(result)) == alone(light_searcher, query, 3)
    assert "sparton_queries_abandoned_total 64.0" in metrics
    assert "sparton_queries_total 2.0" in metrics
    assert 'sparton_requests_total{path="/search",status="200"} 2.0' in metrics
    assert f'sparton_requests_total{{path="{path}",status="499"}} 1.0' in metrics
    assert "sparton_requests_waiting 0.0" in metrics


@pytest.mark.parametrize("path", ["/search", "/encode"])
def test_who_waits_when_the_service_stops_is_told_so(gated, path):
    async def ask():
        app = make_app(gated)
        first, waiting, late = (Asked(app, queries, path) for queries in (["tote"], ["bag"] * 3, ["red hat"]))
        tasks = [first.begin()]
        await begun(gated)
        tasks.append(waiting.begin())
        while app.state.metrics.waiting < 2:
            await asyncio.sleep(0.001)
        app.state.threads.stop()
        tasks.append(late.begin())
        await asyncio.gather(*tasks[1:])
        gated.go.set()
        await tasks[0]
        app.state.threads.close()
        return first, waiting, late

    for request in asyncio.run(ask()):
        assert request.sent[0]["status"] == 503
        assert (b"retry-after", b"1") in request.sent[0]["headers"]
        assert json.loads(request.sent[1]["body"]) == {"detail": "the service is stopping; try again in a second"}


def test_texts_to_encode_take_turns_with_queries_in_small_batches(gated, light_searcher):
    texts = [f"{number} " + "bag " * 1_000 for number in range(6)]

    async def ask():
        threads = QueryThreads(2, Metrics())
        try:
            first = asyncio.create_task(threads.answer(gated, ["first"], 3, False, {}))
            await begun(gated)
            encoded = asyncio.create_task(threads.encode(gated, texts))
            query = asyncio.create_task(threads.answer(gated, ["red hat"], 3, False, {}))
            await asyncio.sleep(0)
            gated.go.set()
            await first
            await query
            return [json.loads(terms) for terms in await encoded]
        finally:
            gated.go.set()
            threads.close()

    assert asyncio.run(ask()) == light_searcher.terms_each(texts)
    assert gated.batches == [["first"], [texts[0], "red hat", texts[1], texts[2]], texts[3:]]


def test_tasks_that_wait_when_the_service_stops_are_told_so_at_once():
    go, begun = threading.Event(), threading.Event()

    def task():
        begun.set()
        assert go.wait(60)
        return "done"

    async def ask():
        threads = QueryThreads(1, Metrics())
        first = asyncio.create_task(threads.run(task))
        assert await asyncio.to_thread(begun.wait, 60)
        waiting = asyncio.create_task(threads.run(task))
        await asyncio.sleep(0)
        threads.stop()
        found = await asyncio.gather(waiting, threads.run(task), return_exceptions=True)
        go.set()
        found.append(await first)
        threads.close()
        return found

    *refused, done = asyncio.run(ask())
    assert done == "done"
    stopping = (503, "the service is stopping; try again in a second", {"retry-after": "1"})
    assert [(error.status_code, error.detail, error.headers) for error in refused] == [stopping] * 2


def test_an_index_stays_open_until_a_task_of_a_cancelled_request_is_done():
    class Index:
        closed = False

        def close(self):
            self.closed = True

    index, go, begun, seen = Index(), threading.Event(), threading.Event(), []

    def task():
        begun.set()
        assert go.wait(60)
        seen.append(index.closed)

    async def ask():
        threads, searchers = QueryThreads(1, Metrics()), CurrentSearcher(index)

        async def request():
            with searchers.use():
                await threads.run(task)

        asked = asyncio.create_task(request())
        assert await asyncio.to_thread(begun.wait, 60)
        searchers.replace(Index())
        asked.cancel()
        await asyncio.sleep(0.05)
        go.set()
        await asyncio.gather(asked, return_exceptions=True)
        threads.close()
        return asked.cancelled()

    assert asyncio.run(ask())
    assert (seen, index.closed) == ([False], True)


def test_requests_whose_bodies_come_together_are_bounded_too(gated):
    async def ask():
        app = make_app(gated, ServiceOptions(waiting=2))
        requests = [Asked(app, ["bag"]) for _ in range(4)]
        whole = asyncio.Event()
        for request in requests:
            request.receive_after(whole)
        tasks = [request.begin() for request in requests]
        await asyncio.sleep(0.05)
        whole.set()
        await asyncio.gather(*tasks[2:])
        gated.go.set()
        await asyncio.gather(*tasks)
        app.state.threads.close()
        return requests

    requests = asyncio.run(ask())
    assert [request.sent[0]["status"] for request in requests] == [200, 200, 503, 503]
    for request in requests[2:]:
        assert json.loads(request.sent[1]["body"]) == {"detail": "too many requests at once; try again in a second"}
