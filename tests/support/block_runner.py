"""Runs the blocks of a page: `sparton` in this process, services beside it, all else by bash."""

import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager, nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from support.documents import Block, differences

from sparton.terminal import screen

_SHELL = {"|", ">", "<", ";", "&", ">>", "<<"}
_LOCAL = "127.0.0.1:8017"
_SECONDS = 120
_INSTALLS = re.compile(r"^pip install .*\n+", re.MULTILINE)  # .ci/run does it


class BlockRunner:
    """Runs blocks in a folder. run_cli: runs a command in this process. given: indexes that lay in the folder before;
    a command that builds one of them builds it aside instead, for listings of commands show ways to build one.

    names: what Python blocks share. service: the address of the service that a block started last, or None.
    """

    def __init__(self, folder: Path, run_cli, given: tuple[str, ...] = (), names: dict | None = None) -> None:
        self.folder, self._run_cli, self._given = folder, run_cli, given
        self.names = names or {}
        self.service: str | None = None
        self._process: subprocess.Popen | None = None
        self._aside = 0

    def run(self, block: Block) -> str:
        """What a block prints. Raises AssertionError, with its place, where it fails."""
        if block.language == "python":
            with redirect_stdout(StringIO()) as output:
                exec(compile("\n" * block.line + block.code, block.page, "exec"), self.names)
            return output.getvalue()
        printed = ""
        for command in _commands(_INSTALLS.sub("", block.code)):
            printed += self._command(block, command)
        return printed

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process, self.service = None, None

    def _command(self, block: Block, command: str) -> str:
        words = shlex.split(command, comments=True)
        if words and words[0] == "sparton" and not _SHELL & set(shlex.shlex(command, punctuation_chars=True)):
            if words[1] == "serve":
                return self._serve(block, words[2:])
            with nullcontext() if block.output is None else _on_terminal():
                ran = self._run_cli(*self._apart(words[1:]))
            assert ran.code == 0, f"{block.place}: {command}\n{ran.stdout}{ran.stderr}"
            return ran.stdout
        script = command.replace(_LOCAL, self.service.removeprefix("http://")) if self.service else command
        program = (
            f'sparton() {{ "{sys.executable}" -c "from sparton.cli import run; run()" "$@"; }}\nset -euo pipefail\n'
        )
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ran = subprocess.run(
            ["bash", "-c", program + script],
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        assert ran.returncode == 0, f"{block.place}: {command}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    def _apart(self, words: list[str]) -> list[str]:
        if words[0] not in ("index", "index-vectors"):
            return words
        named = words.index("--index") + 1 if "--index" in words else None
        if (words[named] if named else "sparton-index") not in self._given:
            return words
        self._aside += 1
        aside = f"aside-{self._aside}"
        return [*words[:named], aside, *words[named + 1 :]] if named else [*words, "--index", aside]

    def _serve(self, block: Block, options: list[str]) -> str:
        """Start it on a port of its own, and wait until it says where; with --stdio until its input ends it."""
        self.close()
        stdio = "--stdio" in options
        port = [] if stdio else ["--port", "0"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from sparton.cli import run; run()", "serve", *options, *port],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        if stdio:
            _, told = self._process.communicate(timeout=_SECONDS)
            assert self._process.returncode == 0, f"{block.place}: {told}"
            self._process = None
            return ""
        told = ""
        for line in self._process.stderr:
            told += line
            address = re.search(r" at (http://\S+)", line)
            if address:
                self.service = address[1].rstrip("/.,")
                return ""
        raise AssertionError(f"{block.place}: sparton serve {options} said no address: {told}")


@contextmanager
def _on_terminal():
    """Has the standard output be a terminal of 80 columns: a page shows what a reader sees there."""
    ours = screen.is_terminal
    with (
        patch.dict(os.environ, {"COLUMNS": "80", "NO_COLOR": "1"}),
        patch.object(screen, "is_terminal", lambda stream: stream is sys.stdout or ours(stream)),
    ):
        yield


def run_and_compare(runner: BlockRunner, block: Block) -> list[str]:
    """What a block shows that it did not print, as a sentence, or nothing."""
    printed = runner.run(block)
    missing = differences(block.output or "", printed)
    return [f"{block.place} shows {missing}, and printed was:\n{printed}"] if missing else []


def _commands(code: str) -> list[str]:
    """A block's commands: lines, joined where they go on, and where a loop or a pipe does; `sparton …` next to another
    by && is two."""
    commands, open_lines = [], ""
    for line in code.splitlines():
        open_lines += line + "\n"
        done = subprocess.run(["bash", "-n"], input=open_lines, text=True, capture_output=True).returncode == 0
        if done and not re.search(r"(\\|\||&&)\s*$", line):
            if open_lines.strip() and not open_lines.lstrip().startswith("#"):
                commands.append(open_lines.strip())
            open_lines = ""
    assert not open_lines.strip(), f"bash reads no end of {open_lines!r}"
    return [part for command in commands for part in _apart_by_and(command)]


def _apart_by_and(command: str) -> list[str]:
    parts = command.split(" && ")
    return parts if all(part.startswith("sparton ") for part in parts) else [command]
