"""What a person sees of long work: a bar on a terminal, elsewhere a line now and then."""

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from ..pipeline.progress import Progress, Timing, Work
from .screen import takes_commands

if TYPE_CHECKING:
    from tqdm import tqdm

_SECONDS = 0.5  # between two looks of the bar
_SILENCE = 30.0  # seconds without a terminal
_WIDE = 110  # columns, from which on there is room for more than the bar
_STAGES = {"reading": "tokenizing", "encoding": "the model", "writing": "writing"}
_BAR = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


@contextmanager
def progress_bar(rows: int, *, shown: bool) -> Iterator[Progress]:
    """Progress of encoding, shown on stderr: how many of `rows`, how fast, how long still; where a terminal has room
    for it also the GPU's share of the time and the slowest stage."""
    with _meter("encoding", rows, "documents", shown) as meter:
        yield Progress(meter.show_work)


@contextmanager
def counted(what: str, total: int, unit: str, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """What hears how many more of `total` are done, from any thread, and shows it on stderr. unit: what is counted;
    "bytes" are shown as MB."""
    with _meter(what, total, unit, shown) as meter:
        yield meter.add


@contextmanager
def waiting(what: str, *, shown: bool) -> Iterator[None]:
    """Show on stderr what goes on where nobody knows how long it takes."""
    begin = monotonic()

    def line() -> None:
        print(f"{what}: {_time(monotonic() - begin)} so far", file=sys.stderr, flush=True)

    if not shown:
        yield
    elif takes_commands(sys.stderr):
        announce(what)
        try:
            yield
        finally:
            clear()
    else:
        with _every(_SILENCE, line):
            yield


def announce(what: str) -> None:
    """Say on a terminal what begins, until something else is shown there."""
    if takes_commands(sys.stderr):
        print(f"\r\x1b[K{what} …", end="", file=sys.stderr, flush=True)


def clear() -> None:
    """Take away what was announced on a terminal."""
    if takes_commands(sys.stderr):
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def _meter(what: str, total: int, unit: str, shown: bool) -> "Iterator[_Meter]":
    meter = _Meter(what, total, unit)
    if not shown:
        yield meter
    elif takes_commands(sys.stderr):
        from tqdm import tqdm

        clear()
        size = {"unit": "B", "unit_scale": True} if unit == "bytes" else {"unit": f" {unit}"}
        with tqdm(total=total, desc=what, bar_format=_BAR, dynamic_ncols=True, smoothing=0.1, **size) as bar:
            meter.bar = bar
            with _every(_SECONDS, meter.look):
                yield meter
            meter.look()
    else:
        with _every(_SILENCE, meter.line):
            yield meter


@contextmanager
def _every(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Act now and then, in a thread of its own: who works may be busy for long."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            act()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Meter:
    """How far something has come."""

    def __init__(self, what: str, total: int, unit: str) -> None:
        self._what, self._total, self._unit = what, total, unit
        self.bar: tqdm[None] | None = None
        self._lock = threading.Lock()
        self._work = Work()
        self._begin = self._last = monotonic()
        self._before = Work()

    def add(self, count: int) -> None:
        with self._lock:
            self._work += Work(rows=count)

    def show_work(self, work: Work) -> None:
        self._work = work

    def look(self) -> None:
        """Bring the bar up to date."""
        assert self.bar is not None
        work, seconds = self._work, monotonic() - self._last
        # What was finished before is no work of this run: neither speed nor the time that is left may count it.
        self.bar.initial = work.kept
        self.bar.n = work.rows
        if work.tokens and seconds > 0 and shutil.get_terminal_size().columns >= _WIDE:
            self.bar.set_postfix_str(_figures(work, self._before, seconds), refresh=False)
        self.bar.refresh()
        self._last, self._before = monotonic(), work

    def line(self) -> None:
        """Print how far it has come."""
        work = self._work
        rate = (work.rows - work.kept) / (monotonic() - self._begin)
        left = f"{_time((self._total - work.rows) / rate)} left" if rate else "nobody knows how long still"
        done, total, speed = (self._size(count) for count in (work.rows, self._total, rate))
        unit = "MB" if self._unit == "bytes" else self._unit
        share = work.rows / max(1, self._total)
        print(
            f"{self._what}: {done} of {total} {unit} ({share:.0%}), {speed} a second, {left}",
            file=sys.stderr,
            flush=True,
        )

    def _size(self, count: float) -> str:
        count = count / 1e6 if self._unit == "bytes" else count
        return f"{count:,.1f}" if count < 10 and count != int(count) else f"{count:,.0f}"


def _figures(work: Work, before: Work, seconds: float) -> str:
    """What happened in the last `seconds`."""
    timing = work.timing + before.timing * -1
    gpu = f", GPU {min(1.0, timing.gpu / seconds):.0%}" if work.timing.gpu else ""
    slowest = f", waits for {_STAGES[timing.bottleneck]}" if timing != Timing() else ""
    return f"{(work.tokens - before.tokens) / seconds / 1000:,.0f} k tokens/s{gpu}{slowest}"


def _time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
