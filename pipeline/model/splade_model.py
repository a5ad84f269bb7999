"""A language model under the fused head: batches of token ids to weights, packed where the backbone takes it, else
padded."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch

from ...errors import Parameter, SpartonError
from ...head import splade_head
from ...head.torch_int8 import Int8Weight, int8_head
from ...head.torch_reordered import ReorderedWeight, reorder, reordered_head
from ..packed.backbone import PackedBackbone, pack
from ..packed.on_cpu import pack_on_cpu
from .base import Runtime
from .causal_lm import soft_cap
from .echo import second_copies, second_only, twice
from .float8_head import float8_head_of
from .language_model import LanguageModel
from .masked_lm import load_masked_lm
from .padded import PaddedBatch, pad, rows_of_one_length
from .placement import Placement, place, told_if_too_large
from .replay import Replay
from .spec import EncoderFiles
from .tokenizing import tokenization_of

# Tokens of a text that is short: of a longer one the products take nearly all of the time.
_SHORT = 64


class SpladeModel:
    """A SparseModel of a backbone and the fused SPLADE head. head: see splade_head's `impl`. echo: see EncoderSpec."""

    def __init__(
        self,
        lm: LanguageModel,
        placement: Placement,
        *,
        pooling: str,
        activation: str,
        head: str = "auto",
        echo: bool = False,
    ) -> None:
        self._lm = lm
        self._echo = echo
        self._activation = activation
        self._packed = _pack(lm, placement)
        self._head = partial(splade_head, impl=head, pooling=pooling, activation=activation)
        takes_float8 = placement.float8 and pooling == "max" and head in ("auto", "triton")
        self._float8 = float8_head_of(lm, self._packed) if takes_float8 and self._packed is not None else None
        self._int8 = Int8Weight.of(lm.weight) if placement.int8 else None
        self._replay = Replay(lm.hidden_states)
        # In float32 a row's bits depend on how many there are (encoding/encoder.py), and a sum's on what is added.
        self._drops_padding = pooling == "max" and (placement.int8 or lm.weight.dtype == torch.bfloat16)
        self._reorders = self._drops_padding and not placement.int8 and head in ("auto", "torch")
        self._reordered: ReorderedWeight | None = None
        self._short_texts = 0
        self._pad = lm.tokenizer.pad_token_id or 0
        # A CPU's head pads, so that texts of one length go together there.
        self.packs = self._packed is not None and placement.device.type != "cpu"
        self.device, self.dtype = placement.device, placement.dtype
        self.vocabulary = lm.vocabulary
        self.tokenization = tokenization_of(lm.tokenizer, lm.longest // 2 if echo else lm.longest)

    def weights(self, batch: Sequence[np.ndarray], length: int | None = None) -> torch.Tensor:
        """float32 [B, V] of B texts, padded to `length` tokens, or the longest's, if they are not packed."""
        texts = twice(batch) if self._echo else batch
        if self._packed is not None:
            weights = self._packed_weights(texts, self._packed)
        elif not self._lm.ignores_padding:
            weights = self._unpadded_weights(texts)
        else:
            whole = length and length * (2 if self._echo else 1)
            if len(texts) == 1 and whole is not None and whole <= _SHORT and self.device.type == "cpu":
                weights = self._short_weights(texts[0], whole)
            else:
                weights = self._padded_weights(texts, whole)
        cap = self._lm.soft_cap
        return weights if cap is None else soft_cap(weights, cap, self._activation)

    def _packed_weights(self, batch: Sequence[np.ndarray], backbone: PackedBackbone) -> torch.Tensor:
        hidden, offsets = backbone.run(batch)
        hidden = hidden.to(self._lm.weight.dtype)
        if self._echo:
            hidden, offsets = second_copies(hidden, offsets)
        offsets = offsets.int()
        if self._float8 is not None:
            return self._activated(self._float8(hidden, cu_seqlens=offsets))
        if self._int8 is not None:
            return self._activated(int8_head(hidden, self._int8, self._lm.bias, cu_seqlens=offsets))
        return self._head(hidden, self._lm.weight, self._lm.bias, cu_seqlens=offsets)

    def _padded_weights(self, batch: Sequence[np.ndarray], length: int | None) -> torch.Tensor:
        padded = pad(batch, self._pad, length)
        hidden = self._lm.hidden_states(padded.ids.to(self.device), padded.mask.to(self.device))
        return self._pool(hidden, batch, padded)

    def _short_weights(self, tokens: np.ndarray, length: int) -> torch.Tensor:
        """Those of one text, for which those before it have prepared something."""
        padded = pad([tokens], self._pad, length)
        return self._head_alone(self._replay(padded), tokens, padded)

    def _head_alone(self, hidden: torch.Tensor, tokens: np.ndarray, padded: PaddedBatch) -> torch.Tensor:
        if not self._drops_padding:
            return self._pool(hidden, [tokens], padded)
        kept = hidden[:, len(tokens) // 2 if self._echo else 0 : len(tokens)]
        self._short_texts += 1
        if self._reorders and self._short_texts == 2:  # the first may be the only one
            self._reordered = reorder(self._lm.weight, kept[0])
        if self._reordered is None:
            return self._head_of(kept, None)
        return self._activated(reordered_head(kept, self._reordered, self._lm.bias))

    def _pool(self, hidden: torch.Tensor, batch: Sequence[np.ndarray], padded: PaddedBatch) -> torch.Tensor:
        # Without padding the head need not look for it.
        mask = padded.mask.to(self.device) if padded.has_padding else None
        if self._echo:
            mask = second_only(batch, padded.mask.shape[1]).to(self.device)
        return self._head_of(hidden, mask)

    def _head_of(self, hidden: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        if self._int8 is None:
            return self._head(hidden, self._lm.weight, self._lm.bias, mask)
        return self._activated(int8_head(hidden, self._int8, self._lm.bias, mask))

    def _activated(self, weights: torch.Tensor) -> torch.Tensor:
        """The activation behind log1p(relu(x)), which the head has applied."""
        return weights if self._activation == "log1p_relu" else weights.log1p_()

    def _unpadded_weights(self, batch: Sequence[np.ndarray]) -> torch.Tensor:
        """Those of a model for which padding is text: only texts of one length are run together."""
        weights = torch.empty(len(batch), len(self._lm.weight), device=self.device)
        for rows in rows_of_one_length(batch):
            weights[rows] = self._padded_weights([batch[row] for row in rows], None)
        return weights


def _pack(lm: LanguageModel, placement: Placement) -> PackedBackbone | None:
    """The backbone for packed documents, None where they are padded."""
    if placement.device.type == "cpu":
        return pack_on_cpu(lm) if placement.rounds else None
    return pack(lm, float8=placement.float8, traces=placement.traces)


def load_splade(
    files: EncoderFiles, runtime: Runtime, load: Callable[..., LanguageModel] = load_masked_lm
) -> SpladeModel:
    """Put a language model under the fused head. load: the model, as load_masked_lm. Raises as that does, and for a
    device that cannot be used or is too small, and for settings that do not go together."""
    placement = place(runtime)
    with told_if_too_large(files.folder, placement.device):
        lm = load(
            files,
            device=placement.device,
            dtype=placement.backbone,
            head_dtype=placement.head,
            trust_remote_code=runtime.trust_remote_code,
        )
        if lm.soft_cap is not None and files.pooling != "max":
            raise SpartonError(
                f"the model in {files.folder} caps its logits (final_logit_softcapping) and pools by {files.pooling}; "
                "Sparton caps maxima alone"
            )
        if placement.int8 and files.pooling != "max":
            raise SpartonError(
                f"the model in {files.folder} pools by {files.pooling}, and 8-bit integers are for maxima; use ",
                Parameter("dtype", "bfloat16"),
            )
        model = SpladeModel(
            lm,
            placement,
            pooling=files.pooling,
            activation=files.activation,
            head=runtime.head,
            echo=files.echo,
        )
        placement.check_float8(files.folder, model.packs)
        return model
