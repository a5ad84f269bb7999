"""The fused head of a text alone, on a CPU in bfloat16, by a weight that lies in memory as oneDNN multiplies it.

Of a few tokens a product takes less time than to reorder the weight for it, which oneDNN does in every product.
"""

from typing import Any

import torch

from .inputs import HeadInputs
from .torch_max import tiled_head

_mkldnn: Any = torch.ops.mkldnn


class ReorderedWeight:
    """An output embedding, bfloat16 [V, D]."""

    def __init__(self, weight: torch.Tensor) -> None:
        self._weight = _mkldnn._reorder_linear_weight(weight)

    def logits(self, rows: torch.Tensor) -> torch.Tensor:
        """[T, V] of bfloat16 [T, D]."""
        found: torch.Tensor = _mkldnn._linear_pointwise(rows, self._weight, None, "none", [], "")
        return found


def reorder(weight: torch.Tensor, rows: torch.Tensor) -> ReorderedWeight | None:
    """An output embedding [V, D] reordered; None where that cannot be done, or gives `rows`, [T, D], or the first of
    them, other weights than tiled_head."""
    if weight.dtype != torch.bfloat16 or weight.device.type != "cpu":
        return None
    try:
        reordered = ReorderedWeight(weight)
        some = [rows[None, :count] for count in sorted({1, 3, max(1, len(rows) // 2), len(rows)}) if count <= len(rows)]
        pairs = ((reordered_head(hidden, reordered), tiled_head(HeadInputs(hidden, weight))[0]) for hidden in some)
        return reordered if all(torch.equal(*pair) for pair in pairs) else None
    except (AttributeError, RuntimeError):  # PyTorch keeps these operations for itself, and may take them away
        return None


def reordered_head(hidden: torch.Tensor, weight: ReorderedWeight, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Weights, float32 [1, V]: the maximum over positions of log1p(relu(logit)), as tiled_head gives them.

    hidden: bfloat16 [1, S, D]. bias: [V] or None. Extra memory: the logits, [S, V]. Not differentiable.
    """
    best = weight.logits(hidden[0]).amax(dim=0, keepdim=True).float()
    if bias is not None:
        best += bias.float()
    return best.relu_().log1p_()
