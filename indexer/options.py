"""How many processes index, and how much memory each may take."""

from dataclasses import dataclass

from ..errors import UsageError
from ..machine import cores, free_memory_mb

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
