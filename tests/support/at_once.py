"""Threads that begin at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

THREADS = 8


def at_once(act, number=THREADS):
    """act(seed) in so many threads, none of which begins before all are there; returns what they return."""
    ready = threading.Barrier(number)

    def run(seed):
        ready.wait()
        return act(seed)

    with ThreadPoolExecutor(number) as pool:
        return [future.result() for future in [pool.submit(run, seed) for seed in range(number)]]
