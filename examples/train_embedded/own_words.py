"""What a passage's own words weigh, once the model is trained: the same as sparton/pipeline/encoding/own_words.py.

On texts unlike those that it was trained on, the LM leaves out most of a passage's words, and a maximum over positions
does not see how often one occurs. BM25 does neither. Training with BM25's weights in the sum was tried, and is worse on
sources that were left out of training than to train without and to apply this afterwards.
"""

import numpy as np
import torch

TERM_FREQUENCY = 0.25  # c
OWN_WORDS = 1.25  # o
K1, B = 0.9, 0.4  # Anserini's
_SPECIAL = 2  # tokens around a passage


class OwnWords:
    """Of a token whose word stands n times in a passage of l tokens, the weight w becomes

        max(w * (1 + c * (log2(1 + n) - 1)), o * n * (k1 + 1) / (n + k1 * (1 - b + b * l / mean_length)))

    (BM25: Robertson and Zaragoza, 2009). numbers: int32 [V], of `word_numbers`. mean_length: of passages, in tokens.
    """

    def __init__(self, numbers: np.ndarray, mean_length: float, device: str) -> None:
        self.mean_length = mean_length
        words = torch.from_numpy(numbers.astype(np.int64)).to(device)
        self._is_word, self._words = words >= 0, words.clamp_min(0)

    @torch.no_grad()
    def applied(self, weights: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """float32 [b, V]. weights: what the LM gives. ids, mask: int64 [b, S] of the passages."""
        times = self._times(ids, mask)
        return torch.maximum(
            weights * (1 + TERM_FREQUENCY * (torch.log2(1 + times.clamp_min(1)) - 1)), self.least(ids, mask)
        )

    @torch.no_grad()
    def least(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """float32 [b, V], what own words weigh at least, which is BM25 without an idf."""
        times = self._times(ids, mask)
        lengths = (mask.sum(dim=1, keepdim=True) - _SPECIAL) / self.mean_length
        return OWN_WORDS * (K1 + 1) * times / (times + K1 * (1 - B + B * lengths))

    def _times(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """float32 [b, V], how often a passage has the word of each token."""
        counts = torch.zeros(len(ids), len(self._words), device=ids.device)
        counts.scatter_add_(1, self._words[ids], mask.float() * self._is_word[ids])
        return counts[:, self._words] * self._is_word
