"""Tells the phones of technicians on duty of this gateway's alarms, by browsers' push services.

An extra beside the calls of the ladder: no alarm waits for it, nothing rests on it, and it is not
told at all where no phone is set. It looks at what is open, not at each entry: a phone whose
service is slow is told how things stand then. Only kind and home number are sent. On the page's
event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from gateway.contract import wire
from gateway.home.config import Config
from gateway.home.status import Status
from gateway.judge.alarm import State
from gateway.page import sealed
from gateway.page.deliver import Answered, Reach, deliver, topic
from gateway.page.known import Known, seconds
from gateway.page.news import News
from gateway.page.subscriptions import Phone, Subscriptions
from gateway.page.waits import WAITS
from gateway.page.words import LANGUAGES, Words
from gateway.words.kind import Priority

LOG = logging.getLogger("eldercare")
AT_ONCE: Final = 6  # messages of one round to a phone; the others are the next round's
REMEMBERED: Final = 100  # open alarms that a phone was told of; it is told of no more
OVER: Final = "over"
_OPEN: Final = {
    State.RAISED: "raised",
    State.PRE_ALARM: "",
    State.CANCELLED: OVER,
    State.CLOSED: OVER,
}


class Stand(NamedTuple):
    """How an alarm stands, as a phone is told: raised, answered or over."""

    number: int
    kind: str
    stand: str


Told = dict[str, Stand]  # alarm -> what one phone was told last


def stand(alarm: wire.AlarmMessage) -> str:
    """Return raised, answered or over; "" while the resident may still take it back."""
    return _OPEN.get(alarm.state, "answered")


def age(alarm: wire.AlarmMessage, facts: Status) -> float:
    """Return how old an alarm's newest entry is, in seconds; a clock that is set moves nothing."""
    if facts.boot == alarm.at.boot:
        return facts.mono - alarm.at.mono
    return time.time() - seconds(alarm.at.wall)


def calls(alarm: wire.AlarmMessage, facts: Status) -> bool:
    """Say whether an alarm that a phone knows nothing of is told to it.

    A test is not, nor what can wait, what is shelved, or what is old: the page was away meanwhile.
    """
    return (
        stand(alarm) == "raised"
        and not alarm.test
        and not alarm.listed
        and alarm.priority <= Priority.P2
        and alarm.masking != "shelved"
        and age(alarm, facts) <= WAITS.duty_life
    )


def news(
    told: Told,
    standing: Mapping[str, wire.AlarmMessage],
    ended: Callable[[int], wire.AlarmMessage | None],
    facts: Status,
) -> list[tuple[str, Stand]]:
    """Return what a phone has to be told: (alarm, how it stands), the newest call first.

    `ended` returns an alarm that is not open any more, None where that cannot be read now: then
    nothing is said of it.
    """
    out: list[tuple[str, Stand]] = []
    for name, alarm in standing.items():
        before, new = told.get(name), Stand(alarm.alarm_number, alarm.kind, stand(alarm))
        if (before is None and calls(alarm, facts)) or (
            before is not None and new.stand and before.stand != new.stand
        ):
            out.append((name, new))
    for name, before in told.items():
        if name not in standing and before.stand != OVER:
            over = ended(before.number)
            if over is not None and over.alarm == name and stand(over) == OVER:
                out.append((name, before._replace(stand=OVER)))
    return sorted(out, key=lambda one: (one[1].stand != "raised", -one[1].number))


def message(name: str, what: Stand, which: str, words: Mapping[str, Words]) -> bytes:
    """Return what the phone's browser reads: in both languages, kind and home number alone."""
    said: dict[str, object] = {"v": 1, "tag": name[:80], "loud": what.stand == "raised"}
    if what.number:
        said["alarm"] = what.number
    for language, t in words.items():
        title = t("duty.title_test") if what.stand == "test" else t.kind(what.kind)
        said[language] = {
            "title": f"{title} · {which[:40]}" if which else title,
            "body": t(f"duty.body.{what.stand}"),
        }
    return msgspec.json.encode(said)


