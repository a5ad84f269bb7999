"""A net under all commands: whatever value an option is given, one line on stderr and exit code 1 or 2, or success."""

import pytest
import typer
from typer.core import TyperArgument

from sparton.cli import app

pytestmark = pytest.mark.slow
COMMANDS = typer.main.get_command(app).commands
VALUES = ["", " ", "-1", "0", "٣", "1_000", "nan", "inf", "1e400", "9" * 30, "9" * 5000, "\udcff", "a\nb", "é" * 300,
          "/dev/full/x", "s3://", "[bold]", "x" * 5000]  # fmt: skip
NOTES = ("columns: ", "loading ", "reading ", "looking ")


def options():
    """Every option of every command that takes a value."""
    for command, parsed in COMMANDS.items():
        for parameter in parsed.params:
            if not isinstance(parameter, TyperArgument) and not parameter.is_flag and parameter.name != "help":
                yield command, parameter.opts[0]


def arguments(command):
    """Those that a command cannot do without: what they name is nowhere, so that it ends soon."""
    return {
        "index": ["nowhere.parquet"],
        "encode": ["nowhere.parquet", "--output", "out"],
        "index-vectors": ["nowhere"],
        "update": ["nowhere", "nowhere.parquet"],
        "delete": ["nowhere"],
        "compact": ["nowhere"],
        "search": ["bag"],
        "run": ["topics", "-o", "trec"],
        "export": ["nowhere", "--to", "parquet", "-o", "out"],
        "bench": ["nowhere"],
        "fuse": ["trec", "other", "-o", "out"],
        "score": ["trec", "--qrels", "qrels"],
        "encode-text": ["bag"],
    }.get(command, [])


@pytest.mark.parametrize(("command", "flag"), list(options()))
def test_a_bad_value_is_one_line(run_cli, tmp_path, monkeypatch, command, flag):
    monkeypatch.chdir(tmp_path)
    for value in VALUES:
        if (command, flag, value) in (("encode-text", "--device", ""), ("encode-text", "--model", "")):
            continue
        ran = run_cli(command, *arguments(command), flag, value)
        lines = [line for line in ran.stderr.splitlines() if not line.startswith(NOTES)]
        assert (ran.code, ran.stdout) in ((1, ""), (2, "")), value[:40]
        assert len(lines) == 1, (value[:40], ran.stderr)
        assert lines[0].startswith("Error: "), value[:40]
        assert len(lines[0]) < 12_000
        assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"doctor"}))
def test_a_bad_argument_is_one_line(run_cli, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    for value in ("", "nowhere", "a\nb", "\udcff", "é" * 300, "s3://", "/dev/full/x"):
        given = arguments(command)
        if command in ("search", "info", "serve", "encode-text"):
            given = [*given, "--index", value]
        else:
            given = [value, *given[1:]]
        ran = run_cli(command, *given)
        lines = [line for line in ran.stderr.splitlines() if not line.startswith(NOTES)]
        assert (ran.code, ran.stdout) in ((1, ""), (2, "")), value[:40]
        assert len(lines) == 1, (value[:40], ran.stderr)
        assert lines[0].startswith("Error: "), value[:40]
