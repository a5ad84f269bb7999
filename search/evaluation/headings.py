"""Heading lines of topics and judgments: how people call their columns."""

import re
from collections.abc import Sequence

TEXTS = ("query", "text", "title", "question", "query text", "topic text", "utterance", "keywords", "content")
DOCUMENTS = (
    "corpus id",
    "corpusid",
    "document no",
    "doc no",
    "passage",
    "doc id",
    "docid",
    "docno",
    "doc",
    "document id",
    "document",
    "did",
    "pid",
    "passage id",
)
GRADES = ("score", "grade", "rel", "relevance", "label", "judgment", "judgement", "relevance score", "relevancy")
_TOPICS = ("id", "qid", "query id", "queryid", "topic id", "topicid", "topic", "number", "num", "topic number")


def find_heading(fields: Sequence[str], others: Sequence[str]) -> tuple[int, int | None] | None:
    """Where in a heading the ids of topics are, and where the first of `others` that it has; None for no heading.

    A line is one if its first column is called as ids are, or if one is called so and another as `others` are. Names
    are compared in lower case, and "query-id" and "query_id" are "query id".
    """
    names = [" ".join(re.split(r"[\s_-]+", field.lower().strip(" \t_#\"'"))) for field in fields]
    name = next((column for column, name in enumerate(names) if name in _TOPICS), None)
    other = next((names.index(wanted) for wanted in others if wanted in names), None)
    if name is None or (other is None and name != 0):
        return None
    return name, other


def is_judgments_heading(fields: Sequence[str]) -> bool:
    """Whether a line names the columns of judgments: topic, perhaps an iteration, document and grade, in this order."""
    found = find_heading(fields, GRADES)
    return (
        found == (0, len(fields) - 1)
        and len(fields) in (3, 4)
        and find_heading([fields[0], fields[-2]], DOCUMENTS) == (0, 1)
    )
