"""Keys: who is let in by them, how a file of them is read, and that none is ever told."""

import http.client
import json
import logging
import os
import signal
import subprocess
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from support.serving import SPARTON

from sparton import cli
from sparton.errors import SpartonError
from sparton.search.service import keys
from sparton.search.service.app import ServiceOptions, make_app
from sparton.search.service.cors import cors_origins
from sparton.search.service.keys import Keys

KEY, OTHER, WRONG = "kept-by-the-shop-0123456789", "Zm9yIHRoZSBvdGhlcnM=", "nobody-has-this-key-42"
HOW = "send the header `Authorization: Bearer KEY`, or `X-API-Key: KEY`"
NONE = {"detail": f"this service needs a key; {HOW}"}
UNKNOWN = {"detail": f"the key of this request is none of those that this service takes; {HOW}"}
IN_ADDRESS = {"detail": f"a key in an address is not taken, for addresses are kept in logs and histories; {HOW}"}
BEARER = {"authorization": f"Bearer {KEY}"}


@pytest.fixture
def key_file(tmp_path):
    """A file with two keys, for its owner alone."""
    return written(tmp_path / "keys", f"# of the shop\nshop: {KEY}\n\n  {OTHER}  \n")


def written(path, text, mode=0o600):
    """A file, put there whole."""
    new = path.with_suffix(".new")
    new.write_bytes(text if isinstance(text, bytes) else text.encode())
    new.chmod(mode)
    os.replace(new, path)
    return path


def client_of(searcher, path, **options):
    return TestClient(make_app(searcher, ServiceOptions(keys=Keys(str(path)), **options)), "http://localhost")


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {"authorization": f"bearer   {OTHER}"},
        {"x-api-key": KEY},
        {"X-API-Key": OTHER, "authorization": "Basic c2hvcDpib3g="},
    ],
)
def test_a_request_with_a_key_gets_what_it_gets_without_keys(light_searcher, key_file, headers):
    client, open_to_all = client_of(light_searcher, key_file), TestClient(make_app(light_searcher), "http://localhost")
    for path in ("/search?q=red+bag&k=3&explain=true", "/index", "/nothing", "/search?q=bag&k=0"):
        given, expected = client.get(path, headers=headers), open_to_all.get(path)
        assert given.status_code == expected.status_code
        assert {**given.json(), "milliseconds": 0} == {**expected.json(), "milliseconds": 0}
    batch = {"queries": ["bag", "hat"], "k": 2}
    given, expected = client.post("/search", json=batch, headers=headers), open_to_all.post("/search", json=batch)
    assert [one["hits"] for one in given.json()["results"]] == [one["hits"] for one in expected.json()["results"]]
    assert "sparton_queries_total 3.0" in client.get("/metrics", headers=headers).text


@pytest.mark.parametrize(
    ("headers", "content", "challenge"),
    [
        ({}, NONE, 'Bearer realm="Sparton"'),
        ({"authorization": "Basic c2hvcDpib3g="}, NONE, 'Bearer realm="Sparton"'),
        ({"authorization": KEY}, NONE, 'Bearer realm="Sparton"'),
        ({"authorization": "Bearer "}, NONE, 'Bearer realm="Sparton"'),
        *(
            (headers, UNKNOWN, 'Bearer realm="Sparton", error="invalid_token"')
            for headers in (
                {"authorization": f"Bearer {WRONG}"},
                {"x-api-key": ""},
                {"x-api-key": KEY[:-1]},
                {"x-api-key": f"{KEY} {KEY}"},
                {"x-api-key": f"shop: {KEY}"},
                {"x-api-key": KEY, "authorization": f"Bearer {WRONG}"},
                {"x-api-key": b"\xff\xfe"},
            )
        ),
    ],
)
def test_others_are_told_what_they_need_and_nothing_is_searched_for(
    light_searcher, key_file, headers, content, challenge
):
    client = client_of(light_searcher, key_file)
    paths = ("/search?q=bag", "/index", "/metrics", "/nothing", "/indexes", "/doc/P1", "/mcp")
    for path in paths:
        response = client.get(path, headers=headers)
        assert (response.status_code, response.json()) == (401, content)
        assert response.headers["www-authenticate"] == challenge
        assert response.headers["x-content-type-options"] == "nosniff"
    for path in ("/search", "/"):
        assert client.post(path, content=b" " * 2**21, headers=headers).json() == content
    samples = {
        (sample.name, *sample.labels.items()): sample.value
        for family in text_string_to_metric_families(client.get("/metrics", headers=BEARER).text)
        for sample in family.samples
    }
    assert samples[("sparton_queries_total",)] == 0
    assert samples[("sparton_requests_refused_total", ("reason", "key"))] == len(paths) + 2
    assert samples[("sparton_requests_total", ("path", "/search"), ("status", "401"))] == 2


