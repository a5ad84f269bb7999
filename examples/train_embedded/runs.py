"""The steps of a run: counted, timed, logged, kept in checkpoints, and gone on with after an interruption.

Whatever is random in a step is drawn from `generator(seed, step)`, so a step's number is all the random state there is,
and a run that was interrupted gives what it would have given.
"""

import json
import os
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ranks import Ranks
from torch import nn

from sparton.errors import SpartonError

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"
_BETWEEN_CHECKPOINTS = 60.0  # seconds


def generator(*numbers: int) -> np.random.Generator:
    """Random numbers that follow from a seed and a step."""
    return np.random.default_rng(numbers)


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return generator(seed, epoch, 1).permutation(count)


def shuffled(seed: int, step: int, size: int, count: int) -> np.ndarray:
    """int64 [size], the items of a step among `count` ones, each of which comes once an epoch."""
    epochs, places = np.divmod(np.arange(step * size, (step + 1) * size), count)
    return np.concatenate([_order(seed, epoch, count)[places[epochs == epoch]] for epoch in np.unique(epochs).tolist()])


def groups_of_parameters(model: nn.Module, decay: float, rates: dict[str, float]) -> list[dict[str, Any]]:
    """For AdamW: matrices decay, vectors do not. rates: the learning rate by the beginning of a parameter's name; of
    several that fit, the longest."""
    groups: dict[tuple[str, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        begin = max((one for one in rates if name.startswith(one)), key=len)
        key = begin, parameter.dim() > 1
        group = groups.setdefault(key, {"params": [], "lr": rates[begin], "weight_decay": decay if key[1] else 0.0})
        group["params"].append(parameter)
    return [{**group, "peak": group["lr"]} for group in groups.values()]


def warmed_and_decayed(step: int, steps: int, warm: int) -> float:
    """What a learning rate is multiplied by: up in a line for `warm` steps, then down in a line to 0."""
    return min((step + 1) / max(1, warm), max(0.0, (steps - step) / max(1, steps - warm)))


class Run:
    """A folder with a checkpoint and a log. settings: what a run is resumed with must equal what it began with. ranks:
    of several processes that train together the first one writes, and its weights are those of all.

    Raises SpartonError where the folder has a run and `resume` is not asked for, and where settings differ.
    """

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: dict[str, Any],
        resume: bool,
        ranks: Ranks,
    ) -> None:
        self.folder, self.model, self.optimizer, self.settings, self.step = folder, model, optimizer, settings, 0
        self.ranks = ranks
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / CHECKPOINT
        if path.exists():
            if not resume:
                raise SpartonError(f"{folder} has a run; go on with --resume, or name another folder with --out")
            self._restore(path)
        ranks.share(model.parameters())
        if ranks.first:
            self._keep_log()
        self._begin = time.monotonic()

    def steps(self, total: int, minutes: float) -> Iterator[int]:
        """The numbers of the steps that are left, until `minutes` have gone by; a checkpoint each minute and at the
        end."""
        kept = self._begin
        while self.step < total and not self.ranks.any(time.monotonic() - self._begin > minutes * 60):
            yield self.step
            self.step += 1
            if time.monotonic() - kept > _BETWEEN_CHECKPOINTS:
                self.save()
                kept = time.monotonic()
        self.save()
        left = total - self.step
        if self.ranks.first:
            print(f"{self.step:,} steps done" + (f", {left:,} left: go on with --resume" if left else ""), flush=True)

    def log(self, **values: float) -> None:
        """A line of the log, which is printed too."""
        if not self.ranks.first:
            return
        line = {"step": self.step, "seconds": round(time.monotonic() - self._begin, 1), **values}
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print("  ".join(f"{name} {value:.5g}" for name, value in line.items()), flush=True)

    def save(self) -> None:
        """Write the checkpoint whole, or leave the one before."""
        if not self.ranks.first:
            return
        unfinished = self.folder / f"{CHECKPOINT}.tmp"
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save({**state, "step": self.step, "settings": self.settings}, unfinished)
        os.replace(unfinished, self.folder / CHECKPOINT)

    def _restore(self, path: Path) -> None:
        kept = read_checkpoint(path)
        for name, value in self.settings.items():
            if kept["settings"].get(name) != value:
                raise SpartonError(
                    f"{path} is of a run with {name} {kept['settings'].get(name)!r}, and {value!r} was given; "
                    "resume with what the run began with"
                )
        self.model.load_state_dict(kept["model"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.step = kept["step"]

    def _keep_log(self) -> None:
        """Leave out of the log what was done after the checkpoint, since it is done again."""
        path = self.folder / LOG
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        path.write_text("".join(line for line in lines if json.loads(line)["step"] <= self.step), encoding="utf-8")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """model, optimizer, step and settings. Raises SpartonError where there is none."""
    if not path.exists():
        raise SpartonError(f"{path} is missing; run the stage that writes it first")
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content
