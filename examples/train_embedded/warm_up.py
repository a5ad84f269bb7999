"""Stage 2: masked language modelling on all passages, so that the new head predicts terms before it is asked to search.

    python examples/train_embedded/warm_up.py --prepared prepared --out warm --steps 6000 --minutes 8
    torchrun --nproc-per-node 4 examples/train_embedded/warm_up.py --prepared prepared --out warm --steps 1500

Without this the head would be random, and its maximum over tokens would pass hardly any gradient on. The new transform
and the bias learn first, alone; then all weights.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from backbone import compile_layers, masked_lm
from prepared import read_prepared
from ranks import Ranks
from runs import Run, generator, groups_of_parameters, shuffled, warmed_and_decayed
from terms import unsearchable
from torch import nn
from transformers import BertForMaskedLM

from sparton.head.fuse import pass_on

_SHARE, _MASKED, _RANDOM = 0.15, 0.8, 0.1  # of tokens that are predicted; of these, masked and replaced
_ALONE = 0.1  # of the steps, in which the new weights learn alone
_TOGETHER = 2**15  # tokens that go through the model at once, padding included
_EVERY = 50  # steps, a line of the log
_NEW = ("lm.cls.predictions.transform", "lm.cls.predictions.bias", "lm.cls.predictions.decoder.bias")


class MaskedLm(nn.Module):
    """The loss of a masked LM, whose logits are computed for predicted tokens alone."""

    def __init__(self, lm: BertForMaskedLM, mask_token: int, specials: np.ndarray) -> None:
        super().__init__()
        self.lm, self.mask_token, self.decoder = lm, mask_token, pass_on(lm.get_output_embeddings())
        self.register_buffer("specials", torch.from_numpy(specials), persistent=False)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        """Cross entropy of the predicted tokens of int64 ids [B, S] with their mask: of each, [M]."""
        draws = torch.from_numpy(random.random((2, *ids.shape), np.float32)).to(ids.device)
        replacement = torch.from_numpy(random.integers(0, self.decoder.out_features, ids.shape)).to(ids.device)
        predicted = (draws[0] < _SHARE) & (mask > 0) & ~torch.isin(ids, self.specials)
        given = torch.where(predicted & (draws[1] < _MASKED), self.mask_token, ids)
        given = torch.where(predicted & (draws[1] > 1 - _RANDOM), replacement, given)
        hidden = self.lm(input_ids=given, attention_mask=mask).logits[predicted]
        logits = nn.functional.linear(hidden, self.decoder.weight, self.decoder.bias)
        return nn.functional.cross_entropy(logits.float(), ids[predicted], reduction="none")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepared", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=256, help="passages of a step, on each GPU")
    parser.add_argument(
        "--rate", type=float, default=2e-4, help="AdamW's for the old weights; the new ones' is 5 times"
    )
    parser.add_argument("--compile", action="store_true", help="compile the layers first")
    parser.add_argument("--minutes", type=float, default=8, help="stop after so many, to be resumed")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    ranks = Ranks()
    device = ranks.device
    prepared = read_prepared(arguments.prepared, device)
    passages, tokenizer = prepared.passages, prepared.tokenizer()
    specials = unsearchable(tokenizer)
    lm = masked_lm(prepared.backbone, specials, arguments.seed)
    if arguments.compile:
        compile_layers(lm)
    model = MaskedLm(lm, tokenizer.token_to_id("[MASK]"), specials).to(device).train()
    rates = {"": arguments.rate} | dict.fromkeys((name for name in _NEW), 5 * arguments.rate)
    optimizer = torch.optim.AdamW(groups_of_parameters(model, 0.01, rates), fused=device == "cuda")
    settings = {name: getattr(arguments, name) for name in ("steps", "batch", "rate", "seed")}
    settings["processes"] = ranks.count
    run = Run(arguments.out, model, optimizer, settings, arguments.resume, ranks)
    alone, tokens, since = int(_ALONE * arguments.steps), 0, time.monotonic()
    for step in run.steps(arguments.steps, arguments.minutes):
        for group in optimizer.param_groups:
            new = group["peak"] != arguments.rate
            left, of = (step, arguments.steps) if new else (step - alone, arguments.steps - alone)
            group["lr"] = group["peak"] * (warmed_and_decayed(left, of, of // 20) if left >= 0 else 0.0)
        batch = shuffled(arguments.seed, step, arguments.batch * ranks.count, len(passages))[ranks.rank :: ranks.count]
        random = generator(arguments.seed, step, ranks.rank)
        expected = _SHARE * passages.lengths[batch].sum()
        found = []
        optimizer.zero_grad(set_to_none=True)
        for group in passages.groups(batch, _TOGETHER):
            ids, mask = passages.rows(batch[group])
            with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                losses = model(ids, mask, random)
            (losses.sum() / expected).backward()
            found.append(losses.detach())
        ranks.average_gradients(model.parameters())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tokens += int(passages.lengths[batch].sum())
        if step % _EVERY == 0 or step == arguments.steps - 1:
            now = time.monotonic()
            run.log(loss=torch.cat(found).mean().item(), tokens_per_second=tokens / (now - since))
            tokens, since = 0, now
    ranks.end()


if __name__ == "__main__":
    main()
