"""Which pages of others may read what is served."""

import pytest
from fastapi.testclient import TestClient

from sparton.errors import UsageError, short
from sparton.search.service.app import ServiceOptions, make_app
from sparton.search.service.cors import cors_origins

SHOP = "https://shop.example"
EXPECTED = (
    "expected an origin as a browser sends it, as https://shop.example or http://localhost:3000, without a path, or * "
    "for all"
)


def client_of(searcher, *origins, **options):
    return TestClient(
        make_app(searcher, ServiceOptions(cors_origins=cors_origins(origins), **options)), "http://localhost"
    )


def told(response):
    """What a response tells browsers of other origins."""
    return {name: value for name, value in response.headers.items() if name.startswith("access-control")}


def preflight(client, origin, method="POST", headers="content-type"):
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": headers}
    return client.options("/search", headers=asked)


def test_by_default_no_page_of_another_may_read_anything(light_searcher):
    client = TestClient(make_app(light_searcher), "http://localhost")
    assert told(client.get("/search?q=bag", headers={"origin": SHOP})) == {}
    assert preflight(client, SHOP).status_code == 405


def test_pages_of_an_origin_that_is_named_may_read_what_is_served(light_searcher):
    client = client_of(light_searcher, "HTTPS://Shop.Example:443", "http://localhost:3000")
    alone = TestClient(make_app(light_searcher), "http://localhost").get("/search?q=bag").json()
    for origin in (SHOP, "http://localhost:3000"):
        response = client.get("/search?q=bag", headers={"origin": origin})
        assert response.json()["hits"] == alone["hits"]
        assert told(response) == {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": "Sparton-Generation, Retry-After, WWW-Authenticate",
        }
        refused = client.get("/search?q=bag&k=0", headers={"origin": origin})
        assert (refused.status_code, told(refused)["access-control-allow-origin"]) == (422, origin)
        asked = preflight(client, origin)
        assert asked.status_code == 200
        assert told(asked) == {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET, HEAD, POST",
            "access-control-allow-headers": "Accept, Accept-Language, Content-Language, Content-Type",
            "access-control-max-age": "600",
        }
    for origin in ("https://shop.example.evil", "http://shop.example", "https://shop.example:8443", "null"):
        assert "access-control-allow-origin" not in told(client.get("/search?q=bag", headers={"origin": origin}))
        asked = preflight(client, origin)
        assert (asked.status_code, asked.json()) == (
            400,
            {
                "detail": f"pages of the origin {origin!r} may not read what is served; start the service with "
                "--cors-origin ORIGIN if they should"
            },
        )
        assert "access-control-allow-origin" not in told(asked)


def test_what_a_page_may_not_send_is_told_beforehand(light_searcher):
    client = client_of(light_searcher, SHOP)
    why = "pages of other origins may send GET, HEAD and POST, with the headers that this service knows"
    for asked in (preflight(client, SHOP, "DELETE"), preflight(client, SHOP, headers="authorization")):
        assert (asked.status_code, asked.json()) == (400, {"detail": why})


def test_all_origins_may_be_named_and_hosts_are_checked_before(light_searcher):
    client = client_of(light_searcher, "*")
    response = client.get("/search?q=bag", headers={"origin": "http://anything.example"})
    assert told(response)["access-control-allow-origin"] == "*"
    assert told(preflight(client, "http://anything.example"))["access-control-allow-origin"] == "*"
    rebound = client.get("/search?q=bag", headers={"origin": "http://evil.example", "host": "evil.example"})
    assert (rebound.status_code, told(rebound)) == (421, {})


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("HTTP://LocalHost:080", "http://localhost"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("*", "*"),
    ],
)
def test_origins_are_written_as_browsers_send_them(name, origin):
    assert cors_origins([name]) == (origin,)


@pytest.mark.parametrize(
    "name",
    [
        *("", "null", "shop.example", "https://", "https://shop.example/", "https://shop.example/a", "//shop.example"),
        *("https://shop.example:0", "https://shop.example:65536", "https://a b", "https://bücher.example", "https://*"),
    ],
)
def test_what_is_no_origin_is_refused(run_cli, name):
    ran = run_cli("serve", "--index", "no such index", "--cors-origin", SHOP, "--cors-origin", name)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr == f"Error: --cors-origin is {name!r}; {EXPECTED}\n"


@pytest.mark.parametrize("name", ["https://a:b@c", "https://[::1", "https://a,https://b", "https://a\n", "a" * 300])
def test_what_may_hold_a_secret_or_is_long_is_refused_too(name):
    with pytest.raises(UsageError) as refused:
        cors_origins([name])
    assert str(refused.value) == f"cors_origins is {short(name)}; {EXPECTED}"
