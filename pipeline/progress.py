"""What encoding has done so far, and where its time goes."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")
_END = object()


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of the thread that drives the encoder, by what it did: each shows what the encoder waited for.

    reading: reading and tokenizing, or waiting for it where other processes do it. encoding: all of the model.
    writing: formatting and writing parts, or waiting for that. gpu: how long a GPU was busy, which is part of the
    others; 0 without one.
    """

    reading: float = 0.0
    encoding: float = 0.0
    writing: float = 0.0
    gpu: float = 0.0

    def __add__(self, other: "Timing") -> "Timing":
        return Timing(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def __mul__(self, factor: float) -> "Timing":
        return Timing(*(getattr(self, field.name) * factor for field in fields(self)))

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return self.reading + self.encoding + self.writing

    @property
    def bottleneck(self) -> str:
        """The stage that took longest."""
        return max(("reading", "encoding", "writing"), key=lambda stage: float(getattr(self, stage)))


@dataclass(frozen=True, slots=True)
class Work:
    """What was done in some time.

    rows: corpus rows dealt with. kept: those of them that an earlier run had finished. tokens: tokens encoded.
    """

    rows: int = 0
    kept: int = 0
    tokens: int = 0
    timing: Timing = Timing()

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.rows + other.rows, self.kept + other.kept, self.tokens + other.tokens, self.timing + other.timing
        )


class Progress:
    """The work of one run so far. on_change: called with all of it after each addition."""

    def __init__(self, on_change: Callable[[Work], None] = lambda work: None) -> None:
        self.work = Work()
        self._on_change = on_change
        self._stages: list[str] = []
        self._since = 0.0

    def add(self, rows: int = 0, *, kept: int = 0, tokens: int = 0, timing: Timing = Timing()) -> None:
        """Count work. `rows` leaves out those `kept`."""
        self.work += Work(rows + kept, kept, tokens, timing)
        self._on_change(self.work)

    def add_share(self, work: Work, processes: int) -> None:
        """Count what one of several processes did: its seconds pass for all of them at once."""
        self.add(work.rows - work.kept, kept=work.kept, tokens=work.tokens, timing=work.timing * (1 / processes))

    def pop_work(self) -> Work:
        """The work, which is then begun anew."""
        work, self.work = self.work, Work()
        return work

    def timed(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """The items; the time that each takes to come, but for what inner stages take of it, counts for `stage`."""
        iterator = iter(items)
        while True:
            with self._stage(stage):
                item = next(iterator, _END)
            if item is _END:
                return
            yield item  # type: ignore[misc]

    def time(self, stage: str, act: Callable[[], object]) -> None:
        """Do something whose time counts for `stage`, also where an outer stage is timed."""
        with self._stage(stage):
            act()

    @contextmanager
    def _stage(self, stage: str) -> Iterator[None]:
        self._count()
        self._stages.append(stage)
        try:
            yield
        finally:
            self._count()
            self._stages.pop()

    def _count(self) -> None:
        now = perf_counter()
        if self._stages:
            self.work += Work(timing=Timing(**{self._stages[-1]: now - self._since}))
        self._since = now
