"""A job on a thread of its own: its result comes, its mistake comes, and nothing waits for one that hangs."""

import threading

import pytest
from gateway.box import aside


def test_the_result_or_what_it_raised_comes():
    assert aside.run(lambda a, b: a + b, 1, 2).result(5) == 3
    with pytest.raises(ZeroDivisionError):
        aside.run(lambda: 1 / 0).result(5)


def test_one_that_hangs_holds_up_nothing():
    free = threading.Event()
    hangs = aside.run(free.wait)
    assert aside.run(lambda: threading.current_thread().daemon).result(5), "the process may end meanwhile"
    assert not hangs.done()
    free.set()
    assert hangs.result(5)
