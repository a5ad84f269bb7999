"""The service as it describes itself: every response is as its schema says, and every route refuses what it does not
know, in a sentence."""

import ast
import json
import re
from copy import deepcopy
from http import HTTPStatus
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from sparton.search import service
from sparton.search.service.app import MOST_BYTES, ServiceOptions, make_app
from sparton.search.service.docs_page import docs_page
from sparton.search.service.keys import Keys
from sparton.search.service.page import page, security_headers

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (extra test)")


@pytest.fixture(scope="module")
def client(shop_searcher, searcher):
    options = ServiceOptions(most_k=50)
    with TestClient(make_app({"shop": shop_searcher, "small": searcher}, options), "http://localhost") as client:
        yield client


@pytest.fixture(scope="module")
def schema(client):
    """The schema, in which nothing may be that it does not name."""
    found = client.get("/openapi.json").json()
    for one in found["components"]["schemas"].values():
        if "properties" in one:
            one["additionalProperties"] = False
    return found


def template_of(schema, path):
    """The path of the schema that a path is one of."""
    if path in schema["paths"]:
        return path
    patterns = {
        found: re.sub(r"\\{id\\}", ".*", re.sub(r"\\{index\\}", "[^/]+", re.escape(found))) for found in schema["paths"]
    }
    (found,) = {one for one, pattern in patterns.items() if re.fullmatch(pattern, path)}
    return found


def check(schema, response):
    """Hold a response against what the schema says of its route and status."""
    operation = schema["paths"][template_of(schema, response.url.path)][response.request.method.lower()]
    described = operation["responses"][str(response.status_code)]
    kind = response.headers["content-type"].partition(";")[0]
    (media,) = described["content"].items()
    assert media[0] == kind
    assert ("headers" in operation["responses"]["200"]) == ("Sparton-Generation" in response.headers) or (
        response.status_code != 200
    )
    if kind == "application/json":
        jsonschema.Draft202012Validator({**media[1]["schema"], "components": schema["components"]}).validate(
            response.json()
        )


RIGHT = [
    ("GET", "/search?q=black+bag", None),
    (
        "GET",
        "/search?q=bag&explain=true&k=3&facet=brand&facet=in_stock&facet=price&filter=price%20%3C%20100&sort=-price",
        None,
    ),
    ("GET", "/indexes/small/search?q=&explain=on", None),
    ("POST", "/search", {"queries": ["bag", ""], "facets": ["brand"], "explain": True, "sort": None, "offset": 1}),
    ("POST", "/indexes/small/search", {"queries": ["bag"], "k": 50}),
    ("GET", "/encode?text=black+bag", None),
    ("GET", "/indexes/small/encode?text=bag&as=document", None),
    ("POST", "/encode", {"texts": ["bag", ""], "as": "query"}),
    ("POST", "/indexes/shop/encode", {"texts": ["bag"]}),
    ("GET", "/index", None),
    ("GET", "/indexes/small/index", None),
    ("GET", "/indexes", None),
    ("GET", "/health", None),
    ("GET", "/metrics", None),
    ("GET", "/", None),
    ("GET", "/indexes/small/", None),
    ("GET", "/docs", None),
]
WRONG = [
    ("GET", "/search", None, 422),
    ("GET", "/indexes/none/search?q=bag", None, 404),
    ("GET", "/doc/none", None, 404),
    ("GET", "/indexes/small/doc/none", None, 404),
    ("POST", "/search", {"queries": []}, 422),
    ("POST", "/encode", {"texts": [" " * MOST_BYTES]}, 413),
    ("GET", "/health?a=1", None, 422),
]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "body"), RIGHT)
def test_responses_are_as_the_schema_says(client, schema, method, path, body):
    response = client.request(method, path, json=body)
    assert response.status_code == 200, response.text
    check(schema, response)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "body", "status"), WRONG)
def test_refusals_are_as_the_schema_says(client, schema, method, path, body, status):
    response = client.request(method, path, json=body)
    assert response.status_code == status, response.text
    check(schema, response)


