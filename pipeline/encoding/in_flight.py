"""What an encoder has begun and not finished: shards, and the batches of them that run on a device."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ..progress import Progress, Timing
from ..tokens.tokenizer import Tokens
from .impacts import Impacts, join
from .saved_batches import SavedBatches


class ShardInFlight:
    """A shard being encoded. known: rows of the texts that have tokens. expected: batches still to be collected. saved:
    those that an earlier run has encoded, and that a later one need not."""

    def __init__(self, tokens: Tokens, saved: SavedBatches | None) -> None:
        self.tokens, self._saved = tokens, saved
        self.lengths = tokens.lengths
        self.known = np.flatnonzero(self.lengths)
        self.expected = 0
        self._parts: list[Impacts] = []
        self._rows: list[np.ndarray] = []

    @property
    def finished(self) -> bool:
        """Whether no batch is expected any more."""
        return not self.expected

    def take_saved(self, rows: np.ndarray) -> bool:
        """Whether a batch was saved, which then is collected."""
        found = self._saved.find(rows) if self._saved else None
        if found is not None:
            self._add(found, rows)
        return found is not None

    def collect(self, part: Impacts, rows: np.ndarray) -> None:
        """Take the impacts of a batch that was run, and have them saved."""
        self._add(part, rows)
        if self._saved:
            self._saved.add(rows, part)

    def _add(self, part: Impacts, rows: np.ndarray) -> None:
        self._parts.append(part)
        self._rows.append(rows)
        self.expected -= 1

    def impacts(self) -> Impacts:
        """Those of every text, in order."""
        return join(self._parts, self._rows, len(self.lengths))


@dataclass(frozen=True, slots=True)
class BatchInFlight:
    """A batch that was launched; `finish` waits for its impacts. The events stand around what a GPU does for it."""

    shard: ShardInFlight
    rows: np.ndarray
    finish: Callable[[], Impacts]
    started: torch.cuda.Event | None
    ended: torch.cuda.Event | None

    def collect(self, progress: Progress) -> None:
        """Wait for the impacts, give them to the shard, and tell `progress`."""
        self.shard.collect(self.finish(), self.rows)
        busy = 0.0
        if self.started is not None and self.ended is not None:
            self.ended.synchronize()
            busy = self.started.elapsed_time(self.ended) / 1000
        tokens = int(self.shard.lengths[self.rows].sum())
        progress.add(len(self.rows), tokens=tokens, timing=Timing(gpu=busy))
