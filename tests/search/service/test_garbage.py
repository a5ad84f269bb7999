"""What Python's garbage collector looks through while a service runs."""

import gc
import weakref

import pytest

from sparton.search.service.garbage import lasting_objects


class Node:
    """Of a circle, which only the collector frees."""

    def __init__(self):
        self.itself = self


@pytest.mark.slow
def test_what_is_there_is_passed_over_and_what_comes_is_not():
    gc.unfreeze()  # what the tests import is passed over from the beginning
    before = Node()
    with lasting_objects():
        assert gc.get_freeze_count() > 10_000
        assert not any(one is before for one in gc.get_objects())
        freed = weakref.ref(Node())
        gc.collect()
        assert freed() is None
    assert gc.get_freeze_count() == 0
    freed = weakref.ref(before)
    del before
    gc.collect()
    assert freed() is None