def test_health_and_the_page_need_no_key(light_searcher, key_file):
    client, open_to_all = client_of(light_searcher, key_file), TestClient(make_app(light_searcher), "http://localhost")
    for path in ("/health", "/", "/?q=red+bag&sort=price", "/indexes/index/"):
        assert client.get(path).text == open_to_all.get(path).text
    moved = client.get("/indexes/index?q=bag", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, "index/?q=bag")


def test_who_has_no_key_is_told_no_names_of_indexes(light_searcher, key_file):
    client = client_of({"secret-shop": light_searcher}, key_file)
    for path in ("/indexes/nope/", "/indexes/nope"):
        response = client.get(path)
        assert (response.status_code, response.json()) == (404, {"detail": "no index has the name 'nope'"})
    with_list = {"detail": "no index has the name 'nope'; expected one of secret-shop"}
    assert client.get("/indexes/nope/index", headers=BEARER).json() == with_list


def test_the_description_of_a_service_with_keys_has_them_and_needs_none(light_searcher, key_file):
    client = client_of(light_searcher, key_file)
    schema, docs = client.get("/openapi.json").json(), client.get("/docs").text
    assert schema["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    assert schema["security"] == [{"bearer": []}, {"header": []}]
    for path, operations in schema["paths"].items():
        is_open = path in ("/health", "/", "/indexes/{index}/", "/docs", "/openapi.json")
        for operation in operations.values():
            assert ("401" in operation["responses"]) is not is_open
            assert operation.get("security") == ([] if is_open else None)
    assert "401: The request has none of the keys." in docs
    open_to_all = TestClient(make_app(light_searcher), "http://localhost").get("/openapi.json").json()
    assert "security" not in open_to_all


def test_an_address_with_very_many_parameters_is_not_looked_through(light_searcher, key_file):
    response = client_of(light_searcher, key_file).get("/search?q=bag" + "&a=b" * 256, headers=BEARER)
    assert (response.status_code, response.json()) == (
        400,
        {"detail": "the address has more than 256 parameters; expected fewer"},
    )


@pytest.mark.parametrize(
    "address",
    [
        *(f"/search?q=bag&{name}=bag" for name in ("key", "api_key", "API-Key", "x-api-key", "access_token", "Token")),
        *(f"/search?{text}" for text in (f"q={KEY}", f"q=bag&k=3&sort={OTHER}", f"q=bag&{KEY}", f"q=bag&{KEY}=1")),
        *(f"/?q=bag&colour={KEY}", f"/health?api_key={WRONG}", f"/{KEY}", f"/doc/{KEY}", f"/indexes/{KEY}/search?q=a"),
    ],
)
def test_a_key_in_an_address_is_refused_even_beside_one_in_a_header(light_searcher, key_file, address):
    client = client_of(light_searcher, key_file)
    for headers in ({}, BEARER):
        response = client.get(address, headers=headers)
        assert (response.status_code, response.json()) == (400, IN_ADDRESS)


def test_pages_of_others_may_send_keys_and_read_that_they_need_one(light_searcher, key_file):
    shop = "https://shop.example"
    client = client_of(light_searcher, key_file, cors_origins=cors_origins([shop]))
    asked = {"origin": shop, "access-control-request-method": "POST"}
    for names in ("authorization,content-type", "x-api-key"):
        response = client.options("/search", headers={**asked, "access-control-request-headers": names})
        assert response.status_code == 200
        assert response.headers["access-control-allow-headers"] == (
            "Accept, Accept-Language, Authorization, Content-Language, Content-Type, X-API-Key"
        )
    refused = client.get("/search?q=bag", headers={"origin": shop})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, shop)
    assert client.get("/search?q=bag", headers={"origin": shop, **BEARER}).status_code == 200


