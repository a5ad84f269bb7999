"""The help of every command: defaults as they are written, options in groups, completion."""

import re
import subprocess
import sys
from dataclasses import fields
from typing import get_type_hints

import pytest
import typer

from sparton.cli import app
from sparton.indexer.options import LuceneOptions
from sparton.options import option_of
from sparton.pipeline.options import EncodingOptions, VectorOptions

COMMANDS = typer.main.get_command(app).commands
RECORDS = [
    ("index", EncodingOptions),
    ("index", LuceneOptions),
    ("encode", EncodingOptions),
    ("index-vectors", VectorOptions),
    ("index-vectors", LuceneOptions),
]
WRITTEN = re.compile(r"\[default: [^\]]+\]")
PANELS = {
    "index": ["Arguments", "Options", "Index", "Model", "Impacts", "Corpus", "Cluster and stores", "Lucene"],
    "index-vectors": ["Arguments", "Options", "Index", "Model", "Impacts", "Lucene", "Cluster and stores"],
    "encode": ["Arguments", "Options", "Index", "Model", "Impacts", "Corpus", "Cluster and stores"],
    "search": ["Arguments", "Options", "Index", "Fields", "Model", "Query", "Cluster and stores"],
    "run": ["Arguments", "Options", "Index", "Topics", "Fields", "Model", "Query", "Hits", "Cluster and stores"],
}


@pytest.fixture
def help_of(run_cli, monkeypatch):
    """What a command's help says, without boxes and line ends."""
    monkeypatch.setenv("COLUMNS", "200")

    def shown(*command):
        ran = run_cli(*command, "--help")
        assert (ran.code, ran.stderr) == (0, "")
        return ran.stdout

    return shown


REPEATED = {"text_columns": "--text-column", "fields": "--field"}


@pytest.mark.parametrize(("command", "record"), RECORDS)
def test_every_default_of_a_record_is_shown(help_of, command, record):
    text, hints = help_of(command), get_type_hints(record, include_extras=True)
    for field in fields(record):
        option = option_of(hints[field.name])
        flag = REPEATED.get(field.name, f"--{field.name.replace('_', '-')}")
        lines = [line for line in text.splitlines() if re.match(rf"│ +{flag}[ ,]", line)]
        assert len(lines) == 1, flag
        default = option.unset or field.default
        if default is True:
            assert f"[default: {flag[2:]}]" in lines[0]
        elif default is not False and default is not None and default != ():
            assert f"[default: {default}]" in lines[0]
        assert WRITTEN.findall(option.help) == [] or WRITTEN.findall(option.help)[0] in lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_shown_as_it_is_written(help_of, command):
    """Rich would take what is in square brackets for markup."""
    text = re.sub(r"[\s│]+", " ", help_of(command))
    for parameter in COMMANDS[command].params:
        if parameter.help and parameter.name != "help":
            assert re.sub(r"\s+", " ", parameter.help) in text, parameter.name
        if not isinstance(parameter.default, bool) and parameter.default is not None and parameter.name != "help":
            assert f"[default: {parameter.default}]" in text, parameter.name


@pytest.mark.parametrize(("command", "panels"), PANELS.items())
def test_options_are_in_groups(help_of, command, panels):
    assert re.findall(r"╭─ ([\w ]+) ─", help_of(command)) == panels


@pytest.mark.parametrize(("command", "record"), RECORDS)
def test_every_field_of_a_record_is_in_a_group(command, record):
    panels = {parameter.name: getattr(parameter, "rich_help_panel", None) for parameter in COMMANDS[command].params}
    assert [field.name for field in fields(record) if panels[field.name] is None] == []


@pytest.mark.slow
def test_completion_is_offered_and_completes(help_of):
    assert "--install-completion" in help_of()
    assert "--show-completion" in help_of()
    for words, expected in (("sparton index-", {"index-vectors"}), ("sparton search --exp", {"--explain"})):
        done = subprocess.run(
            [sys.executable, "-c", "import sys; sys.argv = ['sparton']; from sparton.cli import run; run()"],
            env={"_SPARTON_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1),
                 "PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert set(done.stdout.split()) == expected, done.stderr
