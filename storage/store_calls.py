"""Calls to a store, which may never come back: each is waited for so long and no longer."""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import Any, TypeVar

from ..errors import Parameter, SpartonError, UsageError

T = TypeVar("T")
VARIABLE = "SPARTON_STORE_TIMEOUT"
SECONDS = 30.0
_MOST_SECONDS = 86_400.0
_END = object()
# What libcurl says, which tries again a few times before: the store hangs, or the network does.
_TIMED_OUT = "Timeout was reached"


class StoreTimeoutError(SpartonError):
    """A store that did not respond in time."""


def store_timeout() -> float:
    """Seconds that a store may take for a call. They are in the environment, so that other processes have them too."""
    value = os.environ.get(VARIABLE, "")
    try:
        return _checked(VARIABLE, float(value)) if value else SECONDS
    except ValueError:
        raise UsageError(f"{VARIABLE} is {value!r}; expected a number of seconds") from None


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    """Wait so long for a store, in this process and in those that it starts.

    Raises UsageError for what cannot be meant.
    """
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(_checked(Parameter("store_timeout"), seconds))
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def bounded(call: Callable[[], T], name: str, times: int = 1) -> T:
    """What a call to a store gives. name: the store's, as it may be printed. times: how often the usual time it has.

    It runs on a thread of its own, which is left behind if it takes too long; so Ctrl-C reaches whoever waits.
    Raises StoreTimeoutError, and what the call raises.
    """
    seconds = times * store_timeout()
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=run, daemon=True, name="store").start()
    try:
        return done.result(seconds)
    except TimeoutError as error:
        raise _timed_out(name, seconds) from error
    except OSError as error:
        if _TIMED_OUT not in str(error):
            raise
        raise _timed_out(name, store_timeout()) from error


def bounded_items(items: Iterable[T], name: str) -> Iterator[T]:
    """What an iterable on a store gives, each item within the time of a call. Raises as `bounded`."""
    ask: Callable[[], Any] = partial(next, iter(items), _END)
    while (item := bounded(ask, name)) is not _END:
        yield item


def _timed_out(name: str, seconds: float) -> StoreTimeoutError:
    return StoreTimeoutError(
        f"{name} did not respond within {seconds:g} s; check the address and the network, or raise ",
        Parameter("store_timeout"),
    )


def _checked(option: str | Parameter, seconds: float) -> float:
    if not (math.isfinite(seconds) and 0 < seconds <= _MOST_SECONDS):
        raise UsageError(option, f" is {seconds:g}; expected above 0 and at most {_MOST_SECONDS:,.0f}")
    return seconds