WHAT_A_KEY_IS = (
    "expected letters from A to Z, digits and -._~ without blanks, with = at the end if at all, after a name and a "
    "colon if it has one; / and + mean something else in an address"
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no key; expected a key a line, as `openssl rand -hex 32` makes one"),
        ("# nothing\n \n", "has no key; expected a key a line, as `openssl rand -hex 32` makes one"),
        (
            f"{KEY}\nshop: fifteen-letters\n",
            "has in line 2 a key of 15 characters; expected 16 to 512, as `openssl rand -hex 32` makes one",
        ),
        (
            "k" * 513,
            "has in line 1 a key of 513 characters; expected 16 to 512, as `openssl rand -hex 32` makes one",
        ),
        (f"\n{KEY} {OTHER}\n", f"has in line 2 what is no key; {WHAT_A_KEY_IS}"),
        (f"shop: {KEY} # of the shop\n", f"has in line 1 what is no key; {WHAT_A_KEY_IS}"),
        ("schlüssel-mit-umlaut\n", f"has in line 1 what is no key; {WHAT_A_KEY_IS}"),
        ("0123456789abcdef/x\n", f"has in line 1 what is no key; {WHAT_A_KEY_IS}"),
        ("0123456789abcdef+x\n", f"has in line 1 what is no key; {WHAT_A_KEY_IS}"),
        (b"\xff" * 20, f"has in line 1 what is no key; {WHAT_A_KEY_IS}"),
        (b"\0" * 20, f"has in line 1 what is no key; {WHAT_A_KEY_IS}"),
        (f"shop:\n{KEY}\n", f"has in line 1 what is no key; {WHAT_A_KEY_IS}"),
        (f"sh\x1bop: {KEY}\n", f"has in line 1 what is no key; {WHAT_A_KEY_IS}"),
        (f": {KEY}\n", "has in line 1 a colon without a name before it; expected KEY, or NAME: KEY"),
        (f"one: {KEY}\n{OTHER}\nother: {KEY}\n", "has the same key in the lines 1 and 3; leave one"),
        ("#\n" * 600_000, "has more than 1,048,576 bytes; expected a key a line"),
    ],
)
def test_a_file_that_has_no_keys_is_a_sentence(run_cli, tmp_path, text, sentence):
    path = written(tmp_path / "keys", text)
    ran = run_cli("serve", "--index", "no such index", "--api-key-file", path)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == f"Error: --api-key-file {path} {sentence}\n"


