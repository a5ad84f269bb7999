"""Run a backbone over documents packed end to end: no padding, and attention within each document.

PyTorch's variable-length attention takes the place of the model's own through transformers' attention interface, so a
model needs no code here. Whether packing suits a model is found out rather than known: a few texts go through both
ways when it is loaded, and what comes out differently stays padded.
"""

import importlib.util
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, Protocol

import numpy as np
import torch

from .attentions import as_transformers_calls_it, block_attention, no_mask, variable_length_attention
from .decoder import Attend, fuse_decoder

log = logging.getLogger("sparton")

# Names in transformers' interface, of PyTorch's attention and of our own.
_ATTENTION, _OWN_ATTENTION = "sparton_packed", "sparton_blocks"
_TRACED_ATTENTION = "sparton_traced"
_HALF = (torch.bfloat16, torch.float16)
# Hidden states that differ by more than this share of their norm are not the same; bfloat16 alone gives 0.01.
MOST_DIFFERENCE = 0.05
# In a deep decoder rounding alone may give more: then up to so many times what padding a batch changes, and not more.
_TIMES, _UTMOST_DIFFERENCE = 3, 0.15
# Of a token at random among others at random, which a model has not learned to be sure of; most differ by a tenth.
_MOST_DIFFERENCE_OF_FLOAT8 = 0.3
_TRACING = Lock()  # PyTorch's tracer changes how all modules of a process are called
# Token ids, their positions, where texts begin, and tokens of the longest.
Packed = tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]


class Unpacked(Protocol):
    """What is packed, as LanguageModel: a model of transformers as backbone, whose first output is hidden states."""

    @property
    def backbone(self) -> Any:
        """The model of transformers."""

    @property
    def weight(self) -> torch.Tensor:
        """One of its weights, on its device and in its dtype."""

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The term of each id that it takes."""

    @property
    def longest(self) -> int:
        """The most tokens that it takes."""

    def hidden_states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """[B, S, D] of int64 [B, S] ids and mask."""


class Layers(Protocol):
    """What runs in place of a model's own layers."""

    def hidden_states(
        self, ids: torch.Tensor, positions: torch.Tensor, offsets: torch.Tensor, longest: int
    ) -> torch.Tensor:
        """As PackedBackbone.hidden_states."""


