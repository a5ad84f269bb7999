"""Standard streams that are closed, full, or of another encoding: the right output or one sentence."""

import json
import os
import subprocess
import sys

import pytest

import sparton

pytestmark = pytest.mark.slow

CLOSED = "Error: standard output is closed; send it to a file, or to /dev/null\n"
FULL = (
    "Error: standard output cannot be written to (No space left on device); send it to a file that can, or to "
    "/dev/null\n"
)
QUERY = "black bag noire é 🎒"


def shell(script, **environment):
    """A script of bash, in which `sparton` is the command. Returns exit code, stdout as bytes, stderr."""
    define = f"sparton() {{ {sys.executable} -c 'from sparton.cli import run; run()' \"$@\"; }}\n"
    done = subprocess.run(
        ["bash", "-c", define + script],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.fixture(scope="module")
def searcher(light_index):
    """The index that these tests search, open."""
    opened = sparton.Searcher(light_index)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def expected(searcher):
    """The hits of QUERY as JSON lines of a pipe."""
    return [
        {"query": QUERY, "rank": hit.rank, "id": hit.id, "score": hit.score, "text": hit.text, "fields": {}}
        for hit in searcher.search(QUERY, 2)
    ]


@pytest.mark.parametrize(
    "command",
    ["info --index {index}", "search bag --index {index}", "score run --qrels qrels", "run topics -o run",
     "index corpus", "encode corpus --output out", "serve --index {index}", "encode-text bag", "doctor", "--version",
     "--help"],
)  # fmt: skip
def test_a_closed_output_is_told_before_any_work(light_index, tmp_path, command):
    arguments = command.format(index=light_index)
    assert shell(f"cd {tmp_path} && sparton {arguments} >&-") == (1, b"", CLOSED)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_output_is_one_sentence(light_index, static_model, tmp_path):
    (tmp_path / "qrels").write_text("1 0 d1 1\n")
    (tmp_path / "run").write_text("1 Q0 d1 1 2.0 tag\n")
    (tmp_path / "topics").write_text("1\tblack bag\n")
    for command in (
        f"info --index {light_index}",
        f"info --index {light_index} --json",
        f"search bag --index {light_index}",
        f"search bag --index {light_index} --json",
        "score run --qrels qrels",
        f"encode-text bag --json --model {static_model}",
        "--version",
        "info --help",
        "--help",
        "",
    ):
        assert shell(f"cd {tmp_path} && sparton {command} >/dev/full") == (1, b"", FULL), command


def test_a_reader_that_left_ends_a_command_silently_with_code_1(light_index):
    script = f"sparton search bag --index {light_index} --json 2>err.$$ | true; echo ${{PIPESTATUS[0]}}; cat err.$$"
    code, out, _ = shell(f"cd $(mktemp -d); {script}")
    assert (code, out) == (0, b"1\n")


def test_a_closed_input_is_told_where_it_is_read_and_is_nothing_elsewhere(light_index, expected):
    code, out, err = shell(f"sparton search --index {light_index} <&-")
    assert (code, out) == (1, b"")
    assert err == ("Error: standard input is closed, and without QUERY its lines are searched for; name a query\n")
    code, out, err = shell(f"sparton search '{QUERY}' -k 2 --json --index {light_index} <&-")
    assert (code, err) == (0, "")
    assert [{"query": QUERY, **json.loads(line)} for line in out.splitlines()] == expected


def test_a_closed_or_full_error_stream_keeps_the_output(light_index, expected):
    for stream in ("2>&-", "2>/dev/full"):
        code, out, err = shell(f"sparton search '{QUERY}' -k 2 --json --index {light_index} {stream}")
        assert (code, err) == (0, "")
        assert [{"query": QUERY, **json.loads(line)} for line in out.splitlines()] == expected
        assert shell(f"sparton search bag --index nowhere {stream}") == (1, b"", "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_json_is_right_in_any_encoding(light_index, expected, encoding):
    script = f"printf '{QUERY}\\n' | iconv -t {'utf-8' if encoding == 'ascii' else encoding}"
    query = expected[0]["query"]
    if encoding == "latin-1":
        script, query = "printf 'black bag noire \\351\\n'", "black bag noire é"
    code, out, err = shell(f"{script} | sparton search -k 2 --index {light_index}", PYTHONIOENCODING=encoding)
    assert (code, err) == (0, "")
    hits = [json.loads(line) for line in out.decode(encoding).splitlines()]
    assert {hit["query"] for hit in hits} == {query}
    if query == QUERY:
        assert hits == expected


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_lines_for_people_are_printed_in_any_encoding(light_index, static_model, encoding):
    encode = f"sparton encode-text bag --model {static_model}"
    code, out, err = shell(f"{encode}; sparton info --index {light_index}", PYTHONIOENCODING=encoding)
    assert (code, err) == (0, "")
    assert b"bag" in out
    assert b"round(weight ? 100)" in out if encoding == "ascii" else "round(weight × 100)" in out.decode(encoding)


@pytest.mark.parametrize("where", ["LC_ALL=C", "LC_ALL=POSIX PYTHONUTF8=0"])
def test_paths_and_queries_of_any_letters_in_a_locale_of_ascii(static_model, tmp_path, where):
    folder = tmp_path / "Bücher 書"
    folder.mkdir()
    (folder / "körper.jsonl").write_text(
        "".join(json.dumps({"id": f"é{i}", "text": f"black bag {i}"}) + "\n" for i in range(3)), encoding="utf-8"
    )
    code, out, err = shell(
        f"cd '{folder}' && export {where} && sparton index körper.jsonl --model {static_model} --index 'neu ü' && "
        "sparton search 'bag 2' --index 'neu ü' -k 1 --json"
    )
    assert code == 0, err
    assert "Traceback" not in err
    counts, hit = out.decode().splitlines()
    assert counts.startswith("neu ü: 3 documents of 3 rows, ")
    assert (json.loads(hit)["id"], json.loads(hit)["text"]) == ("é2", "black bag 2")


def test_python_that_is_not_to_know_utf_8_at_all_is_not_started_without_end(static_model):
    encode = ["encode-text", "black bag", "--model", str(static_model)]
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", "from sparton.cli import run; run()", *encode],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    usual = shell(f"sparton encode-text 'black bag' --model {static_model}")[1]
    assert done.stdout == usual.decode().encode("ascii", "replace")


def test_a_searcher_opens_any_path_in_a_locale_of_ascii(light_index, searcher, tmp_path):
    (tmp_path / "Bücher").symlink_to(light_index)
    code = (
        "import os, sparton\n"
        f"hits = sparton.Searcher({str(tmp_path / 'Bücher')!r}).search('black bag', 3)\n"
        "print([(hit.id, hit.score) for hit in hits], os.environ['LC_ALL'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"{[(hit.id, hit.score) for hit in searcher.search('black bag', 3)]} C\n", done.stderr


def test_a_path_that_java_cannot_have_is_one_sentence(light_index, tmp_path):
    os.symlink(light_index, os.fsencode(tmp_path) + b"/bad\xff")
    code, out, err = shell(f"sparton search bag --index '{tmp_path}'/$'bad\\xff'")
    assert (code, out) == (1, b"")
    assert err == (
        f"Error: the path {tmp_path}/bad\\xff/lucene is not in UTF-8, in which Java has the names of files here; "
        "rename it, or run in a locale of UTF-8, as LC_ALL=C.UTF-8\n"
    )
