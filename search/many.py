"""Many queries at once: encoded a batch at a time, while threads search for those before."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ..machine import cores

_BATCH = 256
T = TypeVar("T")


def search_each(
    queries: Sequence[str],
    encode: Callable[[Sequence[str]], Sequence[Mapping[str, int]]],
    search: Callable[[Mapping[str, int]], T],
) -> list[T]:
    """What `search` finds for each query, in order. encode: gives queries as terms. Raises what either raises."""
    found: list[Future[T]] = []
    pool = ThreadPoolExecutor(cores())
    try:
        for start in range(0, len(queries), _BATCH):
            found += [pool.submit(search, terms) for terms in encode(queries[start : start + _BATCH])]
        return [future.result() for future in found]
    finally:
        pool.shutdown(cancel_futures=True)