# What refuses a request before a route is known, and what is said of each.
OF_ANY_REQUEST = ("connections.py", "http11.py", "limits.py")
# 307 and 405: of a path, or a method, that the schema does not have. 403: at /mcp, which is no route of it. 499: is
# counted, and sent to nobody.
OF_NO_OPERATION = {307, 403, 405, 499}


def statuses_in(code):
    """The statuses of HTTP, but for those of success, that stand as numbers in a module."""
    numbers = [one.value for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Constant)]
    known = {one.value for one in HTTPStatus if one >= 300} | OF_NO_OPERATION
    return {one for one in numbers if type(one) is int and one in known}


def test_every_status_that_stands_in_the_code_stands_in_the_schema(shop_searcher, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("kept-by-the-shop-0123456789")
    keys.chmod(0o600)
    with TestClient(make_app(shop_searcher, ServiceOptions(keys=Keys(str(keys)))), "http://localhost") as client:
        paths = client.get("/openapi.json").json()["paths"]
    operations = [operation for path in paths.values() for operation in path.values()]
    described = [{int(status) for status in one["responses"]} - {200} for one in operations]
    code = {path.name: statuses_in(path.read_text()) for path in Path(service.__file__).parent.glob("*.py")}
    given = {one for name, found in code.items() if name != "routing.py" for one in found}
    assert set().union(*described) == given - OF_NO_OPERATION
    of_any = set().union(*(code[name] for name in OF_ANY_REQUEST)) - OF_NO_OPERATION
    assert of_any == {400, 408, 413, 421, 500, 503}
    assert [sorted(of_any - found) for found in described] == [[]] * len(described)


@pytest.mark.parametrize("path", ["/health", "/", "/docs", "/indexes/small/index", "/search?q=bag"])
def test_a_get_whose_body_is_too_large_is_refused_as_the_schema_says(client, schema, path):
    response = client.request("GET", path, content=b" " * (MOST_BYTES + 1))
    assert (response.status_code, response.json()) == (
        413,
        {"detail": f"the request is too large; at most {MOST_BYTES} bytes are taken"},
    )
    check(schema, response)


def test_a_document_is_as_the_schema_says(client, schema, shop_searcher):
    name = shop_searcher.search("bag", 1)[0].id
    check(schema, client.get(f"/doc/{name}"))
    check(schema, client.get(f"/indexes/shop/doc/{name}"))


@pytest.mark.slow
def test_the_schema_is_one_of_openapi_and_names_every_route(client, schema):
    validator = pytest.importorskip("openapi_spec_validator", reason="openapi-spec-validator is not installed")
    validator.validate(client.get("/openapi.json").json())
    own = {
        "/",
        "/search",
        "/encode",
        "/doc/{id}",
        "/index",
        "/indexes",
        "/health",
        "/metrics",
        "/docs",
        "/openapi.json",
    }
    of_an_index = {f"/indexes/{{index}}{path}" for path in ("/", "/search", "/encode", "/doc/{id}", "/index")}
    assert set(schema["paths"]) == own | of_an_index
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"\{(.+?)\}", path))
            assert operation["summary"]
            assert operation["description"]
    assert schema["servers"] == [{"url": "."}]


def test_parameters_and_bodies_of_the_schema_are_those_that_are_taken(schema):
    def parameters(path):
        return [(one["name"], one["required"]) for one in schema["paths"][path]["get"]["parameters"]]

    def fields(path):
        body = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        return [*body["properties"]], body["required"]

    names = [*("q", "k", "explain", "sort", "offset", "filter", "facet")]
    assert parameters("/search") == [(name, name == "q") for name in names]
    assert parameters("/indexes/{index}/search") == [("index", True), *parameters("/search")]
    assert parameters("/encode") == [("text", True), ("as", False)]
    assert fields("/encode") == (["texts", "as"], ["texts"])
    assert fields("/search") == (["queries", "k", "explain", "filters", "facets", "sort", "offset"], ["queries"])


