"""The wall clock is wrong by years, jumps by a day in each state of an alarm, is mended late or never; and a recorded day under all of them.

The real daemon with a shim that answers what the wall clock says and whether a time server agrees (wrong_clock.c); what is
monotonic stays true, as it does in the kernel.
"""

from __future__ import annotations

import mmap
import random
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drivers import all_models
from gateway.demo.home import DAY, furnish
from gateway.hear.intake import Intake
from gateway.hear.replay import Replay, packet
from gateway.hear.waiting_room import WaitingRoom
from gateway.home.config import Config, load
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.danger import Judge
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.fault import Faults
from gateway.judge.known import Known
from gateway.judge.pipeline import Pipeline
from gateway.words import kind
from gateway.words.clock import Moment, Quality
from gateway.words.driver import Advertisement
from gateway.words.instruction import Do, Instruction

from tests.kit.brokers import Authority, Mosquitto
from tests.kit.fake_bluez import Child
from tests.kit.hand import HandClock
from tests.prove.alarmed import PATIENCE, STATES, Alarmed
from tests.prove.home import together
from tests.prove.shims import shim
from tests.prove.table import Row

CLOCK_TOLD = {kind.CLOCK_UNSURE, kind.CLOCK_SET}  # of which one says that the clock is good, or was put right

SYNCHRONISED, ALONE = 0, 5  # what the kernel says of its clock
DAY_S = 86400
YEARS = (1970, 2000, 2040)
STEPS = (DAY_S, -DAY_S)
BASE = 400 * DAY_S  # s ahead of the machine's clock, so that a day back is not before the software was made


class WrongClock:
    """The wall clock of one gateway, to be turned at any time."""

    def __init__(self, home: Alarmed) -> None:
        path = home.gateway.folder / "wrong-clock"
        path.write_bytes(bytes(16))
        self._file = path.open("r+b")
        self._word = mmap.mmap(self._file.fileno(), 16)
        home.gateway.environment |= {"LD_PRELOAD": str(shim("wrong_clock")), "WRONG_CLOCK": str(path)}

    def turn(self, seconds: float, state: int) -> None:
        """Let the wall clock be wrong by `seconds`."""
        self._word[:] = struct.pack("qq", int(seconds), state)

    def to(self, year: int, state: int = ALONE) -> None:
        self.turn(datetime(year, 1, 2, tzinfo=UTC).timestamp() - time.time(), state)

    def close(self) -> None:
        self._word.close()
        self._file.close()


def qualities(home: Alarmed) -> set[str]:
    return {m["at"]["clock"] for m in home.platform.messages if "number" in m}


async def at_boot(year: int, n: int, folder: Path, broker: Mosquitto, bluez: Child) -> Row:
    """Start in another year; the time server never answers, then late."""
    home = Alarmed(folder, n, broker, bluez)
    clock = WrongClock(home)
    clock.to(year)
    worst = 0.0
    try:
        async with home:
            worst = await home.heard_of("button0")
            expected = "unsure" if year > 2026 else "wrong"
            assert qualities(home) == {expected}, "an entry says how good its time is"
            alarm = await home.bring("dispatched")
            late = await home.platform.instruct("arrive", alarm=alarm, expires="2026-01-01T00:00:00+00:00")
            assert (await home.platform.result(late, PATIENCE))["accepted"], "with a clock nobody confirmed nothing is called late"
            await home.kill()
            await home.start()
            assert home.kept(alarm) == "on_site"
            await home.finish(alarm)
            clock.turn(0, SYNCHRONISED)  # the time server answers at last
            mended = await home.platform.wait(lambda m: m.get("kind") in CLOCK_TOLD and m["turn"] in {"cleared", "noted"}, PATIENCE)
            assert mended["at"]["clock"] == "synchronised"
            assert abs(datetime.fromisoformat(mended["at"]["wall"]).timestamp() - time.time()) < PATIENCE, (
                "by it the earlier ones are mended"
            )
            expired = await home.platform.instruct("test", expires="2026-01-01T00:00:00+00:00")
            assert (await home.platform.result(expired, PATIENCE))["refused"] == "expired", "now it counts"
            worst = max(worst, await home.heard_of("button0"))
            await home.finish_all()
            seen = await home.audit()
    finally:
        clock.close()
    return Row(
        promises=(1, 3, 6),
        done=f"the clock says {year} at boot, NTP never and late",
        times=2,
        lost=seen.lost,
        doubled=seen.doubled,
        repeats=seen.repeats,
        worst=worst,
        worst_of="press to platform",
    )


def is_step(m: dict[str, Any]) -> bool:
    return m.get("kind") in CLOCK_TOLD and bool(m["detail"].get("stepped"))


