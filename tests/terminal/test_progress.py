"""Counts and times of a run, and what is told of them."""

import io
import json
import re
from pathlib import Path
from time import sleep

import pytest

from sparton.pipeline.progress import Progress, Timing, Work
from sparton.storage.manifest import Counts
from sparton.terminal.build_report import BuildReport
from sparton.terminal.progress_bar import announce, counted, progress_bar, waiting


def slowly(items, seconds):
    for item in items:
        sleep(seconds)
        yield item


def test_time_counts_for_the_stage_that_took_it():
    progress = Progress()
    read = progress.timed("reading", slowly(range(3), 0.03))
    encoded = progress.timed("encoding", slowly(read, 0.01))
    for _ in progress.timed("writing", encoded):
        sleep(0.02)  # whoever asks for parts is no stage
    timing = progress.work.timing
    assert timing.reading > timing.encoding > timing.writing > 0
    assert timing.bottleneck == "reading"
    assert timing.reading >= 0.09
    assert timing.total < 0.09 + 0.03 + 0.05


def test_an_error_ends_the_stage_it_comes_from():
    progress = Progress()

    def broken():
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(progress.timed("writing", progress.timed("encoding", broken())))
    assert list(progress.timed("reading", [1])) == [1]


def test_work_adds_up_and_can_be_taken():
    heard = []
    progress = Progress(heard.append)
    progress.add(3, tokens=30, timing=Timing(gpu=0.5))
    progress.add(kept=4)
    assert heard == [Work(3, 0, 30, Timing(gpu=0.5)), Work(7, 4, 30, Timing(gpu=0.5))]
    assert progress.pop_work() == heard[-1]
    assert progress.work == Work()


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of so many columns, and what it was sent."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def make(columns):
        stream = Terminal()
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("COLUMNS", str(columns))
        return stream

    return make


def lines(stream):
    """What stood on the terminal's line, one after the other."""
    return [line for line in re.split(r"[\r\n]|\x1b\[K", stream.getvalue()) if line.strip()]


@pytest.mark.slow
def test_a_bar_can_be_read_at_80_columns(terminal):
    stream = terminal(80)
    with progress_bar(8_841_823, shown=True) as progress:
        progress.add(kept=1_000_000)
        progress.add(3_000_000, tokens=5_000)
        sleep(0.7)
    last = lines(stream)[-1]
    assert len(last) <= 80
    assert "45%|" in last
    assert " 4000000/8841823 [" in last
    assert re.search(r"\|[█#]{3}", last)
    assert " documents/s]" in last


@pytest.mark.slow
def test_a_wide_bar_also_says_what_it_waits_for(terminal):
    stream = terminal(140)
    with progress_bar(100, shown=True) as progress:
        progress.add(kept=90)
        sleep(0.7)
        progress.add(5, tokens=5_000, timing=Timing(reading=0.1, encoding=0.4, gpu=0.3))
        sleep(0.7)
    shown = stream.getvalue()
    assert "95/100" in shown
    assert re.search(r"k tokens/s, GPU \d+%, waits for the model", shown)
    assert " 0.00 documents/s" not in shown


def test_something_is_shown_at_once_and_taken_away(terminal):
    stream = terminal(80)
    announce("looking")
    with waiting("reading ids", shown=True):
        assert lines(stream) == ["looking …", "reading ids …"]
    assert stream.getvalue().endswith("\r\x1b[K")


@pytest.mark.slow
def test_without_a_terminal_lines_are_printed(monkeypatch, capsys):
    monkeypatch.setattr("sparton.terminal.progress_bar._SILENCE", 0.2)
    with progress_bar(2_000, shown=True) as progress:
        progress.add(kept=500)
        progress.add(500)
        sleep(0.7)
    with counted("indexing", 40_000_000, "bytes", shown=True) as count:
        count(10_000_000)
        sleep(0.5)
    with waiting("loading the model", shown=True):
        sleep(0.5)
    out, said = capsys.readouterr()
    assert out == ""
    encoding, indexing, loading = (
        [line for line in said.splitlines() if line.startswith(what)] for what in ("encoding", "indexing", "loading")
    )
    assert re.fullmatch(r"encoding: 1,000 of 2,000 documents \(50%\), [\d,]+ a second, 0:0\d left", encoding[-1])
    assert re.fullmatch(r"indexing: 10 of 40 MB \(25%\), [\d.]+ a second, 0:0\d left", indexing[-1])
    assert re.fullmatch(r"loading the model: 0:0\d so far", loading[-1])
    assert len(encoding) >= 2


def test_nothing_is_shown_unless_asked_for(capsys):
    with progress_bar(100, shown=False) as progress:
        progress.add(100)
    with waiting("reading ids", shown=False):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_report_says_where_the_time_went():
    work = Work(120, 20, 5_000, Timing(1.0, 7.0, 2.0, 6.0))
    report = BuildReport(Path("index"), Counts(rows=120, documents=110), True, 10.0, 2.5, work)
    assert report.times() == (
        "encoding 10.0 s (10 documents/s, 500 tokens/s; tokenizing 10%, model 70%, writing 20%; GPU busy 60%), "
        "Lucene 2.5 s (resumed: what was finished was kept)"
    )
    content = json.loads(report.as_json())
    assert content["counts"]["documents"] == 110
    assert content["encoded"] == {"rows": 100, "tokens": 5_000}
    assert content["seconds"]["by stage"] == {"reading": 1.0, "encoding": 7.0, "writing": 2.0, "gpu": 6.0}
