"""Hidden states of a short text alone, by the operations that the model called for another of its length.

For a short text a model's Python takes as long as what it computes. So its calls of PyTorch are recorded, those that
depend on neither token ids nor mask are left out for what they gave, and the others are called again for the next
text: the same operations on the same shapes, and so the same bits. No model needs code for it. A recording is held
against the model with another text before it is used, and whatever it cannot say leaves the model as it is.
"""

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import fx
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from .padded import PaddedBatch

log = logging.getLogger("sparton")

Run = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# What takes numbers out of a tensor without an operation that is recorded.
_LEAKS = frozenset(
    getattr(torch.Tensor, name) for name in ("tolist", "numpy", "__array__", "data_ptr", "untyped_storage")
)

_aten = torch.ops.aten
# The same operations as Python calls them otherwise, which takes a microsecond less each.
_SOONER = {
    _aten.add.Tensor: torch.add,
    _aten.embedding.default: torch.embedding,
    _aten.expand.default: torch.Tensor.expand,
    _aten.gelu.default: functional.gelu,
    _aten.layer_norm.default: torch.layer_norm,
    _aten.linear.default: functional.linear,
    _aten.mul.Tensor: torch.mul,
    _aten.reshape.default: torch.reshape,
    _aten.scaled_dot_product_attention.default: functional.scaled_dot_product_attention,
    _aten.transpose.int: torch.transpose,
    _aten.view.default: torch.Tensor.view,
}


# Texts of a shape that go through the model first. To record one takes as long as some thirty save.
SELDOM = 16


class NotRecordableError(Exception):
    """A model does something with a text that a list of operations does not say."""


class OtherwiseError(Exception):
    """A model asked a number of a text, as whether it has padding, and the answer is not that of the recording."""


class Replay:
    """A function as LanguageModel.hidden_states for one text at a time, sooner once there were many of a shape.

    run: what it does itself. The first texts of a shape (how many tokens, and whether some are padding), `seldom` of
    them, go through it as it is, for there may be no more; the next is recorded, and the one after it tries the
    recording.
    """

    def __init__(self, run: Run, seldom: int = SELDOM) -> None:
        self._run, self._seldom = run, seldom
        self._of_shape: dict[tuple[int, bool], _OfShape] = {}

    def __call__(self, text: PaddedBatch) -> torch.Tensor:
        """[1, S, D] of a batch of one text."""
        shape = text.ids.shape[1], text.has_padding
        of_shape = self._of_shape.get(shape) or self._of_shape.setdefault(shape, _OfShape(self._run, self._seldom))
        return of_shape(text.ids, text.mask)

    def replayed(self) -> list[tuple[int, bool]]:
        """The shapes, (tokens, whether some are padding), of which a recording is used."""
        return [shape for shape, of_shape in self._of_shape.items() if of_shape.tried]