GETS = [
    *("/search?q=bag&", "/encode?text=bag&", "/index?", "/doc/1?", "/indexes?", "/health?", "/metrics?", "/docs?"),
    *("/openapi.json?", "/indexes/small/search?q=bag&", "/indexes/small/encode?text=bag&", "/indexes/small/doc/1?"),
    "/indexes/small/index?",
]


@pytest.mark.parametrize("start", GETS)
def test_every_route_refuses_parameters_that_it_does_not_know(client, start):
    what = start.partition("?")[0].removeprefix("/indexes/small").replace("/doc/1", "/doc/ID")
    known = {"/search": "q, k, explain, sort, offset, filter, facet", "/encode": "text, as"}.get(what)
    every = f"its parameters are {known}" if known else "it has no parameters"
    for given, shown in (("kk=3", "'kk'"), ("=1", "''"), ("%FF=1", "'\ufffd'"), ("zzz", "'zzz'")):
        response = client.get(f"{start}{given}")
        near = " (did you mean k?)" if shown == "'kk'" and what == "/search" else ""
        sentence = f"GET {what} has no parameter {shown}{near}; {every}"
        assert (response.status_code, response.json()) == (422, {"detail": sentence})


@pytest.mark.parametrize(
    ("path", "given", "hint"),
    [
        *(("/search", given, " (did you mean q?)") for given in ("query", "Query", "queries", "text", "search")),
        *(("/search", given, " (did you mean k?)") for given in ("limit", "size", "top_k", "topK", "rows", "kk")),
        *(("/search", given, " (did you mean offset?)") for given in ("from", "start", "skip", "ofset")),
        *(("/search", given, " (did you mean filter?)") for given in ("filters", "fq", "where")),
        *(("/search", given, " (did you mean facet?)") for given in ("facets", "fields", "facet.field", "aggs")),
        *(("/search", given, " (did you mean sort?)") for given in ("order", "order_by", "sort-by")),
        *(("/search", given, "") for given in ("zzz", "", "x" * 300)),
        *(("/encode", given, " (did you mean text?)") for given in ("q", "query", "texts", "input")),
        ("/encode", "side", " (did you mean as?)"),
        ("/encode", "limit", ""),
        ("/health", "limit", ""),
        *(
            (path, given, f", which is chosen when the service is started (sparton serve {flag})")
            for path in ("/search", "/encode")
            for given, flag in (
                *(("with", "--with"), ("search_with", "--with"), ("query_top_terms", "--query-top-terms")),
                ("query-prune-ratio", "--query-prune-ratio"),
            )
        ),
    ],
)
def test_a_parameter_of_another_name_is_told_the_one_that_may_be_meant(client, path, given, hint):
    response = client.get(path, params={given: "bag"})
    known = {"/search": "q, k, explain, sort, offset, filter, facet", "/encode": "text, as"}.get(path)
    every = f"its parameters are {known}" if known else "it has no parameters"
    shown = repr(given) if len(given) < 60 else repr(given)[:59] + "…"
    sentence = f"GET {path} has no parameter {shown}{hint}; {every}"
    assert (response.status_code, response.json()) == (422, {"detail": sentence})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        *(("q", "queries"), ("query", "queries"), ("texts", "queries"), ("limit", "k"), ("topK", "k")),
        *(("from", "offset"), ("filter", "filters"), ("facet", "facets"), ("order_by", "sort"), ("debug", "explain")),
    ],
)
def test_so_is_a_field_of_a_body(client, given, meant):
    response = client.post("/search", json={given: "bag"})
    sentence = (
        f"POST /search has no field {given!r} (did you mean {meant}?); its fields are queries, k, explain, filters, "
        "facets, sort, offset"
    )
    assert (response.status_code, response.json()) == (422, {"detail": sentence})


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the body is empty; expected an object with queries, k, explain, filters, facets, sort, offset"),
        (b'{"a": }', "the body is no JSON (Expecting value at character 6); expected an object"),
        (b"[" * 10_000, "the body is nested too deeply; expected an object with texts and numbers"),
        (b'["bag"]', "the body is a list; expected an object with queries, k, explain, filters, facets, sort, offset"),
        (b"null", "the body is null; expected an object with queries, k, explain, filters, facets, sort, offset"),
        (b'{"k": 3}', "queries is missing; POST /search needs it"),
        (b'{"queries": ["a"], "k": ' + b"9" * 5_000 + b"}",
         "the body has a number of more digits than can be read; expected a smaller one"),
        (b'{"queries": ["a"], "k": ' + b"9" * 400 + b"}", "k is a number of 400 digits; expected 1 to 50"),
        (b'{"queries": ["a"], "k": "3"}', "k is '3'; expected a whole number"),
        (b'{"queries": ["a"], "k": 3.5}', "k is 3.5; expected a whole number"),
        (b'{"queries": ["a"], "k": true}', "k is true; expected a whole number"),
        (b'{"queries": ["a"], "explain": 1}', "explain is 1; expected true or false"),
        (b'{"queries": ["a"], "offset": null}', "offset is null; expected a whole number"),
        (b'{"queries": ["a"], "filters": "price < 3"}', "filters is 'price < 3'; expected a list of texts"),
        (b'{"queries": ["a"], "sort": ["price"]}', "sort is a list; expected a text"),
        (b'{"queries": ["a", "half \\ud83d"]}',
         "queries[1] is 'half \\ud83d', which has half of a character; expected whole ones"),
        (b'{"queries": ["a"], "queries": ["b"]}', "'queries' is given 2 times; expected it once"),
        (b'{"queries": ["a"], "filter": ["b"]}',
         "POST /search has no field 'filter' (did you mean filters?); its fields are queries, k, explain, filters, "
         "facets, sort, offset"),
        (b'{"queries": [1, 2, null, {}, [], true, 7]}',
         "queries[0] is 1; expected a text; queries[1] is 2; expected a text; queries[2] is null; expected a text; "
         "queries[3] is an object; expected a text; queries[4] is a list; expected a text; and 2 more of the kind"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_body_is_a_sentence(client, body, sentence):
    for path in ("/search", "/indexes/small/search"):
        response = client.post(path, content=body, headers={"content-type": "application/json"})
        assert (response.status_code, response.json()) == (422, {"detail": sentence})


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "json"])
def test_a_body_that_is_not_said_to_be_json_is_refused(client, schema, kind):
    response = client.post("/search", content=b'{"queries": ["bag"]}', headers={"content-type": kind} if kind else {})
    found = f"its body is {kind!r}" if kind else "it does not say what its body is"
    sentence = f"POST /search takes JSON and {found}; expected the header Content-Type: application/json"
    assert (response.status_code, response.json()) == (415, {"detail": sentence})
    check(schema, response)


