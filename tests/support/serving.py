"""`sparton serve` as a process of its own."""

import signal
import subprocess
import sys
from contextlib import contextmanager

SPARTON = [sys.executable, "-c", "from sparton.cli import run; run()"]


def started(index, *options, first=""):
    """The process of a service on an index, on a port of its own, whose stderr is a pipe. first: code that it runs
    before."""
    *python, code = SPARTON
    return subprocess.Popen(
        [*python, f"{first}\n{code}", "serve", "--index", str(index), "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@contextmanager
def serving(index, *options, at="http://127.0.0.1", says=(), told=None):
    """The address that a service on an index says it listens at, on a port of its own. says: lines that follow. told:
    how it names its index, or several."""
    process = started(index, *options)
    try:
        line = process.stderr.readline()
        assert line.startswith(f"serving {told or index} at {at}:"), line + process.stderr.read()
        for expected in says:
            assert process.stderr.readline() == expected + "\n"
        yield line.split(" at ")[1].split()[0]
    finally:
        process.kill()
        process.communicate()
