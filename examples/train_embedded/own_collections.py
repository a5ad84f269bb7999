"""Quality on collections of their own: the development queries of a source search the passages of that source alone.

A collection has its own frequent words: nearly all that a library of computer science has says "algorithm". What the
training texts as a whole say of a word is wrong there, so the weight of a query's term is corrected by how many
passages of the collection have it (`factors`). Sources that nothing was learned of (`train.py --without`) tell what a
model is worth on texts of others, and how strong the correction and own words (`own_words.py`) should be.
"""

import numpy as np
import torch
from exact import grades_of
from measures import by_source, ndcg
from own_words import OwnWords
from prepared import Prepared, idf_of
from student import Student

IDF_POWER = 0.5
WAYS = MODEL, LM, BM25 = "model", "LM alone", "BM25 of stems"
_LEAST_IDF, _MOST = 0.2, 5.0  # of a term that most passages have, and of a correction
_COLLECTION = 4_000  # passages
_TOKENS = 2**16


def factors(having: np.ndarray, count: int, reference: np.ndarray, reference_count: int) -> np.ndarray:
    """float64 [V], what a query's weights are multiplied by: (idf of the collection / of the reference) ** IDF_POWER.

    having, reference: [V], in how many of the `count` or `reference_count` passages a term has a weight.
    """
    own, usual = (
        np.maximum(idf_of(some, many), _LEAST_IDF) for some, many in ((having, count), (reference, reference_count))
    )
    return np.where(having > 0, np.minimum(own / usual, _MOST) ** IDF_POWER, 1.0)


@torch.inference_mode()
def document_frequencies(
    student: Student, prepared: Prepared, most: int = 20_000, seed: int = 0
) -> tuple[np.ndarray, int]:
    """int64 [V], in how many of `most` random passages each term has a weight, and how many passages these are."""
    numbers = np.random.default_rng(seed).permutation(len(prepared.passages))[:most]
    having = torch.zeros(len(student.usable), dtype=torch.int64, device=student.usable.device)
    for _, weights in student.groups(prepared.passages, numbers, _TOKENS):
        having += (weights > 0).sum(dim=0)
    return having.cpu().numpy(), len(numbers)


def collection_of(prepared: Prepared, source: str, rows: np.ndarray, seed: int = 0) -> np.ndarray:
    """int64 numbers of passages of a source: those that its development queries are to find, and others at random."""
    wanted = np.array([number for row in rows for number in grades_of(prepared.development)[row]], np.int64)
    own = np.flatnonzero(prepared.passage_sources == prepared.sources.index(source))
    others = np.random.default_rng(seed).permutation(own)[:_COLLECTION]
    return np.union1d(wanted, others)


@torch.inference_mode()
def by_own_collection(
    student: Student, own_words: OwnWords, prepared: Prepared, reference: tuple[np.ndarray, int]
) -> dict[str, dict[str, float]]:
    """nDCG@10 of each source's development queries among its own passages, and under "macro" their mean: of the model,
    of what the LM gives without own words, and of own words alone with the collection's idf, which is BM25 over stems.

    student: without own words. reference: of `document_frequencies`, with them.
    """
    development, grades = prepared.development, grades_of(prepared.development)
    sources = np.array(development.sources)
    values = {way: np.zeros(len(sources)) for way in WAYS}
    for source in dict.fromkeys(development.sources):
        rows = np.flatnonzero(sources == source)
        numbers = collection_of(prepared, source, rows)
        asked = student.query_weights(prepared.queries, development.queries[rows], own_words=own_words)
        learned = student.query_weights(prepared.queries, development.queries[rows])
        order, parts = [], []
        for group, weights in student.groups(prepared.passages, numbers, _TOKENS):
            texts = prepared.passages.rows(numbers[group])
            order.append(group)
            parts.append((own_words.applied(weights, *texts), weights, own_words.least(*texts)))
        searched = numbers[np.concatenate(order)]
        for way, some in zip(WAYS, zip(*parts, strict=True), strict=True):
            documents = torch.cat(some)
            having = (documents > 0).sum(dim=0).cpu().numpy()
            if way == BM25:
                queries = (asked > 0) * torch.from_numpy(idf_of(having, len(numbers))).to(asked)
            else:
                by_idf = torch.from_numpy(factors(having, len(numbers), *reference))
                queries = (learned if way == LM else asked) * by_idf.to(asked)
            best = (queries @ documents.T).topk(min(10, len(numbers))).indices.cpu().numpy()
            values[way][rows] = ndcg(searched[best], [grades[row] for row in rows])
    return {way: by_source(of_way, development.sources) for way, of_way in values.items()}
