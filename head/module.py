"""The fused head as a module, with the interface of the public Sparton kernel."""

from typing import cast

import torch
from torch import nn

from .dispatch import splade_head


class SpartonHead(nn.Module):
    """A drop-in for `decoder` + ReLU + log1p + max-pooling that never materializes the logits.

    out_features: vocabulary size V. in_features: hidden size D.
    """

    def __init__(self, out_features: int, in_features: int, use_bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if use_bias else None
        nn.init.normal_(self.weight, std=0.02)

    def tie_weights(self, decoder: nn.Linear) -> None:
        """Share the decoder's weight [V, D] and bias [V] (or None) instead of holding copies.

        Raises ValueError if its shape is not this head's.
        """
        if decoder.weight.shape != self.weight.shape:
            raise ValueError(f"decoder is {list(decoder.weight.shape)}; expected {list(self.weight.shape)}")
        self.weight = cast("nn.Parameter", decoder.weight)
        self.bias = cast("nn.Parameter | None", decoder.bias)

    def forward(self, hidden: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """float32 [B, V] from hidden [B, S, D] and attention_mask [B, S]."""
        return splade_head(hidden, self.weight, self.bias, attention_mask)
