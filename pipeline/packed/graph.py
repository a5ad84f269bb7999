"""A backbone as the list of its operations, found by running it once over a few tokens.

PyTorch's tracer records what a model calls, for the number of tokens that it saw. That number is a prime that no size
of a model is a multiple of, so what depends on it shows, and becomes the number of tokens that a batch has. What is
recorded so is held against the model itself with other texts before it is used.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx

from .decoder import Attend

TOKENS = 211  # of the texts that a trace sees
_LENGTHS = (16,) * 13 + (3,)  # no more than any model takes
_aten = torch.ops.aten
_SIZED = (
    _aten.view.default,
    _aten._unsafe_view.default,
    _aten.reshape.default,
    _aten.expand.default,
    _aten.slice.Tensor,
    _aten.split.Tensor,
    _aten.split_with_sizes.default,
    _aten.new_zeros.default,
    _aten.new_ones.default,
    _aten.zeros.default,
    _aten.ones.default,
    _aten.full.default,
    _aten.arange.default,
    _aten.arange.start,
    _aten.repeat.default,
)

_library = torch.library.Library("sparton", "FRAGMENT")  # type: ignore[no-untyped-call]
_library.define(  # type: ignore[no-untyped-call]
    "packed_attention(Tensor query, Tensor key, Tensor value, Tensor offsets, int longest, float? scale, bool causal, "
    "int? window) -> Tensor"
)


def _shape_of_attention(query: torch.Tensor, *arguments: Any) -> torch.Tensor:
    """A trace needs shapes alone. The graph has `_Attention` in its place."""
    return torch.zeros(query.shape, dtype=query.dtype, device=query.device)


_library.impl("packed_attention", _shape_of_attention, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]


def recording_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    offsets: torch.Tensor,
    longest: int,
    scale: float | None,
    causal: bool,
    window: int | None = None,
) -> torch.Tensor:
    """Attention, as decoder.Attend, while a backbone is traced."""
    found: torch.Tensor = torch.ops.sparton.packed_attention(query, key, value, offsets, longest, scale, causal, window)
    return found


class _Attention(torch.nn.Module):
    """Attention within packed texts, as a step of a graph."""

    def __init__(self, attend: Attend) -> None:
        super().__init__()
        self._attend = attend

    def forward(self, *arguments: Any) -> torch.Tensor:
        return self._attend(*arguments)


class NotTraceableError(Exception):
    """A backbone does something that a list of operations does not say."""


def trace(
    run: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, int], torch.Tensor], device: torch.device, attend: Attend
) -> fx.GraphModule:
    """The operations of a backbone that attends by recording_attention, as a function of ids, positions, offsets and
    longest.

    run: as PackedBackbone.hidden_states. attend: what attends in the graph.
    Raises NotTraceableError, and what the model raises.
    """
    positions = torch.cat([torch.arange(length, device=device) for length in _LENGTHS])
    offsets = torch.tensor([0, *_LENGTHS], device=device).cumsum(0).int()
    with torch.inference_mode(False), torch.no_grad():
        ids = positions.clone()

        def recorded(ids: torch.Tensor, positions: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
            return run(ids, positions, offsets, max(_LENGTHS))

        module = make_fx(recorded, tracing_mode="real")(ids, positions.clone(), offsets.clone())
    _refuse_changes_in_place(module)
    _count_tokens(module.graph)
    _attend_by(module, attend)
    simplify(module.graph)
    return module


def calls(graph: fx.Graph, *targets: Any) -> Iterator[Any]:
    """Calls of functions, in order; new ones may come while they are gone through."""
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target in targets:
            yield node


def add_module(graph: fx.Graph, module: torch.nn.Module, *arguments: Any) -> Any:
    """A call of a new module, where the graph inserts."""
    root = graph.owning_module
    assert root is not None
    name = f"step_{len(root._modules)}"
    root.add_module(name, module)
    return graph.call_module(name, arguments)


def module_of(node: Any) -> torch.nn.Module | None:
    """The module that a node calls, None for other nodes."""
    if not isinstance(node, fx.Node) or node.op != "call_module":
        return None
    root = node.graph.owning_module
    assert root is not None
    return root.get_submodule(str(node.target))


def is_attention(node: fx.Node) -> bool:
    """Whether a node attends."""
    return isinstance(module_of(node), _Attention)


def is_view(node: fx.Node) -> bool:
    """Whether a node shows another's memory."""
    schema = getattr(node.target, "_schema", None)
    return schema is not None and any(result.alias_info is not None for result in schema.returns)


