"""Empty paths: a variable of a shell that is not set. They are refused, and are not the folder of the command."""

import pytest

PATHS = [
    ("index", "a.parquet", "--index", ""),
    ("index", "--from-collection", ""),
    ("encode", "a.parquet", "--output", ""),
    ("index-vectors", "a", "--index", ""),
    ("delete", "a", "--ids", ""),
    ("search", "bag", "--index", ""),
    ("serve", "--index", ""),
    ("serve", "--index", "a", "--index", ""),
    ("run", "a.tsv", "-o", ""),
    ("run", "a.tsv", "-o", "b", "--index", ""),
    ("export", "a", "--to", "ciff", "-o", ""),
    ("export", "a", "--to", "ciff", "-o", "b", "--topics", ""),
    ("score", "a", "--qrels", ""),
    ("score", "a", "--qrels", "b", "--plot", ""),
    ("encode-text", "bag", "--index", ""),
    ("info", "--index", ""),
    ("stats", "a", "--topics", ""),
]
ARGUMENTS = [
    (("index", ""), "CORPUS"),
    (("index", "a.parquet", ""), "CORPUS"),
    (("encode", "", "--output", "b"), "CORPUS"),
    (("index-vectors", ""), "COLLECTION"),
    (("update", "", "a.jsonl"), "INDEX"),
    (("update", "a", ""), "ROWS"),
    (("delete", ""), "INDEX"),
    (("compact", ""), "INDEX"),
    (("run", "", "-o", "b"), "TOPICS"),
    (("export", "", "--to", "ciff", "-o", "b"), "INDEX"),
    (("score", "", "--qrels", "b"), "RUNS"),
    (("stats", ""), "INDEX"),
]


@pytest.mark.parametrize(("command", "name"), [*((command, command[-2]) for command in PATHS), *ARGUMENTS], ids=str)
def test_an_empty_path_is_refused(run_cli, tmp_path, monkeypatch, command, name):
    monkeypatch.chdir(tmp_path)
    ran = run_cli(*command)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {name} is empty; expected a path\n")
    assert list(tmp_path.iterdir()) == []