class _OfShape:
    """Texts of one shape. tried: whether the recording gave what the model gives."""

    def __init__(self, run: Run, seldom: int) -> None:
        self._run, self._seldom = run, seldom
        self._texts = 0
        self._recording: Run | None = None
        self._recorded = torch.empty(0)
        self.tried = False

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        recording = self._recording
        if recording is not None and self.tried:
            try:
                return recording(ids, mask)
            except OtherwiseError:
                return self._run(ids, mask)
        if recording is not None and not torch.equal(ids, self._recorded):
            return self._try(recording, ids, mask)
        self._texts += 1
        return self._record(ids, mask) if self._texts == self._seldom + 1 else self._run(ids, mask)

    def _record(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        try:
            self._recording, found = record(self._run, ids, mask)
            self._recorded = ids
        except Exception as error:  # of a tracer that was not written for all there is
            log.debug("a model's operations cannot be recorded: %s", error)
            return self._run(ids, mask)
        return found

    def _try(self, recording: Run, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        expected = self._run(ids, mask)
        try:
            self.tried = torch.equal(recording(ids, mask), expected)
        except Exception as error:  # of operations on a text that they were not meant for
            log.debug("a model's operations cannot be called again: %s", error)
        if not self.tried:
            self._recording = None
        return expected


def record(run: Run, ids: torch.Tensor, mask: torch.Tensor) -> tuple[Run, torch.Tensor]:
    """What a model calls for a text, as a function of others of its shape, and what it gave.

    Raises NotRecordableError, and what the model raises. The function raises OtherwiseError for a text that the model
    would go another way for.
    """
    recorder = _Recorder(ids=ids, mask=mask)
    with _NoLeaks(), recorder:
        found = run(ids, mask)
    return recorder.function(found), found


class _NoLeaks(TorchFunctionMode):
    """Refuses what would go by the recorder."""

    def __torch_function__(self, called: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if called in _LEAKS:
            raise NotRecordableError(f"it reads a tensor by {called.__name__}")
        return called(*args, **(kwargs or {}))


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A graph of the operations that depend on its inputs, while they are called."""

    def __init__(self, **inputs: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._graph, self._constants = fx.Graph(), torch.nn.Module()
        self._nodes: dict[int, fx.Node] = {}  # of tensors by id, which are kept so that it stays theirs
        self._kept: list[torch.Tensor] = []
        for name, tensor in inputs.items():
            self._add(tensor, self._graph.placeholder(name))

    def __torch_dispatch__(self, called: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if called._schema.is_mutable:
            raise NotRecordableError(f"it changes a tensor in place ({called})")
        found = called(*args, **kwargs)
        if any(self._depends(tensor) for tensor in given) and not any(found is tensor for tensor in given):
            self._call(called, args, kwargs, found)
        return found

    def function(self, result: torch.Tensor) -> Run:
        """What was recorded, up to a result."""
        self._graph.output(self._node(result))
        self._graph.eliminate_dead_code()
        module = fx.GraphModule(self._constants, self._graph)
        # A module looks its tensors up in Python, and what is its own attribute Python finds itself.
        vars(module).update(module._parameters | module._buffers)
        run: Run = module.forward
        return run

    def _call(self, called: Any, args: Any, kwargs: Any, found: Any) -> None:
        if torch.Tag.dynamic_output_shape in called.tags and not _picks_by_number(called, args):
            raise NotRecordableError(f"the shape of a result depends on the text ({called})")
        call = self._graph.call_function(_SOONER.get(called, called), *tree_map(self._node, (args, kwargs)))
        if isinstance(found, torch.Tensor):
            self._add(found, call)
        elif isinstance(found, (list, tuple)) and all(isinstance(one, torch.Tensor) for one in found):
            for place, one in enumerate(found):
                self._add(one, self._graph.call_function(_item, (call, place)))
        else:
            self._graph.call_function(_expect, (call, found))

    def _depends(self, tensor: torch.Tensor) -> bool:
        node = self._nodes.get(id(tensor))
        return node is not None and node.op != "get_attr"

    def _add(self, tensor: torch.Tensor, node: fx.Node) -> None:
        self._nodes[id(tensor)] = node
        self._kept.append(tensor)

    def _node(self, argument: Any) -> Any:
        """What stands for an argument in the graph."""
        if not isinstance(argument, torch.Tensor):
            return argument
        if id(argument) not in self._nodes:
            name = f"constant_{len(self._kept)}"
            setattr(self._constants, name, argument)
            self._add(argument, self._graph.get_attr(name))
        return self._nodes[id(argument)]


def _picks_by_number(called: Any, args: Any) -> bool:
    """Whether an operation is an index by numbers, of which the result has the shape; by a mask it has not."""
    if called is not _aten.index.Tensor:
        return False
    return all(index is None or index.dtype in (torch.int32, torch.int64) for index in args[1])


def _item(several: Any, place: int) -> torch.Tensor:
    found: torch.Tensor = several[place]
    return found


@fx.has_side_effect
def _expect(found: Any, recorded: Any) -> None:
    if found != recorded:
        raise OtherwiseError
