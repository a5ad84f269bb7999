"""The layers of Llama, Mistral and Qwen over packed tokens: the same products, and one pass for what is between two.

What it gives is held against the model itself when that is loaded (backbone.py), so a layer that is not as expected is
run as transformers runs it.
"""

import importlib.util
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.nn import functional

# By class: others have layers with the same names that multiply or add something more.
_KNOWN = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")


class Attend(Protocol):
    """Attention within texts that are packed end to end."""

    def __call__(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        offsets: torch.Tensor,
        longest: int,
        scale: float | None,
        causal: bool,
        window: int | None = None,
    ) -> torch.Tensor:
        """[T, heads, size] of query, key and value so shaped; keys and values may have fewer heads.

        offsets: int32 [B + 1], where texts begin. longest: tokens of the longest. scale: of the products, None for the
        usual. window: how many tokens, itself the last, a token of a causal model looks at; None for all before it.
        """


@dataclass(frozen=True)
class _Layer:
    """Weights of a layer. projection: of queries, keys and values, in this order. gates: of gate and up."""

    before_attention: torch.Tensor
    projection: torch.Tensor
    projection_bias: torch.Tensor | None
    head_norms: tuple[torch.Tensor, torch.Tensor] | None
    output: torch.Tensor
    output_bias: torch.Tensor | None
    before_mlp: torch.Tensor
    gates: torch.Tensor
    down: torch.Tensor


class FusedDecoder:
    """A decoder's layers. attend: attention within packed texts, None for ours, which rotates queries and keys too."""

    def __init__(self, model: Any, attend: Attend | None) -> None:
        from .attention import BlockAttention

        decoder, first = model.model, model.model.layers[0].self_attn
        self._embedding = decoder.embed_tokens
        self._tables = decoder.rotary_emb
        self._layers = [_layer(layer) for layer in decoder.layers]
        self._last_norm = decoder.norm.weight
        self._epsilon = float(decoder.norm.variance_epsilon)
        self._size = int(first.head_dim)
        self._heads = len(first.q_proj.weight) // self._size, len(first.k_proj.weight) // self._size
        self._scale = float(first.scaling)
        self._causal = bool(first.is_causal)
        self._attend = attend
        self._own = BlockAttention()

    def hidden_states(
        self, ids: torch.Tensor, positions: torch.Tensor, offsets: torch.Tensor, longest: int
    ) -> torch.Tensor:
        """[T, D]. The arguments are those of PackedBackbone.hidden_states."""
        from .decoder_kernels import add_and_norm, gated

        residual = self._embedding(ids)
        cosines, sines = (table[0].contiguous() for table in self._tables(residual[None], positions[None]))
        branch = None
        for layer in self._layers:
            hidden = add_and_norm(branch, residual, layer.before_attention, self._epsilon)
            projected = functional.linear(hidden, layer.projection, layer.projection_bias)
            attended = self._attended(projected, (cosines, sines), layer.head_norms, offsets, longest)
            branch = functional.linear(attended.reshape(len(ids), -1), layer.output, layer.output_bias)
            hidden = add_and_norm(branch, residual, layer.before_mlp, self._epsilon)
            branch = functional.linear(gated(functional.linear(hidden, layer.gates)), layer.down)
        return add_and_norm(branch, residual, self._last_norm, self._epsilon)

    def _attended(
        self,
        projected: torch.Tensor,
        tables: tuple[torch.Tensor, torch.Tensor],
        norms: tuple[torch.Tensor, torch.Tensor] | None,
        offsets: torch.Tensor,
        longest: int,
    ) -> torch.Tensor:
        """[T, queries, size] of queries, keys and values as a layer projects them."""
        from .attention import Rotation
        from .decoder_kernels import rotate

        queries, keys = self._heads
        by_head = projected.view(len(projected), -1, self._size)
        query, key, value = by_head[:, :queries], by_head[:, queries:-keys], by_head[:, -keys:]
        if self._attend is None:
            rotation = Rotation(tables, norms, self._epsilon)
            return self._own(query, key, value, offsets, longest, self._scale, self._causal, rotation=rotation)
        rotate(projected, self._heads, self._size, tables, norms, self._epsilon)
        return self._attend(query, key, value, offsets, longest, self._scale, self._causal)


def fuse_decoder(model: Any, attend: Attend | None) -> FusedDecoder | None:
    """The layers of a model of transformers, or None for one whose layers are others, or without Triton.

    attend: see FusedDecoder.
    The model's own weights become views of those that are multiplied together, so that they are in memory once.
    """
    if type(model).__name__ not in _KNOWN or not all(map(_is_plain, model.model.layers)):
        return None
    return FusedDecoder(model, attend) if importlib.util.find_spec("triton") else None


def _is_plain(layer: Any) -> bool:
    """Whether a layer has no window, no bias in its MLP, one for all projections or none, and the usual activation."""
    mlp, attention, config = layer.mlp, layer.self_attn, layer.self_attn.config
    with_bias = {part.bias is not None for part in (attention.q_proj, attention.k_proj, attention.v_proj)}
    return (
        len(with_bias) == 1
        and getattr(layer.self_attn, "sliding_window", None) is None
        and (getattr(config, "sliding_window", None) is None or hasattr(layer.self_attn, "sliding_window"))
        and config.hidden_act in ("silu", "swish")
        and all(getattr(part, "bias", None) is None for part in (mlp.gate_proj, mlp.up_proj, mlp.down_proj))
    )


def _layer(layer: Any) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    projections = attention.q_proj, attention.k_proj, attention.v_proj
    biases = [part.bias for part in projections]
    norms = getattr(attention, "q_norm", None), getattr(attention, "k_norm", None)
    return _Layer(
        before_attention=layer.input_layernorm.weight,
        projection=_joined(*projections),
        projection_bias=None if biases[0] is None else torch.cat(biases),
        head_norms=None if norms[0] is None or norms[1] is None else (norms[0].weight, norms[1].weight),
        output=attention.o_proj.weight,
        output_bias=attention.o_proj.bias,
        before_mlp=layer.post_attention_layernorm.weight,
        gates=_joined(mlp.gate_proj, mlp.up_proj),
        down=mlp.down_proj.weight,
    )


def _joined(*parts: Any) -> torch.Tensor:
    """The weights of several linear layers as one, of which theirs become views."""
    whole = torch.cat([part.weight for part in parts])
    start = 0
    for part in parts:
        stop = start + len(part.weight)
        part.weight.data = whole[start:stop]
        start = stop
    return whole
