"""What is one is told of as one."""

from pathlib import Path

import pytest

from sparton.errors import plural
from sparton.search.check import Checked
from sparton.storage.manifest import Counts
from sparton.terminal.build_report import counts_line
from sparton.terminal.export_report import ExportReport
from sparton.terminal.results import checked_line
from sparton.terminal.update_report import UpdateReport


@pytest.mark.parametrize(("count", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1_000, "1,000 files")])
def test_one_is_singular(count, said):
    assert plural(count, "file") == said


def test_summaries_of_one_of_each_are_singular():
    assert counts_line(Counts(1, 1, postings=1)) == "1 document of 1 row, 1.0 terms a document"
    assert UpdateReport("shop", 2, 1, added=1).summary() == "shop: 1 added; 1 document, generation 2"
    report = ExportReport(Path("out"), "ciff", 1, 1, 1, 1, 9, {}, resumed=False, seconds=0.5)
    assert report.summary() == "out: 1 document, 1 posting, 1 query for ciff, 1 file, 9 bytes"
    assert checked_line(Checked(1, 1, 1, unchecked=False, beside=("seismic",))) == (
        "  checked     1 document, 1 posting, their ids and Lucene's checksums, 1 part of the collection, the Seismic "
        "index: as they were written"
    )


def test_seconds_of_what_did_not_take_place_are_left_out():
    assert UpdateReport("shop", 2, 1, seconds=0.26).times() == "0.3 s"
    assert UpdateReport("shop", 2, 1, seconds=3, encoding_seconds=1.5, beside_seconds={"seismic": 0.04}).times() == (
        "3.0 s, of which encoding 1.5 s, Seismic 0.0 s"
    )
