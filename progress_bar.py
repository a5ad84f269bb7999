"""The line on a terminal that shows how encoding gets on."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from .pipeline.progress import Progress, Timing, Work

if TYPE_CHECKING:
    from tqdm import tqdm

_SECONDS = 0.5
_STAGES = {"reading": "tokenizing", "encoding": "the model", "writing": "writing"}


@contextmanager
def progress_bar(rows: int, *, shown: bool) -> Iterator[Progress]:
    """Progress, shown on stderr: how many of `rows`, how fast, the GPU's share of the time, the slowest stage."""
    from tqdm import tqdm

    with tqdm(total=rows, desc="encoding", unit=" docs", unit_scale=True, disable=not shown, smoothing=0.1) as bar:
        yield Progress(_Bar(bar).show if shown else lambda work: None)


class _Bar:
    def __init__(self, bar: "tqdm[None]") -> None:
        self._bar = bar
        self._last, self._before = monotonic(), Work()

    def show(self, work: Work) -> None:
        # What was finished before is no work of this run: neither speed nor the time that is left may count it.
        self._bar.initial = work.kept
        self._bar.n = work.rows
        seconds = monotonic() - self._last
        if seconds < _SECONDS:
            return
        self._bar.set_postfix_str(_figures(work, self._before, seconds), refresh=False)
        self._bar.refresh()
        self._last, self._before = monotonic(), work


def _figures(work: Work, before: Work, seconds: float) -> str:
    """What happened in the last `seconds`."""
    timing = work.timing + before.timing * -1
    gpu = f", GPU {min(1.0, timing.gpu / seconds):.0%}" if work.timing.gpu else ""
    slowest = f", waits for {_STAGES[timing.bottleneck]}" if timing != Timing() else ""
    return f"{(work.tokens - before.tokens) / seconds / 1000:,.0f} k tokens/s{gpu}{slowest}"
