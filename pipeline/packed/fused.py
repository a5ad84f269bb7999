"""A backbone's own operations over packed texts, with those that belong together as one: for any architecture that can
be traced."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import fx

from .activations import fuse_gates
from .float8 import use_float8
from .graph import simplify
from .norms import fuse_norms
from .products import activate_products, find_products, join_products
from .views import shorten_views

# In this order. Each leaves the rest of a graph as it is, and what it does not know as PyTorch runs it.
REWRITES: tuple[Callable[[fx.Graph], None], ...] = (
    find_products,
    activate_products,
    join_products,
    fuse_norms,
    fuse_gates,
)


@dataclass(frozen=True)
class FusedGraph:
    """Layers as PackedBackbone runs them. module: of ids, positions, offsets and longest."""

    module: fx.GraphModule

    def hidden_states(
        self, ids: torch.Tensor, positions: torch.Tensor, offsets: torch.Tensor, longest: int
    ) -> torch.Tensor:
        """[T, D]. The arguments are those of PackedBackbone.hidden_states."""
        hidden: torch.Tensor = self.module(ids, positions, offsets, longest)
        return hidden


def fuse_graph(module: fx.GraphModule, *, float8: bool = False) -> FusedGraph:
    """The operations of a traced backbone, rewritten. It is changed. float8: have products take 8-bit floats."""
    for rewrite in (*REWRITES, *((use_float8,) if float8 else ()), shorten_views):
        rewrite(module.graph)
        simplify(module.graph)
    module.recompile()
    return FusedGraph(module)
