"""The model that is trained: documents by a masked LM under the fused head, queries by a table of token weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from own_words import OwnWords
from token_lists import TokenLists
from torch import nn
from transformers import BertForMaskedLM

from sparton.head import splade_head
from sparton.head.fuse import pass_on


class Student(nn.Module):
    """lm: what `masked_lm` gives. idf: float32 [V], the table's first weights. query_terms: bool [V].

    fused: have the head compute weights without logits; else with them, as the usual code does. activation: of
    documents, as `splade_head` names it. tokens: of a batch that goes through the LM at once, padding included.
    own_words: applied to documents, and its forms of words to queries, where it is set, which is after training.
    """

    usable: torch.Tensor

    def __init__(
        self,
        lm: BertForMaskedLM,
        idf: np.ndarray,
        query_terms: np.ndarray,
        *,
        fused: bool = True,
        activation: str = "log1p_relu",
        tokens: int = 2**15,
    ) -> None:
        super().__init__()
        self.lm, self.fused, self.activation, self.tokens = lm, fused, activation, tokens
        self.own_words: OwnWords | None = None
        self.decoder = lm.get_output_embeddings()
        if fused:
            pass_on(self.decoder)
        # softplus of this is the table: never negative, and never without a gradient.
        self.table_parameter = nn.Parameter(torch.empty(len(idf)))
        self.set_table(torch.from_numpy(idf))
        self.register_buffer("usable", torch.from_numpy(query_terms), persistent=False)

    def table(self) -> torch.Tensor:
        """float32 [V], what each token of a query weighs."""
        return nn.functional.softplus(self.table_parameter) * self.usable

    @torch.no_grad()
    def set_table(self, table: torch.Tensor) -> None:
        """Have the tokens of a query weigh what float32 [V] says, and no less than a hundredth."""
        least = table.clamp_min(1e-2)
        self.table_parameter.copy_(least + torch.log(-torch.expm1(-least)))

    def query_weights(
        self,
        queries: TokenLists,
        numbers: np.ndarray,
        frames: torch.Tensor | None = None,
        own_words: OwnWords | None = None,
    ) -> torch.Tensor:
        """float32 [B, V]: the weight of each distinct token of a query.

        frames: int64 [B, L], token ids of words around each query, padded with 0, which weighs nothing. own_words: in
        place of the student's, which may have none.
        """
        ids, mask = queries.rows(numbers)
        if (forms := own_words or self.own_words) is not None:
            ids, mask = forms.replaced(ids, mask)
        present = torch.zeros(len(ids), len(self.table_parameter), device=ids.device)
        present.scatter_(1, ids, mask.float())
        if frames is not None:
            present.scatter_(1, frames, 1.0)
        return present * self.table()

    def document_weights(self, passages: TokenLists, numbers: np.ndarray) -> torch.Tensor:
        """float32 [B, V] of passages, in groups of like length, so that hardly any padding is computed."""
        parts = list(self.groups(passages, numbers, self.tokens))
        positions = torch.from_numpy(np.argsort(np.concatenate([group for group, _ in parts])))
        weights = torch.cat([part for _, part in parts])
        return weights.index_select(0, positions.to(weights.device))

    @contextmanager
    def without_own_words(self) -> Iterator[None]:
        """What the LM alone gives documents, for a while."""
        kept, self.own_words = self.own_words, None
        try:
            yield
        finally:
            self.own_words = kept

    def groups(
        self, passages: TokenLists, numbers: np.ndarray, tokens: int
    ) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """Positions in `numbers`, and weights float32 [b, V] of these passages, group after group."""
        for group in passages.groups(numbers, tokens):
            ids, mask = passages.rows(numbers[group])
            with torch.autocast(ids.device.type, torch.bfloat16, enabled=ids.is_cuda):
                weights = self._weights(ids, mask)
            yield group, weights if self.own_words is None else self.own_words.applied(weights, ids, mask)

    def _weights(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        logits = self.lm(input_ids=ids, attention_mask=mask).logits
        if self.fused:
            return splade_head(logits, self.decoder.weight, self.decoder.bias, mask, activation=self.activation)
        weights = (torch.log1p(torch.relu(logits)) * mask[:, :, None]).amax(dim=1).float()
        return weights if self.activation == "log1p_relu" else weights.log1p()
