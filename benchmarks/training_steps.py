"""What benchmarks/training.py measures of whole steps: a bi-encoder with the plain or the fused head.

The plain head is what SPLADE implementations write: the Hugging Face masked LM's logits, ReLU, log1p, the mask, and
the maximum over positions, under autocast. The fused one is the same model with its output embedding passed over.
"""

import gc
import statistics
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from transformers import AutoModelForMaskedLM, BertConfig, PreTrainedConfig, XLMRobertaConfig

from sparton.head import splade_head
from sparton.head.fuse import pass_on

QUERY, DOCUMENT = 64, 256


def config_of(vocabulary: int, **more: int) -> PreTrainedConfig:
    """BERT-base, or XLM-RoBERTa-base where the vocabulary is as large as that; `more` makes it smaller."""
    if vocabulary < 100_000:
        return BertConfig(vocab_size=vocabulary, **more)
    return XLMRobertaConfig(vocab_size=vocabulary, max_position_embeddings=514, **more)


class Training:
    """A model with random float32 weights, AdamW, and steps of random pairs under bfloat16 autocast.

    checkpointed: keep the input of each layer, and compute the layer again when its gradients are.
    """

    def __init__(
        self, config: PreTrainedConfig, *, fused: bool, checkpointed: bool = False, device: str = "cuda"
    ) -> None:
        torch.manual_seed(0)
        self.device, self.fused, self.vocabulary = device, fused, config.vocab_size
        with torch.device(device):
            self.model = AutoModelForMaskedLM.from_config(config).train()
        if checkpointed:
            self.model.gradient_checkpointing_enable({"use_reentrant": False})
        self.decoder = self.model.get_output_embeddings()
        if fused:
            pass_on(self.decoder)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, fused=device == "cuda")

    def encode(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Weights [B, V]."""
        logits = self.model(input_ids=ids, attention_mask=mask).logits
        if self.fused:
            return splade_head(logits, self.decoder.weight, self.decoder.bias, mask)
        return (torch.log1p(torch.relu(logits)) * mask[:, :, None]).amax(dim=1)

    def loss(self, pairs: int) -> torch.Tensor:
        """InfoNCE with in-batch negatives, and FLOPS, of random token ids without padding."""
        shapes = ((pairs, QUERY), (pairs, DOCUMENT))
        ids = [torch.randint(5, self.vocabulary, shape, device=self.device) for shape in shapes]
        with torch.autocast(self.device, torch.bfloat16):
            queries, documents = (self.encode(part, torch.ones_like(part)) for part in ids)
        # Not under autocast: a score of 137 would be rounded to a whole number.
        queries, documents = queries.float(), documents.float()
        scores = queries @ documents.T
        ranking = nn.functional.cross_entropy(scores, torch.arange(pairs, device=self.device))
        return ranking + sum(1e-4 * part.mean(dim=0).square().sum() for part in (queries, documents))

    def step(self, pairs: int) -> torch.Tensor:
        """One update; the loss before it."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(pairs)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def fits(self, pairs: int) -> bool:
        """Whether steps of so many pairs fit into the GPU's memory: two, of which the second finds AdamW's state."""
        try:
            for _ in range(2):
                self.step(pairs)
            torch.cuda.synchronize()
        except torch.OutOfMemoryError:
            fits = False
        else:
            fits = True
        # Outside of the except clause, whose traceback holds the step's tensors.
        self.optimizer.zero_grad(set_to_none=True)
        gc.collect()
        torch.cuda.empty_cache()
        return fits

    def pairs_a_second(self, pairs: int, repeats: int) -> float:
        """By the median step."""
        for _ in range(3):
            self.step(pairs)
        events = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
        events[0].record()
        for event in events[1:]:
            self.step(pairs)
            event.record()
        torch.cuda.synchronize()
        times = [start.elapsed_time(stop) for start, stop in pairwise(events)]
        return pairs / statistics.median(times) * 1e3


def largest(fits: Callable[[int], bool], start: int) -> int:
    """The most for which `fits`, to a sixteenth: doubled until it does not, then bisected. 0 if not even 1 does."""
    good, bad = 0, None
    trial = start
    while bad is None or bad - good > max(1, good // 16):
        if fits(trial):
            good = trial
        else:
            bad = trial
        trial = good * 2 if bad is None else (good + bad) // 2
        if trial == 0:
            break
    return good
