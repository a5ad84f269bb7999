"""Matrix products of 8-bit floats: rows and weights as float8_e4m3fn with a scale for each row.

Sums are float32 by fast accumulation, which keeps some 14 bits at each step; with exact ones products take a fifth
longer, and weights differ as much from those of bfloat16.

What comes before a product writes its rows so, where that is a pass of ours: a norm or an activation. Other rows get a
pass of their own.
"""

import operator
from typing import Any

import torch
from torch import fx, nn

from .activations import Activation
from .graph import add_module, behind_views, is_attention, is_view, module_of
from .norms import AddNorm
from .products import Product, products_of
from .row_kernels import FLOAT8

_MULTIPLE = 16  # of both sizes of a weight, which the GPU's instructions ask for
_LARGEST = torch.finfo(FLOAT8).max


class Float8Product(nn.Module):
    """rows · weightᵀ + bias in the type of the bias or, without one, of the weight that was given."""

    def __init__(self, product: Product) -> None:
        super().__init__()
        self.bias, self.dtype = product.bias, product.weight.dtype
        weight, scales = scaled_rows(product.weight)
        self.weight, self.scales = weight.t(), scales.t()  # [K, N] and [1, N]

    def forward(self, values: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        """[T, N]. values, scales: see row_kernels.ScaledRows."""
        return torch._scaled_mm(
            values,
            self.weight,
            scale_a=scales,
            scale_b=self.scales,
            bias=self.bias,
            out_dtype=self.dtype,
            use_fast_accum=True,
        )


def scaled_rows(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """float8 [N, K] and scales, float32 [N, 1], of a weight [N, K]."""
    exact = weight.detach().float()
    scales = exact.abs().amax(1, keepdim=True) / _LARGEST
    scales = torch.where(scales > 0, scales, 1)
    return (exact / scales).to(FLOAT8), scales


def use_float8(graph: fx.Graph) -> None:
    """Have the products of a fused graph take 8-bit floats, where their sizes allow it.

    Two kinds stay as they are. Of queries and keys, attention takes exponents, which magnify rounding. And that of the
    last, a thirtieth of them or less, would go into the weights of terms as such.
    """
    quantized: dict[Any, tuple[Any, Any]] = {}
    for node, product in products_of(graph)[:-1]:
        if any(size % _MULTIPLE for size in product.weight.shape) or _is_attended(node):
            continue
        rows = node.args[0]
        if rows not in quantized:
            quantized[rows] = _quantized(graph, rows)
        with graph.inserting_before(node):
            call = add_module(graph, Float8Product(product), *quantized[rows])
        call.meta = dict(node.meta)
        if product.activation != "none":
            with graph.inserting_after(call):
                active = add_module(graph, Activation(product.activation), call, None)
            with graph.inserting_after(active):
                call = graph.call_function(operator.getitem, (active, 0))
            call.meta = dict(node.meta)
        node.replace_all_uses_with(call)
        graph.erase_node(node)
    graph.eliminate_dead_code()
    _leave_out_what_nothing_reads(graph)


def _is_attended(node: Any) -> bool:
    """Whether attention looks at what a product gives, through views or without."""
    return any(is_attention(user) or (is_view(user) and _is_attended(user)) for user in node.users)


def _quantized(graph: fx.Graph, rows: Any) -> tuple[Any, Any]:
    """The values and scales of rows, by what makes them, or by a pass of its own."""
    made = behind_views(rows)
    maker, first = None, 0
    call: Any
    if isinstance(made, fx.Node) and made.target is operator.getitem:
        call, index = made.args
        maker, first = module_of(call), 2 if isinstance(module_of(call), AddNorm) else 1
        if not isinstance(maker, AddNorm | Activation) or index != first - 1:
            maker = None
    if maker is None:
        with graph.inserting_after(rows):
            call = add_module(graph, Activation("none"), rows, None)
        maker, first = module_of(call), 1
    assert isinstance(maker, AddNorm | Activation)
    maker.scales = True
    with graph.inserting_after(call):
        values = graph.call_function(operator.getitem, (call, first))
    with graph.inserting_after(values):
        return values, graph.call_function(operator.getitem, (call, first + 1))


def _leave_out_what_nothing_reads(graph: fx.Graph) -> None:
    for node in graph.nodes:
        module = module_of(node)
        if isinstance(module, AddNorm | Activation):
            read = {user.args[1] for user in node.users}
            if isinstance(module, AddNorm):
                module.keeps_normed = 1 in read
            else:
                module.keeps = 0 in read
