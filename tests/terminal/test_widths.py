"""The same hits, scores and facets on a terminal of any width, in a pipe and as JSON; no line is too wide."""

import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios
from threading import Thread

import pytest
from rich.cells import cell_len

import sparton
from sparton.terminal.screen import cells, cut, padded, wrapped

LONG = "long-" + "0123456789" * 10
ROWS = [
    {"id": "w1", "text": "black bag 黒い革のバッグ 小さなショルダーバッグ " + "上品な本革の" * 9, "maker": "無印良品"},
    {"id": "w2", "text": "black bag " + "👜🎒" * 40, "maker": "👜" * 30},
    {"id": "w3", "text": "black bag " + "e\u0301" * 90, "maker": "한국어"},
    {"id": LONG, "text": "black bag with a long id", "maker": "Odile"},
    *({"id": f"n{i:02}", "text": f"black bag number {i}", "maker": f"Maker {i:02}"} for i in range(30)),
]  # fmt: skip
SPARTON = [sys.executable, "-c", "import sys; sys.argv[0] = 'sparton'; from sparton.cli import run; run()"]
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def on_terminal(columns, *arguments, **environment):
    """What a command sends to a terminal of so many columns, and its exit code."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    unset = ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS")
    env = {name: value for name, value in os.environ.items() if name not in unset}
    env |= {"TERM": "xterm", "PYTHONPATH": ":".join(filter(None, sys.path)), **environment}
    actions = [(os.POSIX_SPAWN_DUP2, side, number) for number in (0, 1, 2)]
    command = [*SPARTON, *map(str, arguments)]
    process = os.posix_spawn(command[0], command, env, file_actions=actions)
    os.close(side)
    sent = []

    def read():
        try:
            while piece := os.read(main, 65536):
                sent.append(piece)
        except OSError:  # the other end is closed
            pass

    reader = Thread(target=read)
    reader.start()
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    reader.join()
    os.close(main)
    return code, b"".join(sent).decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def wide(static_model, tmp_path_factory):
    """An index of rows with wide letters, a long id and more values of a field than are counted."""
    folder = tmp_path_factory.mktemp("wide") / "index"
    sparton.build_index(ROWS, folder, model=str(static_model), fields="all")
    return folder


@pytest.mark.parametrize(
    "text", ["", "black bag", "黒い革", "👜🎒", "e\u0301a\u0300", "한국어", "ｈａｌｆ", "a\u200bb", "…"]
)
def test_cells_are_those_of_another_implementation(text):
    assert cells(text) == cell_len(text)
    assert cell_len(padded(text, 12)) == 12
    for most in range(1, 8):
        short = cut(text, most)
        assert cell_len(short) <= most
        assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
    assert cut(text, None) == text


def test_a_line_is_broken_behind_commas_alone():
    line = "  fields      brand (string), /a/path with blanks/that is long (string), price (number)"
    assert wrapped(line, None, 14) == line
    lines = wrapped(line, 40, 14).split("\n")
    assert " ".join(part.strip() for part in lines) == " ".join(line.split()).replace(
        "fields brand", "fields      brand"
    )
    assert any("/a/path with blanks/that is long (string)" in part for part in lines)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_terminal_a_pipe_and_json_say_the_same(wide, run_cli, columns):
    command = ("search", "black", "bag", "--index", wide, "-k", 34, "--facet", "maker")
    *hits, counted = map(json.loads, run_cli(*command, "--json").stdout.splitlines())
    piped = [line.split("\t") for line in run_cli(*command).stdout.splitlines()]
    records = piped[: len(hits)]
    assert len(hits) == len(ROWS)
    assert [(int(one[0]), one[2], one[3]) for one in records] == [(hit["rank"], hit["id"], hit["text"]) for hit in hits]
    assert [one[4] for one in records] == [f"maker: {hit['fields']['maker']}" for hit in hits]
    assert counted["more_values"] == {"maker": len(ROWS) - 20}
    assert piped[len(hits)] == ["total", str(counted["total"])]
    assert piped[-1] == ["more", "maker", str(len(ROWS) - 20)]
    assert [one[2:] for one in piped[len(hits) + 1 : -1]] == [
        [count["value"], str(count["count"])] for count in counted["facets"]["maker"]
    ]
    code, shown = on_terminal(columns, *command, NO_COLOR="1")
    lines = ESCAPE.sub("", shown).replace("\r", "").splitlines()
    assert code == 0
    heads = [line for line in lines if re.match(r" {0,2}\d+ +[\d.]+  ", line)]
    assert [(head.split()[0], head.split()[2]) for head in heads] == [(str(hit["rank"]), hit["id"]) for hit in hits]
    assert [line for line in lines if cell_len(line) > columns and LONG not in line] == []
    assert re.search(r"… and \d+ more values", shown)


@pytest.mark.slow
def test_bars_and_shares_are_those_of_json(light_index, run_cli):
    def shown(*command):
        code, sent = on_terminal(80, *command, NO_COLOR="1")
        assert code == 0
        return [line.split() for line in ESCAPE.sub("", sent).replace("\r", "").splitlines()]

    def bar(share):
        return "█" * max(1, round(20 * share))

    command = ("encode-text", "small black leather bag with brass buckle", "--index", light_index)
    terms = json.loads(run_cli(*command, "--json").stdout)["terms"]
    assert len({term["impact"] for term in terms}) > 2
    assert shown(*command) == [
        [str(term["impact"]), "+" * term["expanded"] + term["term"], bar(term["impact"] / terms[0]["impact"])]
        for term in terms
    ]
    command = ("search", "small", "black", "bag", "--index", light_index, "-k", 3, "--explain")
    hits = [json.loads(line) for line in run_cli(*command, "--json").stdout.splitlines()]
    explained = [
        [
            *(f"{match['contribution']:.0f}", "+" * match["expanded"] + match["term"]),
            *(str(match["query_impact"]), "×", f"{match['document_impact']:.0f}", f"{share:.0%}", bar(share)),
        ]
        for hit in hits
        for match in hit["matches"]
        for share in [match["contribution"] / hit["score"]]
    ]
    rows = shown(*command)
    assert len(explained) > len(hits) == 3
    assert [row for row in rows if "×" in row] == explained
    heads = [row for row in rows if row[0].isdecimal() and "×" not in row]
    assert [row[:3] for row in heads] == [[str(hit["rank"]), f"{hit['score']:.0f}", hit["id"]] for hit in hits]
    for row, hit in zip(heads, hits, strict=True):
        text = " ".join(row[3:])
        assert text.endswith("…")
        assert " ".join(hit["text"].split()).startswith(text[:-1])


@pytest.mark.slow
def test_what_the_time_went_to_ends_where_the_terminal_does(static_model, tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    command = ("index", tmp_path / "rows.jsonl", "--index", tmp_path / "index", "--model", static_model)
    code, shown = on_terminal(60, *command)
    lines = ESCAPE.sub("", shown).replace("\r", "\n").splitlines()
    assert code == 0, shown
    (first,) = [number for number, line in enumerate(lines) if re.match(r"encoding [\d.]+ s \(", line)]
    assert max(map(cell_len, lines[first:])) <= 60
    assert len(lines[first:]) > 1
    assert re.fullmatch(
        r"encoding [\d.]+ s \([\d,]+ documents/s, [\d,]+ tokens/s; tokenizing \d+%, model \d+%, writing \d+%\), "
        r"Lucene [\d.]+ s.*",
        " ".join(line.strip() for line in lines[first:]),
    )


@pytest.mark.slow
def test_a_pipe_gets_no_colours_and_a_terminal_as_it_is_told(run_cli, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for command in (("--help",), ("search", "--help"), ("search", "--nope"), ("bake",)):
        ran = run_cli(*command)
        assert "\x1b" not in ran.stdout + ran.stderr
    assert "\x1b[1;31mError:\x1b[0m" in on_terminal(80, "bake")[1]
    assert "\x1b[1;31m" not in on_terminal(80, "bake", NO_COLOR="1")[1]
    assert "\x1b" not in on_terminal(80, "bake", TERM="dumb")[1]
    assert "\x1b" not in on_terminal(80, "search", "--help", NO_COLOR="1")[1]
    assert "\x1b" in on_terminal(80, "search", "--help")[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31mError:" in run_cli("bake").stderr


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_help_names_every_option_whole_at_any_width(run_cli, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    ran = run_cli("index", "--help")
    for flag in ("--shard-rows", "--no-store-text", "--from-collection", "--index-processes", "--overwrite"):
        assert re.search(rf"{flag}(?![\w-])", ran.stdout), flag
    assert max(map(cell_len, ran.stdout.splitlines())) <= max(int(columns), 42)


def test_words_without_quotes_are_one_query(run_cli, light_index):
    expected = run_cli("search", "red dress", "--index", light_index, "-k", 3, "--json")
    assert (expected.code, expected.stderr) == (0, "")
    assert run_cli("search", "red", "dress", "--index", light_index, "-k", 3, "--json") == expected
    assert run_cli("search", "-k", 3, "--json", "red", "--index", light_index, "dress") == expected
    assert run_cli("search", "-k", 3, "--json", "--index", light_index, "--", "red", "dress") == expected
    dashed = run_cli("search", "--index", light_index, "--json", "--", "--red", "bag")
    assert dashed == run_cli("search", "--index", light_index, "--json", "--", "--red bag")
    unknown = run_cli("search", "red", "--dress", "--index", light_index)
    assert (unknown.code, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("Error: `sparton search` has no option --dress; ")
