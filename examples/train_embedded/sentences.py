"""Makes long queries and short passages of the texts: sentences as queries, titles as passages.

Most queries that people left have some five words, and most passages some ninety. A model that has seen no other gives
a title hundreds of guessed terms, and a query of forty words adds these guesses up until they outweigh its own words.
"""

import re

import numpy as np
from split import Split
from texts import Texts

# Whose queries are titles or headings of their passages.
_TITLES = (
    "arxiv-abstracts",
    "scitldr",
    "d365-bc-docs",
    "digital-gov",
    "18f-handbook",
    "openstax-ccby",
    "wikipedia-movies",
)
_SOURCE, _TITLE_SOURCE = "sentences", "titles"
_ENDS = re.compile(r"(?<=[a-z)][.!?])\s+(?=[A-Z])")
_WORDS = range(8, 41)  # of a sentence
_FEWEST = 3  # sentences of a passage


def sentences(passage: str) -> list[str]:
    """The sentences of a passage that may be queries; none of a passage of one or two."""
    parts = _ENDS.split(passage)
    return [part for part in parts if len(part.split()) in _WORDS] if len(parts) >= _FEWEST else []


def add_sentences(texts: Texts, parts: Split, most: int, seed: int) -> None:
    """Add pairs of a sentence and its passage, of `most` passages at most, and none that a development query is to
    find."""
    random, added = np.random.default_rng(seed), 0
    held_out, development = set(parts.relevant[:, 1].tolist()), set(parts.queries.tolist())
    for passage in random.permutation(len(texts.passages)).tolist():
        if added == most:
            break
        found = sentences(texts.passages[passage]) if passage not in held_out else []
        query = texts.add_query(found[random.integers(len(found))], _SOURCE) if found else None
        if query is not None and query not in development:
            texts.pairs.setdefault((query, passage), _SOURCE)
            added += 1


def add_titles(texts: Texts, trained: np.ndarray) -> np.ndarray:
    """Add titles that are trained on as passages.

    Returns:
        int32 [P, 2], pairs of a title as query and as passage. They are not to be trained on, for they teach nothing,
        but such a passage must not be held against its query.
    """
    before = len(texts.pairs)
    for query in np.unique(trained[:, 0]).tolist():
        if texts.query_sources[query] in _TITLES:
            passage = texts.add_passage(texts.queries[query], _TITLE_SOURCE)
            if passage is not None:
                texts.pairs.setdefault((query, passage), _TITLE_SOURCE)
    return texts.pair_numbers()[before:]
