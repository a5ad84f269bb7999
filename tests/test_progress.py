"""Counts and times of a run, and what is told of them."""

import json
from pathlib import Path
from time import sleep

import pytest

from sparton.manifest import Counts
from sparton.pipeline.progress import Progress, Timing, Work
from sparton.progress_bar import progress_bar
from sparton.report import BuildReport


def slowly(items, seconds):
    for item in items:
        sleep(seconds)
        yield item


def test_time_counts_for_the_stage_that_took_it():
    progress = Progress()
    read = progress.during("reading", slowly(range(3), 0.03))
    encoded = progress.during("encoding", slowly(read, 0.01))
    for _ in progress.during("writing", encoded):
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
        list(progress.during("writing", progress.during("encoding", broken())))
    assert list(progress.during("reading", [1])) == [1]


def test_work_adds_up_and_can_be_taken():
    heard = []
    progress = Progress(heard.append)
    progress.add(3, tokens=30, timing=Timing(gpu=0.5))
    progress.add(kept=4)
    assert heard == [Work(3, 0, 30, Timing(gpu=0.5)), Work(7, 4, 30, Timing(gpu=0.5))]
    assert progress.take() == heard[-1]
    assert progress.work == Work()


def test_the_bar_shows_speed_without_what_was_finished_before(capsys):
    with progress_bar(100, shown=True) as progress:
        progress.add(kept=90)
        sleep(0.6)
        progress.add(5, tokens=5_000, timing=Timing(reading=0.1, encoding=0.4, gpu=0.3))
    shown = capsys.readouterr().err
    assert "95.0/100" in shown
    assert "k tokens/s, GPU 5" in shown
    assert "waits for the model" in shown
    assert " 0.00 docs/s" not in shown


def test_no_bar_is_shown_unless_asked_for(capsys):
    with progress_bar(100, shown=False) as progress:
        progress.add(100)
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
