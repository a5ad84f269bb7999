"""The loss of a batch, of its parts in losses.py."""

import numpy as np
import torch
from batches import Batch, Taught
from losses import contrast, distillation, flops
from prepared import Prepared
from student import Student
from torch import nn


class Objective:
    """The loss of a batch. scale, sharpness: what the teachers' scores, 0 to 1, and the student's are multiplied by.
    contrast, flops: weights of these parts. cost: float32 [V], of a term in FLOPS. few: terms of a passage that cost
    nothing. frames: int64 [1 + F, L], of
    `frame_tokens`.

    The student's scores are those of queries of length 1. A query's length changes nothing in how it ranks, but with it
    a query of forty words has scores ten times as large as the teachers', and learns to lower them, not to rank.
    """

    def __init__(
        self,
        prepared: Prepared,
        taught: Taught,
        cost: torch.Tensor,
        few: int,
        frames: torch.Tensor,
        weights: dict[str, float],
    ) -> None:
        self.prepared, self.taught, self.cost, self.few = prepared, taught, cost, few
        self.frames, self.weights = frames, weights

    def parts(self, student: Student, batch: Batch) -> dict[str, torch.Tensor]:
        """kl, contrast, flops, and terms, which is how many a passage has."""
        documents = student.document_weights(self.prepared.passages, batch.passages)
        frames = self.frames[torch.from_numpy(batch.frames).to(self.frames.device)]
        queries = student.query_weights(self.prepared.queries, batch.queries, frames)
        # Float32, and outside of autocast: bfloat16 would round a score of 137 to a whole number.
        scores = self.weights["sharpness"] * nn.functional.normalize(queries, dim=1) @ documents.T
        columns, teacher, paired = (
            torch.from_numpy(array).to(scores.device) for array in (batch.columns, batch.teacher, batch.paired)
        )
        return {
            "kl": distillation(scores.gather(1, columns), self.weights["scale"] * teacher),
            "contrast": contrast(scores, columns[:, 0], paired, self._possible(batch, columns)),
            "flops": flops(documents, self.cost, self.few),
            "terms": (documents > 0).sum(dim=1).float().mean().detach(),
        }

    def _possible(self, batch: Batch, columns: torch.Tensor) -> torch.Tensor:
        """bool [B, U]: passages that the dense teacher puts below a query's own, the others may answer it too."""
        device = columns.device
        numbers = (
            torch.from_numpy(batch.passages).to(device),
            torch.from_numpy(batch.queries.astype(np.int64)).to(device),
        )
        similar = self.taught.queries[numbers[1]].float() @ self.taught.passages[numbers[0]].float().T
        return similar < similar.gather(1, columns[:, :1])

    def loss(self, parts: dict[str, torch.Tensor], progress: float) -> torch.Tensor:
        """The sum. progress: of the time in which FLOPS comes to its weight, quadratically; 1 when it is over."""
        growing = min(1.0, progress) ** 2
        return (
            parts["kl"]
            + self.weights["contrast"] * parts["contrast"]
            + growing * self.weights["flops"] * parts["flops"]
        )
