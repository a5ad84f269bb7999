"""Timing on a GPU: methods take turns, caches are cold, and the host's time does not show."""

import statistics
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

# Five times the L2 cache of an H100.
FLUSH_BYTES = 256 * 2**20
# Cycles that the GPU idles before each call, about 0.2 ms: the host queues the call's launches meanwhile.
SLEEP_CYCLES = 400_000

Key = TypeVar("Key", bound=Hashable)
Call = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of each timed call, and what a call allocates beyond what was there, at its peak."""

    ms: list[float]
    extra_bytes: int

    def summary(self) -> dict[str, float]:
        """Median, 10th and 90th percentile, and of how many."""
        tenths = statistics.quantiles(self.ms, n=10, method="inclusive")
        return {"ms": tenths[4], "p10": tenths[0], "p90": tenths[8], "repeats": len(self.ms)}


def interleaved(
    calls: dict[Key, Call], repeats: int, refusals: tuple[type[Exception], ...] = (torch.OutOfMemoryError,)
) -> dict[Key, Timing]:
    """Time calls that take turns: every repeat runs each once, so that they share the GPU's clock and heat.

    A call is given the number of the turn. Each runs twice untimed before; one that raises a refusal there is left out.
    """
    extra = {}
    for name, call in calls.items():
        try:
            call(0)
            extra[name] = _peak_extra_bytes(call)
        except refusals:
            torch.cuda.empty_cache()
    flush = torch.empty(FLUSH_BYTES, dtype=torch.int8, device="cuda")
    events: dict[Key, list[tuple[torch.cuda.Event, torch.cuda.Event]]] = {name: [] for name in extra}
    # The host does not wait in between, so that it stays ahead of the GPU.
    for turn in range(repeats):
        for name in extra:
            flush.zero_()
            torch.cuda._sleep(SLEEP_CYCLES)
            events[name].append(_between_events(calls[name], turn))
    torch.cuda.synchronize()
    return {name: Timing([start.elapsed_time(stop) for start, stop in events[name]], extra[name]) for name in extra}


def mean_ratios(times: Sequence[dict[Key, float]]) -> dict[Key, float]:
    """Of those timed at every shape, the mean ratio to the fastest there; the least first. times: one dict a shape."""
    everywhere = set(times[0]).intersection(*times[1:])
    ratios = {key: statistics.fmean(row[key] / min(row.values()) for row in times) for key in everywhere}
    return dict(sorted(ratios.items(), key=lambda item: item[1]))


def _peak_extra_bytes(call: Call) -> int:
    """What one call allocates beyond what was there."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call(0)
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def _between_events(call: Call, turn: int) -> tuple[torch.cuda.Event, torch.cuda.Event]:
    start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    call(turn)
    stop.record()
    return start, stop
