"""How many processes index, and how much memory each may take."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..processes import cores

_HEAP_MB, _LEAST_HEAP_MB = 256, 128
_PYTHON_MB = 128


@dataclass(frozen=True, slots=True)
class LuceneOptions:
    """heap_mb: what each process's JVM takes, from the start, so that memory is had then or never. buffer_mb: postings
    it gathers before it writes a segment. segments: merge the finished index to this many at most; None leaves one for
    each process that wrote. join: make one index of those of the processes, rather than leave them next to each other.
    """

    processes: int
    heap_mb: int
    buffer_mb: int
    segments: int | None = None
    join: bool = True


def choose_options(
    processes: int | None = None,
    heap_mb: int | None = None,
    buffer_mb: int | None = None,
    segments: int | None = None,
    join: bool = True,
) -> LuceneOptions:
    """Fill in what is None: a process a core, as far as half of the free memory reaches; an eighth of the heap as
    buffer, since a larger one falls out of the processor's caches and is slower.

    Raises UsageError for a value that cannot be meant.
    """
    for option, value, least in (
        ("--index-processes", processes, 1),
        ("--heap-mb", heap_mb, _LEAST_HEAP_MB),
        ("--buffer-mb", buffer_mb, 1),
    ):
        if value is not None and value < least:
            raise UsageError(f"{option} is {value}; expected at least {least}")
    if segments and not join:
        raise UsageError("--optimize makes one segment and --no-join keeps several indexes; leave out one of them")
    free = free_memory_mb()
    heap = heap_mb or max(_LEAST_HEAP_MB, min(_HEAP_MB, free // 2 - _PYTHON_MB))
    most = max(1, free // 2 // (heap + _PYTHON_MB))
    buffer = buffer_mb or min(heap // 8, 2047)
    if buffer > 2047 or buffer > heap * 2 // 3:
        raise UsageError(f"--buffer-mb is {buffer}; expected at most {min(2047, heap * 2 // 3)} with a heap of {heap}")
    return LuceneOptions(processes or min(cores(), most), heap, buffer, segments, join)


def free_memory_mb() -> int:
    """Memory that a new process can have, in MiB: what the system has available, or less where a container says so."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) // 1024
    except (OSError, StopIteration):  # not Linux: half of what there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20 // 2
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            room = int(Path(limit).read_text()) - int(Path(used).read_text()) + _cached(Path(limit).parent)
        except (OSError, ValueError):
            continue  # no such limit ("max")
        available = min(available, room // 2**20)
    return max(0, available)


def _cached(group: Path) -> int:
    """Bytes of files that a container's memory holds and would give back."""
    for line in (group / "memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0
