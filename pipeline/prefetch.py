"""Make items in a thread before they are asked for."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class _Stop:
    """Is in the queue where no item follows: at the end, or with what kept the next from being made."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(items: Iterable[T], most: int, meanwhile: Callable[[], object] = lambda: None) -> Iterator[T]:
    """The items, in order, with up to `most` of them waiting; 0 makes each when it is asked for, in this thread.

    meanwhile: called once, when the first item is asked for; where there is a thread, while that makes it.
    Raises what making them raises, in its turn. Whoever stops asking stops the thread.
    """
    if not most:
        meanwhile()
        yield from items
        return
    ready: queue.Queue[T | _Stop] = queue.Queue(most)
    stopped = threading.Event()

    def put(item: T | _Stop) -> None:
        while not stopped.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                put(item)
                if stopped.is_set():
                    return
            put(_Stop(None))
        except BaseException as error:  # whatever it is, it is raised where the items are wanted
            put(_Stop(error))

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        meanwhile()
        while not isinstance(item := ready.get(), _Stop):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()
