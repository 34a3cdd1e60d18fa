"""The technician's instructions that take longer than one turn of the pump.

They are a change of the configuration, a try of the platform, a certificate. A change is checked
and written by a thread beside the pump, so that it delays no alarm. The rename of `household.json`
is its moment; the journal follows. Killed before the rename, the instruction is read again and
carried out; killed after it, the start tells of the change (the mark `household` is behind), and
the instruction, read again, finds itself done and is answered. A certificate goes the same way: the
rename of its file is its moment, the mark `certificate` says which have been told.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from gateway.box import folders
from gateway.contract import wire
from gateway.hear import wired_setup
from gateway.hear.hearing import Ears
from gateway.home import backup, changes, handed, household, phrases, reached, undo, values
from gateway.home.config import Config, kept
from gateway.home.devices import Device
from gateway.home.home import Home
from gateway.home.values import SetPlatform
from gateway.home.waits import WAITS as HOME
from gateway.judge.book import Entry
from gateway.judge.faults.fault import Faults
from gateway.judge.lateness import age
from gateway.judge.notes import Later, Notes
from gateway.judge.pipeline import Pipeline
from gateway.judge.waits import WAITS as JUDGING
from gateway.keep.storage import Storage
from gateway.tell.callers import Callers
from gateway.tell.channels import Channels
from gateway.tell.platform_test import Attempt
from gateway.tell.uplink import Uplink
from gateway.tend import calling, rearrange
from gateway.tend.box_swap import BoxSwap
from gateway.tend.certifying import Certifying
from gateway.tend.loudspeaker import heard
from gateway.tend.rearrange import Rearrange
from gateway.tend.refused import REASONS, No, refused
from gateway.words import kind
from gateway.words.clock import Clock, Moment
from gateway.words.driver import Model
from gateway.words.instruction import Change, Do, Instruction, Problem, Refused, ResultFact, What
from gateway.words.kind import Priority
from gateway.words.part import Part
from gateway.words.reading import Kind
from gateway.words.say import Say

LOG = logging.getLogger("eldercare")
WORDS = 600  # characters of what was changed, in the journal


class Technician(Part, kw_only=True):
    """What a technician does here. On the loop's thread, its work on threads of the pool.

    `replays`: a recorded day is played. `attempt_of` makes a try of the platform, `fitting_of` a
    wired set-up.
    """

    home: Home
    models: Mapping[str, Model]
    clock: Clock
    boot: str
    replays: bool
    pipeline: Pipeline
    faults: Faults
    notes: Notes
    storage: Storage
    ears: Ears
    uplink: Uplink
    rearrange: Rearrange
    callers: Callers
    channels: Channels
    attempt_of: Callable[[Config, Instruction], Attempt]
    fitting_of: Callable[[Instruction, Device | None], wired_setup.Fitting]
    certifying: Certifying
    swap: BoxSwap

    def __post_init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        # held while the household is read or written, until the pump has taken what came of it
        self._writing = asyncio.Lock()
        self.attempt: Attempt | None = None
        self.fitting: wired_setup.Fitting | None = None
        self._before: undo.Before | None = None  # the last change

    # -- start -------------------------------------------------------------------------------------

    def begin(self, now: Moment) -> list[Entry]:
        """Tell of a change that the last process left untold, and of a household not whole."""
        home = self.home.config.household
        facts = []
        if self.home.config.trouble:
            LOG.error("household %s", self.home.config.trouble)
            facts.append(
                self.faults.note(kind.STORAGE_DEGRADED, now, why=self.home.config.trouble[:300])
            )
        if (self.storage.store.marked("household") or "0") != str(home.revision):
            self.rearrange.begin_counters_anew(rearrange.replaced(home.changed))
            facts.append(
                self.faults.note(
                    kind.CONFIG_CHANGED, now, "", **_detail(self.home.config), after="restart"
                )
            )
        facts += self.certifying.begin(now)
        try:
            household.furnish(self.home.config)
        except OSError as error:
            LOG.warning("certificates in %s: %s", self.home.config.state, error.strerror)
        return self.pipeline.noticed(facts, now)

    def on_trial(self) -> Config | None:
        """Return the configuration with the platform that held; None: that of now has connected."""
        return household.before(self.home.config, self.models)

    def tidy(self) -> None:
        """Delete what nobody needs any more."""
        household.tidy(self.home.config)
        folders.moved_out(self.home.config.state)
        backup.forget_old(self.home.config.state, time.time())

    def marks(self, _now: Moment, _anew: bool = False) -> Mapping[str, str]:
        """Return which revision of the household and which certificate have been told."""
        return {
            "household": str(self.home.config.household.revision),
            "certificate": str(self.certifying.newest),
        }

    def committed(self, entry: Entry) -> None:
        """Tell a running try of the platform of an entry that is on disk."""
        if self.attempt is not None:
            self.attempt.committed(entry)

    def receipted(self, receipt: wire.Receipt) -> None:
        """Tell a running try of the platform of a receipt."""
        if self.attempt is not None:
            self.attempt.receipted(receipt)

    # -- instructions ------------------------------------------------------------------------------

    async def carry_out(self, i: Instruction) -> Later:
        """Carry out an instruction of the local door; return what the pump is to write of it."""
        no: Exception
        try:
            return await self._carried_out(i)
        except REASONS as error:
            no = error
        except Exception:  # a mistake of ours must not end the guarding, nor be tried for ever
            LOG.exception("%s failed", i.do)
            no = No(Refused.NOT_KEPT, "order.our_mistake")
        return self._says(refused(i, no, self.home.config.household.revision))

    async def _carried_out(self, i: Instruction) -> Later:
        """Carry it out, or raise why not."""
        if not i.by.strip():
            raise No(Refused.MISSING, "order.no_by")
        match i.do:
            case Do.SOUND_TEST:
                return self._sound(i)
            case Do.CALL_TEST:
                return self._call(i)
            case Do.COMMISSIONED:
                return await self._alone(lambda: self.certifying.carry_out(i))
            case Do.BACKUP:
                return await self._alone(lambda: self.swap.seal(i))
            case Do.TAKE_OVER:
                return await self._alone(lambda: self.swap.take_over(i))
            case Do.WINDOW:
                self._window(i)
            case Do.PLATFORM_TEST:
                self._try(i)
            case Do.ASK_PORT | Do.ADJUST:
                self._fit(i)
            case _ if i.change is None:
                raise No(Refused.MISSING, "order.no_change")
            case _:
                return await self._alone(functools.partial(self._configure, i, i.change))
        return self._says(ResultFact(i, Refused.NONE))

    async def _alone(self, work: Callable[[], Coroutine[Any, Any, Later]]) -> Later:
        """Do what reads or writes the household, alone until the pump has taken the answer."""
        await self._writing.acquire()
        try:
            answer = await work()
        except BaseException:
            self._writing.release()
            raise

        def taken(now: Moment) -> list[Entry]:
            self._writing.release()
            return answer(now)

        return taken

    def _says(self, result: ResultFact) -> Later:
        return lambda now: self.pipeline.answered(result, (), now)

    def _sound(self, i: Instruction) -> Later:
        """Let the home be heard, beside everything else. An alarm that needs it comes first."""
        config = self.home.config
        program = config.sound_words or config.sound_alarm
        if not program:
            raise No(Refused.NOT_ALLOWED, "loudspeaker.none")
        urgent = (a.open and not a.test for a in self.pipeline.alarms.values())
        if self.callers.running or any(urgent):
            raise No(Refused.NOT_ALLOWED, "loudspeaker.alarm")

        async def hear() -> None:
            result = await heard(self.callers, config, i, self.clock.now())
            self.notes.later(self._says(result))

        self._start(hear())
        return lambda _now: []

    def _call(self, i: Instruction) -> Later:
        """Try the program of one rung, beside everything else. An alarm comes first."""
        config = self.home.config
        rung = calling.rung_of(config, i)
        if any(a.open and not a.test for a in self.pipeline.alarms.values()):
            raise No(Refused.NOT_ALLOWED, "calling.alarm")

        async def call() -> None:
            result = await calling.tried(self.channels, config, rung, i)
            self.notes.later(self._says(result))

        self._start(call())
        return lambda _now: []

    def _window(self, i: Instruction) -> None:
        if i.seconds > HOME.window:
            most = f"{HOME.window / 60:g}"
            raise No(Refused.TOO_LONG, "order.window_long", most=most)
        self.ears.open_window(i.seconds)

    # -- configure ---------------------------------------------------------------------------------

    async def _configure(self, i: Instruction, change: Change) -> Later:
        at = self.clock.now().wall.isoformat(timespec="seconds")
        before = self.home.config
        after = await asyncio.to_thread(self._changed, i, change, at)
        again = before.household.instruction == i.id
        back = self._before if change.what is What.UNDO else None
        said = Say("order.no_change_made").pair if after is before and not again else ("", "")
        result = ResultFact(i, Refused.NONE, *said, revision=after.household.revision)

        def done(now: Moment) -> list[Entry]:
            # From here to the commit nothing is awaited: the answer, the change and its place in
            # the inbox are one turn.
            if after is before:
                return self.pipeline.answered(result, (), now)
            told = self.faults.note(kind.CONFIG_CHANGED, now, "", **_detail(after))
            entries = self.pipeline.answered(result, [told], now)
            gone = {d.id for d in before.devices} - {d.id for d in after.devices}
            memories = self.rearrange.memories(gone)
            self._before = undo.kept(before, after, change.what, now.mono, memories)
            entries += self.rearrange(after, now, memories=back.memories if back else {})
            self._first_press(i, change, before, now)
            return entries

        return done

    def _first_press(self, i: Instruction, change: Change, before: Config, now: Moment) -> None:
        """Let the press that the page asks for behind an enrolment be a test.

        One that was enrolled before has no such press.
        """
        found = next((d for d in self.home.config.devices if d.id == change.value.get("id")), None)
        new = change.what is What.REPLACE_DEVICE or (
            change.what is What.PUT_DEVICE
            and found is not None
            and all(d.id != found.id for d in before.devices)
        )
        passed = age(i, now, self.boot)
        presses = found is not None and found.badge is None and Kind.BUTTON in found.model.senses
        if found is not None and new and presses and passed is not None:
            self.pipeline.first_presses.ask(found.id, i.by, now, i.seconds - passed)

    async def take_back(self, before: Config, why: Say) -> bool:
        """Put the platform's settings back that held before, and say why.

        Return False while another change is written.
        """
        if self._writing.locked():
            return False
        await self._writing.acquire()
        at = self.clock.now().wall.isoformat(timespec="seconds")
        kept = ""

        def restored() -> Config:
            after = household.taken_back(self.home.config, before, self.models, at)
            household.keep(after, self.home.config)
            return after

        try:
            after = await asyncio.to_thread(restored)
        except OSError as error:
            after, kept = (
                household.taken_back(self.home.config, before, self.models, at),
                error.strerror or str(error),
            )
        LOG.warning("platform: its settings are taken back: %s", why)

        def done(now: Moment) -> list[Entry]:
            self._writing.release()
            detail = (
                _detail(after)
                | {"taken_back": True, "why": why.en[:300], "zh": why.zh[:300]}
                | ({"not_kept": kept} if kept else {})
            )
            entries = self.pipeline.noticed(
                [self.faults.note(kind.CONFIG_CHANGED, now, "", **detail)], now
            )
            return entries + self.rearrange(after, now, taken_back=True)

        self.notes.later(done)
        return True

    def _changed(self, i: Instruction, change: Change, at: str) -> Config:
        """Check and write one change; return the configuration to go on with.

        It is the present one where nothing is another. Raises No, Rejected and OSError.
        """
        config = self.home.config
        home = config.household
        if i.seconds > JUDGING.first_press:
            most = f"{JUDGING.first_press / 60:g}"
            raise No(Refused.TOO_LONG, "order.first_press_long", most=most)
        if home.instruction == i.id:
            return config
        if home.revision != i.revision:
            who, when = home.by or "?", home.at[:16].replace("T", " ")
            said = Say("order.changed_meanwhile", who=who, when=when, revision=home.revision)
            raise No(Refused.CHANGED_MEANWHILE, said)
        if change.what is What.SET_PLATFORM:
            self._asked(values.read(change.what, change.value))
        given = handed.handed(config.page_folder, i.secrets)
        if change.what is What.UNDO:
            mono = self.clock.now().mono
            if (after := undo.undone(config, self._before, self.models, i, at, mono)) is None:
                raise No(Refused.NOT_ALLOWED, "order.no_undo")
        else:
            after = changes.changed(
                config, change, given, self.models, instruction=i.id, by=i.by, at=at
            )
        if change.what is What.SET_PHRASE:  # also where it is the same: its file may be damaged
            phrases.put(config.state, values.read(change.what, change.value), given)
        if after is config:
            return config
        try:
            if (
                change.what is What.SET_PLATFORM
                and config.platform is not None
                and after.platform is not None
            ):
                household.keep_before(config, after)
            household.keep(after, config)
        except OSError as error:
            if kept(config.state)[0].instruction != i.id:
                raise
            LOG.warning("household %s: %s", config.state, error.strerror)
        return after

    def _asked(self, to: SetPlatform) -> None:
        """Refuse to cut the link while somebody may need it. Raises Rejected.

        `although`: the technician wants it all the same.
        """
        same = reached.alike(self.home.config.platform, to)
        urgent = any(
            a.priority <= Priority.P2 and not a.test for a in self.pipeline.alarms.values()
        )
        if same and self.uplink.connected and urgent and not to.although:
            raise handed.Rejected([Problem("platform", "", "although", Say("house.cuts_link"))])

    # -- platform test -----------------------------------------------------------------------------

    def _try(self, i: Instruction) -> None:
        if self.uplink.on_trial:
            raise No(Refused.NOT_ALLOWED, "order.on_trial")
        if self.attempt is not None and not self.attempt.over:
            raise No(Refused.NOT_ALLOWED, "order.platform_test_runs")
        config = self.home.config
        if i.change is not None and i.change.what is not What.SET_PLATFORM:
            only = Problem("platform", "", "what", Say("house.try_only"))
            raise handed.Rejected([only])
        if i.change is not None:
            given = handed.handed(config.page_folder, i.secrets)
            config = changes.changed(config, i.change, given, self.models)
        if config.platform is None:
            raise No(Refused.MISSING, "order.no_platform")
        self.attempt = self.attempt_of(config, i)
        self._start(self.attempt.run())

    # -- fitting -----------------------------------------------------------------------------------

    def _fit(self, i: Instruction) -> None:
        device = (
            next((d for d in self.home.config.devices if d.id == i.device), None)
            if i.do is Do.ADJUST
            else None
        )
        if self.fitting is not None and not self.fitting.over:
            raise No(Refused.NOT_ALLOWED, "adjust.runs")
        if self.replays:
            raise No(Refused.NOT_ALLOWED, "adjust.replayed")
        if i.do is Do.ADJUST:
            if device is None:
                raise No(
                    Refused.UNKNOWN_DEVICE,
                    "order.no_device",
                    device=i.device or Say("word.empty"),
                )
            if not device.model.settings:
                raise No(Refused.NOT_ALLOWED, "adjust.no_settings", model=device.model.name)
            if problems := wired_setup.wrong(device.model, i.settings):
                raise handed.Rejected(problems)
            if why := wired_setup.why_not(self.pipeline.alarms.values(), device):
                raise No(Refused.NOT_ALLOWED, why)
        elif i.port not in self.ears.ports():
            raise No(Refused.NOT_ALLOWED, "adjust.no_port")
        elif owner := next(
            (d.id for d in self.home.config.devices if d.at.partition("?")[0] == i.port), ""
        ):
            raise No(Refused.NOT_ALLOWED, "adjust.port_taken", device=owner)
        self.fitting = self.fitting_of(i, device)
        self._start(self.fitting.run())

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what runs; what a thread still writes is found at the next start."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _detail(config: Config) -> dict[str, str | int]:
    home = config.household
    return {"by": home.by, "revision": home.revision, "keys": ", ".join(home.changed)[:WORDS]}