@dataclass(frozen=True)
class PackedBackbone:
    """A model that takes packed documents. first: the position id of a document's first token. layers: run in place of
    the model's own, or None."""

    lm: Unpacked
    first: int
    layers: Layers | None = None

    def run(self, batch: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states [T, D] of texts end to end, and where each begins, int32 [B + 1].

        batch: each text's int32 token ids, on the host.
        """
        lengths = [len(tokens) for tokens in batch]
        ids = self._to_device(np.concatenate(batch).astype(np.int64))
        starts = self._to_device(np.concatenate([[0], np.cumsum(lengths)]))
        rows = torch.arange(len(ids), device=ids.device)
        positions = rows - torch.repeat_interleave(starts[:-1], starts.diff(), output_size=len(ids))
        offsets = starts.int()
        return self.hidden_states(ids, positions, offsets, max(lengths)), offsets

    def _to_device(self, array: np.ndarray) -> torch.Tensor:
        """A copy, made while the host goes on."""
        tensor, device = torch.from_numpy(array), self.lm.weight.device
        return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor

    def hidden_states(
        self, ids: torch.Tensor, positions: torch.Tensor, offsets: torch.Tensor, longest: int
    ) -> torch.Tensor:
        """[T, D] after the model's own head transform.

        ids, positions: int64 [T], a token's id and its place in its document, from 0. offsets: int32 [B + 1], where
        documents begin; the last is T. longest: tokens of the longest. All on the model's device.
        """
        if self.layers is not None:
            return self.layers.hidden_states(ids, positions, offsets, longest)
        output = self.lm.backbone(
            input_ids=ids[None],
            position_ids=positions[None] + self.first,
            sparton_offsets=offsets,
            sparton_longest=longest,
        )
        hidden: torch.Tensor = output[0][0]
        return hidden


@torch.inference_mode()
def pack(lm: Unpacked, *, float8: bool = False, traces: bool = True) -> PackedBackbone | None:
    """The backbone for packed documents, or None if this machine, dtype or model does not take them.

    float8: have its products take 8-bit floats, or give None. traces: whether to spend seconds on fewer passes.

    In float32, or with a PyTorch that has no variable-length attention, documents stay padded. For a CPU: on_cpu.py.
    """
    if not lm.weight.is_cuda or lm.weight.dtype not in _HALF:
        return None
    own, attend = block_attention(lm.weight.device), variable_length_attention()
    truth, texts = probe(lm)
    if own and not float8 and (fused := _fused(lm, None, truth, texts)):
        return fused
    if attend and not float8 and (fused := _fused(lm, attend, truth, texts)):
        return fused
    for name, one in ((_OWN_ATTENTION, own), (_ATTENTION, attend)):
        if one and (backbone := packed_by_attention(lm, one, truth, texts, name)):
            fewer = _in_fewer_passes(backbone, one, truth, texts, float8=float8) if traces else None
            if fewer or not float8:
                return fewer or backbone
    return None


def _fused(lm: Unpacked, attend: Attend | None, truth: torch.Tensor, texts: Packed) -> PackedBackbone | None:
    """Our layers; None if the model's are others, or give other hidden states. attend: see FusedDecoder."""
    try:
        layers = fuse_decoder(lm.backbone, attend)
    except AttributeError as error:  # of a class that is known, whose layers are not as they were
        log.debug("a decoder's own layers are run: %s", error)
        return None
    if layers is None:
        return None
    fused = PackedBackbone(lm, 0, layers)
    difference = difference_of(partial(fused.hidden_states, *texts), truth)
    return fused if _is_rounding(difference, partial(_rounding, lm, texts, truth)) else None


def packed_by_attention(
    lm: Unpacked, attend: Attend, truth: torch.Tensor, texts: Packed, name: str = _ATTENTION
) -> PackedBackbone | None:
    """The model's own layers, with our attention; None if that gives other hidden states.

    truth, texts: see probe. name: of the attention in transformers' interface.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(name, as_transformers_calls_it(attend))
    AttentionMaskInterface.register(name, no_mask)
    usual = lm.backbone.config._attn_implementation
    backbone = PackedBackbone(lm, _first_position(lm.backbone))
    difference = difference_of(partial(_with_our_attention, backbone, texts, name), truth)
    lm.backbone.set_attn_implementation(usual)
    if not _is_rounding(difference, partial(_rounding, lm, texts, truth)):
        return None
    lm.backbone.set_attn_implementation(name)
    return backbone


def _in_fewer_passes(
    backbone: PackedBackbone, attend: Attend, truth: torch.Tensor, texts: Packed, *, float8: bool = False
) -> PackedBackbone | None:
    """The same with the operations that belong together as one; None without Triton, for a model that cannot be
    traced, and where that gives other hidden states."""
    if importlib.util.find_spec("triton") is None:
        return None
    from transformers import AttentionInterface, AttentionMaskInterface

    from .fused import fuse_graph
    from .graph import recording_attention, trace

    AttentionInterface.register(_TRACED_ATTENTION, as_transformers_calls_it(recording_attention))
    AttentionMaskInterface.register(_TRACED_ATTENTION, no_mask)
    model = backbone.lm.backbone
    usual = model.config._attn_implementation
    model.set_attn_implementation(_TRACED_ATTENTION)
    try:
        with _TRACING:
            layers = fuse_graph(trace(backbone.hidden_states, texts[0].device, attend), float8=float8)
    except Exception as error:  # of whatever the model's code met
        log.debug("a backbone's own operations are run one by one: %s", error)
        return None
    finally:
        model.set_attn_implementation(usual)
    fused = PackedBackbone(backbone.lm, backbone.first, layers)
    difference = difference_of(partial(fused.hidden_states, *texts), truth)
    if float8:
        return fused if difference < _MOST_DIFFERENCE_OF_FLOAT8 else None
    return fused if _is_rounding(difference, partial(_rounding, backbone.lm, texts, truth)) else None


def _first_position(model: Any) -> int:
    """Where a model counts positions from. RoBERTa and its kin begin behind the padding's, which shows in their
    embedding of positions. To try both would not do: one may lie outside of the table, the other differ by little."""
    paddings = [
        getattr(module, "padding_idx", None)
        for name, module in model.named_modules()
        if name.endswith("position_embeddings")
    ]
    return next((padding + 1 for padding in paddings if padding is not None), 0)


def _with_our_attention(backbone: PackedBackbone, texts: Packed, name: str) -> torch.Tensor:
    backbone.lm.backbone.set_attn_implementation(name)
    return backbone.hidden_states(*texts)


def difference_of(run: Callable[[], torch.Tensor], truth: torch.Tensor) -> float:
    """How much what runs differs from the truth, infinitely where it does not run."""
    try:
        found = _difference(run(), truth)
    except _failures() as error:
        log.debug("documents are not packed: %s", error)
        return float("inf")
    return found if found == found else float("inf")


def _failures() -> tuple[type[Exception], ...]:
    """What a model raises that cannot take packed documents; and Triton, where it cannot compile for a GPU."""
    usual = (RuntimeError, ValueError, TypeError, NotImplementedError, IndexError, AttributeError)
    if importlib.util.find_spec("triton") is None:
        return usual
    from triton.errors import TritonError

    return (*usual, TritonError)


def _is_rounding(difference: float, rounding: Callable[[], float]) -> bool:
    """Whether a difference comes of rounding. rounding: see _rounding."""
    if MOST_DIFFERENCE <= difference < _UTMOST_DIFFERENCE:
        return difference < _TIMES * rounding()
    return difference < MOST_DIFFERENCE


def _rounding(lm: Unpacked, texts: Packed, truth: torch.Tensor) -> float:
    """How much hidden states change where the model itself runs the same texts in one batch, padded."""
    ids, _, offsets, longest = texts
    lengths = offsets.diff()
    mask = torch.arange(longest, device=ids.device) < lengths[:, None]
    padded = torch.zeros_like(mask, dtype=torch.int64).masked_scatter_(mask, ids)
    return _difference(lm.hidden_states(padded, mask.long())[mask], truth)


def random_texts(lm: Unpacked) -> list[np.ndarray]:
    """Token ids at random, int64, of a few texts of very different lengths, which are always the same."""
    lengths = [min(lm.longest, 512), 7, 33, 1]
    random = torch.Generator().manual_seed(0)
    low = min(1_000, len(lm.vocabulary) // 2)  # special tokens, padding above all, stand at the beginning
    return [torch.randint(low, len(lm.vocabulary), (length,), generator=random).numpy() for length in lengths]


def probe(lm: Unpacked) -> tuple[torch.Tensor, Packed]:
    """Hidden states [T, D] of a few texts the usual way, and the same texts packed.

    One is as long as the model takes, so that attention within a window shows.
    """
    device = lm.weight.device
    texts = [torch.from_numpy(text).to(device) for text in random_texts(lm)]
    lengths = [len(text) for text in texts]
    truth = [lm.hidden_states(text[None], torch.ones_like(text[None]))[0] for text in texts]
    positions = torch.cat([torch.arange(length, device=device) for length in lengths])
    offsets = torch.tensor([0, *lengths], device=device).cumsum(0).int()
    return torch.cat(truth), (torch.cat(texts), positions, offsets, max(lengths))


def _difference(found: torch.Tensor, truth: torch.Tensor) -> float:
    """The largest difference of a token's hidden states, as a share of their norm."""
    if found.shape != truth.shape:
        return float("inf")
    truth = truth.float()
    return float(((found.float() - truth).norm(dim=-1) / truth.norm(dim=-1)).max())
