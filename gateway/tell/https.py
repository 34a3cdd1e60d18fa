"""The link to a platform that takes HTTP: the same messages as over MQTT, each one a signed post.

The link is up once the platform has answered the `status` that it is told first. Each answer may
hold a receipt, instructions and what the platform says of itself, and goes to whom the broker's
messages go: a receipt is as strict here as there. What the platform has to say in between it
answers to a `poll`, which it may hold back; that has a connection of its own. Two posts are never
under way at once, and an entry goes before whatever else waits for its turn.

A status of HTTP that is about one message (500, 413) leaves that message to be sent again; one that
is about us (401, 404, a redirect), or a platform that is silent, ends the link.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.box.supervise import wait_before
from gateway.contract import inward, wire
from gateway.hook.hours import hour, seconds
from gateway.hook.signed import signature
from gateway.hook.waits import WAITS as HOOK
from gateway.tell.connection import LinkLost
from gateway.tell.exchange import Answer, Line, Place
from gateway.tell.outbox import NotTaken
from gateway.tell.waits import WAITS
from gateway.words.say import Failed, Say

VERSION: Final = "HTTP"
ENTRIES: Final = frozenset({"alarm", "fault", "result"})
_KEYS: Final = frozenset({401, 403})  # where the signature is not taken
_DOUBTS: Final = _KEYS | {400}  # of these, where the clocks differ, that is the likely cause
_NOT_THERE: Final = frozenset({404, 405, 410})
_BUSY: Final = frozenset({429, 503})
_HTML: Final = b"<"  # how a page of a proxy begins

_log = logging.getLogger("eldercare")


class _Named(Struct):
    """What names a message that is sent again."""

    id: str = ""
    history: str = ""
    batch: int = 0


_named = msgspec.json.Decoder(_Named)


class _Turns:
    """Lets one at a time; of those who wait an entry goes first. On the loop's thread."""

    def __init__(self) -> None:
        self._busy = False
        self._order = 0
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []

    @contextlib.asynccontextmanager
    async def mine(self, *, entry: bool) -> AsyncIterator[None]:
        """Wait for a turn, and have it."""
        if self._busy:
            self._order += 1
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (not entry, self._order, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()
                raise
        self._busy = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[-1]
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False


class Link:
    """The one way to the platform, as `way.Link` says. On the loop's thread.

    Its arguments are those of `mqtt.Link`.
    """

    def __init__(
        self,
        place: Place,
        *,
        status: Callable[[bool, str], bytes],
        heard: Callable[[str, bytes], None],
        refused: Callable[[str, str], None] | None = None,
        up: Callable[[], None] | None = None,
        down: Callable[[str], None] | None = None,
        proved: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.version = VERSION
        self.certificate_begins: float | None = None
        self.certificate_ends: float | None = None
        self.taken_over = False  # two gateways of one id do not end each other here
        self._place = place
        self._status = status
        self._heard = heard
        self._refused = refused or _log_refused
        self._up = up
        self._down = down
        self._proved = proved
        self._line = Line(place, proved)
        self._turns = _Turns()
        self._over: asyncio.Future[LinkLost] | None = None  # set while the link is up
        self._ahead = 0.0  # s by which we sign ahead of our own clock
        self._stay_away = 0.0  # monotonic s until which the platform asked us to
        self._turned_away = False
        self._hurried = False

    @property
    def where(self) -> str:
        """Host and port, as a technician writes them."""
        return self._place.where

    @property
    def connected(self) -> bool:
        """True while `publish` works."""
        return self._over is not None and not self._over.done()

    @property
    def turned_away(self) -> bool:
        """Whether somebody answered at the last attempt to connect and did not let us in."""
        return self._turned_away

    @property
    def pause(self) -> float:
        """Return for how many seconds the platform asks us to stay away, within our bound."""
        return max(0.0, self._stay_away - time.monotonic())

    def hurry(self) -> None:
        """Wait for no farewell when `run` is cancelled: somebody else wants the line."""
        self._hurried = True

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Return when the platform has the message; its receipt may have come with the answer.

        Raises LinkLost, or NotTaken where the platform could not take this one.
        """
        del retain  # the platform keeps what it wants to keep
        if not self.connected:
            raise LinkLost(Say("link.not_connected", where=self.where))
        name = topic.rpartition("/")[2]
        try:
            await self._tell(name, payload)
        except LinkLost as lost:
            self._end(lost)
            raise

    async def say_now(self, topic: str, payload: bytes, seconds: float) -> None:
        """Say what is not sent again. A platform that cannot take even that is away."""
        del seconds  # nothing queues on this way
        try:
            await self.publish(topic, payload)
        except NotTaken as no:
            lost = LinkLost(no.say)
            self._end(lost)
            raise lost from no

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Tell the platform that we are there, serve until the link ends, and raise LinkLost.

        Cancelled, it says good-bye first, within `farewell`.
        """
        why, listening = "stopped", None
        self._line, ear = Line(self._place, self._proved), Line(self._place, self._proved)
        try:
            await self._begin()
            over = self._over = asyncio.get_running_loop().create_future()
            for tell in (self._up, ready):
                if tell is not None:
                    tell()
            listening = asyncio.create_task(self._listen(ear), name="poll")
            await self._ended(listening, over)
        except LinkLost as lost:
            why = str(lost)
            raise
        except Exception as mistake:  # one connection must not end the guarding
            why = str(mistake)
            _log.exception("platform: the link to %s failed", self.where)
            say = Say("link.our_mistake", where=self.where, name=type(mistake).__name__)
            raise LinkLost(say) from mistake
        except asyncio.CancelledError:
            if self.connected and not self._hurried:
                with contextlib.suppress(LinkLost, NotTaken, TimeoutError):
                    async with asyncio.timeout(WAITS.farewell):
                        await self._tell("status", self._status(False, "stopped"))
            raise
        finally:
            was_up, self._over = self._over is not None, None
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            ear.close()
            self._line.close()
            if was_up and self._down is not None:
                self._down(why)

    async def _begin(self) -> None:
        self._turned_away = True
        try:
            await self._tell("status", self._status(True, "connected"))
        except NotTaken as no:  # who cannot take this is no platform that is there
            raise LinkLost(no.say) from no
        except LinkLost as lost:
            self._turned_away = not lost.say.code.startswith("net.")
            raise
        self._turned_away = False

    async def _ended(self, listening: asyncio.Task[None], over: asyncio.Future[LinkLost]) -> None:
        """Wait for the end of the link; raise it."""
        either: set[asyncio.Future[Any]] = {listening, over}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
        raise over.result()

    def _end(self, lost: LinkLost) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(lost)

    async def _tell(self, name: str, payload: bytes) -> None:
        async with self._turns.mine(entry=name in ENTRIES):
            answer = await self._post(self._line, name, payload, WAITS.puback)
            self.certificate_begins, self.certificate_ends = self._line.dates
        self._take(answer)

    async def _post(self, line: Line, name: str, body: bytes, wait: float) -> Answer:
        """Post a message, once more where only the clocks differ: it is signed by theirs then.

        A box whose clock is wrong must be able to tell an alarm; TLS says whose clock it is.
        """
        what, again = _id_of(name, body), False
        while True:
            at = time.time() + self._ahead
            headers = [
                ("content-type", "application/json"),
                ("user-agent", "eldercare-gateway"),
                ("webhook-id", what),
                ("webhook-timestamp", str(int(at))),
                ("webhook-signature", signature(self._place.secret, what, int(at), body)),
            ]
            answer = await line.ask(headers, body, wait)
            theirs = hour(answer.date) if answer.status in _DOUBTS else 0.0
            if again or not theirs or abs(theirs - at) <= HOOK.clock:
                return answer
            _log.warning("platform: its clock says %s: signed by it", _said(theirs))
            self._ahead, again = theirs - time.time(), True

    def _take(self, answer: Answer) -> bool:
        """Hand over what an answer says; return whether it says something.

        Raises NotTaken, or LinkLost where it is about us.
        """
        if (no := self._refusal(answer)) is not None:
            raise no
        try:
            told = inward.answer_of(answer.body)
        except wire.BadMessage as bad:
            self._refused("answer", str(bad))
            page = answer.body.lstrip()[:1] == _HTML
            what = Say("post.large" if answer.large else "post.page" if page else "post.other")
            say = Say("post.no_answer", where=self.where, status=answer.status, what=what)
            raise NotTaken(say) from bad
        for one in told:
            self._heard(one.name, one.payload)
        return bool(told)

    def _refusal(self, answer: Answer) -> Failed | None:
        """Return what a status means that is no 2xx."""
        status, where = answer.status, self.where
        if 200 <= status < 300:
            return None
        if 300 <= status < 400:
            return LinkLost(Say("post.redirect", where=where, status=status))
        if status in _KEYS:
            return LinkLost(Say("post.refused", where=where, status=status))
        if status in _NOT_THERE:
            return LinkLost(Say("post.not_there", where=where, status=status))
        if status in _BUSY:
            after = min(seconds(answer.retry_after, hour(answer.date)), WAITS.pause_most)
            self._stay_away = time.monotonic() + after
            return LinkLost(Say("post.busy", where=where, status=status))
        return NotTaken(Say("post.failed", where=where, status=status))

    async def _listen(self, ear: Line) -> None:
        """Ask again and again what the platform has to say. Only cancellation ends it.

        Who does not hold an answer back is asked less and less often, to once a minute. A poll that
        gets none says nothing of the link: a proxy on the way may not wait as long as we do.
        """
        failed, idle, hold = 0, 0, WAITS.poll
        while True:
            began, told = time.monotonic(), False
            message = wire.encode(wire.Poll(1, self._place.gateway, hold))
            try:
                answer = await self._post(ear, "poll", message, hold + WAITS.puback)
                told = self._take(answer)
            except (LinkLost, NotTaken) as no:
                failed += 1
                if no.say.code in {"post.redirect", "post.refused", "post.not_there"}:
                    self._end(LinkLost(no.say))
                if time.monotonic() - began > WAITS.poll_least:
                    hold = max(WAITS.poll_least, hold / 2)
                _log.info("platform: %s; asked again", no)
                await asyncio.sleep(max(wait_before(failed), self.pause))
                continue
            failed = 0
            held = time.monotonic() - began >= min(hold, WAITS.poll_least)
            idle = 0 if told or held else idle + 1
            await asyncio.sleep(wait_before(idle) if idle else WAITS.pace)


def _id_of(name: str, body: bytes) -> str:
    """Return the id under which a message is posted: of an entry or a batch always the same."""
    if name in ENTRIES or name == "readings":
        found = _named.decode(body)
        return found.id or f"{found.history}-{found.batch}"
    return f"{name}-{secrets.token_hex(8)}"


def _said(wall: float) -> str:
    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M}"


def _log_refused(name: str, why: str) -> None:
    _log.warning("platform: %s refused: %s", name, why)
