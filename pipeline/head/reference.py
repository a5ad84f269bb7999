"""The definition of the SPLADE head, in plain PyTorch. Tests measure the others against it."""

import torch
from torch.nn import functional as F


def reference_head(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, mask: torch.Tensor | None
) -> torch.Tensor:
    """float32 [B, V] from hidden [B, S, D], weight [V, D], bias [V], mask bool [B, S]. Holds the [B, S, V] logits."""
    logits = F.linear(hidden, weight, bias)
    if mask is not None:
        logits = logits.masked_fill(~mask[:, :, None], float("-inf"))
    return torch.log1p(torch.relu(logits)).amax(dim=1).float()
