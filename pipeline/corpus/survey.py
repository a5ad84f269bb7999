"""Choose the columns and check every row before anything is encoded: in one pass, also where rows name the columns."""

import logging
from collections.abc import Mapping, Sequence

from ...errors import SpartonError
from ...storage.skipped_rows import SkippedRows
from .checked import check_corpus
from .columns import Columns, choose_columns
from .files import DataFile
from .formats import ANY
from .reader import Corpus
from .rows import Rows

log = logging.getLogger("sparton")


def survey(
    corpus: Corpus, id_column: str | None, text_columns: Sequence[str], skipped: SkippedRows | None = None
) -> tuple[Columns, int]:
    """The columns of ids and texts, and the number of rows.

    skipped: gets bad rows; without it the first one is an error. The rest is as in choose_columns and check_corpus,
    whose errors it raises.
    """
    found = _in_one_pass(corpus, id_column, text_columns, skipped)
    if found is None:
        if skipped is not None:
            skipped.forget()
        columns = choose_columns(corpus, id_column, text_columns)
        _tell(columns)
        found = columns, check_corpus(corpus, columns, skipped)
    if skipped is not None:
        skipped.report()
    return found


def _in_one_pass(
    corpus: Corpus, id_column: str | None, text_columns: Sequence[str], skipped: SkippedRows | None
) -> tuple[Columns, int] | None:
    """The same of files whose rows name the columns: those that the first rows suggest are checked while all rows name
    theirs. None of other files, or if other columns are meant after all, or something is wrong: two passes say what."""
    if not corpus.format.named_by_rows:
        return None
    names: dict[DataFile, tuple[str, ...]] = {}
    try:
        first = {file: _names(corpus.first_rows(file)) for file in corpus.files}
        supposed = choose_columns(_knowing(corpus, first), id_column, text_columns, told=False)
        rows = check_corpus(corpus, supposed, skipped, names)
    except SpartonError:
        return None
    columns = choose_columns(_knowing(corpus, names), id_column, text_columns)
    if columns.all != supposed.all:
        return None
    _tell(columns)
    return columns, rows


def _names(rows: Rows | None) -> tuple[str, ...]:
    return () if rows is None or rows.names is None else rows.names


def _knowing(corpus: Corpus, names: Mapping[DataFile, Sequence[str]]) -> Corpus:
    """The corpus with columns of these names."""
    return corpus.with_schemas([dict.fromkeys(names.get(file, ()), ANY) for file in corpus.files])


def _tell(columns: Columns) -> None:
    if columns.guessed:
        log.info("%s", columns.guess)
