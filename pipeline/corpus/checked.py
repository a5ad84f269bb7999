"""The rows of a corpus, of which each is checked: with an id and text, or bad."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...storage.skipped_rows import SkippedRows
from .columns import Columns
from .files import DataFile
from .ids import IdCheck, with_ids
from .markup_sample import MarkupSample
from .reader import Corpus
from .rows import Rows, unreadable
from .swallowed import SwallowedRows
from .texts import with_texts

if TYPE_CHECKING:
    from .field_survey import FieldSurvey


def checked(rows: Rows, columns: Columns, *, skip_bad: bool) -> Rows:
    """Rows with their ids and texts as strings, and their fields as JSON.

    columns: of the rows, ids first; texts and fields may be left out. skip_bad: give bad rows too, with None for all.
    Otherwise the first one raises SpartonError.
    """
    rows = with_ids(rows, columns.id)
    if len(rows.columns) > 1:
        rows = with_texts(rows, columns.text, strip_html=columns.strip_html)
    if columns.fields and rows.fields:
        from .field_values import with_fields

        rows = with_fields(rows, columns.fields, strip_html=columns.strip_html)
    if rows.bad and not skip_bad:
        raise unreadable(rows, min(rows.bad))
    return rows


def check_corpus(
    corpus: Corpus,
    columns: Columns,
    skipped: SkippedRows | None = None,
    names: dict[DataFile, tuple[str, ...]] | None = None,
    fields: "FieldSurvey | None" = None,
    sample: MarkupSample | None = None,
) -> int:
    """Check that every row has an id and that no id stands twice; return the number of rows.

    skipped: gets bad rows; without it the first one is an error. names: gets those of each file's columns, where its
    rows name them. fields: looks at all values of those that are to be fields. sample: at some of the texts, if any are
    read. Texts are checked too, but where that would take
    reading them for nothing else: of formats by columns their types are known, and what is not UTF-8 is met later.
    Raises SpartonError naming the file and row of a bad row, or both rows of a repeated id.
    """
    ids_alone = corpus.format.by_columns and skipped is None
    swallowed = None
    if corpus.format.title == "CSV":
        swallowed = SwallowedRows(dict(zip(corpus.files, map(len, corpus.schemas), strict=True)))
    of_fields = columns.of_fields or (fields.reads if fields else ())

    def every(look: SwallowedRows | None = None) -> Iterator[Rows]:
        for rows in corpus.rows(columns.all[:1]) if ids_alone else corpus.rows(columns.all, of_fields):
            if look is not None:
                look.add(rows)
            yield checked(rows, columns, skip_bad=skipped is not None)

    check, count = IdCheck(), 0
    for rows in every(swallowed):
        check.add(rows)
        count += len(rows)
        if skipped is not None:
            _skip(rows, skipped)
        if names is not None and rows.names is not None:
            names[rows.file] = rows.names
        if fields is not None:
            fields.add(rows)
        if sample is not None:
            sample.add(rows)
    check.refuse_repeated(every())
    if swallowed is not None:
        swallowed.tell()
    return count


def _skip(rows: Rows, skipped: SkippedRows) -> None:
    """Have the bad ones of some rows left out."""
    unit = "row" if rows.are_given else rows.unit
    for offset, bad in sorted(rows.bad.items()):
        skipped.add(str(rows.file), unit, rows.numbers[offset], bad, rows.where(offset))
