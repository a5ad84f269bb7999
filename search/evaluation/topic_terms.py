"""The terms of topics, by an index's model only where a topic is a text."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from ..searcher import Searcher
from .run import encode_topics
from .topics import TopicOptions, count_topics, read_topics


def topic_terms(
    path: Path, reading: TopicOptions, open_searcher: Callable[[], AbstractContextManager[Searcher]]
) -> list[Mapping[str, int]]:
    """{term: impact} of each topic of a file, in order. open_searcher: opens the index whose model encodes texts, if
    there are any.

    Raises SpartonError as read_topics, and UsageError as count_topics, before anything is opened.
    """
    count_topics(path, reading)
    topics = list(read_topics(path, reading))
    if all(topic.terms is not None for topic in topics):
        return [topic.terms for topic in topics if topic.terms is not None]
    with open_searcher() as searcher:
        return [terms for _, terms in encode_topics(searcher, topics)]