@pytest.mark.parametrize("path", [path for method, path, _ in RIGHT if method == "GET"])
def test_head_is_answered_as_get_without_a_body(client, path):
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    same = ("content-type", "sparton-generation", "content-security-policy")
    assert [head.headers.get(name) for name in same] == [get.headers.get(name) for name in same]
    if "q=" not in path and path != "/metrics":  # how long it took has as many digits as it likes
        assert head.headers["content-length"] == str(len(get.content))


def test_head_is_refused_as_get_is(client):
    for path in ("/search", "/nothing", "/indexes/none/index", "/health?a=1", "/doc/none"):
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.headers["content-length"]) == (get.status_code, str(len(get.content)))
        assert head.content == b""


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/search", ["GET", "HEAD", "POST"]),
        ("/encode", ["GET", "HEAD", "POST"]),
        ("/indexes/small/search", ["GET", "HEAD", "POST"]),
        ("/indexes/none/encode", ["GET", "HEAD", "POST"]),
        *((path, ["GET", "HEAD"]) for path in ("/", "/index", "/indexes", "/health", "/metrics", "/docs")),
        *((path, ["GET", "HEAD"]) for path in ("/openapi.json", "/doc/a%2Fb/c", "/indexes/small", "/indexes/small/")),
    ],
)
def test_another_method_is_told_which_are_taken(client, path, methods):
    words = f"{', '.join(methods[:-1])} or {methods[-1]}"
    for method in ("DELETE", "PUT", "OPTIONS", "BAG", *(["POST"] if "POST" not in methods else [])):
        response = client.request(method, path)
        sentence = f"{path.replace('%2F', '/')} does not take {method}; expected {words}"
        assert (response.status_code, response.json()) == (405, {"detail": sentence})
        assert response.headers["allow"] == ", ".join(methods)