class Notifier:
    """Watches the journal while there is a phone, and tells each phone by a task of its own."""

    def __init__(
        self, phones: Subscriptions, known: Known, config: Callable[[], Config], reach: Reach
    ) -> None:
        self._phones, self._known, self._config, self.reach = phones, known, config, reach
        self._told: dict[int, Told] = {}  # of each phone; at most as many as there are phones
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._behind = False  # a phone has not been told all there was

    async def run(self) -> None:
        """Tell for as long as the page runs."""
        try:
            while True:
                try:
                    await self._watched()
                except (OSError, sqlite3.Error) as error:  # a disk that gives nothing
                    LOG.warning("page: phones on duty: %s", type(error).__name__)
                await asyncio.sleep(WAITS.duty_look)
        finally:
            tasks = [*self._busy.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watched(self) -> None:
        """Return when there is no phone any more."""
        if not await asyncio.to_thread(self._phones.all):
            self._told.clear()
            return
        loop = asyncio.get_running_loop()
        told, looked = -1, 0.0
        with contextlib.closing(News(self._config().runtime)) as line:
            while True:
                number = await asyncio.to_thread(self._known.newest)
                if number != told or self._behind or loop.time() - looked >= WAITS.quiet:
                    told, looked = number, loop.time()
                    if not await self._look():
                        return
                await line.come()

    async def _look(self) -> bool:
        phones, standing, facts = await asyncio.to_thread(self._stands)
        self._behind = False
        self._told = {p.number: self._told.get(p.number, {}) for p in phones}
        for phone in phones:
            told = self._told[phone.number]
            if len(told) >= REMEMBERED:  # of an earlier journal nobody hears any more
                told = self._told[phone.number] = {n: w for n, w in told.items() if n in standing}
            found = await asyncio.to_thread(news, told, standing, self._known.alarm, facts)
            found = [one for one in found if one[0] in told or len(told) < REMEMBERED]
            if not found:
                continue
            self._behind = True  # looked at once more: what came meanwhile, and of what is left
            if phone.number in self._busy:
                continue
            found = found[:AT_ONCE]
            for name, what in found:
                told[name] = what
                if what.stand == OVER:
                    del told[name]
            task = asyncio.get_running_loop().create_task(self._tell(phone, found))
            self._busy[phone.number] = task
            task.add_done_callback(partial(self._ended, phone.number))
        return bool(phones)

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        self._busy.pop(number, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.warning("page: a phone on duty: %s", type(error).__name__)

    def _stands(self) -> tuple[list[Phone], dict[str, wire.AlarmMessage], Status]:
        standing = {a.alarm: a for a in self._known.open_alarms()}
        return self._phones.all(), standing, self._known.status()

    async def _tell(self, phone: Phone, found: list[tuple[str, Stand]]) -> None:
        """Send a phone its messages, one after the other."""
        for name, what in found:
            answer = await self._until_taken(phone, name, what)
            await asyncio.to_thread(self._noted, phone, answer.word)
            if answer.word == "gone":
                return

    async def _until_taken(self, phone: Phone, name: str, what: Stand) -> Answered:
        """Send until the service takes it, or there is no time or sense in trying again."""
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + WAITS.duty_whole, WAITS.duty_again
        while True:
            answer = await self._once(phone, name, what)
            rest = max(pause, answer.after)
            if not answer.again or loop.time() + rest >= end:
                return answer
            await asyncio.sleep(rest)
            pause *= 2

    async def test(self, phone: Phone) -> Answered:
        """Send a test to one phone, once; return what came back."""
        answer = await self._once(phone, "test", Stand(0, "", "test"))
        await asyncio.to_thread(self._noted, phone, answer.word)
        return answer

    async def _once(self, phone: Phone, name: str, what: Stand) -> Answered:
        body, vouched = await asyncio.to_thread(self._made, phone, name, what)
        about = topic(f"{phone.number} {name}")
        return await deliver(phone.endpoint, body, vouched, about, self.reach, WAITS.duty_attempt)

    def _made(self, phone: Phone, name: str, what: Stand) -> tuple[bytes, str]:
        config = self._config()
        home = config.household.household
        which = (home.number if home is not None else "") or self._known.gateway()
        words = {language: Words(language, config.zone) for language in LANGUAGES}
        said = message(name, what, which, words)
        parts = urlsplit(phone.endpoint)
        vouched = sealed.vouched(
            sealed.from_kept(self._phones.key()),
            f"https://{parts.netloc}",
            time.time(),
            config.page.contact,
        )
        return sealed.sealed(said, phone.key, phone.secret), vouched

    def _noted(self, phone: Phone, word: str) -> None:
        """Keep what came of it, where it is something new: the card wears."""
        with contextlib.suppress(sqlite3.Error):
            if word == "gone":
                self._phones.gone(phone.number)
            else:
                self._phones.note(phone.number, word)
