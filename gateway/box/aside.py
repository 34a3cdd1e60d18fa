"""A job on a thread of its own. If it hangs it blocks nothing, not even the process's exit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def run(job: Callable[..., T], *args: object) -> Future[T]:
    """Run the job on a daemon thread; the future gets its result or whatever it raises."""
    done: Future[T] = Future()

    def work() -> None:
        try:
            done.set_result(job(*args))
        except BaseException as error:  # noqa: BLE001  whoever waits gets it
            done.set_exception(error)

    threading.Thread(target=work, name="aside", daemon=True).start()
    return done
