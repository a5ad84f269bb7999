"""Choose the columns and check every row before anything is encoded: in one pass, also where rows name the columns."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...errors import SpartonError
from ...storage.fields import Field
from ...storage.skipped_rows import SkippedRows
from .checked import check_corpus, checked
from .columns import Columns, choose_columns, tell_lacking_fields
from .files import DataFile
from .formats import ANY
from .json_kinds import JsonKinds
from .markup_sample import MarkupSample
from .reader import Corpus
from .rows import Rows

if TYPE_CHECKING:
    from .field_survey import FieldSurvey

log = logging.getLogger("sparton")
_FIRST, _ROWS = 4, 64  # files and rows of each in which HTML is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be read of a corpus. id_column, text_columns, fields, strip_html: as EncodingOptions has them.

    kept: fields of which the kinds are known, as an index has them; instead of `fields`. recorded: whether the columns
    are those that an index was made of.
    """

    id_column: str | None = None
    text_columns: Sequence[str] = ()
    fields: Sequence[str] = ()
    strip_html: bool = False
    kept: Sequence[Field] = ()
    recorded: bool = False

    def columns(self, corpus: Corpus, *, told: bool = True) -> Columns:
        """The columns of ids and texts."""
        columns = choose_columns(corpus, self.id_column, self.text_columns, told=told, recorded=self.recorded)
        columns = replace(columns, strip_html=self.strip_html)
        return columns.with_fields(self.kept, corpus.names) if self.kept else columns


def survey(
    corpus: Corpus, id_column: str | None, text_columns: Sequence[str], skipped: SkippedRows | None = None
) -> tuple[Columns, int]:
    """The columns of ids and texts, and the number of rows, where there are to be no fields."""
    return survey_all(corpus, Wanted(id_column=id_column, text_columns=text_columns), skipped)


def survey_all(corpus: Corpus, wanted: Wanted, skipped: SkippedRows | None = None) -> tuple[Columns, int]:
    """The columns of ids, texts and fields, and the number of rows.

    skipped: gets bad rows; without it the first one is an error. The rest is as in choose_columns and check_corpus,
    whose errors it raises, and those of FieldSurvey.
    """
    found = _in_one_pass(corpus, wanted, skipped) or _in_two_passes(corpus, wanted, skipped)
    if skipped is not None:
        skipped.report()
    return found


def _in_two_passes(corpus: Corpus, wanted: Wanted, skipped: SkippedRows | None) -> tuple[Columns, int]:
    if skipped is not None:
        skipped.forget()
    columns = wanted.columns(corpus)
    _tell(corpus, columns, wanted)
    fields, sample = _look_at(corpus, wanted, columns)
    if fields and fields.by_types:
        columns, fields = fields.columns(corpus.names, columns), None
    rows = check_corpus(corpus, columns, skipped, fields=fields, sample=sample)
    if sample and corpus.format.by_columns and skipped is None:  # no text was read
        _look_at_first(corpus, columns, sample)
    if sample:
        sample.tell()
    return fields.columns(corpus.names, columns) if fields else columns, rows


def _in_one_pass(corpus: Corpus, wanted: Wanted, skipped: SkippedRows | None) -> tuple[Columns, int] | None:
    """The same of files whose rows name the columns: those that the first rows suggest are checked while all rows name
    theirs. None of other files, or if other columns are meant after all, or something is wrong: two passes say what."""
    if not corpus.format.named_by_rows:
        return None
    names: dict[DataFile, tuple[str, ...]] = {}
    asked = [name for name in (wanted.id_column, *wanted.text_columns) if name is not None]
    try:
        first = {file: _kinds(corpus.first_rows(file, asked)) for file in corpus.files}
        supposed = wanted.columns(corpus.with_schemas(list(first.values())), told=False)
        fields, sample = _look_at(corpus, wanted, supposed)
        rows = check_corpus(corpus, supposed, skipped, names, fields, sample)
        known = [{name: first[file].get(name, ANY) for name in names.get(file, ())} for file in corpus.files]
        found = corpus.with_schemas(known)
        columns = wanted.columns(found, told=False)
    except SpartonError:
        return None
    if columns.all != supposed.all:
        return None
    wanted.columns(found)  # and what is to be told of them
    _tell(found, columns, wanted)
    if sample:
        sample.tell()
    return fields.columns(found.names, columns) if fields else columns, rows


def _look_at(corpus: Corpus, wanted: Wanted, columns: Columns) -> tuple["FieldSurvey | None", MarkupSample | None]:
    """What looks at fields and texts of a corpus."""
    sample = None if wanted.strip_html else MarkupSample()
    if wanted.kept or not wanted.fields:
        return None, sample
    from .field_survey import FieldSurvey

    return FieldSurvey(corpus, wanted.fields, columns), sample


def _look_at_first(corpus: Corpus, columns: Columns, sample: MarkupSample) -> None:
    for file in corpus.files[:_FIRST]:
        if (rows := corpus.first_rows(file, columns.all)) is not None:
            sample.add(checked(rows, replace(columns, fields=()), skip_bad=True), _ROWS)


def _kinds(rows: Rows | None) -> dict[str, str]:
    """The columns that some rows name, with the kinds that they show."""
    if rows is None or rows.names is None:
        return {}
    found = JsonKinds()
    found.add(rows.objects or ())
    return {name: found.kinds.get(name, ANY) for name in rows.names}


def _tell(corpus: Corpus, columns: Columns, wanted: Wanted) -> None:
    if columns.guessed:
        log.info("%s", columns.guess)
    if corpus.format.title == "CSV":
        from .delimited import tell_delimiters

        tell_delimiters(corpus.files)
    tell_lacking_fields(corpus, wanted.kept)
