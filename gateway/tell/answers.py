"""What people answer by SMS, and what becomes of the alarm by it.

Only a known number with the code that was sent to it is obeyed. 1 takes the alarm: somebody is on
the way. 2 lets the next person be called at once. 3 takes it and doubts it: whoever says so has not
been there, so nothing ends, and people are called again in a few minutes. 0 says that he is there.
4 closes an alarm at which somebody is known to be, by more than such an SMS: who has not been there
cannot know that it is over, and two SMS are no proof of more than one. A code that is late or wrong
is answered with what has become of the alarm; at what is unclear people are called on as if nothing
had come, and it is asked back once. Strangers are neither obeyed nor answered.

Whoever was rung and calls back takes every alarm for which his telephone rang lately: a call names
none. It is refused, and he reads by SMS what was noted.

An answer is no older than its code. The network's time may have a wrong zone: where it says that an
answer lay somewhere for long, that is asked back, and who answers again is obeyed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from gateway.box import aside, supervise
from gateway.box.private import NotSetUp
from gateway.home.home import Home
from gateway.home.ladder import RING
from gateway.judge.alarm import Alarm, Outcome, State
from gateway.judge.book import Entry
from gateway.judge.dispatch import Reason, Rung, rung_of
from gateway.judge.notes import Later
from gateway.judge.pipeline import Pipeline
from gateway.judge.unclosed import by_sms_alone
from gateway.ring import made
from gateway.ring.back import CallsBack
from gateway.ring.made import Made
from gateway.ring.waits import WAITS as RING_WAITS
from gateway.sms import codes, people
from gateway.sms.answer import Answer, Does, understood
from gateway.sms.codes import Given
from gateway.sms.inbox import Came, Inbox
from gateway.sms.modem import Trouble
from gateway.sms.people import People, Person
from gateway.sms.text import Told, heading, quotes, replied
from gateway.tell.sounder import family
from gateway.tell.spoken import where_and_when
from gateway.tell.waits import WAITS
from gateway.words.clock import Moment, Quality
from gateway.words.instruction import BY_SMS, Do, Door, Instruction

LOG = logging.getLogger("eldercare")
TAKEN_MOST, REPLIES_MOST = 30, 10  # answers of one person in `sms_window`, and those answered
DOUBT = "false_alarm?"  # the reason of an alarm that was taken with 3
NUMBER = 13  # digits that no number of an alarm has
Names = frozenset[str]  # what the ladder calls one person


class _Allowance(Struct):
    """How often one person was heard and answered lately."""

    taken: deque[float] = field(default_factory=deque)
    replied: deque[float] = field(default_factory=deque)
    # what was not obeyed: code, state of its alarm, text; answered once, for a phone may answer us
    unclear: deque[tuple[str, str, str]] = field(default_factory=lambda: deque(maxlen=TAKEN_MOST))
    # code -> when its answer was asked back since the network says that it is old; the newest one
    asked: tuple[str, float] = ("", 0.0)


class Answers:
    """The answers of one home. On the loop's thread; `run` is a task of its own."""

    def __init__(
        self,
        home: Home,
        boot: str,
        pipeline: Pipeline,
        in_turn: Callable[[Later], Awaitable[None]],
        book: Path,
    ) -> None:
        """Take the phone book that was written by hand, which need not be there.

        `in_turn` lets the pump take what is to be written down; it returns once that is so.
        """
        self._book = book
        self._home = home
        self._boot = boot
        self._pipeline = pipeline
        self._in_turn = in_turn
        self._allowed: dict[str, _Allowance] = {}  # by person of the phone book
        self._unread = ""  # why the phone book cannot be read, said once

    async def run(self) -> None:
        """Read what comes in by SMS."""
        await supervise.keep("sms", Inbox(self.take).run, expected=(Trouble,))

    async def refuse(self) -> None:
        """Refuse telephone calls that come in, and hear who it was."""
        calls = CallsBack(self.called, lambda: self._home.config.state)
        await supervise.keep("telephone", calls.run, expected=(Trouble,))

    async def take(self, came: Came) -> str | None:
        """Do what an SMS says; return the answer, "" for none. It is on the disk by then.

        None where the phone book cannot be read.
        """
        known = await self._read()
        if known is None:
            return None
        person = _who(known, came.number, understood(came.text).code)
        if person is None or not self._spares(person, "taken", TAKEN_MOST):
            return ""
        reply = await self._answered(person, came, known.given)
        return reply if self._spares(person, "replied", REPLIES_MOST) else ""

    async def called(self, number: str) -> str:
        """Do what a telephone call means; return the SMS that answers it, "" for none."""
        known = await self._read()
        person = _who(known, number) if known is not None else None
        if known is None or person is None or not self._spares(person, "taken", TAKEN_MOST):
            return ""
        reply = await self._called_back(person, known)
        return reply if self._spares(person, "replied", REPLIES_MOST) else ""

    async def _read(self) -> _Known | None:
        """Return what the files say; None where the phone book cannot be read, said once."""
        reading = aside.run(_known, self._book, self._home.config.state)
        try:
            known = await asyncio.wrap_future(reading)
        except NotSetUp as why:
            if str(why) != self._unread:
                LOG.warning("sms: %s", why)
            self._unread = str(why)
            return None
        self._unread = ""
        return known

    async def _called_back(self, person: Person, known: _Known) -> str:
        """Let a person take every alarm for which he was rung lately; return the answer."""
        rung = [one.alarm for one in known.made if one.person == person.id]
        own, taken = self._names(person), list[Alarm]()

        def turn(now: Moment) -> list[Entry]:
            nonlocal taken
            found = {a.number: a for a in map(self._alarm, rung) if a is not None}
            taken = [found[n] for n in sorted(found) if self._rang(person, found[n], now)]
            mark = hashlib.sha256(f"{person.id} {self._boot} {now.mono}".encode()).hexdigest()[:16]
            coming, entries = Answer("", Does.COMING), list[Entry]()
            for n, alarm in enumerate(taken):
                base = self._order(f"call-{mark}-{n}", mark, person, alarm)
                entries += self._told(self._orders(coming, alarm, base, own), now)
            return entries

        await self._in_turn(turn)
        await self._in_turn(lambda _: [])  # on the disk by then
        mine = [alarm for alarm in taken if self._holds(Does.COMING, alarm, own)]
        if mine:
            return await self._noted(person, mine[-1], known.book.home)
        about = self._open(self._own(person, known.given))
        if about is not None:
            return self._standing(person, about.alarm, about.code, "call", how=about.code)
        return self._standing(person, rung[-1], "", "call") if rung else ""

    def _rang(self, person: Person, alarm: Alarm, now: Moment) -> bool:
        """Say whether a person's newest call for an alarm was a ring, and not long ago."""
        ladder = self._home.config.ladder
        for call in reversed(alarm.calls):
            rung = rung_of(call, ladder)
            if rung is None or not _is(rung, person) or Path(rung.program[0]).name != RING:
                continue
            return call.reason != Reason.RECALLED and now.mono - call.mono <= RING_WAITS.back
        return False

    async def _noted(self, person: Person, alarm: Alarm, home: str) -> str:
        """Return that somebody is on the way, whither, and the code by which he says more."""
        facts = where_and_when(alarm, self._home.config)
        home, since = home or facts["ELDERCARE_HOME"], facts["ELDERCARE_SINCE"]
        what = Told(kind=alarm.kind, home=home, room=alarm.room, since=since, test=alarm.test)
        head = heading(what, person.language)
        giving = aside.run(codes.give, self._home.config.state, person.id, alarm.id)
        try:
            code = await asyncio.wrap_future(giving)
        except OSError:
            return head + replied("reply.called", person.language)
        return head + replied("reply.coming", person.language, code=code)

    async def _answered(self, person: Person, came: Came, given: list[Given]) -> str:
        answer = understood(came.text)
        own = self._own(person, given)
        meant = next((one for one in own if one.code == answer.code), None)
        about = meant if meant and self._alarm(meant.alarm) else self._open(own) or meant
        about = about or (own[-1] if own else None)
        if about is None:
            return ""  # nobody has asked this person anything
        clear, obeyed = about is meant and answer.does is not None, False

        def turn(now: Moment) -> list[Entry]:
            nonlocal clear, obeyed
            clear = clear and not self._is_late(person, about, came, now)
            obeyed, entries = self._done(person, answer, about, came, now) if clear else (False, [])
            return entries

        await self._in_turn(turn)
        # in the turn behind it: what was done is on the disk, and the SMS may be deleted
        await self._in_turn(lambda _: [])
        if obeyed and answer.does is not None:
            return replied(f"reply.{answer.does.name.lower()}", person.language, code=about.code)
        said = "" if quotes(came.text) else came.text
        how = "" if clear else about.code
        return self._standing(person, about.alarm, about.code, said, how=how)

    def _standing(self, person: Person, name: str, code: str, said: str, how: str = "") -> str:
        """Return what has become of an alarm, and by the code `how` to answer; once for the same.

        The same is: code, state of the alarm, and what was `said`.
        """
        alarm = self._alarm(name)
        what = code, alarm.state if alarm else "", said
        if what in (known := self._allowed[person.id].unclear):
            return ""
        known.append(what)
        if alarm is None:
            over = self._pipeline.orders.alarms.ended(name)
            return replied("now.closed" if over else "now.unknown", person.language)
        who = alarm.responder or alarm.by or "-"
        answer = replied("answer", person.language, code=how) if how else ""
        return replied(f"now.{alarm.state}", person.language, who=who) + answer

    def _alarm(self, name: str) -> Alarm | None:
        """Return an open alarm by its id, or that of an earlier journal: its number has stayed."""
        alarms = self._pipeline.alarms
        found = next((a for a in alarms.values() if a.id == name), None)
        if found is not None or self._pipeline.orders.alarms.ended(name):
            return found
        journal, _, text = name.rpartition("-a")
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < NUMBER else 0
        kept = alarms.get(number)
        return kept if kept is not None and not kept.id.startswith(f"{journal}-a") else None

    def _own(self, person: Person, given: list[Given]) -> list[Given]:
        """Return a person's codes, without one of an earlier journal that has a new one."""
        own = [one for one in given if one.person == person.id]
        ids = {one.alarm for one in own}
        found = ((one, self._alarm(one.alarm)) for one in own)
        return [one for one, a in found if a is None or a.id == one.alarm or a.id not in ids]

    def _open(self, own: list[Given]) -> Given | None:
        """Return the newest code whose alarm is open."""
        return next((one for one in reversed(own) if self._alarm(one.alarm)), None)

    def _is_late(self, person: Person, meant: Given, came: Came, now: Moment) -> bool:
        """Say whether an answer may have lain somewhere for too long, and is to be asked back."""
        try:
            age = (now.wall - datetime.fromisoformat(came.stamp)).total_seconds()
        except (ValueError, TypeError):
            return False
        oldest = now.wall.timestamp() - meant.at
        if now.quality is not Quality.SYNCHRONISED or min(age, oldest) <= WAITS.sms_late:
            return False
        allowance = self._allowed[person.id]
        code, at = allowance.asked
        if code == meant.code and now.mono - at <= WAITS.sms_late:
            return now.mono - at < WAITS.sms_again
        allowance.asked = meant.code, now.mono
        return True

    def _done(
        self, person: Person, answer: Answer, meant: Given, came: Came, now: Moment
    ) -> tuple[bool, list[Entry]]:
        """Carry out one answer, on every alarm of the same fire; say whether it holds now."""
        first = self._alarm(meant.alarm)
        if first is None or answer.does is None:
            return False, []
        own = self._names(person)
        same = [
            alarm
            for alarm in self._pipeline.alarms.values()
            if alarm is not first
            and family(alarm.kind) == family(first.kind) != ""
            and any(call.responder.strip() in own for call in alarm.calls)
        ]
        mark = hashlib.sha256(f"{person.id} {came.stamp} {came.text}".encode()).hexdigest()[:16]
        entries: list[Entry] = []
        for n, alarm in enumerate((first, *same)):
            base = self._order(f"sms-{mark}-{n}", mark, person, alarm)
            entries += self._told(self._orders(answer, alarm, base, own), now)
            if answer.does is Does.CANNOT:
                entries += self._next(alarm.id, own, now)
        return self._holds(answer.does, first, own), entries

    def _order(self, name: str, mark: str, person: Person, alarm: Alarm) -> Instruction:
        """Return what a person orders for an alarm, before it is known what that is."""
        return Instruction(
            id=name,
            do=Do.ACKNOWLEDGE,
            by=self._called(person, alarm),
            door=Door.LOCAL,
            alarm=alarm.id,
            boot=self._boot,
            digest=mark,
        )

    def _told(self, orders: Sequence[Instruction], now: Moment) -> list[Entry]:
        """Carry out orders, each under a name of its own."""
        named = (replace(order, id=f"{order.id}-{order.do}") for order in orders)
        return [entry for order in named for entry in self._pipeline.told(order, now)]

    def _orders(
        self, answer: Answer, alarm: Alarm, base: Instruction, own: Names
    ) -> list[Instruction]:
        """Return what is to be ordered for an alarm as it stands; [] where nothing is."""
        raised = alarm.state is State.RAISED
        match answer.does:
            # while people are called on, who was sent by the platform is none who comes for sure
            case Does.COMING if alarm.calls_on or alarm.state is State.ACKNOWLEDGED:
                # of a longer promise the longest there is: it is better than a refusal
                most = self._home.config.times.longest_on_site(alarm.priority)
                seconds = min(answer.minutes * 60.0, most)
                sent = replace(base, do=Do.DISPATCH, responder=base.by, seconds=seconds)
                before = {State.RAISED: [base], State.DISPATCHED: [replace(base, do=Do.DECLINE)]}
                return [*before.get(alarm.state, []), sent]
            case Does.CANNOT if alarm.state is State.DISPATCHED and alarm.responder.strip() in own:
                return [replace(base, do=Do.DECLINE)]
            case Does.FALSE if raised:
                return [replace(base, reason=DOUBT)]
            case Does.HERE if raised or alarm.state in {State.ACKNOWLEDGED, State.DISPATCHED}:
                return [replace(base, do=Do.ARRIVE, reason=BY_SMS)]
            case Does.OVER if alarm.state is State.ON_SITE and alarm.reason != BY_SMS:
                return [replace(base, do=Do.CLOSE, outcome=Outcome.HELPED)]
        return []

    def _next(self, name: str, own: Names, now: Moment) -> list[Entry]:
        """Let the next person be called at once, where this one was waited for."""
        alarm = self._alarm(name)
        if alarm is None:
            return []
        if alarm.state is State.ACKNOWLEDGED and alarm.by.strip() in own:
            return self._pipeline.given_up(alarm.number, own, now)
        if by_sms_alone(alarm) and alarm.responder.strip() in own:  # the 0 was a mistake
            return self._pipeline.given_up(alarm.number, own, now)
        last = alarm.calls[-1] if alarm.calls else None
        if last is None or last.responder.strip() not in own or not alarm.calls_on:
            return []
        return self._pipeline.called_back(
            alarm.number, alarm.made - 1, now, ok=False, detail="answered by SMS: cannot come"
        )

    def _holds(self, does: Does, before: Alarm, own: Names) -> bool:
        """Say whether an alarm that stood as `before` is now as the answer wanted it."""
        now = self._alarm(before.id)
        if now is None:
            return does is Does.OVER
        mine = now.responder.strip() in own
        match does:
            case Does.COMING:
                return now.state is State.DISPATCHED and mine
            case Does.CANNOT:
                return now.calls_on
            case Does.FALSE:
                return (now.state, now.reason) == (State.ACKNOWLEDGED, DOUBT)
            case Does.HERE:
                return now.state is State.ON_SITE and mine
        return False

    def _called(self, person: Person, alarm: Alarm) -> str:
        """Return what the ladder calls a person; of several names the one that was called last."""
        ladder = self._home.config.ladder
        called = (rung_of(call, ladder) for call in reversed(alarm.calls))
        found = (rung for rung in (*called, *ladder) if rung is not None and _is(rung, person))
        return next((rung.responder for rung in found), person.id)

    def _names(self, person: Person) -> Names:
        """Return all that the ladder calls a person: one telephone may stand in it twice."""
        named = (rung.responder.strip() for rung in self._home.config.ladder if _is(rung, person))
        return frozenset({person.id, *named})

    def _spares(self, person: Person, what: str, most: int) -> bool:
        """Say whether a person may be heard, or answered, once more; a phone may run wild."""
        allowance = self._allowed.setdefault(person.id, _Allowance())
        times: deque[float] = getattr(allowance, what)
        now = asyncio.get_running_loop().time()
        while times and now - times[0] >= WAITS.sms_window:
            times.popleft()
        if len(times) >= most:
            return False
        times.append(now)
        return True


def _is(rung: Rung, person: Person) -> bool:
    """Say whether a rung is a person of the phone book; a webhook's name is nobody's of it."""
    named = person.id == rung.person or ("--to", person.id) in pairwise(rung.program)
    return named and not rung.online


class _Known(NamedTuple):
    """What the files say: who has which number, which codes stand for what, who was rung."""

    book: People
    given: list[Given]
    made: list[Made]


def _known(book: Path, state: Path) -> _Known:
    return _Known(people.all_of(book, state), codes.given(state), made.made(state))


def _who(known: _Known, number: str, code: str = "") -> Person | None:
    """Return who answers; of two names of a number whose code it is, else who was called last."""
    found = {person.id: person for person in known.book.all_with(number)}
    meant = [one.person for one in known.given if one.code == code]
    rung = [one.person for one in reversed(known.made)]
    told = [one.person for one in reversed(known.given)]
    return next((found[name] for name in (*meant, *rung, *told, *found) if name in found), None)
