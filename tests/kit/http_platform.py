"""A small platform that takes HTTPS: records what one gateway posts, checks each message and signature, gives receipts, holds polls.

    with HttpPlatform(authority, "gw-1") as platform:
        ... platform.toml, platform.secrets ...
        alarm = await platform.heard_one(lambda m: m["type"] == "alarm")
        order = platform.instruct("acknowledge", alarm=alarm["alarm"])

`does` may take the place of the answer to any message but a poll: see `HookServer`. Each request is checked with the library of the
specification, each message against the JSON Schemas of config/contract; what is wrong stands in `breaches`, and fails the test at the end.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from gateway.home import hooks
from standardwebhooks import Webhook

from tests.kit.brokers import ENTRIES, Authority, breaches, ranges
from tests.kit.dated import FOR_A_WHILE, dated
from tests.kit.hook_server import Behaviour, Came, HookServer
from tests.kit.wait import until

PATH = "/eldercare"


class HttpPlatform:
    """Listens on a free port of the loopback while it is entered; `receipts`, `does` and `sends` may be changed meanwhile."""

    def __init__(self, authority: Authority | None, gateway: str, *, receipts: bool = True, port: int = 0, key: str = "") -> None:
        self.gateway, self.receipts = gateway, receipts
        self.does: Behaviour | None = None
        self.key = key or hooks.fresh()
        self.heard: list[dict[str, Any]] = []
        self.polls = 0
        self.breaches: list[str] = []
        self.orders: list[dict[str, Any]] = []  # that wait for a poll
        self.given: dict[str, dict[str, Any]] = {}
        self.word: dict[str, Any] | None = None  # what it says of itself, until that was fetched
        self.ca = authority.ca if authority is not None else Path()
        papers = authority.issue(f"platform-{id(self)}", hosts=("127.0.0.1",)) if authority is not None else None
        self._more = threading.Condition()
        self._owed: dict[str, set[int]] = {}
        self._owed_batches: dict[str, set[int]] = {}
        self._given = 0
        pair = (papers.cert, papers.key) if papers is not None else None
        self.server = HookServer(self._answer, pair, keeps=True, port=port)
        self.url = self.server.url.replace("/alarms", PATH)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._more:
            self.server.over.set()
            self._more.notify_all()
        self.server.__exit__()
        assert kind is not None or not self.breaches, self.breaches

    @property
    def toml(self) -> str:
        """Return the part of the configuration that leads here."""
        return f'[platform]\nurl = "{self.url}"\nca = "{self.ca}"\n'

    @property
    def secrets(self) -> str:
        """Return the line of secrets.toml with its key."""
        return f'password = "{self.key}"\n'

    def named(self, name: str) -> list[dict[str, Any]]:
        return [m for m in [*self.heard] if m["type"] == name]

    def numbers(self) -> list[int]:
        return [m["number"] for m in [*self.heard] if m["type"] in ENTRIES]

    async def heard_one(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first message that is wanted, also one heard before."""
        await until(lambda: any(wanted(m) for m in [*self.heard]) or self.breaches)
        assert not self.breaches, self.breaches
        return next(m for m in self.heard if wanted(m))

    async def result(self, order: str) -> dict[str, Any]:
        return await self.heard_one(lambda m: m["type"] == "result" and m["instruction"] == order)

    def instruct(self, do: str, *, by: str = "desk", id: str = "", **fields: Any) -> str:  # noqa: A002
        """Leave an instruction for the next poll; return its id."""
        self._given += 1
        name = id or f"i-{time.monotonic_ns():x}-{self._given}"
        body = {"v": 1, "gateway": self.gateway, "id": name, "do": do, "by": by}
        self.given[name] = body | dated(do, fields, dt.datetime.now(dt.UTC), FOR_A_WHILE)
        self.give(self.given[name])
        return name

    def give(self, *orders: dict[str, Any]) -> None:
        """Leave instructions as they are."""
        with self._more:
            self.orders += orders
            self._more.notify_all()

    def says(self, **word: Any) -> None:
        """Let the next poll hear what the platform says of itself."""
        with self._more:
            self.word = {"v": 1, **word}
            self._more.notify_all()

    # -- in the server's threads

    def _answer(self, came: Came) -> Any:
        try:
            body = Webhook(self.key).verify(came.body, came.headers)
        except Exception as wrong:  # noqa: BLE001
            self.breaches.append(f"signature: {wrong!r}")
            return 401, {}, b""
        self.breaches += breaches(body["type"], body)
        if came.path != PATH or body["gateway"] != self.gateway:
            self.breaches.append(f"{came.path}: {body['gateway']}")
        if body["type"] == "poll":
            return self._polled(body["wait_s"])
        self.heard.append(body)
        with self._more:
            if body["type"] in ENTRIES:
                self._owed.setdefault(body["journal"], set()).add(body["number"])
            if body["type"] == "readings":
                self._owed_batches.setdefault(body["history"], set()).add(body["batch"])
        does = self.does
        return does(came) if does is not None else self._said({"v": 1} | self._receipt())

    def receipt(self, came: Came) -> Any:
        """Answer a message as it should be."""
        return self._said({"v": 1} | self._receipt())

    def _receipt(self) -> dict[str, Any]:
        """Return a receipt for all that was heard of one journal, if there is to be one."""
        with self._more:
            if not self.receipts or not (self._owed or self._owed_batches):
                return {}
            journal = next(iter(self._owed), "none")
            body: dict[str, Any] = {"v": 1, "gateway": self.gateway, "journal": journal, "entries": _pairs(self._owed.pop(journal, set()))}
            if self._owed_batches:
                history = next(iter(self._owed_batches))
                body |= {"history": history, "batches": _pairs(self._owed_batches.pop(history))}
            return {"receipt": body}

    def _polled(self, wait: float) -> Any:
        with self._more:
            self.polls += 1
            self._more.wait_for(lambda: self.orders or self.word or self.server.over.is_set(), wait)
            orders, self.orders = self.orders[:20], self.orders[20:]
            word, self.word = self.word, None
        return self._said({"v": 1} | ({"instructions": orders} if orders else {}) | ({"platform": word} if word else {}))

    def _said(self, body: dict[str, Any]) -> Any:
        wrong = breaches("answer", body)
        self.breaches += wrong if all(o.get("v") == 1 for o in body.get("instructions", [])) else []
        return 200, {"content-type": "application/json"}, json.dumps(body).encode()


def _pairs(numbers: set[int]) -> list[list[int]]:
    return [list(pair) for pair in ranges(numbers)]