async def stepped(step: int, n: int, short: bool, folder: Path, seed: int, broker: Mosquitto, bluez: Child) -> Row:
    """Step by a day in each state of an alarm, there and back, and with kill -9."""
    home = Alarmed(folder, n, broker, bluez)
    clock = WrongClock(home)
    clock.turn(BASE, SYNCHRONISED)
    dice = random.Random(seed + n)
    times, worst = 0, 0.0
    try:
        async with home:
            for kill in (False,) if short else (False, True):
                for state in dice.sample(STATES, 3) if short else STATES:
                    times += 1
                    alarm = await home.bring(state)
                    since = len(home.platform.heard)
                    clock.turn(BASE + step, SYNCHRONISED)
                    worst = max(worst, await home.heard_of("button0"))
                    await home.platform.wait(is_step, PATIENCE, after=since)
                    if kill:
                        await home.kill()
                        await home.start()
                    after = home.kept(alarm)
                    # an SOS confirms a fall in its grace, and a restart raises it; nothing else has moved
                    assert after == ("raised" if state == "pre_alarm" else state), (state, after)
                    moves = [m["move"] for m in home.platform.messages[since:] if m.get("alarm") == alarm]
                    assert not {"lapse", "call"} & set(moves), "a day on the wall clock is not a day of waiting"
                    await home.finish_all()
                    since = len(home.platform.heard)
                    clock.turn(BASE, SYNCHRONISED)
                    await home.platform.wait(is_step, PATIENCE, after=since)
                    assert home.gateway.status()["clock"] == "synchronised", "a time server that takes a step back is believed"
            seen = await home.audit()
    finally:
        clock.close()
    return Row(
        promises=(1, 3, 6),
        done=f"the clock steps by {step // 3600:+d} h in each state",
        times=times,
        lost=seen.lost,
        doubled=seen.doubled,
        repeats=seen.repeats,
        worst=worst,
        worst_of="press to platform",
    )


async def dates(year: int, n: int, folder: Path, broker: Mosquitto, authority: Authority, bluez: Child) -> Row:
    """The broker's certificate is not valid yet by our clock, which nobody has confirmed: the alarm gets through."""
    home = Alarmed(folder, n, broker, bluez, platform=f'tls = true\nca = "{authority.ca}"', desk={"tls_context": _trusting(authority)})
    text = home.gateway.config.read_text().replace("tls = false\n", "")
    home.gateway.config.write_text(text)
    clock = WrongClock(home)
    clock.to(year)
    try:
        async with home:
            worst = await home.heard_of("button0")
            assert "dates do not fit" in home.gateway.log(), "and it is said"
            clock.turn(0, SYNCHRONISED)
            worst = max(worst, await home.heard_of("button0"))
            await home.finish_all()
            seen = await home.audit()
    finally:
        clock.close()
    return Row(
        promises=(1, 6),
        done=f"TLS in {year}: by our clock the certificate does not fit",
        times=2,
        lost=seen.lost,
        doubled=seen.doubled,
        repeats=seen.repeats,
        worst=worst,
        worst_of="press to platform",
    )


def _trusting(authority: Authority) -> Any:
    import ssl

    return ssl.create_default_context(cafile=str(authority.ca))


async def clock_wrong(short: bool, folder: Path, seed: int) -> list[Row | str]:
    """The wall clock wrong by years at boot, stepped by a day, mended late or never."""
    folder.mkdir(exist_ok=True)
    authority = Authority(folder)
    tls = Mosquitto(tls=authority.issue("server", hosts=("127.0.0.1",)))
    with Mosquitto() as broker, tls, Child() as bluez:
        cases: dict[str, Any] = {f"boot {year}": at_boot(year, 40 + n, folder / f"b{year}", broker, bluez) for n, year in enumerate(YEARS)}
        cases |= {f"step {s}": stepped(s, 50 + n, short, folder / f"s{s}", seed, broker, bluez) for n, s in enumerate(STEPS)}
        years = (2000,) if short else (1970, 2000, 2040)
        cases |= {f"tls {year}": dates(year, 60 + n, folder / f"t{year}", tls, authority, bluez) for n, year in enumerate(years)}
        return await together(cases)


# -- the same day -----------------------------------------------------------------------------------------------------------


class AnyClock(HandClock):
    """A monotonic clock that a day moves, and a wall clock that is whatever the case says."""

    def __init__(self, wall_at: Callable[[float], tuple[datetime, Quality]]) -> None:
        super().__init__(boot="boot")
        self._wall_at = wall_at

    def now(self) -> Moment:
        wall, quality = self._wall_at(self.mono - 1000.0)
        return Moment(self.mono, wall, quality)


