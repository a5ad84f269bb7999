"""Texts in, impacts out: tokenize, batch, run the backbone and the fused head, quantize."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import SpartonError, UsageError
from ..manifest import ModelSettings
from .batches import batches_by_tokens
from .head import splade_head
from .impacts import Impacts, join, quantize
from .masked_lm import load_masked_lm
from .model_files import EMBEDDED, find_model
from .options import SCALE, check_encoding_options

DEFAULT_MAX_LENGTH = 512
_BATCH_TOKENS = {"cpu": 2_048, "cuda": 65_536}
# The head's output is [documents, V] float32: at most 512 MiB of it at once.
_MOST_WEIGHTS = 2**27
_TOKENIZED_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokenized texts: ids, int32 with special tokens, and how many texts were cut at the maximum length.

    A text without a single token that the model knows has no ids at all: the model would make up terms for it.
    """

    ids: tuple[np.ndarray, ...]
    truncated: int

    @property
    def count(self) -> int:
        """All tokens, special ones included."""
        return sum(map(len, self.ids))


class Encoder:
    """A masked LM with the fused head.

    model: "tiny" (embedded), a folder, or a name on the hub. max_length: tokens a text is cut at (default 512, or
    what the model takes if less). device: "auto", "cpu", "cuda", "cuda:1", … dtype: "auto" (bfloat16 on GPUs that
    have it, else float32), "float32", "bfloat16", "float16". scale: an impact is round(weight * scale). top_terms:
    most terms a text keeps. batch_tokens: most tokens in a batch, padding included. head: see splade_head's `impl`.

    Raises SpartonError when the model cannot be had, UsageError when an argument cannot be meant.
    """

    def __init__(
        self,
        model: str = EMBEDDED,
        *,
        revision: str | None = None,
        max_length: int | None = None,
        device: str = "auto",
        dtype: str = "auto",
        scale: float = SCALE,
        top_terms: int | None = None,
        batch_tokens: int | None = None,
        head: str = "auto",
        trust_remote_code: bool = False,
    ) -> None:
        check_encoding_options(max_length, dtype, scale, top_terms, batch_tokens)
        self.device = _device(device)
        dtype = _auto_dtype(self.device) if dtype == "auto" else dtype
        files = find_model(model, revision, trust_remote_code=trust_remote_code)
        self._lm = load_masked_lm(
            files.folder, device=self.device, dtype=getattr(torch, dtype), trust_remote_code=trust_remote_code
        )
        longest = self._lm.longest
        if max_length is not None and max_length > longest:
            raise UsageError(f"--max-length is {max_length} and the model {model} takes at most {longest}")
        self.settings = ModelSettings(
            files.name, files.revision, files.digest, max_length or min(DEFAULT_MAX_LENGTH, longest), dtype
        )
        self.scale = scale
        self.top_terms = top_terms
        self.batch_tokens = batch_tokens or _BATCH_TOKENS.get(self.device.type, _BATCH_TOKENS["cuda"])
        self._head = head
        self._tokenizer = self._lm.tokenizer.backend_tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.settings.max_length)
        self._pad = self._lm.tokenizer.pad_token_id or 0
        self._meaningless = frozenset(self._lm.tokenizer.all_special_ids)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The term of each vocabulary id."""
        return self._lm.vocabulary

    def encode(self, texts: Sequence[str]) -> Impacts:
        """The impacts of each text, in order."""
        return self.encode_tokens(self.tokenize(texts))

    def terms(self, text: str) -> dict[str, int]:
        """One text as {term: impact}, heaviest first; empty if it is blank or has no token the model knows."""
        ((terms, values),) = self.encode([text.encode(errors="replace").decode()])
        order = np.lexsort((terms, -values.astype(np.int64)))
        return {self.vocabulary[terms[i]]: int(values[i]) for i in order}

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Token ids of each text, cut at the maximum length."""
        ids, truncated = [], 0
        # A few at a time: an encoding holds ten times the memory of its ids.
        for start in range(0, len(texts), _TOKENIZED_AT_ONCE):
            for encoding in self._tokenizer.encode_batch_fast(list(texts[start : start + _TOKENIZED_AT_ONCE])):
                known = not self._meaningless.issuperset(encoding.ids)
                ids.append(np.array(encoding.ids if known else (), dtype=np.int32))
                truncated += bool(encoding.overflowing)
        return Tokens(tuple(ids), truncated)

    def encode_tokens(self, tokens: Tokens, on_batch: Callable[[int], None] = lambda documents: None) -> Impacts:
        """The impacts of each tokenized text, in order. `on_batch` hears of each batch how many it had.

        Raises SpartonError when a batch does not fit into the GPU's memory.
        """
        lengths = np.array([len(ids) for ids in tokens.ids], dtype=np.int64)
        known = np.flatnonzero(lengths)
        on_batch(len(lengths) - len(known))
        most = max(1, _MOST_WEIGHTS // len(self.vocabulary))
        parts, positions = [], []
        for batch in batches_by_tokens(lengths[known], self.batch_tokens, most):
            places = known[batch]
            try:
                weights = self._weights([tokens.ids[place] for place in places])
                parts.append(quantize(weights, self.scale, self.top_terms))
            except torch.OutOfMemoryError as error:
                raise SpartonError(
                    f"{self.device} ran out of memory in a batch of {len(places)} texts of up to "
                    f"{lengths[places].max()} tokens; lower --batch-tokens from {self.batch_tokens} and run again"
                ) from error
            positions.append(places)
            on_batch(len(places))
        return join(parts, positions, len(lengths))

    @torch.inference_mode()
    def _weights(self, batch: Sequence[np.ndarray]) -> torch.Tensor:
        """float32 [B, V] from B arrays of token ids, padded on the right."""
        shape = len(batch), max(map(len, batch))
        ids = torch.full(shape, self._pad, dtype=torch.int64)
        mask = torch.zeros(shape, dtype=torch.int64)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.from_numpy(tokens)
            mask[row, : len(tokens)] = 1
        ids, mask = ids.to(self.device), mask.to(self.device)
        hidden = self._lm.hidden_states(ids, mask)
        # Without padding the head need not look for it.
        padded = any(len(tokens) < shape[1] for tokens in batch)
        return splade_head(hidden, self._lm.weight, self._lm.bias, mask if padded else None, impl=self._head)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"--device is {name!r}; expected auto, cpu, cuda or one GPU, as in cuda:1") from error
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SpartonError(f"the device {name!r} cannot be used here: {str(error).splitlines()[0]}") from error
    return device


def _auto_dtype(device: torch.device) -> str:
    return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"
