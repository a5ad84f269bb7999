"""Whether a model's head takes 8-bit floats: tried when the model is loaded, on texts at random."""

import importlib.util
import logging
from collections.abc import Callable
from functools import partial

import torch

from ...head import splade_head
from ...head.inputs import HeadInputs
from ..packed.backbone import PackedBackbone, random_texts
from .language_model import LanguageModel

log = logging.getLogger("sparton")

# Weights of tokens at random may be few and small; the embedded model's differ by a twelfth.
_MOST_DIFFERENCE = 0.3
Float8Head = Callable[..., torch.Tensor]


@torch.inference_mode()
def float8_head_of(lm: LanguageModel, backbone: PackedBackbone) -> Float8Head | None:
    """float8_head of a model's weight and bias, to be given hidden states and cu_seqlens.

    None where it cannot be run or gives other weights, and the head stays as it is.
    """
    if importlib.util.find_spec("triton") is None:
        return None
    from triton.errors import TritonError

    from ...head.float8 import FLOAT8, Float8Weight, float8_head
    from ...head.triton_head import HopperError, why_not_hopper

    hidden, offsets = backbone.run(random_texts(lm))
    truth = splade_head(hidden, lm.weight, lm.bias, cu_seqlens=offsets)
    if reason := why_not_hopper(HeadInputs(hidden.to(FLOAT8), lm.weight)):
        log.debug("the head stays in %s: %s", lm.weight.dtype, reason)
        return None
    largest = float(hidden.abs().max())
    try:
        head = partial(float8_head, weight=Float8Weight.of(lm.weight, largest), bias=lm.bias)
        difference = float((head(hidden, cu_seqlens=offsets) - truth).norm() / truth.norm().clamp(min=1e-9))
    except (HopperError, TritonError, ValueError) as error:
        log.warning("the head in 8-bit floats cannot be run here, and stays in %s (%s)", lm.weight.dtype, error)
        return None
    if difference < _MOST_DIFFERENCE:
        return head
    log.warning(
        "the head in 8-bit floats gives weights that differ by %.2g of their norm, and stays in %s",
        difference,
        lm.weight.dtype,
    )
    return None
