"""Put the fused head into a sentence-transformers SparseEncoder that is already there.

A SPLADE model is a Transformer, whose masked LM gives logits, and a SpladePooling, which reduces them. Fused, the LM's
output embedding hands on the hidden states it is given, the head runs behind the Transformer, and SpladePooling finds
its work done. Every module stays where it is and, but for the output embedding, of its class, so parameters and their
ties, state_dict and save are what they were: a saved folder is one that sentence-transformers loads without Sparton.

Nothing here refers from one module to another: hooks are given the module they run for, so copies, nn.DataParallel's
replicas among them, use their own weights.
"""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import nn

from ..errors import SpartonError
from . import splade_head

# What sentence-transformers calls these activations of SpladePooling, and what the head does.
_ACTIVATIONS = {"relu": "log1p_relu", "log1p_relu": "log1p_log1p_relu"}
# The largest difference of a weight in the dtype of the model that can be rounding.
_ROUNDING = 64
Model = TypeVar("Model", bound=nn.Module)


class PassOn(nn.Linear):
    """An output embedding that keeps its weights for the fused head, and gives the hidden states it is given."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """What came in."""
        return hidden


def pass_on(decoder: nn.Linear) -> nn.Linear:
    """Make a masked LM's output embedding hand on its input; its parameters, and their names and ties, stay.

    The LM's `.logits` are then its transformed hidden states [B, S, D], for a SpartonHead that is tied to `decoder`.
    """
    decoder.__class__ = PassOn
    return decoder


def fuse(model: Model) -> Model:
    """Make a SparseEncoder compute its weights without ever holding logits, in place; returns the model.

    Afterwards encode, losses and SparseEncoderTrainer go on as before, with a gradient of the same values; weights are
    float32 whatever the model's dtype. What is saved is what would have been saved before. A model that is fused
    already stays as it is. Fuse after loading or resizing, since only what is there then is changed.

    Raises SpartonError for a model that this cannot do the same for: one without Transformer (fill-mask) +
    SpladePooling, with sum pooling, or with an output embedding that is more than one linear layer.
    """
    pairs = list(_splade_pairs(model))
    if not pairs:
        raise SpartonError(
            f"{type(model).__name__} has no Transformer (fill-mask) followed by SpladePooling; only those can be fused"
        )
    for transformer, pooling in pairs:
        if pooling.pooling_strategy != "max" or pooling.activation_function not in _ACTIVATIONS:
            raise SpartonError(
                f"SpladePooling has pooling_strategy {pooling.pooling_strategy!r} and activation_function "
                f"{pooling.activation_function!r}; expected max with {' or '.join(_ACTIVATIONS)}"
            )
        decoder = _decoder(transformer)
        if type(decoder) not in (nn.Linear, PassOn):
            raise SpartonError(
                f"the output embedding of {type(transformer.model).__name__} is a {type(decoder).__name__}; "
                "expected a torch.nn.Linear"
            )
    for transformer, pooling in pairs:
        if type(_decoder(transformer)) is nn.Linear:
            _fuse_pair(transformer, pooling)
    return model


def _splade_pairs(model: nn.Module) -> Iterator[tuple[Any, Any]]:
    """Each Transformer with the SpladePooling behind it, those behind a Router too."""
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    for container in model.modules():
        if isinstance(container, nn.Sequential):
            for first, second in pairwise(container):
                if isinstance(first, Transformer) and isinstance(second, SpladePooling):
                    yield first, second


def _decoder(transformer: Any) -> Any:
    return transformer.model.get_output_embeddings()


def _fuse_pair(transformer: Any, pooling: Any) -> None:
    """Fuse, and look whether a probe gives the same weights as before; if not, take it back."""
    modes = [(module, module.training) for module in transformer.modules()]
    transformer.eval()
    decoder = _decoder(transformer)
    try:
        before = _probe(transformer, pooling)
        pass_on(decoder)
        hook = transformer.register_forward_hook(partial(_pool, activation=_ACTIVATIONS[pooling.activation_function]))
        pooling.forward = _pooled_already
        try:
            after = _probe(transformer, pooling)
        except (RuntimeError, ValueError, IndexError):
            # The hidden states are not what the output embedding's shape says.
            after = None
    finally:
        for module, training in modes:
            module.training = training
    rounding = _ROUNDING * torch.finfo(before.dtype).eps * max(1.0, float(before.abs().max()))
    if after is None or float((after - before).abs().max()) > rounding:
        hook.remove()
        decoder.__class__ = nn.Linear
        del pooling.forward
        raise SpartonError(
            f"{type(transformer.model).__name__} does more to its logits than its output embedding; it cannot be fused"
        )


@torch.no_grad()
def _probe(transformer: Any, pooling: Any) -> torch.Tensor:
    """Weights of two texts, one of them padded."""
    features = transformer.preprocess(["a text to look whether both ways give the same", "another"])
    device = next(transformer.parameters()).device
    features = {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in features.items()}
    weights: torch.Tensor = pooling(transformer(features))["sentence_embedding"]
    return weights


def _pool(transformer: Any, _: Any, features: dict[str, Any], *, activation: str) -> dict[str, Any]:
    """Behind the Transformer: weights [B, V] from the hidden states that its output embedding handed on."""
    hidden, decoder = features["token_embeddings"], _decoder(transformer)
    bias = decoder.bias
    if "cu_seq_lens_q" in features:
        # Texts end to end, as flash attention takes them.
        ends = features["cu_seq_lens_q"]
        weights = splade_head(hidden.squeeze(0), decoder.weight, bias, cu_seqlens=ends, activation=activation)
    else:
        weights = splade_head(hidden, decoder.weight, bias, features["attention_mask"], activation=activation)
    features["sentence_embedding"] = weights
    return features


def _pooled_already(features: dict[str, Any]) -> dict[str, Any]:
    """In place of SpladePooling's forward."""
    return features
