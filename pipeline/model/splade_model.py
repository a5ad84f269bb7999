"""A language model under the fused head: batches of token ids to weights, packed where the backbone takes it, else
padded."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from ...errors import Parameter, SpartonError
from ...head import splade_head
from .base import Runtime
from .masked_lm import MaskedLM, load_masked_lm
from .packed import PackedBackbone, pack
from .padded import pad
from .placement import Placement, place
from .spec import EncoderFiles
from .tokenizing import tokenization_of


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
        self.tokenization = tokenization_of(lm.tokenizer, lm.longest)

    def weights(self, batch: Sequence[np.ndarray], length: int | None = None) -> torch.Tensor:
        """float32 [B, V] of B texts, padded to `length` tokens, or the longest's, if they are not packed."""
        if self._packed is not None:
            return self._packed_weights(batch, self._packed)
        if not self._lm.ignores_padding:
            return self._unpadded_weights(batch)
        return self._padded_weights(batch, length)

    def _packed_weights(self, batch: Sequence[np.ndarray], backbone: PackedBackbone) -> torch.Tensor:
        lengths = [len(tokens) for tokens in batch]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = self._to_device(np.concatenate(batch).astype(np.int64))
        starts = self._to_device(offsets)
        counts = starts.diff()
        rows = torch.arange(len(ids), device=self.device)
        positions = rows - torch.repeat_interleave(starts[:-1], counts, output_size=len(ids))
        hidden = backbone.hidden_states(ids, positions, starts.int(), max(lengths))
        return self._head(hidden, self._lm.weight, self._lm.bias, cu_seqlens=starts.int())

    def _to_device(self, array: np.ndarray) -> torch.Tensor:
        """A copy, made while the host goes on."""
        return torch.from_numpy(array).pin_memory().to(self.device, non_blocking=True)

    def _padded_weights(self, batch: Sequence[np.ndarray], length: int | None) -> torch.Tensor:
        padded = pad(batch, self._pad, length)
        ids, mask = padded.ids.to(self.device), padded.mask.to(self.device)
        hidden = self._lm.hidden_states(ids, mask)
        # Without padding the head need not look for it.
        return self._head(hidden, self._lm.weight, self._lm.bias, mask if padded.has_padding else None)

    def _unpadded_weights(self, batch: Sequence[np.ndarray]) -> torch.Tensor:
        """Those of a model for which padding is text: only texts of one length are run together."""
        lengths = np.array([len(tokens) for tokens in batch])
        weights = torch.empty(len(batch), len(self._lm.weight), device=self.device)
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length).tolist()
            weights[rows] = self._padded_weights([batch[row] for row in rows], length)
        return weights


def load_splade(files: EncoderFiles, runtime: Runtime) -> SpladeModel:
    """Load a masked LM under the fused head. Raises as load_masked_lm, and for a device that cannot be used or is too
    small."""
    placement = place(runtime)
    try:
        lm = load_masked_lm(
            files.folder,
            device=placement.device,
            dtype=placement.backbone,
            head_dtype=placement.head,
            trust_remote_code=runtime.trust_remote_code,
        )
        return SpladeModel(lm, placement, pooling=files.pooling, activation=files.activation, head=runtime.head)
    except torch.OutOfMemoryError as error:
        raise SpartonError(
            f"the model in {files.folder} does not fit into the free memory of {placement.device}; free some, or "
            "choose another with ",
            Parameter("device"),
        ) from error
