"""The rows of a corpus, of which each is checked: with an id and text, or bad."""

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...storage.atomic import whole_file
from .columns import Columns
from .ids import IdCheck, with_ids
from .reader import Corpus
from .rows import Rows, unreadable
from .texts import with_texts

log = logging.getLogger("sparton")
_TOLD = 10


def checked_rows(corpus: Corpus, columns: Columns, *, skip_bad: bool) -> Iterator[Rows]:
    """Every row of the corpus: its id and its texts as strings.

    skip_bad: give bad rows too, with None for all. Otherwise the first one raises SpartonError.
    """
    for rows in corpus.rows(columns.all):
        yield _good(with_texts(with_ids(rows, columns.id), columns.text), skip_bad)


def check_corpus(corpus: Corpus, columns: Columns, skipped: "SkippedRows | None" = None) -> int:
    """Check that every row has an id and that no id stands twice; return the number of rows.

    skipped: gets bad rows, for which the texts are read too. Without it the first bad id is an error, and bad texts are
    met when they are encoded.
    Raises SpartonError naming the file and row of a bad row, or both rows of a repeated id.
    """

    def rows_with_ids() -> Iterator[Rows]:
        if skipped is not None:
            yield from checked_rows(corpus, columns, skip_bad=True)
            return
        for rows in corpus.rows((columns.id,)):
            yield _good(with_ids(rows, columns.id), skip_bad=False)

    check, count = IdCheck(), 0
    for rows in rows_with_ids():
        check.add(rows)
        count += len(rows)
        if skipped is not None:
            skipped.add(rows)
    check.refuse_repeated(rows_with_ids())
    if skipped is not None:
        skipped.report()
    return count


def _good(rows: Rows, skip_bad: bool) -> Rows:
    if rows.bad and not skip_bad:
        raise unreadable(rows, min(rows.bad))
    return rows


class SkippedRows:
    """Rows that are left out because they are bad: counted by what is wrong, and all written down. To be closed.

    kinds: how many there are of each.
    """

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115  # on a disk, for there may be many

    def add(self, rows: Rows) -> None:
        """Take the bad ones of some rows, and log the first ten."""
        for offset, bad in sorted(rows.bad.items()):
            if self.kinds.total() < _TOLD:
                log.warning("left out: %s %s", rows.where(offset), bad.found)
            self.kinds[bad.kind] += 1
            line = {"file": str(rows.file), rows.unit: rows.numbers[offset], "kind": bad.kind, "found": bad.found}
            self._lines.write(json.dumps(line).encode() + b"\n")

    def report(self) -> None:
        """Log how many there are of each kind, if there are any."""
        if self.kinds:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.kinds.most_common())
            log.warning("%s rows are left out: %s", f"{self.kinds.total():,}", kinds)

    def close(self) -> None:
        """Forget them."""
        self._lines.close()

    def save(self, path: Path) -> None:
        """Write all of them to a file of JSON lines, if there are any."""
        if not self.kinds:
            return
        self._lines.seek(0)
        with whole_file(path) as stream:
            while block := self._lines.read(2**20):
                stream.write(block)
