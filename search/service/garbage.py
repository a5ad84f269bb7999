"""Python's garbage collector leaves what a service is made of alone."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting_objects() -> Iterator[None]:
    """Have the collector of this process pass over all objects that there are: looking through half a million of them,
    as imports and a model make, takes a third of a second every now and then, in which nobody is answered. What a query
    makes, it still looks through. Where something is passed over already, as by another service, that goes on."""
    if gc.get_freeze_count():
        yield
        return
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
