"""Attention within documents that lie end to end: PyTorch's ways to compute it, and how a model of transformers comes
to call one in the place of its own."""

import importlib.util
import inspect
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from .decoder import Attend


def attend_each(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    offsets: torch.Tensor,
    longest: int,
    scale: float | None,
    causal: bool,
    window: int | None = None,
) -> torch.Tensor:
    """[T, heads, size], one document after the other: so its bits do not depend on what else is in the batch. For CPUs,
    where a call costs little beside what it computes. The arguments are those of decoder.Attend."""
    if window is not None:
        raise NotImplementedError("attention within a window")
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (tensor.repeat_interleave(groups, dim=1) for tensor in (key, value))
    key, value = key.to(query.dtype), value.to(query.dtype)  # rotation leaves queries and keys in float32
    result = torch.empty_like(query)
    for start, stop in pairwise(offsets.tolist()):
        asked, *known = (tensor[start:stop].transpose(0, 1)[None] for tensor in (query, key, value))
        attended = scaled_dot_product_attention(asked, known[0], known[1], scale=scale, is_causal=causal)
        result[start:stop] = attended[0].transpose(0, 1)
    return result


def variable_length_attention() -> Attend | None:
    """PyTorch's, whose options differ from version to version; None where it has none."""
    try:
        from torch.nn.attention import varlen
    except ImportError:
        return None
    varlen_attn: Any = varlen.varlen_attn
    options = inspect.signature(varlen_attn).parameters
    takes_groups, takes_windows = "enable_gqa" in options, "window_size" in options

    def attend(
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        offsets: torch.Tensor,
        longest: int,
        scale: float | None,
        causal: bool,
        window: int | None = None,
    ) -> torch.Tensor:
        more: dict[str, Any] = {}
        groups = query.shape[1] // key.shape[1]
        if groups > 1 and takes_groups:
            more["enable_gqa"] = True
        elif groups > 1:
            key, value = (tensor.repeat_interleave(groups, dim=1) for tensor in (key, value))
        if scale is not None and scale != query.shape[-1] ** -0.5:
            more["scale"] = scale
        if causal and takes_windows:
            more["window_size"] = (-1 if window is None else window - 1, 0)
        elif window is not None:
            raise NotImplementedError("attention within a window")
        elif causal:
            more["is_causal"] = True
        output: torch.Tensor = varlen_attn(query, key, value, offsets, offsets, longest, longest, **more)
        return output

    return attend


def block_attention(device: torch.device) -> Attend | None:
    """Ours for short texts; None without Triton, or on a GPU older than its products in half precision."""
    if importlib.util.find_spec("triton") is None or torch.cuda.get_device_capability(device) < (8, 0):
        return None
    from .attention import BlockAttention

    return BlockAttention()


def as_transformers_calls_it(attend: Attend) -> Callable[..., Any]:
    """An attention as a function for transformers' AttentionInterface, which hands through where documents begin."""

    def attention(
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        *,
        sparton_offsets: torch.Tensor,
        sparton_longest: int,
        scaling: float | None = None,
        sliding_window: int | None = None,
        softcap: float | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, None]:
        """query, key, value: [1, heads, T, size], keys and values of fewer heads or as many. Returns [1, T, heads,
        size]."""
        causal = bool(getattr(module, "is_causal", False))
        # Models count a window that looks both ways in more than one way.
        if attention_mask is not None or softcap is not None or (sliding_window is not None and not causal):
            raise NotImplementedError
        query, key, value = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
        return attend(query, key, value, sparton_offsets, sparton_longest, scaling, causal, sliding_window)[None], None

    return attention


def no_mask(*arguments: Any, **kwargs: Any) -> None:
    """Packed documents need none."""
