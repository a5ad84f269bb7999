"""Matrix products by a backbone's weights, and what is cheaper with them: products of the same rows as one, and an
activation where a product is written rather than in a pass of its own."""

from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from .activations import activation_of
from .graph import add_module, behind_views, calls, module_of, tensor_of

_aten = torch.ops.aten


class Product(nn.Module):
    """rows · weightᵀ + bias of rows [T, K], then an activation ("gelu", "relu" or "none")."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias  # [N, K] and [N]
        self.activation = "none"

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """[T, N]."""
        if self.activation == "none":
            return functional.linear(rows, self.weight, self.bias)
        assert self.bias is not None
        # On a GPU GELU is the approximation by tanh here. Its largest error is 0.0005; rounding the product before
        # GELU, as is not done here, gives more: against float64 this is the nearer of the two (docs/encoding.md).
        found: torch.Tensor = torch._addmm_activation(
            self.bias, rows, self.weight.t(), use_gelu=self.activation != "relu"
        )
        return found


def find_products(graph: fx.Graph) -> None:
    """Make a Product of each linear layer."""
    for node in calls(graph, _aten.addmm.default, _aten.mm.default, _aten.linear.default):
        given = list(node.args)
        if node.kwargs or len(given) < 2:
            continue
        bias = given.pop(0) if node.target == _aten.addmm.default else given[2] if len(given) > 2 else None
        rows, other = given[:2]
        if node.target != _aten.linear.default:
            if not isinstance(other, fx.Node) or other.target != _aten.t.default:
                continue
            other = other.args[0]
        weight, offset = tensor_of(other), tensor_of(bias)
        if weight is None or weight.dim() != 2 or (bias is not None and (offset is None or offset.dim() != 1)):
            continue
        with graph.inserting_before(node):
            call = add_module(graph, Product(weight, offset), rows)
        call.meta = dict(node.meta)
        node.replace_all_uses_with(call)
        graph.erase_node(node)
    graph.eliminate_dead_code()


def products_of(graph: fx.Graph) -> list[tuple[Any, Product]]:
    """The calls of products, in order."""
    found = [(node, module_of(node)) for node in graph.nodes]
    return [(node, module) for node, module in found if isinstance(module, Product)]


def join_products(graph: fx.Graph) -> None:
    """Make one product of those of the same rows, as of queries, keys and values.

    The model's own weights become views of the joined ones, so that they are in memory once, also where layers share
    them.
    """
    joined: dict[tuple[int, ...], Product] = {}
    groups: dict[Any, list[tuple[Any, Product]]] = {}
    for node, product in products_of(graph):
        if product.activation == "none":
            groups.setdefault((node.args[0], product.bias is None), []).append((node, product))
    for (rows, _), group in groups.items():
        ids = tuple(id(part) for _, product in group for part in (product.weight, product.bias))
        if len(group) > 1 and len(set(ids[::2])) == len(group):
            if ids not in joined:
                joined[ids] = _joined([product for _, product in group])
            _multiply_at_once(graph, rows, group, joined[ids])


def _joined(products: list[Product]) -> Product:
    weight = torch.cat([product.weight.detach() for product in products])
    biases = [product.bias for product in products if product.bias is not None]
    start = 0
    for product in products:
        stop = start + len(product.weight)
        product.weight.data = weight[start:stop]
        start = stop
    return Product(weight, torch.cat(biases) if biases else None)


def _multiply_at_once(graph: fx.Graph, rows: Any, group: list[tuple[Any, Product]], joined: Product) -> None:
    with graph.inserting_before(group[0][0]):
        whole = add_module(graph, joined, rows)
        known = group[0][0].meta["tensor_meta"]
        width = len(joined.weight)
        whole.meta["tensor_meta"] = known._replace(shape=torch.Size([known.shape[0], width]), stride=(width, 1))
        start = 0
        for node, product in group:
            stop = start + len(product.weight)
            part = graph.call_function(_aten.slice.Tensor, (whole, 1, start, stop))
            part.meta = dict(node.meta)
            node.replace_all_uses_with(part)
            start = stop
    for node, _ in group:
        graph.erase_node(node)


def activate_products(graph: fx.Graph) -> None:
    """Have a product compute the activation that is all that becomes of it."""
    for node in calls(graph, _aten.gelu.default, _aten.relu.default):
        call = behind_views(node.args[0])
        product = module_of(call)
        if not isinstance(product, Product) or product.bias is None or product.activation != "none":
            continue
        if not _is_only_use(node, call):
            continue
        product.activation = activation_of(node)
        given = node.args[0]
        node.replace_all_uses_with(given)
        graph.erase_node(node)


def _is_only_use(node: Any, call: Any) -> bool:
    """Whether nothing but `node` sees what `call` gives, through views or without."""
    given = node.args[0]
    while given is not call:
        if len(given.users) != 1:
            return False
        given = given.args[0]
    return len(call.users) == 1
