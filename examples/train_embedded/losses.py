"""What train.py minimizes, each a function of tensors."""

import torch
from torch import nn


def distillation(scores: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """KL divergence of the student's softmax over each query's candidates from the teacher's, mean over queries.

    scores, teacher: [B, N], the teacher's -inf where a query has fewer candidates.
    """
    nobody = teacher == float("-inf")
    student = scores.masked_fill(nobody, float("-inf")).log_softmax(dim=1).masked_fill(nobody, 0.0)
    target = teacher.log_softmax(dim=1).masked_fill(nobody, 0.0)
    return (teacher.softmax(dim=1) * (target - student)).sum(dim=1).mean()


def contrast(scores: torch.Tensor, own: torch.Tensor, paired: torch.Tensor, possible: torch.Tensor) -> torch.Tensor:
    """InfoNCE: the passage of each query among all of the batch, mean over the queries that have one.

    scores: [B, U]. own: int64 [B], the column of a query's passage. paired: bool [B], whether it is its own. possible:
    bool [B, U], false where a passage may answer the query too. Nothing here waits for the device.
    """
    allowed = possible.scatter(1, own[:, None], True)
    losses = nn.functional.cross_entropy(scores.masked_fill(~allowed, float("-inf")), own, reduction="none")
    return (losses * paired).sum() / paired.sum().clamp_min(1)


def flops(weights: torch.Tensor, cost: torch.Tensor, few: int = 0) -> torch.Tensor:
    """The FLOPS regularizer (Paria et al., 2020): the sum over terms of cost x (mean weight)², from weights [B, V].

    cost: [V], of a term. few: passages of no more terms weigh nothing in it (the mask of "Exploring l0 Sparsification
    for Inference-free Sparse Retrievers", arXiv 2504.14839). Without that a title may have as many terms as a page, for
    the mean is all that counts. Ones and 0 give the regularizer as published.
    """
    many = (weights > 0).sum(dim=1, keepdim=True) > few
    return ((weights * many).mean(dim=0).square() * cost).sum()
