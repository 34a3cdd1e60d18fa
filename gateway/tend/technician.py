"""The technician's instructions that take longer than one turn of the pump: a change of the configuration, a try of the platform.

A change is checked and written by a thread beside the pump, so that it delays no alarm. The rename of `household.json` is its
moment; the journal follows. Killed before the rename, the instruction is read again and carried out; killed after it, the start
tells of the change (the mark `household` is behind), and the instruction, read again, finds itself done and is answered. A certificate
goes the same way: the rename of its file is its moment, the mark `certificate` says which have been told.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.box import folders
from gateway.contract import wire
from gateway.hear import wired_setup
from gateway.home import backup, commissioning, household, nearby
from gateway.home.config import Config, kept
from gateway.judge.book import Entry
from gateway.judge.faults.fault import FaultFact
from gateway.judge.first_press import LONGEST as FIRST_PRESS
from gateway.judge.lateness import age
from gateway.tell.platform_test import Attempt
from gateway.tend import rearrange
from gateway.words import kind
from gateway.words.clock import Moment
from gateway.words.driver import Model
from gateway.words.instruction import Change, Do, Instruction, Problem, Refused, ResultFact, What
from gateway.words.kind import Priority
from gateway.words.reading import Kind
from gateway.words.say import Say

if TYPE_CHECKING:
    from gateway.tend.daemon import Daemon

LOG = logging.getLogger("eldercare")
WORDS = 600  # characters of what was changed, in the journal


class TakenOver(Exception):
    """Another home's files lie ready: begin anew as its gateway."""


