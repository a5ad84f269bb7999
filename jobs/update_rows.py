"""The rows that an update is given: what is wanted of each, and the documents of those that are encoded."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..pipeline.documents import Documents, Shard
from ..pipeline.options import UpdateOptions
from ..storage.index_location import refuse_sources
from ..storage.part_lines import text_digest
from ..storage.skipped_rows import SkippedRows
from ..terminal.progress_bar import waiting
from .index_update import IndexUpdate

if TYPE_CHECKING:
    from ..pipeline.corpus.columns import Columns
    from ..pipeline.corpus.files import DataFile
    from ..pipeline.parts.changes import Wanted

_SHARD = 8_192  # rows that are read at once


class UpdateRows:
    """The rows that an update is given, checked. Raises SpartonError as a build does for its corpus."""

    def __init__(
        self,
        paths: "Sequence[str | DataFile]",
        update: IndexUpdate,
        options: UpdateOptions,
        skipped: SkippedRows,
        progress: bool,
    ) -> None:
        from ..pipeline.corpus.files import of_users
        from ..pipeline.corpus.reader import Corpus
        from ..pipeline.corpus.survey import Wanted, survey_all

        settings = update.manifest.settings
        self._corpus: Corpus = Corpus(paths, header=settings.header)
        refuse_sources(update.location, [(file, f"the file {file}") for file in of_users(self._corpus.files)])
        self._skip_bad = options.skip_bad_rows
        self._columns: Columns
        with waiting("reading columns and ids", shown=progress):
            asked = Wanted(
                id_column=settings.id_column,
                text_columns=settings.text_columns,
                strip_html=settings.strip_html,
                kept=settings.fields,
                recorded=True,
            )
            self._columns, _ = survey_all(self._corpus, asked, skipped if self._skip_bad else None)

    def wanted(self) -> "dict[str, Wanted | None]":
        """Each row's id, with what is to be known of it; None for a row without text."""
        from ..pipeline.parts.changes import Wanted, fields_bytes, fields_digest

        wanted: dict[str, Wanted | None] = {}
        for shard in self._shards(wanted):
            documents = shard.documents
            fields = documents.fields or ("",) * len(documents)
            for name, text, some in zip(documents.ids, documents.texts, fields, strict=True):
                wanted[name] = Wanted(text_digest(text), fields_digest(fields_bytes(some)))
        return wanted

    def fields(self, ids: set[str]) -> dict[str, str]:
        """The fields of some of the rows, as lines have them."""
        found: dict[str, str] = {}
        for documents in self.documents(ids):
            found.update(zip(documents.ids, documents.fields or ("",) * len(documents), strict=True))
        return found

    def documents(self, ids: set[str]) -> Iterator[Documents]:
        """The documents of some of the rows, a few thousand at a time."""
        for shard in self._shards({}):
            documents = shard.documents
            rows = [row for row, name in enumerate(documents.ids) if name in ids]
            if rows:
                yield _pick(documents, rows)

    def _shards(self, noted: "dict[str, Wanted | None]") -> Iterator[Shard]:
        """noted: gets the id of each row, with or without text."""
        from ..pipeline.corpus.checked import checked
        from ..pipeline.corpus.rows import Rows
        from ..pipeline.corpus.shards import read_shards

        def check(rows: Rows) -> Rows:
            rows = checked(rows, columns=self._columns, skip_bad=self._skip_bad)
            for name in rows.columns[0]:
                if name is not None:
                    noted.setdefault(name, None)
            return rows

        return read_shards(self._corpus.rows(self._columns.all, self._columns.of_fields), _SHARD, check)


def in_shards(documents: Iterable[Documents], most: int, numbers: Iterator[int]) -> Iterator[Shard]:
    """Documents in shards of `most`, the last of which may be shorter."""
    waiting: list[tuple[str, ...]] = []
    every = (row for some in documents for row in zip(*filter(None, _columns(some)), strict=True))
    for row in every:
        waiting.append(row)
        if len(waiting) == most:
            yield _shard(waiting, numbers)
            waiting = []
    if waiting:
        yield _shard(waiting, numbers)


def _shard(rows: Sequence[tuple[str, ...]], numbers: Iterator[int]) -> Shard:
    return Shard(next(numbers), len(rows), Documents(*zip(*rows, strict=True)))


def _pick(documents: Documents, rows: Sequence[int]) -> Documents:
    return Documents(*(tuple(column[row] for row in rows) if column else () for column in _columns(documents)))


def _columns(documents: Documents) -> tuple[tuple[str, ...], ...]:
    return documents.ids, documents.texts, documents.fields