def test_what_cannot_be_read_again_is_a_sentence(run_cli, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    again = "and is read again when it changes; expected a file of keys"
    for path, sentence in (
        (tmp_path, f"{tmp_path} is a folder, {again}"),
        (tmp_path / "pipe", f"{tmp_path}/pipe is no regular file, {again}"),
        ("nowhere", "'nowhere' cannot be read (No such file or directory); expected a file with a key a line"),
        ("", "'' cannot be read (No such file or directory); expected a file with a key a line"),
    ):
        ran = run_cli("serve", "--index", "no such index", "--api-key-file", path)
        assert (ran.code, ran.stdout, ran.stderr) == (1, "", f"Error: --api-key-file {sentence}\n")


def test_a_file_as_editors_leave_it_is_read(tmp_path):
    path = written(
        tmp_path / "keys", b"\xef\xbb\xbf# keys\r\nshop : " + KEY.encode() + b"\r\n\tother:" + OTHER.encode()
    )
    read = Keys(str(path))
    assert [read.name(key) for key in (KEY, OTHER, WRONG, "", "shop", "keys")] == ["shop", "other", *[None] * 4]


def test_a_file_that_everybody_may_read_is_warned_of(tmp_path, caplog):
    path = written(tmp_path / "keys", KEY, 0o644)
    Keys(str(path))
    assert caplog.messages == [
        f"the keys in {path} can be read by everybody on this machine; `chmod o-r` takes that away"
    ]
    caplog.clear()
    path.chmod(0o640)
    Keys(str(path))
    assert caplog.messages == []


def test_a_file_that_changes_is_read_again_and_a_bad_one_is_not_taken_up(light_searcher, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(keys, "_SECONDS", 0)
    caplog.set_level(logging.INFO, "sparton")
    path = written(tmp_path / "keys", KEY)
    client = client_of(light_searcher, path)

    def let_in():
        return [client.get("/index", headers={"x-api-key": key}).status_code == 200 for key in (KEY, OTHER)]

    assert let_in() == [True, False]
    written(path, f"{KEY}\n{OTHER}")
    assert let_in() == [True, True]
    written(path, OTHER)
    assert let_in() == [False, True]
    told = [f"2 keys are taken up: {path}", f"1 key is taken up: {path}"]
    assert caplog.messages == told
    kept = "the keys as they are now are not taken up, and the old ones stay good: api_key_file"
    written(path, "short")
    assert let_in() == let_in() == [False, True]
    told.append(
        f"{kept} {path} has in line 1 a key of 5 characters; expected 16 to 512, as `openssl rand -hex 32` makes one"
    )
    assert caplog.messages == told
    path.unlink()
    assert let_in() == let_in() == [False, True]
    told.append(f"{kept} '{path}' cannot be read (No such file or directory); expected a file with a key a line")
    assert caplog.messages == told
    written(path, KEY)
    assert let_in() == [True, False]
    assert caplog.messages == [*told, f"1 key is taken up: {path}"]


def test_a_line_of_the_log_names_flags_where_flags_were_typed(tmp_path):
    with pytest.raises(SpartonError) as refused:
        Keys(str(tmp_path))
    sentence = f"{tmp_path} is a folder, and is read again when it changes; expected a file of keys"
    line = logging.LogRecord("sparton", logging.WARNING, "", 0, "not taken up, %d of 2: %s", (1, refused.value), None)
    assert cli._OneLine("%(message)s").format(line) == f"not taken up, 1 of 2: --api-key-file {sentence}"
    assert line.getMessage() == f"not taken up, 1 of 2: api_key_file {sentence}"  # for who called in Python


@pytest.mark.slow
def test_no_key_is_in_anything_that_is_said(light_index, key_file):
    """Of a whole service, with its log, which is stopped at the end."""
    command = [*SPARTON, "serve", "--index", str(light_index), "--port", "0", "--access-log", "--mcp"]
    process = subprocess.Popen([*command, "--api-key-file", str(key_file)], stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        assert line.startswith(f"serving {light_index} at http://127.0.0.1:"), line + process.stderr.read()
        served = urlsplit(line.split(" at ")[1].split()[0])
        said = [
            answer(served, path, headers)
            for path in (
                "/search?q=bag&k=3",
                f"/search?q={KEY}",
                f"/search?{OTHER}=1",
                f"/doc/{KEY}",
                f"/{OTHER}/x?q=a",
            )
            for headers in ({}, BEARER, {"x-api-key": OTHER}, {"x-api-key": WRONG}, {"authorization": f"Basic {KEY}"})
        ]
        written(key_file, f"shop: {KEY}\nagain: {KEY}")  # which is told of
        said += [answer(served, "/metrics", BEARER), answer(served, "/search?q=hat&k=2", {"x-api-key": OTHER})]
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert [status for status, _ in said] == [401, 200, 200, 401, 401, *[400] * 20, 200, 200]
    for key in (KEY, OTHER, WRONG):
        assert key not in line + log
        assert not [text for _, text in said if key in text]
    lines = [json.loads(one) for one in log.splitlines() if one.startswith("{")]
    assert len(lines) == len(said)
    assert [one.get("key") for one in lines[:5]] == [None, "shop", None, None, None]
    assert [one["path"] for one in lines[15:25]] == [*["/doc/***"] * 5, *["/***/x"] * 5]


def answer(served, path, headers):
    """Status, and all that a client is told."""
    connection = http.client.HTTPConnection(served.hostname, served.port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, f"{response.getheaders()} {response.read().decode()}"
    finally:
        connection.close()
