"""What a passage's own words weigh, once the model is trained, by sparton/pipeline/encoding/own_words.py.

On texts unlike those that it was trained on, the LM leaves out most of a passage's words, and a maximum over positions
does not see how often one occurs. BM25 does neither. Training with BM25's weights in the sum was tried, and is worse on
sources that were left out of training than to train without and to apply this afterwards.
"""

import numpy as np
import tokenizers
import torch
from word_forms import STEMMER

from sparton.pipeline.encoding import own_words
from sparton.pipeline.model.lexical import WordForms
from sparton.pipeline.tokens.stems import Stems

TERM_FREQUENCY = 0.25  # c
OWN_WORDS = 1.25  # o
EXPANSION = 10  # e


class OwnWords:
    """The weights of passages with their own words. tokenizer: of the passages. numbers: int32 [V], of `word_numbers`.
    mean_length: of passages, in tokens."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, numbers: np.ndarray, mean_length: float) -> None:
        self._own_words = own_words.OwnWords(
            TERM_FREQUENCY,
            OWN_WORDS,
            mean_length,
            WordForms(numbers, STEMMER),
            len(numbers),
            sorted(tokenizer.get_added_tokens_decoder()),
            stems := Stems(tokenizer, STEMMER, numbers),
            EXPANSION,
        )
        self._stems = stems

    def replaced(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """int64 [b, S] each: the ids and the mask of queries, words of several pieces as what they stand for."""
        rows, lengths = ids.int().cpu().numpy(), mask.sum(dim=1).tolist()
        texts = [self._stems.replaced(row[:length]) for row, length in zip(rows, lengths, strict=True)]
        found = np.zeros((2, len(texts), max(map(len, texts), default=0)), np.int64)
        for row, text in enumerate(texts):
            found[0, row, : len(text)], found[1, row, : len(text)] = text, 1
        ids, mask = torch.from_numpy(found).to(ids.device)
        return ids, mask

    @torch.no_grad()
    def applied(self, weights: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """float32 [b, V]. weights: what the LM gives. ids, mask: int64 [b, S] of the passages."""
        rows, lengths = ids.int().cpu().numpy(), mask.sum(dim=1).tolist()
        weighed = weights.clone()
        self._own_words.apply(weighed, [row[:length] for row, length in zip(rows, lengths, strict=True)])
        return weighed

    def least(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """float32 [b, V], what own words weigh at least, which is BM25 without an idf."""
        nothing = torch.zeros(len(ids), self._own_words.size, device=ids.device)
        return self.applied(nothing, ids, mask)
