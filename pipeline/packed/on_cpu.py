"""Documents end to end on a CPU: products in bfloat16, and for each document the same bits in any batch."""

import logging
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch

from .attentions import attend_each
from .backbone import MOST_DIFFERENCE, Packed, PackedBackbone, Unpacked, difference_of, packed_by_attention, probe
from .rounded import round_products

log = logging.getLogger("sparton")

_EACH = "sparton_each"  # in transformers' interface


def pack_on_cpu(lm: Unpacked) -> PackedBackbone | None:
    """The backbone of a model for packed documents, with products in bfloat16; None if the model does not take them,
    which is then as it was."""
    undo: list[Callable[[], object]] = []
    packed = None
    try:
        packed = _packed(lm, undo)
    except Exception as error:  # of whatever the model's code met
        log.debug("documents are not packed: %s", error)
    finally:
        if packed is None:
            for back in undo:
                back()
    return packed


@torch.inference_mode()
def _packed(lm: Unpacked, undo: list[Callable[[], object]]) -> PackedBackbone | None:
    """As pack_on_cpu. undo: takes what puts the model back.

    Many classes of transformers keep their own attention, which would see all documents as one. So a few texts have to
    have the same hidden states alone, to the bit, as in one batch.
    """
    can_be_set = getattr(lm.backbone, "_can_set_attn_implementation", None)
    if can_be_set is not None and not can_be_set():  # and would be told of by a warning
        return None
    undo.append(partial(lm.backbone.set_attn_implementation, lm.backbone.config._attn_implementation))
    truth, texts = probe(lm)
    packed = packed_by_attention(lm, attend_each, truth, texts, _EACH)
    if packed is None:
        return None
    undo.append(round_products(lm.backbone))
    together = packed.hidden_states(*texts)
    is_near = difference_of(lambda: together, truth) < MOST_DIFFERENCE
    return packed if is_near and torch.equal(_one_by_one(packed, texts), together) else None


def _one_by_one(packed: PackedBackbone, texts: Packed) -> torch.Tensor:
    """Hidden states [T, D] of texts that are each a batch of its own."""
    ids, positions, offsets, _ = texts
    spans = pairwise(offsets.tolist())
    return torch.cat(
        [
            packed.hidden_states(
                ids[start:stop],
                positions[start:stop],
                torch.tensor([0, stop - start], dtype=offsets.dtype),
                stop - start,
            )
            for start, stop in spans
        ]
    )
