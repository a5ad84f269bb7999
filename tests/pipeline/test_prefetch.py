"""Items made in a thread before they are asked for: the same items, the same errors, no thread left behind."""

import threading
import time

import pytest

from sparton.pipeline.prefetch import prefetch


@pytest.mark.parametrize("most", [0, 1, 3])
def test_all_items_come_in_order(most):
    assert list(prefetch(iter(range(20)), most)) == list(range(20))


def test_no_more_than_asked_for_are_made_before():
    made = []
    items = prefetch((made.append(i) or i for i in range(100)), 2)
    assert next(items) == 0
    time.sleep(0.3)
    assert len(made) <= 4  # one taken, two waiting, one in hand
    items.close()


def test_nothing_is_made_before_it_is_asked_for_without_a_thread():
    made = []
    items = prefetch((made.append(i) or i for i in range(100)), 0)
    next(items)
    assert made == [0]


@pytest.mark.parametrize("most", [0, 1])
def test_what_is_done_meanwhile_is_done_once_before_the_first_item(most):
    done = []
    items = prefetch(iter(range(3)), most, meanwhile=lambda: done.append("done"))
    assert not done
    assert [(item, *done) for item in items] == [(0, "done"), (1, "done"), (2, "done")]


def test_the_first_item_is_made_meanwhile():
    made = threading.Event()
    waited = []
    items = prefetch((made.set() or i for i in range(3)), 1, meanwhile=lambda: waited.append(made.wait(60)))
    assert (next(items), waited) == (0, [True])
    items.close()


def test_what_is_raised_meanwhile_stops_the_thread():
    def fail():
        raise ValueError("not now")

    before = threading.active_count()
    items = prefetch(iter(range(10_000)), 1, meanwhile=fail)
    with pytest.raises(ValueError, match="not now"):
        next(items)
    assert threading.active_count() == before


@pytest.mark.parametrize("most", [0, 2])
def test_what_making_raises_is_raised_in_its_turn(most):
    def failing():
        yield 1
        raise ValueError("no two")

    items = prefetch(failing(), most)
    assert next(items) == 1
    with pytest.raises(ValueError, match="no two"):
        next(items)


def test_who_stops_asking_stops_the_thread():
    before = threading.active_count()
    items = prefetch(iter(range(10_000)), 1)
    next(items)
    assert threading.active_count() == before + 1
    items.close()
    assert threading.active_count() == before
