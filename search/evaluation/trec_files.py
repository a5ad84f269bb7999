"""Runs and relevance judgments (qrels) in TREC's formats."""

import logging
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from ...errors import SpartonError, short
from ..text_lines import fields_of, numbered_lines, refuse_folder
from .headings import is_judgments_heading

Run = dict[str, dict[str, float]]
Qrels = dict[str, dict[str, int]]
MOST_GRADE = 1_000_000  # trec_eval counts the documents of each grade in a table
_MOST_SCORE = 3.4028234663852886e38  # trec_eval has scores in float32
_GRADE = re.compile(r"[+-]?[0-9]+(\.0*)?")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_T = TypeVar("_T")
log = logging.getLogger("sparton")


def read_run(path: Path) -> Run:
    """{query: {document: score}} of a TREC run, plain or gzip: query, Q0, document, rank, score, tag, between blanks as
    trec_eval has them (a no-break space is part of an id). Ranks are not read: as for trec_eval, scores say the order.

    Raises SpartonError for a line that is none, or a document that a query has twice.
    """
    refuse_folder(path, "a run", ("*.trec", "*.run"))
    run: Run = {}
    for number, fields in _numbered_fields(path):
        if len(fields) != 6:
            raise SpartonError(
                f"{path}, line {number}: {len(fields)} fields; expected 6 of a TREC run: query, Q0, document, rank, "
                "score, tag"
            )
        query, _, document, _, score, _ = fields
        try:
            value = float(score)
        except ValueError:
            value = math.nan
        if not abs(value) <= _MOST_SCORE or "_" in score or not score.isascii():
            most = " of at most 3.4e38" if _NUMBER.fullmatch(score) else ""
            raise SpartonError(f"{path}, line {number}: the score is {short(score)}; expected a number{most}")
        _add(run, query, document, value, path, number)
    if not run:
        raise SpartonError(f"{path} holds no results; expected a TREC run")
    return run


def read_qrels(path: Path) -> Qrels:
    """{query: {document: grade}} of TREC's judgments, plain or gzip: query, iteration, document, grade; or of three
    columns, without an iteration, as BEIR's. A heading that names these columns is passed over.

    Raises SpartonError for a line that is none, or has another number of columns than the first, and for a document
    that is judged twice for a query.
    """
    refuse_folder(path, "judgments", ("qrels/test.tsv", "qrels/*.tsv", "*qrels*.t*"))
    qrels: Qrels = {}
    first: tuple[int, int] | None = None  # line and its fields
    for number, fields in _numbered_fields(path):
        if len(fields) not in (3, 4):
            raise SpartonError(
                f"{path}, line {number}: {len(fields)} fields; expected 4 of TREC judgments: query, 0, document, "
                "grade; or 3, without the 0"
            )
        if first is not None and len(fields) != first[1]:
            raise SpartonError(
                f"{path}, line {number}: {len(fields)} fields, and line {first[0]} has {first[1]}; expected as many in "
                "each line, and no blanks in ids"
            )
        if first is None and is_judgments_heading(fields):
            log.info("%s, line %d: taken for a heading: %s", path, number, " ".join(fields))
            first = number, len(fields)
            continue
        first = first or (number, len(fields))
        query, document, grade = fields[0], fields[-2], fields[-1]
        if not _GRADE.fullmatch(grade):
            raise SpartonError(f"{path}, line {number}: the grade is {short(grade)}; expected a whole number")
        value = float(grade)  # Python's int() does not read digits without end
        if not abs(value) <= MOST_GRADE:
            raise SpartonError(
                f"{path}, line {number}: the grade is {short(grade)}; expected one from "
                f"-{MOST_GRADE:,} to {MOST_GRADE:,}"
            )
        _add(qrels, query, document, int(value), path, number)
    if not qrels:
        raise SpartonError(f"{path} holds no judgments; expected TREC's qrels")
    return qrels


def _numbered_fields(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in numbered_lines(path):
        if "\0" in line:
            raise SpartonError(
                f"{path}, line {number} holds NUL, at which trec_eval would cut it; expected text without it"
            )
        yield number, fields_of(line)


def _add(into: dict[str, dict[str, _T]], query: str, document: str, value: _T, path: Path, number: int) -> None:
    documents = into.setdefault(query, {})
    if document in documents:
        raise SpartonError(f"{path}, line {number}: the document {document!r} stands twice for the query {query!r}")
    documents[document] = value
