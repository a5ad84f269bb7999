"""What the teachers said, and batches drawn from it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from frames import drawn_frames
from prepared import UNPAIRED
from teach import NOBODY


@dataclass(frozen=True)
class Taught:
    """What teach.py wrote. passages, queries: float16 vectors, on the device. candidates: int32 [E, N]. scores: float16
    [E, N], on the host."""

    passages: torch.Tensor
    queries: torch.Tensor
    candidates: np.ndarray
    scores: np.ndarray


def read_taught(path: Path, device: str) -> Taught:
    """Read the file that teach.py wrote."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    vectors = content["passages"].to(device), content["queries"].to(device)
    return Taught(*vectors, content["candidates"].numpy(), content["scores"].numpy().astype(np.float32))


@dataclass(frozen=True)
class Batch:
    """queries: int32 [B]. paired: bool [B], whether a query's first candidate is its own passage. passages: int64 [U],
    all candidates, each once. columns: int64 [B, 1 + N], where a query's candidates are among these. teacher: float32
    [B, 1 + N], -inf where there is none. frames: int64 [B], the row of `frame_tokens` around each query."""

    queries: np.ndarray
    paired: np.ndarray
    passages: np.ndarray
    columns: np.ndarray
    teacher: np.ndarray
    frames: np.ndarray


def batch_of(
    examples: np.ndarray,
    taught: Taught,
    chosen: np.ndarray,
    negatives: int,
    frames: tuple[int, float],
    random: np.random.Generator,
) -> Batch:
    """Draw candidates for some examples: the first, and `negatives` of the others with equal chances.

    frames: how many there are, and which share of the queries gets one.
    """
    candidates, scores = taught.candidates[chosen], taught.scores[chosen]
    draws = random.random(candidates.shape)
    draws[:, 0] = -1
    draws[candidates == NOBODY] = 2
    places = np.argsort(draws, axis=1, kind="stable")[:, : 1 + negatives]
    drawn, teacher = np.take_along_axis(candidates, places, 1), np.take_along_axis(scores, places, 1)
    teacher = np.where(drawn == NOBODY, -np.inf, teacher).astype(np.float32)
    passages, columns = np.unique(np.where(drawn == NOBODY, drawn[:, :1], drawn), return_inverse=True)
    queries, own = examples[chosen].T
    around = drawn_frames(len(chosen), *frames, random)
    return Batch(queries, own != UNPAIRED, passages.astype(np.int64), columns.reshape(drawn.shape), teacher, around)
