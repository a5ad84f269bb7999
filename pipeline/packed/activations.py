"""Activations, and gates: an activation times another tensor, as one pass over memory."""

import operator
from typing import Any

import torch
from torch import fx, nn

from .graph import add_module, calls, contiguous_meta, dtype_of, shape_of

_aten = torch.ops.aten
_NAMES = {_aten.gelu.default: "gelu", _aten.silu.default: "silu", _aten.relu.default: "relu"}


class Activation(nn.Module):
    """activation(rows) × other, [..., I] each; other may be None. activation: see row_kernels.activate.

    Gives the result if it `keeps` that, and its rows [T, I] as 8-bit floats, values and scales, if it `scales`; None in
    the places of the others.
    """

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.activation = activation
        self.keeps, self.scales = True, False

    def forward(self, rows: torch.Tensor, other: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        """See the class."""
        from .row_kernels import ScaledRows, activate

        size = rows.shape[-1]
        flat = rows.reshape(-1, size)
        result = rows.new_empty(flat.shape) if self.keeps else None
        scaled = ScaledRows.like(flat) if self.scales else None
        activate(
            flat, None if other is None else other.reshape(-1, size), self.activation, result=result, scaled=scaled
        )
        shaped = None if result is None else result.view(rows.shape)
        return (shaped, scaled.values, scaled.scales) if scaled else (shaped, None, None)


def fuse_gates(graph: fx.Graph) -> None:
    """Make an Activation of each product of an activation and another tensor."""
    for node in calls(graph, _aten.mul.Tensor):
        for active, other in (node.args, node.args[::-1]):
            if is_activation(active) and active is not other and len(active.users) == 1 and _are_alike(active, other):
                with graph.inserting_before(node):
                    call = add_module(graph, Activation(activation_of(active)), active.args[0], other)
                    result = graph.call_function(operator.getitem, (call, 0))
                result.meta = contiguous_meta(node)
                node.replace_all_uses_with(result)
                graph.erase_node(node)
                graph.erase_node(active)
                break


def _are_alike(first: Any, second: Any) -> bool:
    shapes = shape_of(first), shape_of(second)
    return None not in shapes and shapes[0] == shapes[1] and dtype_of(first) == dtype_of(second)


def is_activation(node: Any) -> bool:
    """Whether a node computes one of each number."""
    return isinstance(node, fx.Node) and node.op == "call_function" and node.target in _NAMES


def activation_of(node: Any) -> str:
    """Its name for row_kernels.activate."""
    return _NAMES[node.target]
