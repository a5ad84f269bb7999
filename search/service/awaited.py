"""What somebody awaits, of a thread: who may be told, before it is there, that there will be none."""

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def settle(awaited: "Future[T]", task: Callable[[], T]) -> bool:
    """Do a task, and hand on what it gives, or its error; return whether anybody waits for it."""
    if awaited.done() or not awaited.set_running_or_notify_cancel():
        return False
    try:
        given = task()
    except BaseException as error:  # which belongs to whoever awaits it
        fail(awaited, error)
    else:
        with suppress(InvalidStateError):  # it was given up meanwhile
            awaited.set_result(given)
    return True


def fail(awaited: "Future[T]", error: BaseException) -> None:
    """Have whoever awaits it get an error, unless it is there, or nobody does any more."""
    with suppress(InvalidStateError):
        awaited.set_exception(error)