def judged(config: Config, clock: AnyClock) -> list[str]:
    """Let the demonstration's day pass through intake and pipeline; return what became of alarms and devices, by monotonic time."""
    assert config.replay is not None
    day = Replay(config.replay)
    faults = Faults({d.id: d.supervised for d in config.devices}, config.times)
    pipeline = Pipeline(
        boot=clock.boot,
        devices={d.id: d.room for d in config.devices},
        judge=Judge({d.id: d.watch for d in config.devices}, config.times, config.zone, config.night),
        faults=faults,
        ladder=config.ladder,
        times=config.times,
    )
    room = WaitingRoom(lambda: None)
    intake = Intake(clock.now, faults.heard_at, room.put)
    for d in config.devices:
        intake.enrol(d.id, d.model, d.at, d.key, {}, via=d.via, codes=d.codes)
    out: list[Entry] = pipeline.restart(clock.now(), Known(journal="j"), why="start")
    out += pipeline.noticed(faults.linked(True, clock.now()), clock.now())
    orders = 0

    def until_(mono: float) -> None:
        while (due := pipeline.due()) <= mono:
            clock.mono = max(due, clock.mono)
            out.extend(pipeline.tick(clock.now()))
        clock.mono = max(mono, clock.mono)

    for happening in day.in_order():
        if happening.what not in {"ble", "serial", "open"}:
            continue
        until_(1000.0 + happening.at - day.first)
        found = packet(happening)
        (intake.advert if isinstance(found, Advertisement) else intake.chunk)(found)
        for reading in room.take():
            out += pipeline.heard(reading)
        for alarm in list(pipeline.alarms.values()):  # the desk closes what it sees a minute later, so that the day goes on
            if alarm.state == "raised" and clock.mono - alarm.since.mono > 60:
                orders += 1
                told = Instruction(id=f"o{orders}", do=Do.CLOSE, by="desk", alarm=alarm.id, outcome="helped")
                out += pipeline.told(told, clock.now())
    until_(clock.mono + 3600)
    lines = []
    for entry in out:
        fact = entry.fact
        at = f"{entry.at.mono:.3f}"
        if isinstance(fact, AlarmFact):
            lines.append(f"{at} {fact.alarm.number} {fact.alarm.kind} {fact.alarm.device} {fact.move} {fact.alarm.state}")
        elif isinstance(fact, FaultFact) and fact.kind not in CLOCK_TOLD:
            lines.append(f"{at} {fact.kind} {fact.device} {fact.turn}")
    return lines


def same_day(short: bool, folder: Path, seed: int) -> Row:
    """One recorded day under many wall clocks gives the same alarms at the same monotonic times."""
    dice = random.Random(seed)
    config = load(furnish(folder, 1, DAY, None), all_models())
    right = datetime(2026, 8, 18, 5, 30, tzinfo=config.zone).astimezone(UTC)

    def running(begin: datetime, quality: Quality) -> Callable[[float], tuple[datetime, Quality]]:
        return lambda s: (begin + timedelta(seconds=s), quality)

    def jumping(hops: list[tuple[float, float]]) -> Callable[[float], tuple[datetime, Quality]]:
        # by whole days: the hour of the day decides what counts as night, and a clock that is synchronised tells it
        return lambda s: (right + timedelta(seconds=s + sum(by for at, by in hops if at <= s)), Quality.SYNCHRONISED)

    cases = {"right": running(right, Quality.SYNCHRONISED), "unsure": running(right, Quality.UNSURE)}
    for year in (1970, 2099) if short else (1970, 2000, 2040, 2099):
        shifted = right.replace(year=year)
        cases[str(year)] = running(shifted, Quality.UNSURE)
    for n in range(1 if short else 60):
        cases[f"jumps {n}"] = jumping([(dice.uniform(0, 57600), dice.choice((-1, 1)) * DAY_S) for _ in range(dice.randrange(1, 6))])
    found = {name: judged(config, AnyClock(wall)) for name, wall in cases.items()}
    alarms = [line for line in found["right"] if " person." in line or " env." in line]
    assert len(alarms) > 10, "it is a day on which something happens"
    for name, lines in found.items():
        differ = [pair for pair in zip(lines, found["right"], strict=False) if pair[0] != pair[1]]
        assert lines == found["right"], (name, differ[:3], len(lines), len(found["right"]))
    again = judged(config, AnyClock(cases["right"]))
    assert again == found["right"], "and twice the same under the same clock"
    return Row(
        promises=(6,),
        done=f"one recorded day under {len(cases)} wall clocks",
        times=len(cases),
        note=f"{len(alarms)} lines of alarms, all equal",
    )


PROOFS = [clock_wrong, same_day]