def tensor_of(node: Any) -> torch.Tensor | None:
    """The weight that a node stands for, None for other nodes."""
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    found: Any = node.graph.owning_module
    for name in str(node.target).split("."):
        found = getattr(found, name)
    return found if isinstance(found, torch.Tensor) else None


def shape_of(node: Any) -> tuple[int, ...] | None:
    """The shape that a node had in the trace."""
    known = _known_of(node)
    return None if known is None else tuple(known.shape)


def dtype_of(node: Any) -> torch.dtype | None:
    """The type that a node had in the trace."""
    known = _known_of(node)
    return None if known is None else known.dtype


def _known_of(node: Any) -> Any:
    return node.meta.get("tensor_meta") if isinstance(node, fx.Node) else None


def contiguous_meta(node: Any) -> dict[str, Any]:
    """What is known of a tensor that is written in the place of a node's, row behind row."""
    known = node.meta["tensor_meta"]
    return {"tensor_meta": known._replace(stride=torch.empty(known.shape, device="meta").stride())}


def behind_views(node: Any) -> Any:
    """What a node shows in another shape."""
    while isinstance(node, fx.Node) and node.target in _RESHAPES:
        node = node.args[0]
    return node


def simplify(graph: fx.Graph) -> None:
    """Leave out copies, views of views and what is computed twice or for nothing."""
    for node in calls(graph, _aten.clone.default, _aten.alias.default, _aten.detach.default):
        if not node.kwargs:
            _replace(node, node.args[0])
    for node in calls(graph, *_RESHAPES):
        inner = node.args[0]
        if isinstance(inner, fx.Node) and inner.target in _RESHAPES:
            node.args = (inner.args[0], *node.args[1:])
            node.target = _aten.view.default
    seen: dict[Any, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op not in ("call_function", "get_attr"):
            continue
        key = node.op, node.target, repr((node.args, node.kwargs)) if node.op == "call_function" else ""
        if node.op == "get_attr":
            key = node.op, id(tensor_of(node)), ""
        first = seen.setdefault(key, node)
        if first is not node:
            _replace(node, first)
    graph.eliminate_dead_code()
    graph.lint()


_RESHAPES = (_aten.view.default, _aten._unsafe_view.default)


def _replace(node: Any, other: Any) -> None:
    node.replace_all_uses_with(other)
    node.graph.erase_node(node)


def _refuse_changes_in_place(module: fx.GraphModule) -> None:
    for node in module.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if schema is not None and schema.is_mutable:
            raise NotTraceableError(f"it changes a tensor in place ({node.target})")


def _count_tokens(graph: fx.Graph) -> None:
    """Put the batch's number of tokens where the trace's stands."""
    given = _arguments(graph)
    with graph.inserting_after(given[-1]):
        tokens = graph.call_function(_aten.sym_size.int, (given[0], 0))
    for node in calls(graph, *_SIZED):
        with graph.inserting_before(node):
            node.args = count_tokens(node.args, tokens)


def _arguments(graph: fx.Graph) -> list[fx.Node]:
    return [node for node in graph.nodes if node.op == "placeholder"]


def tokens_of(graph: fx.Graph) -> Any:
    """The node that says how many tokens a batch has."""
    return next(calls(graph, _aten.sym_size.int))


def count_tokens(argument: Any, tokens: fx.Node) -> Any:
    """An argument of an operation with the node `tokens` for the trace's number of tokens, and its multiples for the
    multiples, which are computed where the graph inserts."""
    if isinstance(argument, (list, tuple)):
        return type(argument)(count_tokens(one, tokens) for one in argument)
    if not isinstance(argument, int) or isinstance(argument, bool) or argument == 0 or argument % TOKENS:
        return argument
    return tokens if argument == TOKENS else tokens.graph.call_function(operator.mul, (tokens, argument // TOKENS))


def _attend_by(module: fx.GraphModule, attend: Attend) -> None:
    """Put attention where the trace has its shapes."""
    graph = module.graph
    with graph.inserting_after(_arguments(graph)[-1]):
        longest = graph.placeholder("longest")
    module.add_module("attention", _Attention(attend))
    for node in calls(graph, torch.ops.sparton.packed_attention.default):
        query, key, value, offsets, _, *more = node.args
        with graph.inserting_before(node):
            call = graph.call_module("attention", (query, key, value, offsets, longest, *more))
        call.meta = dict(node.meta)
        _replace(node, call)
