"""Layer norms with the addition before them, as one pass over memory."""

import operator
from typing import Any

import torch
from torch import fx, nn

from .graph import add_module, calls, contiguous_meta, dtype_of, shape_of, tensor_of

_aten = torch.ops.aten


class AddNorm(nn.Module):
    """Layer norm of residual + branch, of any shape [..., D]; of the residual alone without a branch.

    Gives the sum if it `keeps_total`, the norm if it `keeps_normed`, and the norm's rows [T, D] as 8-bit floats, values
    and scales, if it `scales`; None in the places of the others.
    """

    def __init__(self, weight: torch.Tensor | None, bias: torch.Tensor | None, epsilon: float) -> None:
        super().__init__()
        self.weight, self.bias, self.epsilon = weight, bias, epsilon  # [D] or None
        self.keeps_total, self.keeps_normed, self.scales = False, True, False

    def forward(self, residual: torch.Tensor, branch: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        """See the class."""
        from .row_kernels import ScaledRows, add_and_layer_norm

        size = residual.shape[-1]
        shape = residual.shape
        residual = residual.reshape(-1, size)
        given = None if branch is None else branch.reshape(-1, size)
        total = residual.new_empty(residual.shape) if self.keeps_total else None
        normed = residual.new_empty(residual.shape) if self.keeps_normed else None
        scaled = ScaledRows.like(residual) if self.scales else None
        add_and_layer_norm(
            given, residual, self.weight, self.bias, self.epsilon, total=total, normed=normed, scaled=scaled
        )
        shaped = [None if part is None else part.view(shape) for part in (total, normed)]
        return (*shaped, *((scaled.values, scaled.scales) if scaled else (None, None)))


def fuse_norms(graph: fx.Graph) -> None:
    """Make an AddNorm of each layer norm over the last dimension."""
    for node in calls(graph, _aten.native_layer_norm.default):
        given, size, weight, bias, epsilon = node.args
        shape = shape_of(given)
        users = list(node.users)
        if shape is None or list(size) != [shape[-1]] or any(user.args[1] != 0 for user in users):
            continue
        if any(part is not None and tensor_of(part) is None for part in (weight, bias)):
            continue
        norm = AddNorm(tensor_of(weight), tensor_of(bias), epsilon)
        operands = _operands(given)
        norm.keeps_total = operands is not None and len(given.users) > 1
        # Where the sum is, which may be looked at before the norm.
        with graph.inserting_before(given if operands else node):
            call = add_module(graph, norm, *(operands or (given, None)))
            total = graph.call_function(operator.getitem, (call, 0)) if norm.keeps_total else None
            normed = graph.call_function(operator.getitem, (call, 1))
        normed.meta = contiguous_meta(given)
        for user in users:
            user.replace_all_uses_with(normed)
            graph.erase_node(user)
        graph.erase_node(node)
        if operands:
            if total is not None:
                total.meta = dict(normed.meta)
                given.replace_all_uses_with(total)
            graph.erase_node(given)


def _operands(node: Any) -> tuple[Any, Any] | None:
    """What a node adds up, if that is two tensors of its shape."""
    if node.target != _aten.add.Tensor or node.kwargs:
        return None
    first, second = node.args
    shapes = {shape_of(part) for part in (first, second, node)}
    types = {dtype_of(part) for part in (first, second, node)}
    return (first, second) if len(shapes) == 1 and None not in shapes and len(types) == 1 else None
