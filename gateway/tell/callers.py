"""Local programs: what sounds in the home, and rungs of the ladder (siren, light, modem).

A program gets the alarm in its environment and says by its exit code whether it succeeded. It is
ended when the alarm is answered or over. Calls by one program are made one after another: whatever
it talks to (a modem) can serve one at a time; one webhook waits for no other. Those that wait stand
in a queue, P1 first; a P1 ends a less urgent call, which is made again behind it. No call fails
because others run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from gateway.home.config import Config
from gateway.home.ladder import line
from gateway.judge.alarm import ENDED, Alarm, Called, Delivery, Masking, Move, State
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.calls import place
from gateway.judge.dispatch import PROGRAM, Reason, heard_again_after, rung_of
from gateway.judge.faults.fact import FaultFact
from gateway.tell.family import stand_in as family_stand_in
from gateway.tell.lanes import Job, Lane
from gateway.tell.sounder import NOTHING, Begin, Ran, Sounder, ask, begin, family, run
from gateway.tell.spoken import asks, facts, of_rung, silent, stand_in, trial, where_and_when, word
from gateway.tell.waits import WAITS
from gateway.words.clock import Moment
from gateway.words.kind import Priority

LOG = logging.getLogger("eldercare")
# states in which nothing need sound or call any more
ANSWERED = ENDED | {State.ACKNOWLEDGED, State.DISPATCHED, State.ON_SITE}
# deliveries of a call that is not made
NO_CALL = frozenset({Delivery.HELD, Delivery.FAILED})
# calls that wait for one program; the least urgent is forgotten first, of these the oldest: its
# ladder has gone on since
QUEUE = 64


class _Told(Struct):
    """Whom a call reached, when, and of which alarms."""

    at: float
    by: str
    alarms: set[int]


# program (of what only sounds its file), how it ended, whether it only sounds
Ended = Callable[[Sequence[str], Ran, bool], None]


class Callers:
    """The programs that run now. On the loop's thread, as child processes.

    `done(alarm number, call index, ok, detail)` is told how each call of a rung ended.
    """

    def __init__(
        self,
        done: Callable[[int, int, bool, str], None],
        start: Begin = begin,
        night: Callable[[], bool] = lambda: False,
    ) -> None:
        """`night()` says whether it is night in the home: then what is no alarm is said quietly."""
        self._done = done
        self._night = night
        self._begin = start
        self._listening: list[Ended] = []
        self._sounder = Sounder(start, lambda file, how: self._told_end((file,), how, True))
        # line -> its self-test, which makes room for whatever is real
        self._asked: dict[str, asyncio.Task[Ran]] = {}
        self._lanes: dict[str, Lane] = {}  # line -> its calls
        self._told: dict[tuple[str, tuple[str, ...]], _Told] = {}
        # alarm number -> when it sounds again at the latest
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._order = 0
        self._asking: Alarm | None = None  # what stands in for the question that sounds

    def subscribe(self, ended: Ended) -> Callable[[], None]:
        """Have `ended` called for each program that was not ended by us; return what ends that."""
        self._listening.append(ended)
        return lambda: self._listening.remove(ended)

    def _told_end(self, program: Sequence[str], how: Ran, sounds: bool) -> None:
        for ended in self._listening:
            ended(program, how, sounds)

    @property
    def running(self) -> int:
        """How many programs run."""
        calls = sum(lane.running is not None for lane in self._lanes.values())
        return calls + self._sounder.running

    def follow(self, entry: Entry, fact: AlarmFact, config: Config) -> None:
        """Sound, call or end what sounds and calls, now that what moved the alarm is on disk."""
        alarm = fact.alarm
        moved = fact.before is not alarm.state
        call = alarm.calls[-1] if alarm.calls else None
        new = call is not None and call.at == entry.at and fact.move in {"call", "lapse", "count"}
        if moved and not alarm.open:  # who was told of a past fire was not told of the next
            number, known = alarm.number, self._told.items()
            self._told = {key: told for key, told in known if number not in told.alarms}
        answered = moved and alarm.state in ANSWERED and not alarm.calls_on
        if answered and fact.move not in {Move.DECLINE, Move.RECALL}:
            self.stop(alarm.number, along=alarm.open)
        elif alarm.masking is Masking.SILENCED:  # it stops the noise, never a call for somebody
            self.stop(alarm.number, sounds_only=True)
        if fact.move == f"call_{Delivery.FAILED}":
            self._leave_failed(alarm)
        if moved and alarm.state is State.PRE_ALARM and config.sound_pre_alarm:
            self._noise(config.sound_pre_alarm, alarm, "pre_alarm", config)
        # whoever has it: it is heard that somebody calls
        pressed = new and call is not None and call.reason == Reason.AGAIN
        if (moved and alarm.state is State.RAISED) or fact.move == "silence_over" or pressed:
            self._sound(alarm, config, pressed=pressed)
        elif new or fact.move == "count":
            self._sound_again(alarm, config)
        self._hears(alarm, config)
        passed = new and call is not None and call.delivery in NO_CALL and not alarm.test
        what = word(fact, moved=moved, called=new, passed=passed)
        if config.sound_words and not pressed and what:
            self._tell(what, alarm, config)
        if new and call is not None and call.channel == PROGRAM and call.delivery not in NO_CALL:
            self._forget_gone(config)
            self._call(alarm, call, config, entry.id)

    def tell_fault(self, fact: FaultFact, number: int, config: Config) -> None:
        """Tell of the fault of entry `number` whoever is marked for it; nothing sounds."""
        fault = stand_in(fact, number)
        for rung in config.ladder:
            if rung.faults and rung.program and not rung.sounds:
                told = where_and_when(fault, config)
                self.start(rung.program, fault, call=0, reason="fault", facts=told)

    def inform(
        self, reason: str, number: int, at: Moment, facts: Mapping[str, str], config: Config
    ) -> None:
        """Tell relatives of entry `number`: nobody waits for it, and every call goes before."""
        for rung in config.informed:
            self.start(
                rung.program, family_stand_in(number, at), call=0, reason=reason, facts=facts
            )

    def confirm(self, fact: FaultFact, number: int, config: Config) -> None:
        """Say aloud that a wish is noted. Nobody is called for it."""
        if config.sound_words:
            self._noise(config.sound_words, stand_in(fact, number), "wish", config, word=True)

    def question(self, fact: FaultFact, number: int, config: Config) -> None:
        """Ask the resident aloud whether all is well: the question of entry `number`."""
        self.answered()
        self._asking = asks(fact, number)
        reason = "asked" if fact.detail.get("times") == 1 else "asked_again"
        self._noise(config.sound_pre_alarm, self._asking, reason, config)

    def answered(self) -> None:
        """Ask no more: the resident has answered, or nobody did."""
        if self._asking is not None:
            self._sounder.leave(self._asking.number)
            self._asking = None

    async def try_sound(self, program: Sequence[str], at: Moment, phrase: str = "") -> Ran:
        """Let the home be heard without an alarm; return how it went. Every alarm goes before.

        `phrase`: of the voice, in the place of its sample.
        """
        self._quit(program)
        return await self._sounder.try_(program, trial(at), {"ELDERCARE_PHRASE": phrase})

    def resume(self, alarms: Iterable[Alarm], config: Config) -> None:
        """Sound again for what was raised before a restart and is not answered."""
        for alarm in alarms:
            if alarm.masking is not Masking.SILENCED and not self._sounder.is_for(alarm.number):
                self._sound(alarm, config)
            self._hears(alarm, config)

    def start(
        self,
        program: Sequence[str],
        alarm: Alarm,
        *,
        call: int | None,
        reason: str,
        siren: bool = False,
        sounds: bool = False,
        facts: Mapping[str, str] = NOTHING,
    ) -> None:
        """Run `program` for `alarm`; `call` is the call's index, None for what only sounds.

        A person who is being told of the alarm, or of the same fire, is not called beside it: the
        run that waits or goes on serves this call too. One who was told of the fire a moment ago by
        another detector's alarm knows of it.
        """
        if call is None:
            self._noise(program, alarm, reason)
            return
        self._quit(program)
        to, served, name = tuple(program), (alarm.number, call), line(program)
        lane = self._lanes.setdefault(name, Lane())
        for job in lane.jobs:
            if job.is_for(to, alarm, reason):
                job.serves.add(served)
                return
        if (told := self._knows(to, alarm, reason)) is not None:
            told.alarms.add(alarm.number)
            self._done(*served, True, f"{to[0]}: told in the call for {told.by}")
            self._tidy(name, lane)
            return
        self._order += 1
        lane.waiting.append(
            Job(to, alarm, reason, self._order, {served}, None, False, siren, sounds, facts)
        )
        if len(lane.waiting) > QUEUE:
            least = max(lane.waiting, key=lambda j: (j.rank[0], -j.rank[1]))
            lane.waiting.remove(least)
            text = "program %s: %d calls wait for it, one for alarm %d is forgotten"
            LOG.warning(text, to[0], QUEUE, least.alarm.number)
        self._next(name, lane)

    def _knows(self, program: tuple[str, ...], alarm: Alarm, reason: str) -> _Told | None:
        """Return what a person was told a moment ago, by which he knows of this alarm too."""
        if not family(alarm.kind) or alarm.test or reason == Reason.RECALLED:
            return None
        told = self._told.get((family(alarm.kind), program))
        if told is None or alarm.number in told.alarms:
            return None
        return told if asyncio.get_running_loop().time() - told.at < WAITS.told else None

    def stop(self, number: int, *, sounds_only: bool = False, along: bool = False) -> None:
        """End what runs and waits for one alarm only; `sounds_only`: only what sounds for it.

        `along`: but for who goes together with whoever has it.
        """
        self._sounder.leave(number)
        # whoever is on the way is told so, however soon the alarm is over
        spared = {Reason.RECALLED, Reason.TOGETHER} if along else {Reason.RECALLED}
        for name, lane in list(self._lanes.items()):
            for job in lane.jobs:
                if job.reason in spared or (sounds_only and not job.sounds):
                    continue
                job.serves = {one for one in job.serves if one[0] != number}
                if not job.serves:
                    self._end(lane, job)
            self._tidy(name, lane)

    def _leave_failed(self, alarm: Alarm) -> None:
        """End calls that are not to reach anybody any more: who is rung has said he cannot come."""
        for name, lane in list(self._lanes.items()):
            for job in lane.jobs:
                mine = [call for number, call in job.serves if number == alarm.number]
                places = {call: place(alarm, call) for call in mine}
                for call, at in places.items():
                    if at >= 0 and alarm.calls[at].delivery is Delivery.FAILED:
                        job.serves.discard((alarm.number, call))
                if mine and not job.serves:
                    self._end(lane, job)
            self._tidy(name, lane)

    async def ask(self, program: Sequence[str], *, says: bool = False) -> Ran | None:
        """Ask a program whether it could reach anybody; None if it is at work by then."""
        name = line(program)
        if name in self._lanes or name in self._asked or self._sounder.plays(program[0]):
            return None
        asking = ask(self._begin, program, says=says)
        task = self._asked[name] = asyncio.create_task(asking, name=f"ask {name}")
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            self._asked.pop(name, None)
        return None if task.cancelled() else task.result()

    async def close(self) -> None:
        """End all programs."""
        tasks = [
            lane.running.task
            for lane in self._lanes.values()
            if lane.running is not None and lane.running.task is not None
        ]
        self._lanes.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for task in tasks:
            task.cancel()
        await self._sounder.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _quit(self, program: Sequence[str]) -> None:
        """End a program's self-test: it is wanted."""
        if (task := self._asked.get(line(program))) is not None:
            task.cancel()

    def _tell(self, what: str, alarm: Alarm, config: Config) -> None:
        """Speak news of an alarm. While its siren is wanted they go with it, or not at all."""
        loud = _loud(alarm) and alarm.state is State.RAISED
        if not loud:
            self._noise(config.sound_words, alarm, what, config, word=True)
        elif tuple(config.sound_alarm) == tuple(config.sound_words):
            self._noise(config.sound_words, alarm, what, config)

    def _noise(
        self,
        program: Sequence[str],
        alarm: Alarm,
        reason: str,
        config: Config | None = None,
        *,
        word: bool = False,
    ) -> None:
        if config is not None and silent(alarm, config):
            return
        jobs = self._lanes.get(line(program), Lane()).jobs
        if any(job.siren and n == alarm.number for job in jobs for n, _ in job.serves):
            return  # as a rung of the ladder it sounds for this alarm already
        self._quit(program)
        told = facts(alarm, config, night=self._night()) if config is not None else {}
        self._sounder.sound(program, alarm, reason, told, word=word)

    # -- sounds and calls --------------------------------------------------------------------------

    def _sound(self, alarm: Alarm, config: Config, *, pressed: bool = False) -> None:
        if (timer := self._timers.pop(alarm.number, None)) is not None:
            timer.cancel()
        if (alarm.calls_on or pressed) and alarm.priority <= Priority.P2 and config.sound_alarm:
            self._noise(config.sound_alarm, alarm, "raised", config)
        else:  # without a siren the chime of its grace ends all the same
            self._sounder.leave(alarm.number)

    def _sound_again(self, alarm: Alarm, config: Config) -> None:
        """Sound with a further step of an alarm that nobody has: each sound ends by itself."""
        if _loud(alarm) and not self._sounder.is_for(alarm.number):
            self._sound(alarm, config)

    def _hears(self, alarm: Alarm, config: Config) -> None:
        """Set when an alarm sounds again at the latest: a rung may wait for longer."""
        timer, loop = self._timers.pop(alarm.number, None), asyncio.get_running_loop()
        if timer is not None:
            timer.cancel()
        if _loud(alarm) and config.sound_alarm:
            after = heard_again_after(alarm, config.ladder, config.times)
            at = loop.time() + after if timer is None else timer.when()
            self._timers[alarm.number] = loop.call_at(at, self._overdue, alarm, config)

    def _overdue(self, alarm: Alarm, config: Config) -> None:
        del self._timers[alarm.number]
        self._sound_again(alarm, config)
        self._hears(alarm, config)

    def _call(self, alarm: Alarm, call: Called, config: Config, entry: str) -> None:
        rung = rung_of(call, config.ladder)
        if rung is None or not rung.program:
            return
        if rung.sounds and silent(alarm, config):  # nobody must hear it: on to the next
            self._done(alarm.number, alarm.made - 1, False, f"{rung.program[0]}: quiet_sos")
            return
        if rung.siren and self._sounder.is_for(alarm.number):  # one siren is not begun twice
            words = f"{rung.program[0]}: sounds for it already"
            self._done(alarm.number, alarm.made - 1, True, words)
            return
        self.start(
            rung.program,
            alarm,
            call=alarm.made - 1,
            reason=call.reason,
            siren=rung.siren,
            sounds=rung.sounds,
            facts=of_rung(alarm, rung, config, entry),
        )

    def _forget_gone(self, config: Config) -> None:
        """End calls of whoever left the ladder: a wrong number rings at a stranger's."""
        programs = {rung.program for rung in config.everybody}
        for name, lane in list(self._lanes.items()):
            for job in lane.jobs:
                if job.program not in programs:
                    job.serves = set()
                    self._end(lane, job)
            self._tidy(name, lane)

    def _end(self, lane: Lane, job: Job) -> None:
        if job is lane.running:
            if job.task is not None:
                job.task.cancel()
        else:
            lane.waiting.remove(job)

    def _next(self, name: str, lane: Lane) -> None:
        """Begin what is most urgent, once the program is free; a P1 makes it free."""
        if not lane.waiting:
            self._tidy(name, lane)
            return
        best = min(lane.waiting, key=lambda job: job.rank)
        job = lane.running
        if job is None:
            lane.waiting.remove(best)
            lane.running = best
            best.again = False
            calling = run(self._begin, best.program, best.alarm, best.reason, best.facts)
            best.task = asyncio.create_task(calling, name=f"call {best.alarm.number}")
            best.task.add_done_callback(lambda task: self._ended(name, lane, best, task))
        elif (
            best.alarm.priority is Priority.P1
            and job.alarm.priority > Priority.P1
            and job in lane.jobs
            and job.task is not None
        ):
            job.again = True
            job.task.cancel()

    def _ended(self, name: str, lane: Lane, job: Job, task: asyncio.Task[Ran]) -> None:
        lane.running = None
        if self._lanes.get(name) is not lane:
            return  # closed
        if task.cancelled():
            if job.again and job.serves:
                lane.waiting.append(job)
        else:
            failed = task.exception()
            file = job.program[0]
            ran = task.result() if failed is None else Ran(False, f"{file}: {failed!r}", "failed")
            self._told_end(job.program, ran, False)
            a_call = not job.alarm.test and job.reason != Reason.RECALLED
            if ran.ok and family(job.alarm.kind) and a_call:
                self._remember(job)
            for number, call in sorted(job.serves):
                with_it = f"; told in the call for {job.alarm.id}"
                words = ran.words + (with_it if number != job.alarm.number else "")
                self._done(number, call, ran.ok, words)
        self._next(name, lane)

    def _remember(self, job: Job) -> None:
        now = asyncio.get_running_loop().time()
        self._told = {key: told for key, told in self._told.items() if now - told.at < WAITS.told}
        alarms = {number for number, _ in job.serves}
        self._told[family(job.alarm.kind), job.program] = _Told(now, job.alarm.id, alarms)

    def _tidy(self, name: str, lane: Lane) -> None:
        if lane.running is None and not lane.waiting:
            self._lanes.pop(name, None)


def _loud(alarm: Alarm) -> bool:
    """Say whether an alarm is heard again and again: real, urgent, not had and not silenced."""
    urgent = alarm.priority <= Priority.P2 and not alarm.test
    return urgent and alarm.calls_on and alarm.masking is not Masking.SILENCED