def test_what_is_not_served_is_told_what_is(client):
    served = (
        "/search, /encode, /doc/{id}, /index, /indexes, /health, /metrics, /, /docs, /openapi.json, or one of an index "
        "as /indexes/NAME/search"
    )
    for path, shown in (
        ("/nothing/", "/nothing/"),
        ("/search/x/", "/search/x/"),
        ("/a%0Ab", "'/a\\nb'"),
        ("/indexes/small/health", None),
        ("/x" * 99, None),
    ):
        response = client.get(path)
        shown = shown or path[:100]
        assert (response.status_code, response.json()) == (
            404,
            {"detail": f"nothing is served at {shown}; expected {served}"},
        )


@pytest.mark.parametrize(
    "path",
    [
        *("/search", "/encode", "/index", "/indexes", "/health", "/metrics", "/docs", "/openapi.json"),
        *("/indexes/small/search", "/indexes/none/encode", "/indexes/small/index"),
    ],
)
def test_a_slash_too_many_is_told_of(client, path):
    for method in ("GET", "POST"):
        response = client.request(method, f"{path}/")
        sentence = f"nothing is served at {path}/; there is {path} without the last slash"
        assert (response.status_code, response.json()) == (404, {"detail": sentence})


@pytest.mark.parametrize("path", ["/doc/", "/indexes/small/doc/"])
def test_a_document_without_an_id_is_told_what_is_expected(client, path):
    response = client.get(path)
    assert (response.status_code, response.json()) == (404, {"detail": f"{path} names no document; expected {path}ID"})


def test_the_page_of_the_schema_says_all_and_needs_nothing_from_elsewhere(client, schema):
    response = client.get("/docs")
    text = response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    style = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    assert style == re.findall("<style>(.*?)</style>", page(), re.DOTALL)  # which is what the policy allows
    assert response.headers["content-security-policy"] == security_headers()["content-security-policy"]
    for sign in ("<script", "http://", "https://", "{{", "style=", "src="):
        assert sign not in text
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert f"<code>{method.upper()} {path}</code>" in text
            for one in operation["parameters"]:
                assert f"<code>{one['name']}</code>" in text
    assert set(re.findall('href="#(.+?)"', text)) <= set(re.findall(' id="(.+?)"', text))


def test_the_page_of_the_schema_shows_everything_as_text(client):
    hostile = deepcopy(client.get("/openapi.json").json())
    hostile["info"]["title"] = "<script>alert(1)</script>"
    hostile["paths"]["/search"]["get"]["summary"] = "<img src=x>"
    hostile["paths"]["/search"]["get"]["parameters"][0]["description"] = "</td><b>"
    made = docs_page(hostile)
    for raw in ("<script>", "<img", "</td><b>"):
        assert raw not in made


def test_examples_of_the_page_are_as_the_schema_says(client, schema):
    """The first example of each operation with a response in JSON, which the page shows."""
    from html import unescape

    shown = [
        json.loads(unescape(one))
        for one in re.findall("<pre><code>(.*?)</code></pre>", client.get("/docs").text, re.DOTALL)
    ]
    expected = []
    for operations in schema["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                expected.append(operation["requestBody"]["content"]["application/json"]["schema"])
            found = operation["responses"]["200"]["content"].get("application/json", {}).get("schema")
            expected += [found] if found and "$ref" in found else []
    shown = [one for one in shown if isinstance(one, dict)]
    assert len(shown) == len(expected)
    for one, described in zip(shown, expected, strict=True):
        jsonschema.Draft202012Validator({**described, "components": schema["components"]}).validate(one)
