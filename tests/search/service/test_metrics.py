"""What Prometheus reads, by its own parser."""

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from sparton.search.searcher import Seconds
from sparton.search.service.app import make_app
from sparton.search.service.metrics import Metrics
from sparton.search.service.paths import counted_path


def families(text):
    """The metrics of a text by name, and their samples by name and labels."""
    found = {family.name: family for family in text_string_to_metric_families(text)}
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in found.values()
        for sample in family.samples
    }
    return found, samples


@pytest.mark.parametrize(
    ("path", "template"),
    [
        *((path, path) for path in ("/", "/search", "/index", "/indexes", "/encode", "/health", "/metrics", "/mcp")),
        ("/doc/B07", "/doc/{id}"),
        ("/doc/a/b\nc", "/doc/{id}"),
        ("/doc/", "/doc/{id}"),
        ("/indexes/shop/", "/indexes/{name}/"),
        ("/indexes/shop/search", "/indexes/{name}/search"),
        ("/indexes/shop/doc/B07", "/indexes/{name}/doc/{id}"),
        ("/indexes/shop/nothing", "other"),
        ("/indexes/a/indexes/b/search", "other"),
        ("/search/", "other"),
        ("", "other"),
        ('/"\n{}', "other"),
    ],
)
def test_paths_are_told_as_templates(path, template):
    assert counted_path(path) == template


def test_every_route_has_a_template_of_its_own(light_searcher):
    paths = {getattr(route, "path", "") for route in make_app(light_searcher).routes}
    named = {path.replace("{name}", "shop").replace("{index}", "shop").replace("{id:rest}", "B07") for path in paths}
    assert {path for path in named if counted_path(path) == "other"} <= {"/docs/oauth2-redirect"}


def test_requests_and_queries_are_counted_and_timed(light_searcher):
    client = TestClient(make_app(light_searcher), "http://localhost")
    for path in ("/search?q=bag&k=3", "/search?q=hat", "/search?q=bag&k=0", "/nothing", "/nowhere"):
        client.get(path)
    client.post("/search", json={"queries": ["bag", "hat", "red bag"]})
    client.get("/health", headers={"host": "evil.example"})
    response = client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found, samples = families(response.text)
    requests = {key[1:]: value for key, value in samples.items() if key[0] == "sparton_requests_total"}
    assert requests == {
        (("path", "/search"), ("status", "200")): 3,
        (("path", "/search"), ("status", "422")): 1,
        (("path", "other"), ("status", "404")): 2,
        (("path", "other"), ("status", "421")): 1,
    }
    timed = {key[1:]: value for key, value in samples.items() if key[0] == "sparton_request_duration_seconds_count"}
    del requests[("path", "other"), ("status", "421")]  # which no handler saw
    assert timed == requests
    assert samples[("sparton_requests_refused_total", ("reason", "host"))] == 1
    assert samples[("sparton_queries_total",)] == 5
    for part in ("encode", "search", "fetch"):
        seconds = samples[("sparton_query_seconds_total", ("part", part))]
        assert seconds > 0
        assert samples[("sparton_query_duration_seconds_sum", ("part", part))] == pytest.approx(seconds)
        assert samples[("sparton_query_duration_seconds_count", ("part", part))] == 5
        assert samples[("sparton_query_duration_seconds_bucket", ("le", "+Inf"), ("part", part))] == 5
    assert samples[("sparton_requests_waiting",)] == 1  # the one that asks
    assert samples[("sparton_documents", ("index", "index"))] == len(light_searcher) == 64
    assert samples[("sparton_generation", ("index", "index"))] == 0
    assert samples[("sparton_generation_refused", ("index", "index"))] == 0
    assert samples[("process_resident_memory_bytes",)] > 2**20
    assert found["sparton_requests"].type == "counter"
    assert found["sparton_request_duration_seconds"].type == "histogram"
    assert not [name for name in found if name.endswith("_created")]


def test_batches_and_abandoned_queries_are_counted():
    metrics = Metrics()
    for size in (1, 3, 64):
        metrics.add_encoded(size)
    metrics.add_abandoned()
    metrics.add_closed()
    metrics.add_query(Seconds(0.002, 0.3, 20.0))
    _, samples = families(metrics.text())
    batches = {key[1][1]: value for key, value in samples.items() if key[0] == "sparton_encoding_batch_queries_bucket"}
    assert [batches[size] for size in ("1.0", "2.0", "4.0", "32.0", "64.0", "+Inf")] == [1, 1, 2, 2, 3, 3]
    assert samples[("sparton_encoding_batch_queries_sum",)] == 68
    assert samples[("sparton_queries_abandoned_total",)] == 1
    assert samples[("sparton_connections_closed_total",)] == 1
    fetched = ("sparton_query_duration_seconds_bucket", ("le", "10.0"), ("part", "fetch"))
    assert samples[fetched] == 0


def test_two_services_of_a_program_count_for_themselves(light_searcher):
    one, other = (TestClient(make_app(light_searcher), "http://localhost") for _ in range(2))
    one.get("/search?q=bag")
    assert families(one.get("/metrics").text)[1][("sparton_queries_total",)] == 1
    assert families(other.get("/metrics").text)[1][("sparton_queries_total",)] == 0
