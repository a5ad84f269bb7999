"""Views of views as one: a host that launches a layer's operations in time has no room for fifteen of them."""

import operator
from typing import Any

import torch
from torch import fx

from .graph import TOKENS, calls, count_tokens, is_view, tokens_of

_aten = torch.ops.aten
_VIEWS = (
    _aten.view.default,
    _aten._unsafe_view.default,
    _aten.slice.Tensor,
    _aten.select.int,
    _aten.transpose.int,
    _aten.permute.default,
    _aten.squeeze.dim,
    _aten.unsqueeze.default,
)


def shorten_views(graph: fx.Graph) -> None:
    """Show at once what is shown by several views one after the other.

    What is shown lies in memory as it did in the trace, but for the number of tokens. What is left may copy: a part of
    joined products cannot always be viewed as the product was.
    """
    for node in calls(graph, *_VIEWS):
        if any(user.target not in _VIEWS for user in node.users):
            chain = _chain(node)
            base = chain[0].args[0]
            known = base.meta.get("tensor_meta")
            if len(chain) > 1 and known is not None and not _is_part(base):
                shown = _seen(torch.empty_strided(known.shape, known.stride, device="meta"), chain)
                if shown is not None:
                    _show(node, base, shown)
    graph.eliminate_dead_code()
    for node in calls(graph, _aten.view.default, _aten._unsafe_view.default):
        node.target = _aten.reshape.default


def _chain(node: Any) -> list[Any]:
    """The views that lead to a node, itself the last."""
    chain = [node]
    while isinstance(chain[0].args[0], fx.Node) and chain[0].args[0].target in _VIEWS:
        chain.insert(0, chain[0].args[0])
    return chain


def _is_part(base: Any) -> bool:
    """Whether a tensor begins within another's memory, as one that was split off."""
    return is_view(base.args[0] if base.target is operator.getitem else base)


def _seen(tensor: torch.Tensor, chain: list[Any]) -> torch.Tensor | None:
    """What views show of a tensor of the trace, None where they cannot: they were recorded before it was a part."""
    for view in chain:
        try:
            tensor = view.target(tensor, *(_of_trace(argument) for argument in view.args[1:]))
        except RuntimeError:
            return None
    return tensor


def _of_trace(argument: Any) -> Any:
    """A size of the trace in the place of a batch's."""
    if isinstance(argument, (list, tuple)):
        return [_of_trace(one) for one in argument]
    if not isinstance(argument, fx.Node):
        return argument
    times: Any = argument.args[1] if argument.target is operator.mul else 1
    return TOKENS * times


def _show(node: Any, base: Any, shown: torch.Tensor) -> None:
    # How far apart the one element of a dimension is from others means nothing.
    strides = [1 if size == 1 else stride for size, stride in zip(shown.shape, shown.stride(), strict=True)]
    if any(number % TOKENS == 0 for number in (*strides, shown.storage_offset()) if number):
        return
    graph = node.graph
    with graph.inserting_before(node):
        tokens = tokens_of(graph)
        counted = [count_tokens(size, tokens) for size in shown.shape]
        view = graph.call_function(_aten.as_strided.default, (base, counted, strides, shown.storage_offset()))
    view.meta = dict(node.meta)
    for user in list(node.users):
        if user.target not in _VIEWS:
            user.replace_input_with(node, view)
