"""A store that accepts connections and never responds: a sentence after a time that an option sets, or Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from support.serving import SPARTON

from sparton.errors import UsageError
from sparton.pipeline.corpus.reader import Corpus
from sparton.storage.store_calls import StoreTimeoutError, bounded, bounded_items, store_timeout, waiting_at_most

pytestmark = pytest.mark.slow

ENOUGH = 60  # seconds; only what hangs takes as long


@pytest.fixture
def store(monkeypatch, tmp_path):
    """A store that is in the environment too: its address, and the connections to it."""
    connections = []

    def accept():
        while True:
            try:
                connections.append(server.accept()[0])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=accept)
        thread.start()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{address}",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SPARTON_SCRATCH": str(tmp_path / "scratch"),
        }.items():
            monkeypatch.setenv(name, value)
        yield address, connections
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in connections:
        connection.close()


def commands(bags, topics, uri):
    return [
        ["info", "--index", uri],
        ["search", "bag", "--index", uri],
        ["run", topics, "-o", topics.with_name("out.trec"), "--index", uri],
        ["serve", "--port", 0, "--index", uri],
        ["encode-text", "bag", "--index", uri],
        ["encode", uri, "--output", topics.with_name("out")],
        ["encode", bags, "--output", uri],
        ["index", bags, "--index", uri],
    ]


def test_every_command_gives_up_with_a_sentence(run_cli, store, bags, tmp_path):
    address, _ = store
    (tmp_path / "topics.tsv").write_text("1\tbag\n")
    for given, visible in (
        ("s3://bucket/x", "s3://bucket/x"),
        (f"s3://ACCESS:private@bucket/x?endpoint_override={address}&scheme=http", "s3://bucket/x"),
    ):
        for command in commands(bags, tmp_path / "topics.tsv", given):
            ran = run_cli(*command, "--store-timeout", 0.2)
            assert (ran.code, ran.stdout, ran.stderr) == (
                1,
                "",
                f"Error: {visible} did not respond within 0.2 s; check the address and the network, or raise "
                "--store-timeout\n",
            )


def test_the_environment_sets_the_time_as_well(run_cli, store, monkeypatch):
    monkeypatch.setenv("SPARTON_STORE_TIMEOUT", "0.5")
    ran = run_cli("info", "--index", "s3://bucket/x")
    assert "did not respond within 0.5 s" in ran.stderr
    with pytest.raises(StoreTimeoutError, match=r"^s3://bucket/x did not respond within 0\.5 s; "):
        Corpus(["s3://bucket/x"])


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "86401"])
def test_a_time_that_cannot_be_meant(run_cli, seconds, monkeypatch):
    ran = run_cli("info", "--index", "nothing", "--store-timeout", seconds)
    found = f"{float(seconds):g}"
    assert (ran.code, ran.stderr) == (
        2,
        f"Error: --store-timeout is {found}; expected above 0 and at most 86,400\n",
    )
    monkeypatch.setenv("SPARTON_STORE_TIMEOUT", seconds)
    with pytest.raises(UsageError, match=f"^SPARTON_STORE_TIMEOUT is {found}; expected above 0"):
        store_timeout()


def test_the_time_is_that_of_one_command():
    before = store_timeout()
    with waiting_at_most(7):
        assert store_timeout() == 7
        assert os.environ["SPARTON_STORE_TIMEOUT"] == "7"
    assert store_timeout() == before == 30


def test_what_a_call_raises_or_gives_comes_back():
    assert bounded(lambda: 5, "x") == 5
    with pytest.raises(FileNotFoundError, match="no such"):
        bounded(lambda: (_ for _ in ()).throw(FileNotFoundError("no such")), "x")
    assert list(bounded_items(iter([1, None, 2]), "x")) == [1, None, 2]


def test_each_item_of_a_corpus_has_its_time():
    """One that comes is no excuse for the next."""
    never = threading.Event()

    def items():
        yield 1
        yield 2
        never.wait()

    with waiting_at_most(0.5):
        found = bounded_items(items(), "s3://bucket/x")
        assert [next(found), next(found)] == [1, 2]
        with pytest.raises(StoreTimeoutError) as caught:
            next(found)
    never.set()
    assert str(caught.value).startswith("s3://bucket/x did not respond within 0.5 s; ")


@pytest.mark.parametrize(
    "command",
    [
        ["search", "bag", "--index", "s3://bucket/x"],
        ["encode", "s3://bucket/x", "--output", "out"],
        ["serve", "--port", "0", "--index", "s3://bucket/x"],
        ["info", "--index", "s3://bucket/x"],
    ],
)
def test_ctrl_c_ends_a_program_that_waits_for_a_store(store, tmp_path, command):
    _, connections = store
    command = [*SPARTON, *command, "--store-timeout", "600"]
    said, code = interrupted(command, tmp_path, lambda process: bool(connections))
    kept = "; nothing was begun yet" if "encode" in command else ""
    assert (code, said) == (130, f"sparton: stopped{kept}\n")


STUCK = """
import ctypes
import sys
from sparton import cli

@cli.app.command()
def stuck():
    with cli._one_sentence():
        libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
        libc.pthread_mutex_lock(mutex)
        print("ready", file=sys.stderr, flush=True)
        libc.pthread_mutex_lock(mutex)  # no signal ends this

sys.argv[1:] = ["stuck"]
cli.run()
"""


def test_ctrl_c_ends_a_program_that_never_comes_back_to_python(tmp_path):
    command = [sys.executable, "-c", STUCK]
    said, code = interrupted(command, tmp_path, lambda process: process.stderr.readline() == "ready\n")
    assert (code, said) == (130, "sparton: stopped\n")


def interrupted(command, folder, ready):
    """What a program says and its exit code, when it gets Ctrl-C once it is ready."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while not ready(process):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=ENOUGH)
    finally:
        process.kill()
    return said, process.returncode