class Technician:
    """What a technician does at this gateway. `busy`: a change is being written; what lies behind it in the inbox waits."""

    def __init__(self, daemon: Daemon, models: Mapping[str, Model]) -> None:
        self._daemon = daemon
        self._models = models
        self._tasks: set[asyncio.Task[None]] = set()
        self.busy = False
        self.certificate = int(daemon.store.marked("certificate") or 0)  # number of the newest that was told
        self.attempt: Attempt | None = None
        self.fitting: wired_setup.Fitting | None = None

    # -- start -------------------------------------------------------------------------------------------------------

    def begin(self, now: Moment) -> list[Entry]:
        """Tell of a change that the end of the last process has left untold, and of a household that is not whole."""
        daemon = self._daemon
        home = daemon.home.config.household
        facts = []
        if daemon.home.config.trouble:
            LOG.error("household %s", daemon.home.config.trouble)
            facts.append(daemon.faults.note(kind.STORAGE_DEGRADED, now, why=daemon.home.config.trouble[:300]))
        if (daemon.store.marked("household") or "0") != str(home.revision):
            rearrange.begin_counters_anew(daemon, rearrange.replaced(home.changed))
            facts.append(daemon.faults.note(kind.CONFIG_CHANGED, now, "", **_detail(daemon.home.config), after="restart"))
        for number in reversed(commissioning.numbers(daemon.home.config.state)):
            if number > self.certificate and (made := commissioning.kept(daemon.home.config.state, number)) is not None:
                facts.append(daemon.faults.note(kind.VISIT, now, "", **commissioning.told(made), after="restart"))
                self.certificate = number
        try:
            household.furnish(daemon.home.config)
        except OSError as error:
            LOG.warning("certificates in %s: %s", daemon.home.config.state, error.strerror)
        return daemon.pipeline.noticed(facts, now)

    def on_trial(self) -> Config | None:
        """Return the configuration by the platform's settings that held, where the present ones have never connected."""
        return household.before(self._daemon.home.config, self._models)

    def tidy(self) -> None:
        """Delete what nobody needs any more."""
        household.tidy(self._daemon.home.config)
        folders.moved_out(self._daemon.home.config.state)
        backup.forget_old(self._daemon.home.config.state, time.time())

    # -- instructions ------------------------------------------------------------------------------------------------

    def told(self, i: Instruction, now: Moment) -> list[Entry] | None:
        """Take an instruction of the local door; None while it is being carried out."""
        daemon = self._daemon
        if daemon.pipeline.is_done(i.id):
            return []
        if not i.by.strip():
            return self._answer(_no(i, Refused.MISSING, "缺少操作人 by", "`by` is missing: say who gives the instruction"), now)
        if i.do is Do.WINDOW:
            return self._answer(self._window(i), now)
        if i.do is Do.PLATFORM_TEST:
            return self._answer(self._try(i), now)
        if i.do in {Do.ASK_PORT, Do.ADJUST}:
            return self._answer(self._fit(i), now)
        if i.do is Do.COMMISSIONED:
            self.busy = True
            self._start(self._commission(i))
            return None
        if i.do in {Do.BACKUP, Do.TAKE_OVER}:
            self.busy = True
            self._start(self._seal(i) if i.do is Do.BACKUP else self._take_over(i))
            return None
        if i.change is None:
            return self._answer(_no(i, Refused.MISSING, "缺少修改内容 change", "`change` is missing: say what is changed"), now)
        self.busy = True
        self._start(self._configure(i, i.change))
        return None

    def _answer(self, result: ResultFact, now: Moment) -> list[Entry]:
        return self._daemon.pipeline.answered(result, (), now)

    def _window(self, i: Instruction) -> ResultFact:
        if i.seconds > nearby.LONGEST:
            most = f"{nearby.LONGEST / 60:g}"
            return _no(i, Refused.TOO_LONG, f"搜索最长 {most} 分钟", f"a hearing window lasts {most} min at most")
        self._daemon.ears.open_window(i.seconds)
        return ResultFact(i, Refused.NONE)

    # -- configure ---------------------------------------------------------------------------------------------------

    async def _configure(self, i: Instruction, change: Change) -> None:
        daemon = self._daemon
        at = daemon.clock.now().wall.isoformat(timespec="seconds")
        try:
            result, config = await asyncio.to_thread(self._changed, i, change, at)
        except Exception:  # a change that trips over a mistake of ours must not end the guarding, nor be tried for ever
            LOG.exception("configure %s failed", change.what)
            zh, en = "内部错误, 没有作任何修改", "a mistake of ours: nothing was changed; see the gateway's log"
            result, config = _no(i, Refused.NOT_KEPT, zh, en), None

        def done(now: Moment) -> list[Entry]:
            # From here to the commit nothing is awaited: the answer, the change and its place in the inbox are one turn.
            facts = [] if config is None else [daemon.faults.note(kind.CONFIG_CHANGED, now, "", **_detail(config))]
            entries = daemon.pipeline.answered(result, facts, now)
            if config is not None:
                before = daemon.home.config
                entries += rearrange.rearranged(daemon, config, now)
                self._first_press(i, change, before, now)
            self.busy = False
            daemon.doors.goes_on()
            return entries

        daemon.notes.later(done)

    def _first_press(self, i: Instruction, change: Change, before: Config, now: Moment) -> None:
        """Let the press that the page asks for behind an enrolment be a test. One that was enrolled before has no such press."""
        daemon = self._daemon
        found = next((d for d in daemon.home.config.devices if d.id == change.value.get("id")), None)
        new = change.what is What.REPLACE_DEVICE or (
            change.what is What.PUT_DEVICE and found is not None and all(d.id != found.id for d in before.devices)
        )
        passed = age(i, now, daemon.boot)
        if found is not None and new and Kind.BUTTON in found.model.senses and passed is not None:
            daemon.pipeline.first_presses.ask(found.id, i.by, now, i.seconds - passed)

    async def take_back(self, before: Config, why: Say) -> bool:
        """Put the platform's settings back that held before, and say why; False while another change is written."""
        daemon = self._daemon
        if self.busy:
            return False
        self.busy = True
        at = daemon.clock.now().wall.isoformat(timespec="seconds")
        kept = ""

        def restored() -> Config:
            after = household.taken_back(daemon.home.config, before, self._models, at)
            household.keep(after, daemon.home.config)
            return after

        try:
            after = await asyncio.to_thread(restored)
        except OSError as error:
            after, kept = household.taken_back(daemon.home.config, before, self._models, at), error.strerror or str(error)
        LOG.warning("platform: its settings are taken back: %s", why)

        def done(now: Moment) -> list[Entry]:
            self.busy = False
            daemon.doors.look_in_box = True
            detail = _detail(after) | {"taken_back": True, "why": why.en[:300], "zh": why.zh[:300]} | ({"not_kept": kept} if kept else {})
            entries = daemon.pipeline.noticed([daemon.faults.note(kind.CONFIG_CHANGED, now, "", **detail)], now)
            return entries + rearrange.rearranged(daemon, after, now, taken_back=True)

        daemon.notes.later(done)
        return True

    def _changed(self, i: Instruction, change: Change, at: str) -> tuple[ResultFact, Config | None]:
        """Check and write one change. Returns what to answer, and the configuration to begin anew with."""
        config = self._daemon.home.config
        home = config.household
        if i.seconds > FIRST_PRESS:
            most = f"{FIRST_PRESS / 60:g}"
            return _no(i, Refused.TOO_LONG, f"确认按键最多等 {most} 分钟", f"a first press is waited for {most} min at most"), None
        if home.instruction == i.id:
            return ResultFact(i, Refused.NONE, revision=home.revision), None
        if home.revision != i.revision:
            who, when = home.by or "?", home.at[:16].replace("T", " ")
            zh = f"配置已由 {who} 于 {when} UTC 修改 (第 {home.revision} 版), 请重新查看后再改"
            en = f"{who} has changed the configuration at {when} UTC (revision {home.revision}): look at it again"
            return replace(_no(i, Refused.CHANGED_MEANWHILE, zh, en), revision=home.revision), None
        try:
            if change.what is What.SET_PLATFORM:
                change = self._asked(change)
            given = household.handed(config.page_folder, i.secrets)
            after = household.changed(config, change, given, self._models, instruction=i.id, by=i.by, at=at)
        except household.Rejected as no:
            return _wrong(i, no.problems, home.revision), None
        if after is config:
            return ResultFact(i, Refused.NONE, "没有变化", "nothing is another than before", revision=home.revision), None
        try:
            if change.what is What.SET_PLATFORM and config.platform is not None and after.platform is not None:
                household.keep_before(config, after)
            household.keep(after, config)
        except OSError as error:
            if kept(config.state)[0].instruction != i.id:
                zh, en = f"无法保存: {error.strerror}", f"it could not be written ({error.strerror}): see `status` about the disk"
                return replace(_no(i, Refused.NOT_KEPT, zh, en), revision=home.revision), None
            LOG.warning("household %s: %s", config.state, error.strerror)
        return ResultFact(i, Refused.NONE, revision=after.household.revision), after

    def _asked(self, change: Change) -> Change:
        """Refuse to cut the link while somebody may need it, unless the technician says so: `although`. Raises Rejected."""
        value = dict(change.value)
        although, uplink, platform = bool(value.pop("although", False)), self._daemon.uplink, self._daemon.home.config.platform
        there = (value.get("host"), value.get("port", 8883))
        same = platform is not None and (platform.host, platform.port) == there
        urgent = any(a.priority <= Priority.P2 and not a.test for a in self._daemon.pipeline.alarms.values())
        if same and uplink.connected and urgent and not although:
            zh, en = "有未结束的警报, 修改会短暂中断连接", "an alarm is open, and this change cuts the link for a moment"
            raise household.Rejected([Problem("platform", "", "although", zh, en)])
        return replace(change, value=value)

    # -- certificate -------------------------------------------------------------------------------------------------

    async def _commission(self, i: Instruction) -> None:
        daemon = self._daemon
        at = wire.when(daemon.clock.now(), daemon.boot)
        try:
            rows = await daemon.store.newest(commissioning.LOOK_BACK, commissioning.TESTS)
            result, made = await asyncio.to_thread(self._certified, i, rows, at)
        except Exception:  # as with a change
            LOG.exception("commissioned failed")
            zh, en = "内部错误, 没有保存证书", "a mistake of ours: no certificate was kept; see the gateway's log"
            result, made = _no(i, Refused.NOT_KEPT, zh, en), None

        def done(now: Moment) -> list[Entry]:
            facts = [] if made is None else [daemon.faults.note(kind.VISIT, now, "", **commissioning.told(made))]
            self.certificate = max(self.certificate, made.number if made is not None else 0)
            self.busy = False
            daemon.doors.goes_on()
            return daemon.pipeline.answered(result, facts, now)

        daemon.notes.later(done)

    def _certified(
        self, i: Instruction, rows: tuple[list[wire.Outward], list[wire.Outward]], at: wire.When
    ) -> tuple[ResultFact, commissioning.Certificate | None]:
        """Check and write one certificate. Returns what to answer, and the certificate to tell."""
        daemon = self._daemon
        config, revision = daemon.home.config, daemon.home.config.household.revision
        before = commissioning.numbers(config.state)
        known = commissioning.kept(config.state, before[0]) if before else None
        if known is not None and known.instruction == i.id:  # killed between file and journal: it was told at the start
            return ResultFact(i, Refused.NONE, revision=revision), None
        try:
            signing = household.handed(config.page_folder, i.secrets).signing
        except household.Rejected as no:
            return _wrong(i, no.problems, revision), None
        if signing is None:
            return _no(i, Refused.MISSING, "缺少签名", "the signature is missing"), None
        if wrong := commissioning.unsigned(signing.signature, i.by):
            return _wrong(i, [wrong], revision), None
        found = commissioning.seen(*rows, at)
        on = [commissioning.OpenFault(int(f.priority), f.kind, f.device) for f in list(daemon.faults.on.values()) if not f.test]
        what = commissioning.facts(
            config, found, gateway=daemon.home.gateway, journal=daemon.store.journal, software=__version__,
            mains=daemon.faults.mains is not None, clock=at.clock, faults=on,
        )  # fmt: skip
        if (revision, commissioning.fingerprint(what)) != (i.revision, signing.seen):
            zh, en = "设置或测试结果已变化, 请重新查看后再签", "settings or tests have changed meanwhile: look at it again, then sign"
            return replace(_no(i, Refused.CHANGED_MEANWHILE, zh, en), revision=revision), None
        number = max([self.certificate, *before], default=0) + 1
        made = commissioning.signed(what, number, by=i.by, at=at, signing=signing, instruction=i.id)
        try:
            commissioning.keep(config.state, made)
        except OSError as error:
            if (after := commissioning.kept(config.state, number)) is None or after.instruction != i.id:
                zh, en = f"无法保存: {error.strerror}", f"it could not be written ({error.strerror}): see `status` about the disk"
                return replace(_no(i, Refused.NOT_KEPT, zh, en), revision=revision), None
            LOG.warning("certificate %s: %s", config.state, error.strerror)
        return ResultFact(i, Refused.NONE, revision=revision), made

    # -- backup and box swap -----------------------------------------------------------------------------------------

    async def _seal(self, i: Instruction) -> None:
        daemon = self._daemon
        at, fresh = daemon.clock.now().wall.isoformat(timespec="seconds"), daemon.intake.memories()

        def sealed() -> ResultFact:
            given = household.handed(daemon.home.config.page_folder, i.secrets)
            data = backup.made(
                daemon.home.config,
                daemon.home.gateway,
                given.passphrase or "",
                __version__,
                at,
                {d: json.loads(m) for d, m in fresh.items()},
            )
            backup.leave(daemon.home.config.state, i.id, data, by=i.by, at=at)
            return ResultFact(i, Refused.NONE)

        # The desk sees who took every key along, and when.
        await self._carried_out(i, sealed, told=lambda now: [daemon.faults.note(kind.BACKUP, now, "", by=i.by)])

    async def _take_over(self, i: Instruction) -> None:
        daemon = self._daemon

        def ready() -> ResultFact:
            given = household.handed(daemon.home.config.page_folder, i.secrets)
            kept_there = backup.opened(base64.b64decode(given.backup or ""), given.passphrase or "")
            backup.prepared(daemon.home.config, kept_there, self._models)
            return ResultFact(i, Refused.NONE)

        def arrived() -> None:
            backup.arrive(daemon.home.config.state)
            raise TakenOver

        await self._carried_out(i, ready, arrived)

    async def _carried_out(
        self,
        i: Instruction,
        work: Callable[[], ResultFact],
        then: Callable[[], None] | None = None,
        told: Callable[[Moment], list[FaultFact]] = lambda _: [],
    ) -> None:
        """Do work on a thread and answer; `then` is the next thing the pump does, with nothing in between, `told` what is told of it."""
        try:
            result = await asyncio.to_thread(work)
        except backup.BackupError as no:
            result = _no(i, Refused.INVALID, no.zh, no.en)
        except household.Rejected as no:
            result = _wrong(i, no.problems, self._daemon.home.config.household.revision)
        except OSError as error:
            result = _no(i, Refused.NOT_KEPT, f"无法保存: {error.strerror}", f"it could not be written ({error.strerror})")
        except Exception:  # as with a change
            LOG.exception("%s failed", i.do)
            result = _no(i, Refused.NOT_KEPT, "内部错误, 没有作任何修改", "a mistake of ours: nothing was changed; see the gateway's log")

        def done(now: Moment) -> list[Entry]:
            if then is not None and result.refused is Refused.NONE:
                try:
                    then()
                except OSError as error:
                    zh, en = f"无法保存: {error.strerror}", f"it could not be written ({error.strerror})"
                    return self._ended(_no(i, Refused.NOT_KEPT, zh, en), now)
            return self._ended(result, now, told(now) if result.refused is Refused.NONE else [])

        self._daemon.notes.later(done)

    def _ended(self, result: ResultFact, now: Moment, facts: Sequence[FaultFact] = ()) -> list[Entry]:
        self.busy = False
        self._daemon.doors.goes_on()
        return self._daemon.pipeline.answered(result, list(facts), now)

    # -- platform test -----------------------------------------------------------------------------------------------

    def _try(self, i: Instruction) -> ResultFact:
        daemon = self._daemon
        if daemon.uplink.on_trial:
            zh, en = "新的平台设置正在连接, 请稍等一分钟", "new settings of the platform are being connected to: wait a minute"
            return _no(i, Refused.NOT_ALLOWED, zh, en)
        if self.attempt is not None and not self.attempt.over:
            return _no(i, Refused.NOT_ALLOWED, "平台测试正在进行", "a platform test runs already")
        config = daemon.home.config
        try:
            if i.change is not None:
                if i.change.what is not What.SET_PLATFORM:
                    zh, en = "只能测试 set_platform", "only set_platform can be tried"
                    raise household.Rejected([Problem("platform", "", "what", zh, en)])  # noqa: TRY301  answered like all others
                given = household.handed(config.page_folder, i.secrets)
                config = household.changed(config, i.change, given, self._models)
        except household.Rejected as no:
            return _wrong(i, no.problems, daemon.home.config.household.revision)
        if config.platform is None:
            return _no(i, Refused.MISSING, "尚未填写平台", "no platform is configured: fill in its address first")
        self.attempt = Attempt(daemon, config, i)
        self._start(self.attempt.run())
        return ResultFact(i, Refused.NONE)

    # -- fitting -----------------------------------------------------------------------------------------------------

    def _fit(self, i: Instruction) -> ResultFact:
        daemon = self._daemon
        device = next((d for d in daemon.home.config.devices if d.id == i.device), None) if i.do is Do.ADJUST else None
        if self.fitting is not None and not self.fitting.over:
            zh, en = "另一台有线设备正在查询或设置, 请等它结束", "another wired device is being asked or set: wait until it is done"
            return _no(i, Refused.NOT_ALLOWED, zh, en)
        if daemon.replay is not None:
            return _no(i, Refused.NOT_ALLOWED, "正在播放录制的一天, 没有串口", "a recorded day is played: there are no ports")
        if i.do is Do.ADJUST:
            if device is None:
                return _no(i, Refused.UNKNOWN_DEVICE, f"没有设备 {i.device or '(空)'}", f"no device {i.device or '(empty)'}")
            if not device.model.settings:
                return _no(i, Refused.NOT_ALLOWED, "这个型号没有可设置的参数", f"{device.model.name} has no settings over its line")
            if problems := wired_setup.wrong(device.model, i.settings):
                return _wrong(i, problems, daemon.home.config.household.revision)
            if why := wired_setup.why_not(daemon, device):
                return _no(i, Refused.NOT_ALLOWED, *why)
        elif i.port not in daemon.ears.ports():
            zh, en = "没有插着这个串口: 请插好后再试", "nothing is plugged in at this port: plug it in and try again"
            return _no(i, Refused.NOT_ALLOWED, zh, en)
        elif owner := next((d.id for d in daemon.home.config.devices if d.at.partition("?")[0] == i.port), ""):
            return _no(i, Refused.NOT_ALLOWED, f"这个串口属于设备 {owner}", f"this port is that of device {owner}")
        self.fitting = wired_setup.Fitting(daemon, i, self._models, device)
        self._start(self.fitting.run())
        return ResultFact(i, Refused.NONE)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what runs. A thread that writes ends by itself: what it has written is found at the next start."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _detail(config: Config) -> dict[str, str | int]:
    home = config.household
    return {"by": home.by, "revision": home.revision, "keys": ", ".join(home.changed)[:WORDS]}


def _wrong(i: Instruction, problems: list[Problem], revision: int) -> ResultFact:
    shown = problems[:20]
    zh, en = "; ".join(p.zh for p in shown)[:400], "; ".join(p.en for p in shown)[:400]
    return ResultFact(i, Refused.INVALID, zh, en, problems=[p._replace(zh=p.zh[:400], en=p.en[:400]) for p in shown], revision=revision)


def _no(i: Instruction, why: Refused, zh: str, en: str) -> ResultFact:
    return ResultFact(i, why, zh, en)
