"""The rows of a corpus, of which each is checked: with an id and text, or bad."""

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...storage.atomic import whole_file
from .columns import Columns
from .files import DataFile
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


def check_corpus(
    corpus: Corpus,
    columns: Columns,
    skipped: "SkippedRows | None" = None,
    names: dict[DataFile, tuple[str, ...]] | None = None,
) -> int:
    """Check that every row has an id and that no id stands twice; return the number of rows.

    skipped: gets bad rows; without it the first one is an error. names: gets those of each file's columns, where its
    rows name them. Texts are checked too, but where that would take
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
        if names is not None and rows.names is not None:
            names[rows.file] = rows.names
    check.refuse_repeated(every())
    return count


class SkippedRows:
    """Rows that are left out because they are bad: counted by what is wrong, and all written down. To be closed.

    kinds: how many there are of each.
    """

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self._first: list[str] = []
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115  # on a disk, for there may be many

    def add(self, rows: Rows) -> None:
        """Take the bad ones of some rows."""
        for offset, bad in sorted(rows.bad.items()):
            if len(self._first) < _TOLD:
                self._first.append(f"{rows.where(offset)} {bad.found}")
            self.kinds[bad.kind] += 1
            line = {"file": str(rows.file), rows.unit: rows.numbers[offset], "kind": bad.kind, "found": bad.found}
            self._lines.write(json.dumps(line).encode() + b"\n")

    def forget(self) -> None:
        """Take none for bad yet."""
        self.kinds.clear()
        self._first.clear()
        self._lines.truncate(0)
        self._lines.seek(0)

    def report(self) -> None:
        """Log the first ten, and how many there are of each kind, if there are any."""
        for row in self._first:
            log.warning("left out: %s", row)
        if self.kinds:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.kinds.most_common())
            log.warning("%s rows are left out: %s", f"{self.kinds.total():,}", kinds)

    def close(self) -> None:
        """Let go of what was written down."""
        self._lines.close()

    def save(self, path: Path) -> None:
        """Write all of them to a file of JSON lines, if there are any."""
        if not self.kinds:
            return
        self._lines.seek(0)
        with whole_file(path) as stream:
            while block := self._lines.read(2**20):
                stream.write(block)
