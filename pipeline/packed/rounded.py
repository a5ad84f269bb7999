"""A backbone whose products are in bfloat16 and all else in float32, for CPUs that multiply bfloat16 twice as fast."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class RoundedLinear(nn.Module):
    """A linear layer with weight and rows rounded to bfloat16, summed in float32 and rounded again."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = linear.weight.detach().to(torch.bfloat16)
        self.bias = None if linear.bias is None else linear.bias.detach().to(torch.bfloat16)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """bfloat16 [..., N] of rows [..., K]. A residual of float32 that it is added to stays float32."""
        if rows.numel() == rows.shape[-1]:  # oneDNN sums one long row alone in another order than beside others
            return self.forward(rows.reshape(1, -1).expand(2, -1))[:1].reshape(*rows.shape[:-1], -1)
        return functional.linear(rows.to(torch.bfloat16), self.weight, self.bias)


def round_products(model: Any) -> Callable[[], None]:
    """Have the linear layers of a model multiply in bfloat16. Returns what puts them back as they were."""
    linears = [
        (parent, name, layer)
        for parent in model.modules()
        for name, layer in parent.named_children()
        if type(layer) is nn.Linear
    ]
    rounded = {id(layer): RoundedLinear(layer) for _, _, layer in linears}  # one that stands in several places
    for parent, name, layer in linears:
        setattr(parent, name, rounded[id(layer)])

    def put_back() -> None:
        for parent, name, layer in linears:
            setattr(parent, name, layer)

    return put_back
