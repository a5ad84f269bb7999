"""Runs and relevance judgments (qrels) in TREC's formats."""

import math
from pathlib import Path
from typing import TypeVar

from ...errors import SpartonError
from ..text_lines import numbered_lines

Run = dict[str, dict[str, float]]
Qrels = dict[str, dict[str, int]]
_T = TypeVar("_T")


def read_run(path: Path) -> Run:
    """{query: {document: score}} of a TREC run: query, Q0, document, rank, score, tag. Ranks are not read: as for
    trec_eval, scores say the order.

    Raises SpartonError for a line that is none, or a document that a query has twice.
    """
    run: Run = {}
    for number, line in numbered_lines(path):
        fields = line.split()
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
        if not math.isfinite(value):
            raise SpartonError(f"{path}, line {number}: the score is {score!r}; expected a number")
        _add(run, query, document, value, f"{path}, line {number}")
    if not run:
        raise SpartonError(f"{path} holds no results; expected a TREC run")
    return run


def read_qrels(path: Path) -> Qrels:
    """{query: {document: grade}} of TREC's judgments: query, iteration, document, grade. BEIR's, of three columns under
    a heading, do as well.

    Raises SpartonError for a line that is none, or a document that is judged twice for a query.
    """
    qrels: Qrels = {}
    for number, line in numbered_lines(path):
        fields = line.split()
        if number == 1 and fields[:2] == ["query-id", "corpus-id"]:
            continue
        if len(fields) not in (3, 4):
            raise SpartonError(
                f"{path}, line {number}: {len(fields)} fields; expected 4 of TREC judgments: query, 0, document, grade"
            )
        query, document, grade = fields[0], fields[-2], fields[-1]
        try:
            value = int(grade)
        except ValueError:
            raise SpartonError(f"{path}, line {number}: the grade is {grade!r}; expected a whole number") from None
        _add(qrels, query, document, value, f"{path}, line {number}")
    if not qrels:
        raise SpartonError(f"{path} holds no judgments; expected TREC's qrels")
    return qrels


def _add(into: dict[str, dict[str, _T]], query: str, document: str, value: _T, location: str) -> None:
    documents = into.setdefault(query, {})
    if document in documents:
        raise SpartonError(f"{location}: the document {document!r} stands twice for the query {query!r}")
    documents[document] = value
