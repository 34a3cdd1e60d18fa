"""Whether what sounds and calls is well: what each run shows, and a daily self-test.

A program that says that its channel is broken, that is not there or hangs, a siren that fails, and
one by which three calls in a row reached nobody are a fault, `gateway.call_failed`, until a run or
a test of it succeeds. Of a program that can be asked and is known not to work no person is waited
for: see `calls.skipped`. It is asked again every quarter of an hour, and at once when somebody
calls.

Where one program calls several persons each person's command is asked, one after another, and has a
fault of its own where it is the person that cannot be called: one without a number takes nobody
else out of the ladder. Outputs that one program switches are asked and told of the same way: any of
them may be the one that is dead. Webhooks have nothing in common but the file of their program:
each is a channel of its own, and whatever is wrong with one says nothing of another.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.home.config import Config
from gateway.home.home import Home
from gateway.home.ladder import MESSENGER, SWITCH, line
from gateway.home.status import ChannelStatus
from gateway.judge.book import Entry
from gateway.judge.notes import Notes
from gateway.judge.pipeline import Pipeline
from gateway.tell.callers import Callers
from gateway.tell.proofs import Proofs
from gateway.tell.sounder import HEARD, Ran
from gateway.tell.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Clock, Moment

# what may be wrong with one person alone, not with the modem
OF_ONE = frozenset({"not_set_up", "failed"})
NO_VOICE = "no_voice"  # a modem that makes no telephone calls
WITH_SMS = "--sms"  # an argument by which a person gets an SMS before the telephone rings
# of the home's voice: a recording is damaged. It is heard all the same, so this is no channel that
# is down, but a fault beside it
RECORDING = " (recordings)"
IN_A_ROW = 3  # calls that reached nobody: one that does not answer is no fault


class Channel(NamedTuple):
    """One program file or one webhook: the command to ask it by, and whether it only sounds.

    The command is () where it cannot be asked.
    """

    asks: tuple[str, ...]
    sounds: bool


def named(config: Config) -> dict[str, str]:
    """Return the channel of each line: its program file, of a webhook with whom it is for.

    No argument stands in a name.
    """
    sounds = (config.sound_alarm, config.sound_pre_alarm, config.sound_words)
    out = {command[0]: command[0] for command in sounds if command}
    known = {line(r.program): r for r in config.everybody if r.program}
    seen: Counter[str] = Counter()
    for one, rung in known.items():
        name = rung.program[0]
        if one != name:
            name = f"{name} ({rung.responder})"
            seen[name] += 1
        out[one] = name if seen[name] < 2 else f"{name} {seen[name]}"
    return out


def channels(config: Config) -> dict[str, Channel]:
    """Return what sounds and calls in this home, by its name."""
    commands = [
        (p[0], p, config.sound_test, True)
        for p in (config.sound_alarm, config.sound_pre_alarm)
        if p
    ]
    if config.sound_words:
        commands.append((config.sound_words[0], config.sound_words, True, True))
    commands += [
        (line(r.program), r.program, r.test, r.sounds) for r in config.everybody if r.program
    ]
    names, out = named(config), dict[str, Channel]()
    for one, command, test, sounds in commands:
        before = out.get(names[one], Channel((), sounds))
        out[names[one]] = Channel(
            before.asks or (command if test else ()), before.sounds and sounds
        )
    return out


def lines(config: Config) -> dict[str, tuple[str, ...]]:
    """Return each person's command of the programs that call several persons, and can be asked.

    So with the outputs of a program that switches several. By file and responder: arguments may be
    telephone numbers. A webhook is a channel by itself.
    """
    rungs = [r for r in config.everybody if r.program and line(r.program) == r.program[0]]
    asked = [r for r in rungs if r.test and (not r.sounds or Path(r.program[0]).name == SWITCH)]
    known = {r.program: r.responder for r in asked}
    files = Counter(command[0] for command in known)
    seen: Counter[str] = Counter()
    out: dict[str, tuple[str, ...]] = {}
    for command, who in known.items():
        name = f"{command[0]} ({who})"
        seen[name] += 1
        if files[command[0]] > 1:
            out[name if seen[name] == 1 else f"{name} {seen[name]}"] = command
    return out


class Channels:
    """What is known of the programs of one home. On the loop's thread; `look` in task "pump"."""

    def __init__(
        self,
        home: Home,
        clock: Clock,
        notes: Notes,
        pipeline: Pipeline,
        callers: Callers,
        alarm_is_fresh: Callable[[], bool],
        proved: str,
    ) -> None:
        """`alarm_is_fresh` says whether somebody may need help whom nobody has answered yet.

        `proved` is the mark that `proofs` has left.
        """
        self.proofs = Proofs(home, proved)
        self._home = home
        self._clock = clock
        self._notes = notes
        self._pipeline = pipeline
        self._callers = callers
        self._alarm_is_fresh = alarm_is_fresh
        self._end = callers.subscribe(self.ended)
        self._began = clock.now().mono
        self._asked: dict[str, float] = {}  # when each was asked last
        self._doubted: set[str] = set()  # lines to be asked at once: a call of one said not set up
        self._broke: dict[str, float] = {}  # when each was last found not to work
        self._failed: dict[str, int] = {}  # calls in a row that reached nobody
        self._task: asyncio.Task[None] | None = None

    def look(self, now: Moment) -> list[Entry]:
        """Ask the programs that are due, and forget those that the configuration no longer has."""
        there, each = channels(self._home.config), lines(self._home.config)
        broken = {name for what, name in self._pipeline.faults.on if what == kind.CALL_FAILED}
        gone = [
            fact
            for name in broken - there.keys() - {n + RECORDING for n in there} - each.keys()
            for fact in self._pipeline.faults.end(kind.CALL_FAILED, now, name)
        ]
        self._pipeline.know_down(self._down(broken, there, each))
        self._doubted &= each.keys()
        if self._task is None or self._task.done():
            due = self._due(there, each, broken, now.mono)
            if due is not None:
                name, command = due
                self._asked[name] = self._asked[self._channel(command) or name] = now.mono
                asking = self._ask(name, command)
                self._task = asyncio.get_running_loop().create_task(asking, name=f"test {name}")
        return self._pipeline.noticed(gone, now)

    def _down(
        self, broken: set[str], there: dict[str, Channel], each: dict[str, tuple[str, ...]]
    ) -> list[str | tuple[str, ...]]:
        """Return the programs, and commands of one person, by which nobody is waited for.

        Whoever gets an SMS before his telephone rings is reached where the modem cannot ring.
        """
        on = self._pipeline.faults.on.items()
        mute = {n for (_, n), fact in on if n in broken and fact.detail.get("why") == NO_VOICE}
        rings = [r.program for r in self._home.config.ladder if r.program]
        asks = {n: there[n].asks for n in (broken & there.keys()) - mute}
        out: list[str | tuple[str, ...]] = [
            n if line(command) == n else command for n, command in asks.items() if command
        ]
        out += [p for p in rings if p[0] in mute and there[p[0]].asks and WITH_SMS not in p]
        out += [each[n] for n in broken & each.keys() if n not in mute or WITH_SMS not in each[n]]
        return out

    def _due(
        self,
        there: dict[str, Channel],
        each: dict[str, tuple[str, ...]],
        broken: set[str],
        now: float,
    ) -> tuple[str, tuple[str, ...]] | None:
        """Return what is to be asked now, and the command; None where nothing is.

        Of several whoever was asked longest ago: the slow ones must not keep others waiting.
        """
        due = list[tuple[str, tuple[str, ...]]]()
        for name, one in there.items():
            own = [(n, command) for n, command in each.items() if command[0] == name]
            if own and name not in broken:
                due += [
                    (n, command)
                    for n, command in own
                    if self._is_due(n, n in broken or n in self._doubted, now)
                ]
            elif one.asks and self._is_due(name, name in broken, now, name + RECORDING in broken):
                due.append(min(own, key=self._asked_at, default=(name, one.asks)))
        return min(due, key=self._asked_at, default=None)

    def _asked_at(self, one: tuple[str, tuple[str, ...]]) -> float:
        return self._asked.get(one[0], 0.0)

    def _is_due(self, name: str, broken: bool, now: float, mended: bool = False) -> bool:
        """Say whether a program is to be asked; `mended`: what it plays may be whole by now."""
        called = self._alarm_is_fresh()
        if called and not broken:
            return False  # nothing is tried while it may be wanted
        last = self._asked.get(name)
        if last is None:
            return broken or now - self._began >= WAITS.settle
        if not broken and not mended:
            return now - last >= self._home.config.times.self_test
        return now - last >= (WAITS.ask_in_need if called else WAITS.ask_again)

    async def try_(self, command: tuple[str, ...]) -> Ran | None:
        """Ask one person's program now; None if it is at work. What it shows is known as ever."""
        each, channel = lines(self._home.config).items(), self._channel(command)
        name = next((one for one, own in each if own == command), channel or command[0])
        ran = await self._callers.ask(command, says=True)
        if ran is not None:
            self._asked[name] = self._asked[channel or name] = self._clock.now().mono
            self._learn(name, command, ran, sent=True)
        return ran

    async def _ask(self, name: str, command: tuple[str, ...]) -> None:
        ran = await self._callers.ask(command)
        if ran is None:  # it is at work: what comes of that says more
            self._asked.pop(name, None)
            self._asked.pop(self._channel(command) or name, None)
            return
        # that of a messenger sends nothing: that the service is there proves nobody informed
        self._learn(name, command, ran, sent=Path(command[0]).name != MESSENGER)

    def _channel(self, program: Sequence[str]) -> str | None:
        """Return the channel of a program, None where it stands in the configuration no more."""
        return named(self._home.config).get(line(program))

    def _learn(self, name: str, command: tuple[str, ...], ran: Ran, *, sent: bool) -> None:
        channel = self._channel(command)
        if channel is None:
            return
        if ran.ok and sent:
            self.proofs.good(command)
        self._doubted.discard(name)
        alone = ran.broken in OF_ONE or Path(command[0]).name == SWITCH
        told = {name, channel} if ran.ok else {name} if alone else {channel}
        for one in sorted(told):
            self._heard(one, ran, found="test", at_once=True)

    def ended(self, program: Sequence[str], ran: Ran, sounds: bool) -> None:
        """Take how a run of a program ended."""
        name = self._channel(program)
        if name is None:
            return
        if ran.broken == "not_set_up" or (not ran.ok and Path(program[0]).name == SWITCH):
            each = lines(self._home.config)
            if own := {one for one, command in each.items() if command[0] == name}:
                # which person's it is, or which output's, a test of each tells
                self._doubted |= own
                for one in own:
                    self._asked.pop(one, None)
                self._notes.later(self.look)
                return
        there = channels(self._home.config)[name]
        if ran.ok and there.asks and not self._shared(name):
            self.proofs.good(there.asks)
        self._failed[name] = 0 if ran.ok else self._failed.get(name, 0) + 1
        at_once = sounds or bool(ran.broken) or self._failed[name] >= IN_A_ROW
        self._heard(name, ran, found="call", at_once=at_once)

    def _shared(self, name: str) -> bool:
        """Say whether a program calls several persons: then a run does not say whom it reached."""
        return any(command[0] == name for command in lines(self._home.config).values())

    def _heard(self, name: str, ran: Ran, *, found: str, at_once: bool) -> None:
        broken = (kind.CALL_FAILED, name) in self._pipeline.faults.on
        self._recordings(name + RECORDING, ran, all_=found == "test")
        if broken is not ran.ok or not (ran.ok or at_once):
            return
        now, one = self._clock.now().mono, channels(self._home.config).get(name)
        since = self._broke.get(name)
        sounds = one is not None and one.sounds
        if ran.ok and sounds and since is not None and now - since < WAITS.ask_again:
            return  # one that plays now and then is no good yet
        if ran.ok:
            self._notes.end(kind.CALL_FAILED, name)
        else:
            self._broke[name] = now
            self._notes.begin(kind.CALL_FAILED, name, why=ran.broken or "failed", found=found)
        self._notes.later(self.look)

    def _recordings(self, name: str, ran: Ran, *, all_: bool) -> None:
        """Tell once of a damaged recording, and once that there is none any more.

        `all_`: a test, which looks at each; another run knows of those that it has played.
        """
        damaged = ran.broken == HEARD
        if ran.ok and damaged is not ((kind.CALL_FAILED, name) in self._pipeline.faults.on):
            if damaged:
                self._notes.begin(kind.CALL_FAILED, name, why=HEARD, found="test")
            elif all_:
                self._notes.end(kind.CALL_FAILED, name)

    def status(self) -> list[ChannelStatus]:
        """Return how each program is, for the status file.

        `why` is "" where nothing is known against it.
        """
        on = {
            name: fact.detail.get("why", "failed")
            for (what, name), fact in self._pipeline.faults.on.items()
            if what == kind.CALL_FAILED
        }
        now, config = self._clock.now().mono, self._home.config
        can = {n: bool(one.asks) for n, one in channels(config).items()}
        each, names = lines(config), named(config)
        can |= dict.fromkeys(each, True)
        rungs = list(enumerate((r.program for r in config.everybody), 1))
        unproved = {
            n
            for n, one in channels(config).items()
            if one.asks and not one.sounds and not self._shared(n)
            if not self.proofs.has(one.asks)
        } | {
            n
            for n, command in each.items()
            if Path(command[0]).name != SWITCH and not self.proofs.has(command)
        }
        return [
            ChannelStatus(
                program=name,
                rungs=[
                    n
                    for n, program in rungs
                    if program
                    and (program == each[name] if name in each else names[line(program)] == name)
                ],
                why=str(on.get(name, "")),
                test=test,
                tested_s=round(now - self._asked[name], 1) if name in self._asked else None,
                proved=name not in unproved,
            )
            for name, test in can.items()
        ]

    async def close(self) -> None:
        """End a test that is going on."""
        self._end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
