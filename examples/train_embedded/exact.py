"""Exact search: every query against every passage, by sparse weights or by vectors, in PyTorch."""

from collections import defaultdict

import numpy as np
import torch
from prepared import Development
from student import Student
from token_lists import TokenLists

_TOKENS = 2**16  # of passages that are encoded at once, without gradients
_QUERY_TOKENS = 2**13  # of queries that are searched for at once


@torch.inference_mode()
def sparse_ranking(
    student: Student,
    texts: tuple[TokenLists, np.ndarray],
    queries: torch.Tensor,
    k: int,
    tokens: int = _TOKENS,
) -> tuple[np.ndarray, float]:
    """int64 [Q, k], the numbers of the passages with the largest scores, and how many terms a passage has.

    texts: the passages' token ids, and which of them are searched. queries: float32 [Q, V], their weights.
    tokens: of passages that are encoded at once, padding included.
    """
    passages, collection = texts
    device = queries.device
    best_scores = torch.empty(len(queries), 0, device=device)
    best = torch.empty(len(queries), 0, dtype=torch.int64, device=device)
    terms = 0
    for group, weights in student.groups(passages, collection, tokens):
        numbers = torch.from_numpy(collection[group].astype(np.int64)).to(device)
        best_scores = torch.cat([best_scores, queries @ weights.T], dim=1)
        best = torch.cat([best, numbers.expand(len(queries), -1)], dim=1)
        best_scores, places = best_scores.topk(min(k, best_scores.shape[1]))
        best = best.gather(1, places)
        terms = terms + (weights > 0).sum()
    return best.cpu().numpy(), float(terms) / len(collection)


@torch.inference_mode()
def best_of_all(student: Student, passages: TokenLists, queries: TokenLists, k: int) -> np.ndarray:
    """int32 [Q, k], for every query the numbers of the passages with the largest scores, which float16 rounds.

    A query has few tokens, so its scores are the sum of as many rows of all passages' weights, float16 [V, P].
    """
    table, device = student.table(), passages.flat.device
    weights = torch.empty(len(table), len(passages), dtype=torch.float16, device=device)
    order, end = [], 0
    for group, part in student.groups(passages, np.arange(len(passages)), _TOKENS):
        weights[:, end : end + len(group)] = part.T
        end += len(group)
        order.append(group)
    numbers = torch.from_numpy(np.concatenate(order).astype(np.int32)).to(device)
    best = np.empty((len(queries), k), np.int32)
    for group in queries.groups(np.arange(len(queries)), _QUERY_TOKENS):
        ids, mask = queries.rows(group)
        repeated = (ids[:, :, None] == ids[:, None, :]).tril(diagonal=-1).any(dim=2)
        factors = (table[ids] * mask * ~repeated).half()
        scores = torch.zeros(len(group), len(passages), dtype=torch.float16, device=device)
        for tokens, factor in zip(ids.T, factors.T, strict=True):
            scores.addcmul_(weights[tokens], factor[:, None])
        best[group] = numbers[scores.topk(k).indices].cpu().numpy()
    return best


@torch.inference_mode()
def dense_ranking(queries: torch.Tensor, passages: torch.Tensor, k: int) -> np.ndarray:
    """int64 [Q, k] by cosine. queries, passages: vectors of length 1."""
    found = [(some.float() @ passages.float().T).topk(min(k, len(passages))).indices for some in queries.split(256)]
    return torch.cat(found).cpu().numpy()


def grades_of(development: Development) -> list[dict[int, int]]:
    """For each development query its relevant passages, graded 1."""
    relevant = defaultdict[int, dict[int, int]](dict)
    for query, passage in development.relevant.tolist():
        relevant[query][passage] = 1
    return [relevant[query] for query in development.queries.tolist()]


def small_collection(development: Development) -> np.ndarray:
    """int64 numbers of the development queries' passages and the ten that BM25 ranks best for each: quick to search
    while training goes on, and harder than as many passages at random."""
    numbers = np.union1d(development.relevant[:, 1], development.bm25[:, :10])
    return numbers[numbers >= 0].astype(np.int64)
