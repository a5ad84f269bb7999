"""Stage 3: what two teachers say of each query's candidates, MiniLM's vectors and BM25.

    python examples/train_embedded/teach.py --prepared prepared --out taught.pt
    python examples/train_embedded/teach.py --prepared prepared --out taught-again.pt --run run

The teachers are of two kinds, as in "Towards Competitive Search Relevance For Inference-Free Learned Sparse Retrievers"
(arXiv 2411.04403): each one's scores are brought to 0 to 1 for each query, then added up with weights. Candidates are a
query's own passage, the best by BM25, the nearest by MiniLM, and with --run the best by a model that was trained: what
this one ranks too high is what it has to learn.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from backbone import DenseTeacher
from beginning import trained_student
from exact import best_of_all
from prepared import UNPAIRED, Prepared, read_prepared

_TOGETHER = 512  # queries whose candidates are scored at once
NOBODY = -1  # in place of a candidate that a query lacks


def nearest(queries: torch.Tensor, passages: torch.Tensor, k: int) -> torch.Tensor:
    """int64 [Q, k], the passages with the largest cosine, by an exact search. queries, passages: of length 1."""
    found = [(some.float() @ passages.float().T).topk(k).indices for some in queries.split(_TOGETHER)]
    return torch.cat(found)


def once_each(candidates: torch.Tensor, forbidden: torch.Tensor) -> torch.Tensor:
    """Candidates [B, N] with NOBODY where one stands before in its row, or is forbidden, bool [B, N]. The first of a
    row is its own passage and stays."""
    same = candidates[:, :, None] == candidates[:, None, :]
    repeated = same.tril(diagonal=-1).any(dim=2)
    forbidden = forbidden.clone()
    forbidden[:, 0] = False
    return candidates.masked_fill(repeated | forbidden, NOBODY)


def brought_to_unit(scores: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Scores [B, N] as 0 to 1 in each row, by the least and the largest of those that are known."""
    least = scores.masked_fill(~known, float("inf")).amin(dim=1, keepdim=True)
    most = scores.masked_fill(~known, float("-inf")).amax(dim=1, keepdim=True)
    return ((scores - least) / (most - least).clamp_min(1e-6)).masked_fill(~known, 0.0)


class Teachers:
    """Scores candidates. vectors: float16 [P, D] of passages and [Q, D] of queries. weight: of the dense teacher."""

    def __init__(self, prepared: Prepared, vectors: tuple[torch.Tensor, torch.Tensor], weight: float) -> None:
        self.passages, self.queries = vectors
        device = self.passages.device
        self.bm25_ids = torch.from_numpy(prepared.bm25_ids.astype(np.int64)).to(device)
        self.bm25_scores = torch.from_numpy(prepared.bm25_scores.astype(np.float32)).to(device)
        self.weight = weight

    def score(self, queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        """float32 [B, N], from 0 to 1, -inf where a candidate is NOBODY. queries: int64 [B]. candidates: [B, N].

        A candidate that is not among BM25's best has a score of at most the last of these, and gets that one's.
        """
        known = candidates != NOBODY
        vectors = self.passages[candidates.clamp_min(0)].float()
        dense = torch.einsum("bnd,bd->bn", vectors, self.queries[queries].float())
        ids, scores = self.bm25_ids[queries], self.bm25_scores[queries]
        found = (candidates[:, :, None] == ids[:, None, :]) & known[:, :, None]
        least = scores.masked_fill(ids == NOBODY, float("inf")).amin(dim=1).nan_to_num(posinf=0.0)
        lexical = torch.where(found.any(dim=2), (found * scores[:, None, :]).sum(dim=2), least[:, None])
        mixed = self.weight * brought_to_unit(dense, known) + (1 - self.weight) * brought_to_unit(lexical, known)
        return mixed.masked_fill(~known, float("-inf"))


def taught(
    prepared: Prepared,
    vectors: tuple[torch.Tensor, torch.Tensor],
    examples: np.ndarray,
    neighbours: int,
    weight: float,
    students: np.ndarray | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Candidates int32 [E, N] and scores float16 [E, N] of examples int32 [E, 2], on the host, best first but for the
    first of a row, which is the query's own passage, or the best of one that has none. students: int32 [Q, K], what a
    model ranks best for each query.

    A query's own passage scores no less than any other: what people, or a dictionary, say is above both teachers.
    """
    passages, queries = vectors
    device, count = passages.device, len(passages)
    teachers = Teachers(prepared, vectors, weight)
    answers = torch.from_numpy(prepared.pairs.astype(np.int64) @ [count, 1]).to(device)
    rows = []
    for some in torch.from_numpy(examples.astype(np.int64)).to(device).split(_TOGETHER):
        asked, own = some.T
        close = nearest(queries[asked], passages, neighbours)
        parts = [own[:, None], teachers.bm25_ids[asked], close]
        if students is not None:
            parts.append(torch.from_numpy(students[asked.cpu().numpy()].astype(np.int64)).to(device))
        candidates = torch.cat(parts, dim=1)
        candidates = once_each(candidates, torch.isin(asked[:, None] * count + candidates, answers))
        scores, paired = teachers.score(asked, candidates), own != UNPAIRED
        scores[paired, 0] = scores[paired].amax(dim=1)
        first = torch.zeros_like(scores)
        first[:, 0] = paired.float() * 10
        order = (scores + first).argsort(dim=1, descending=True, stable=True)
        rows.append((candidates.gather(1, order).int().cpu(), scores.gather(1, order).half().cpu()))
    return torch.cat([ids for ids, _ in rows]), torch.cat([scores for _, scores in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepared", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--neighbours", type=int, default=30, help="candidates by the dense teacher")
    parser.add_argument("--dense-weight", type=float, default=0.7, help="the rest is BM25's")
    parser.add_argument("--run", type=Path, help="a run of train.py, whose best passages are candidates too")
    arguments = parser.parse_args()
    device, begin = "cuda" if torch.cuda.is_available() else "cpu", time.perf_counter()
    prepared = read_prepared(arguments.prepared, device)
    teacher = DenseTeacher(prepared.backbone).to(device)
    vectors = teacher.vectors(prepared.passages), teacher.vectors(prepared.queries)
    print(f"{time.perf_counter() - begin:6.0f} s  {sum(map(len, vectors)):,} vectors", flush=True)
    students = None
    if arguments.run:
        student = trained_student(prepared, arguments.run, device)
        student.own_words = None  # it is to learn from what it ranks too high by itself
        students = best_of_all(student, prepared.passages, prepared.queries, arguments.neighbours)
        print(f"{time.perf_counter() - begin:6.0f} s  the model's best for each query", flush=True)
    candidates, scores = taught(
        prepared, vectors, prepared.examples, arguments.neighbours, arguments.dense_weight, students
    )
    passages, queries = (part.cpu() for part in vectors)
    content = {"passages": passages, "queries": queries, "candidates": candidates, "scores": scores}
    torch.save(content, arguments.out)
    print(
        f"{time.perf_counter() - begin:6.0f} s  {len(candidates):,} examples with "
        f"{(candidates != NOBODY).sum(dim=1).float().mean():.1f} candidates on average"
    )


if __name__ == "__main__":
    main()
