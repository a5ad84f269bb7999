"""The definition of the SPLADE head, in plain PyTorch. Tests measure the others against it."""

import torch
from torch.nn import functional as F

from .inputs import HeadInputs, pad


def reference_head(inputs: HeadInputs, pooling: str = "max", activation: str = "log1p_relu") -> torch.Tensor:
    """float32 [B, V]. Holds the [B, S, V] logits, and packed documents padded."""
    if inputs.cu_seqlens is not None:
        inputs = pad(inputs)
    logits = F.linear(inputs.hidden, inputs.weight, inputs.bias)
    if inputs.mask is not None:
        logits = logits.masked_fill(~inputs.mask[:, :, None], float("-inf"))
    weights = torch.log1p(torch.relu(logits))
    if activation == "log1p_log1p_relu":
        weights = torch.log1p(weights)
    return weights.sum(dim=1).float() if pooling == "sum" else weights.amax(dim=1).float()
