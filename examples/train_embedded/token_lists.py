"""Token ids of many texts in one array, on disk and on a device."""

from collections.abc import Iterator, Sequence

import numpy as np
import tokenizers
import torch

_TOGETHER = 10_000  # texts that are tokenized in one call
_MULTIPLE = 8  # of which padded lengths are, so that few shapes occur


class TokenLists:
    """Texts end to end. flat: int32 [T] token ids, on a device. lengths: int64 [N], on the host."""

    def __init__(self, flat: torch.Tensor, lengths: np.ndarray) -> None:
        self.flat, self.lengths = flat, lengths
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self._starts, self._lengths = (torch.from_numpy(array).to(flat.device) for array in (starts, lengths))

    def __len__(self) -> int:
        return len(self.lengths)

    def rows(self, numbers: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """int64 ids and mask [B, S] of some texts, padded on the right with 0."""
        longest = -(-int(self.lengths[numbers].max()) // _MULTIPLE) * _MULTIPLE
        chosen = torch.from_numpy(np.asarray(numbers, np.int64)).to(self.flat.device, non_blocking=True)
        steps = torch.arange(longest, device=self.flat.device)
        mask = steps < self._lengths[chosen, None]
        places = (self._starts[chosen, None] + steps).clamp_(max=len(self.flat) - 1)
        return self.flat[places].long() * mask, mask.long()

    def groups(self, numbers: np.ndarray, tokens: int) -> Iterator[np.ndarray]:
        """Positions in `numbers` of texts of like length, the shortest first: a group has no more than `tokens` tokens
        with its padding, or one text."""
        order = np.argsort(self.lengths[numbers], kind="stable")
        padded = -(-self.lengths[numbers][order] // _MULTIPLE) * _MULTIPLE
        start = 0
        for end in range(1, len(order) + 1):
            if end == len(order) or (end + 1 - start) * padded[end] > tokens:
                yield order[start:end]
                start = end


def tokenize(tokenizer: tokenizers.Tokenizer, texts: Sequence[str], longest: int) -> dict[str, np.ndarray]:
    """flat [T] and lengths [N] of texts with their special tokens, cut at `longest`; uint16 where all ids fit."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    small = tokenizer.get_vocab_size() <= 2**16
    flat, lengths = [np.empty(0, np.uint16 if small else np.int32)], []
    for start in range(0, len(texts), _TOGETHER):
        ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts[start : start + _TOGETHER])]
        lengths += map(len, ids)
        flat.append(np.concatenate([np.array(one, flat[0].dtype) for one in ids]))
    return {"flat": np.concatenate(flat), "lengths": np.array(lengths, np.int32)}


def on_device(flat: np.ndarray, lengths: np.ndarray, device: str) -> TokenLists:
    """What `tokenize` gave."""
    return TokenLists(torch.from_numpy(flat.astype(np.int32)).to(device), lengths.astype(np.int64))
