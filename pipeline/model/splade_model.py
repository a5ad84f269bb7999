"""A language model under the fused head: batches of token ids to weights, packed where the backbone takes it, else
padded."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from ...head import splade_head
from ..tokens.tokenizer import Tokenization
from .base import Runtime
from .masked_lm import MaskedLM, load_masked_lm
from .packed import PackedBackbone, pack
from .padded import pad
from .placement import Placement, place, told_if_too_large
from .spec import EncoderFiles


class SpladeModel:
    """A SparseModel of a backbone and the fused SPLADE head. head: see splade_head's `impl`."""

    def __init__(
        self, lm: MaskedLM, placement: Placement, *, pooling: str, activation: str, head: str = "auto"
    ) -> None:
        self._lm = lm
        self._packed = pack(lm)
        self._head = partial(splade_head, impl=head, pooling=pooling, activation=activation)
        self._pad = lm.tokenizer.pad_token_id or 0
        self.packs = self._packed is not None
        self.device, self.dtype = placement.device, placement.dtype
        self.vocabulary = lm.vocabulary
        self.tokenization = Tokenization(
            lm.tokenizer.backend_tokenizer.to_str(), lm.longest, frozenset(lm.tokenizer.all_special_ids)
        )

    def weights(self, batch: Sequence[np.ndarray], length: int | None = None) -> torch.Tensor:
        """float32 [B, V] of B texts, padded to `length` tokens, or the longest's, if they are not packed."""
        if self._packed is not None:
            return self._packed_weights(batch, self._packed)
        return self._padded_weights(batch, length)

    def _packed_weights(self, batch: Sequence[np.ndarray], backbone: PackedBackbone) -> torch.Tensor:
        hidden, offsets = backbone.run(batch)
        return self._head(hidden, self._lm.weight, self._lm.bias, cu_seqlens=offsets)

    def _padded_weights(self, batch: Sequence[np.ndarray], length: int | None) -> torch.Tensor:
        padded = pad(batch, self._pad, length)
        ids, mask = padded.ids.to(self.device), padded.mask.to(self.device)
        hidden = self._lm.hidden_states(ids, mask)
        # Without padding the head need not look for it.
        return self._head(hidden, self._lm.weight, self._lm.bias, mask if padded.has_padding else None)


def load_splade(files: EncoderFiles, runtime: Runtime) -> SpladeModel:
    """Load a masked LM under the fused head. Raises as load_masked_lm, and for a device that cannot be used or is too
    small."""
    placement = place(runtime)
    with told_if_too_large(files.folder, placement.device):
        lm = load_masked_lm(
            files.folder,
            device=placement.device,
            dtype=placement.backbone,
            head_dtype=placement.head,
            trust_remote_code=runtime.trust_remote_code,
        )
        return SpladeModel(lm, placement, pooling=files.pooling, activation=files.activation, head=runtime.head)
