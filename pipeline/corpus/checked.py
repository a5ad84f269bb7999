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


def checked(rows: Rows, columns: Columns, *, skip_bad: bool) -> Rows:
    """Rows with their ids and texts as strings.

    columns: of the rows, ids first; the texts may be left out. skip_bad: give bad rows too, with None for all.
    Otherwise the first one raises SpartonError.
    """
    rows = with_ids(rows, columns.id)
    if len(rows.columns) > 1:
        rows = with_texts(rows, columns.text)
    if rows.bad and not skip_bad:
        raise unreadable(rows, min(rows.bad))
    return rows


def check_corpus(corpus: Corpus, columns: Columns, skipped: "SkippedRows | None" = None) -> int:
    """Check that every row has an id and that no id stands twice; return the number of rows.

    skipped: gets bad rows; without it the first one is an error. Texts are checked too, but where that would take
    reading them for nothing else: of formats by columns their types are known, and what is not UTF-8 is met later.
    Raises SpartonError naming the file and row of a bad row, or both rows of a repeated id.
    """
    ids_alone = corpus.format.by_columns and skipped is None

    def every() -> Iterator[Rows]:
        for rows in corpus.rows(columns.all[:1] if ids_alone else columns.all):
            yield checked(rows, columns, skip_bad=skipped is not None)

    check, count = IdCheck(), 0
    for rows in every():
        check.add(rows)
        count += len(rows)
        if skipped is not None:
            skipped.add(rows)
    check.refuse_repeated(every())
    if skipped is not None:
        skipped.report()
    return count


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
