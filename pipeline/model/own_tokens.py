"""A model of which a text keeps only the terms that its own tokens are: weighted terms, and no others."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ...errors import SpartonError
from ..tokens.tokenizer import Tokenizer
from .base import SparseModel
from .spec import EncoderFiles
from .token_table import load_table


class OwnTokens:
    """A SparseModel of another one's weights, times a table's for the tokens that a text has, and 0 for all others.

    The table is the one of a SparseStaticEmbedding behind the model's pooling, or 1 for all but special tokens. With
    the first a prompt is a part of the text, as it is to sentence-transformers; else its tokens are none of the text's.
    Raises SpartonError for a table that is not of the model's size.
    """

    def __init__(self, model: SparseModel, files: EncoderFiles) -> None:
        self._model = model
        self.tokenization, self.vocabulary = model.tokenization, model.vocabulary
        self.device, self.dtype, self.packs = model.device, model.dtype, model.packs
        gate = np.ones(len(model.vocabulary), np.float32)
        gate[sorted(model.tokenization.meaningless)] = 0
        if files.gate is not None:
            gate = load_table(files.gate).weights
        if len(gate) != len(model.vocabulary):
            raise SpartonError(
                f"the table in {files.gate.folder if files.gate else files.folder} has {len(gate)} weights and the "
                f"model before it {len(model.vocabulary)} terms; save both again from one model"
            )
        how = replace(model.tokenization, prompt=files.prompt)
        self._tokenizer = Tokenizer(how) if files.prompt and files.gate is None else None
        self._gate = torch.from_numpy(gate.clip(0)).to(self.device)

    def weights(self, batch: Sequence[np.ndarray], length: int | None = None) -> torch.Tensor:
        """float32 [B, V], as the model's."""
        every = self._model.weights(batch, length)
        if self._tokenizer is not None:
            batch = list(map(self._tokenizer.without_prompt, batch))
        own = torch.from_numpy(np.concatenate(batch).astype(np.int64)).to(self.device)
        texts = np.repeat(np.arange(len(batch)), [len(tokens) for tokens in batch])
        entries = torch.from_numpy(texts).to(self.device), own
        kept = torch.zeros_like(every)
        kept[entries] = every[entries] * self._gate[own]
        return kept
