"""The neighbour and her telephone, as the modem's stand-in (`phones`) reaches it.

While the network is away she is the one who is told: she answers by SMS that she comes, her badge
is heard in the recorded day, and once the gateway has it that she is there she ends the alarm by
SMS. At other times she reads what comes, and leaves it to the desk.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable

from gateway.demo import home
from gateway.demo.both import both
from gateway.demo.child import Child
from gateway.demo.proof import Json

READS = 1.0  # seconds until she has read an SMS and typed an answer
HELPS = 1.2  # and until it is over, once she is there


class Neighbour:
    """On the loop. `show` gets what she reads and writes, `alone()` says if only she is reached."""

    def __init__(
        self, phones: Child, show: Callable[[str], None], alone: Callable[[], bool]
    ) -> None:
        self.texts: list[str] = []  # SMS that she got
        self._phones = phones
        self._show = show
        self._alone = alone
        self._code = ""

    def reads(self, to: str, text: str) -> None:
        """Take an SMS."""
        if to != home.NEIGHBOUR:
            return
        self.texts.append(text)
        self._show(both("phones.reads", text=text))
        code = re.search(r"\b([0-9]{4}) 1\b", text)
        if code and code[1] != self._code and self._alone():
            self._code = code[1]
            self._later(READS, f"{self._code} 1 10")

    def entry(self, entry: Json) -> None:
        """Take a line of the journal: by it she knows that it is known that she is there."""
        came = entry["type"] == "alarm" and entry["move"] == "arrive"
        if came and self._code and entry["responder"] == both("home.neighbour"):
            self._later(HELPS, f"{self._code} 4")

    def _later(self, seconds: float, text: str) -> None:
        asyncio.get_running_loop().call_later(seconds, self._writes, text)

    def _writes(self, text: str) -> None:
        self._show(both("phones.writes", text=text))
        self._phones.say(json.dumps({"from": home.NEIGHBOUR, "text": text}))
