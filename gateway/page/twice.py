"""Forms that the page carries out itself: sent twice, by a double tap, they act once.

The second is answered like the first. What the gateway carries out has the same by the number of
its instruction.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

from fastapi import Response

MOST = 8  # forms whose answer is remembered; the oldest is forgotten first


class Twice:
    """The forms of one page process. Used by several threads."""

    def __init__(self) -> None:
        self._done: OrderedDict[tuple[str, str], Response] = OrderedDict()
        self._lock = threading.Lock()

    def once(self, of: str, said: Mapping[str, str], act: Callable[[], Response]) -> Response:
        """Return the answer of `act` to the form that the browser `of` was given."""
        form = of, said.get("once", "")[:40]
        with self._lock:
            found = self._done.get(form)
            if found is None:
                found = act()
                if form[1] and found.status_code == 303:
                    self._done[form] = found
                while len(self._done) > MOST:
                    self._done.popitem(last=False)
            return found
