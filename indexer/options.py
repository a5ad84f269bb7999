"""How many processes index, and how much memory each may take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..errors import Parameter, UsageError
from ..machine import cores, free_memory_mb
from ..options import MOST_THREADS, Bound, Option, Options, Wrong, at_least
from ..storage.index_folder import BESIDE

_HEAP_MB, _LEAST_HEAP_MB = 256, 128
_MOST_BUFFER_MB = 2_047
_PYTHON_MB = 128
_MOST_HEAP_MB = 2**20  # a TiB


def _wrong_others(names: Sequence[str]) -> Wrong | None:
    return next((Wrong(name, " or ".join(BESIDE)) for name in names if name not in BESIDE), None)


_ALSO = Option(
    "Other index to build beside this one: seismic (extra seismic), or bm25 of the texts; repeat it for both.",
    "Index",
    Bound(_wrong_others),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlsoOptions(Options):
    """Which other indexes there shall be beside Lucene's impact index."""

    also: Annotated[Sequence[str], _ALSO] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LuceneOptions(AlsoOptions):
    """How a Lucene index shall be built. What is None, plan_build chooses."""

    optimize: Annotated[bool, Option("Merge the Lucene index to one segment.", "Lucene")] = False
    join: Annotated[bool, Option("Join the processes' indexes, or keep them and search them as one.", "Lucene")] = True
    index_processes: Annotated[
        int | None,
        Option("Processes that build the Lucene index. [default: one a core]", "Lucene", at_least(1, MOST_THREADS)),
    ] = None
    heap_mb: Annotated[
        int | None,
        Option("Heap of each of them, in MiB. [default: up to 256]", "Lucene", at_least(_LEAST_HEAP_MB, _MOST_HEAP_MB)),
    ] = None
    buffer_mb: Annotated[
        int | None, Option("MiB of postings each gathers. [default: heap / 8]", "Lucene", at_least(1))
    ] = None


@dataclass(frozen=True, slots=True)
class LucenePlan:
    """heap_mb: what each process's JVM takes, from the start, so that memory is had then or never. buffer_mb: postings
    it gathers before it writes a segment. segments: merge the finished index to this many at most; None leaves one for
    each process that wrote. join: make one index of those of the processes, rather than leave them next to each other.
    """

    processes: int
    heap_mb: int
    buffer_mb: int
    segments: int | None = None
    join: bool = True


def plan_build(options: LuceneOptions) -> LucenePlan:
    """Fill in what is None: a process a core, as far as half of the free memory reaches; an eighth of the heap as
    buffer, since a larger one falls out of the processor's caches and is slower.

    Raises UsageError for options that do not go together.
    """
    if options.optimize and not options.join:
        raise UsageError(
            Parameter("optimize"),
            " makes one segment and ",
            Parameter("join", False),
            " keeps several indexes; leave out one of them",
        )
    free = free_memory_mb()
    heap = options.heap_mb or max(_LEAST_HEAP_MB, min(_HEAP_MB, free // 2 - _PYTHON_MB))
    processes = options.index_processes or min(cores(), max(1, free // 2 // (heap + _PYTHON_MB)))
    most = min(_MOST_BUFFER_MB, heap * 2 // 3)
    buffer = options.buffer_mb or min(heap // 8, _MOST_BUFFER_MB)
    if buffer > most:
        raise UsageError(Parameter("buffer_mb"), f" is {buffer}; expected at most {most} with a heap of {heap}")
    return LucenePlan(processes, heap, buffer, 1 if options.optimize else None, options.join)
