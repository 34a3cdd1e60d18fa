"""What a home lives through, in simulated time: the real daemon from packet to call, people and platform as stand-ins.

    with Life(tmp_path) as life:
        life.live(story(life))          # a coroutine; `await life.wait(60)` costs no real time

The home has the sensors of `HOME` (bytes as they come by radio and line), a ladder of programs, and a platform that gives
receipts and answers nobody unless told to. Each program is a person or a siren that does what `life.people[name]` says.
Times of calls, messages and noises are simulated seconds since the beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from gateway.words.instruction import Do, Door, Instruction

from tests.kit.dated import dated
from tests.kit.radar_emulator import FALL, HEARTBEAT, PRESENCE, frame
from tests.kit.simulated import KEY, Lapse

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
# Of a time longer than this all but the end passes at ease: what no deadline wakes the daemon for it looks at every few minutes only.
EASE, AWAKE, AT_EASE = 30 * MINUTE, 3 * MINUTE, 5 * MINUTE
MORNING = datetime(2027, 3, 1, 0, 0, tzinfo=UTC)  # 08:00 in the home, a Monday

PENDANT, CANCEL, BUTTON, DOOR, HALL, BED = (f"A4:C1:38:00:00:{n:02X}" for n in range(1, 7))
RADAR, RECEIVER = "/dev/serial/by-id/usb-radar", "/dev/serial/by-id/usb-rflink"
SMOKE = "EV1527;ID=07A410;SWITCH=01;CMD=ON"  # what the smoke detector was taught to say; it never says "over"

GATEWAY = """
[consent]
activity = true
climate = true
vital_signs = true
[gateway]
id = "gw-year"
state = "state"
runtime = "run"
timezone = "Asia/Shanghai"
mains = ""
{gateway}
[radio]
adapters = []
"""
PLATFORM = """
[platform]
host = "127.0.0.1"
port = 1
tls = false
"""
# pendant: plain, one button. cancel: encrypted, so that a press proves that it is fresh.
HOME = f"""
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "{PENDANT}"
missing_after = 14400
[[device]]
id = "cancel"
model = "shelly-blu-button"
room = "hall"
address = "{CANCEL}"
missing_after = 14400
buttons = {{ 1 = "cancel" }}
[[device]]
id = "door"
model = "bthome-v2"
room = "hall"
address = "{DOOR}"
left_open = true
[[device]]
id = "hall"
model = "bthome-v2"
room = "hall"
address = "{HALL}"
[[device]]
id = "bed"
model = "bthome-v2"
room = "bedroom"
address = "{BED}"
bed = true
[[device]]
id = "radar"
model = "radar-5359"
room = "bath"
port = "{RADAR}"
[[device]]
id = "rflink"
model = "rflink"
room = "hall"
port = "{RECEIVER}"
[[device]]
id = "smoke"
model = "ev1527-smoke"
room = "kitchen"
via = "rflink"
codes = {{ alarm = "{SMOKE}" }}
"""
SECRETS = f'[keys]\ncancel = "{KEY}"\n'


def rung(responder: str, *, wait: int = 60, program: str = "") -> str:
    """Return one rung of the ladder; with a program it needs no network."""
    how = f'channel = "program"\nprogram = ["{program or f"/people/{responder}"}"]' if program != "platform" else 'channel = "platform"'
    return f'[[ladder]]\nresponder = "{responder}"\nwait = {wait}\n{how}\n'


TIMES = "[times]\nheartbeat = 300\n"  # no story is about heartbeats
LADDER = rung("family") + rung("neighbour")
SOUND = '[sound]\npre_alarm = ["/people/chime"]\nalarm = ["/people/siren"]\n'


@dataclass(slots=True)
class Call:
    """One program that was begun: a person called, or something that sounds. `code` is None while it runs."""

    who: str
    at: float
    environment: dict[str, str]
    ended: float | None = None
    code: int | None = None
    killed: bool = False
    arguments: tuple[str, ...] = ()


@dataclass(slots=True)
class _Child:
    """What stands in the place of a child process."""

    pid: int
    call: Call
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def returncode(self) -> int | None:
        return self.call.code

    async def wait(self) -> int:
        await self.over.wait()
        assert self.call.code is not None
        return self.call.code


# What a person does: (seconds until the program ends, its exit code), or a coroutine that gets the call and returns the code.
Behaviour = tuple[float, int] | Callable[[Call], Awaitable[int]]
TAKES_NOTE = (8.0, 0)  # is reached; says nothing
NO_ANSWER = (25.0, 1)


class Life(Lapse):
    """One home. `people` says what each program's stand-in does; one not named is reached within 8 s and answers nothing."""

    def __init__(
        self,
        folder: Path,
        *,
        devices: str = HOME,
        ladder: str = LADDER,
        sound: str = SOUND,
        platform: str = PLATFORM,
        times: str = "",
        more: str = "",
        secrets: str = SECRETS,
        begins: datetime = MORNING,
        look_every: float = 5.0,
    ) -> None:
        config = GATEWAY.format(gateway="") + platform + devices + ladder + sound + TIMES + times + more
        super().__init__(folder / "home", config, begins=begins, look_every=look_every)
        path = self.folder / "secrets.toml"
        path.write_text(secrets, encoding="utf-8")
        path.chmod(0o600)
        self.people: dict[str, Behaviour] = {}
        self.calls: list[Call] = []
        self._children: dict[int, _Child] = {}
        self._told = 0
        self._real = asyncio.create_subprocess_exec, os.killpg

    def __enter__(self) -> Self:
        super().__enter__()
        asyncio.create_subprocess_exec = self._begin
        os.killpg = self._kill
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.create_subprocess_exec, os.killpg = self._real
        super().__exit__(*error)

    def live(self, story: Any) -> Any:
        """Run a story from the first start to its end, and stop the gateway behind it."""

        async def whole() -> Any:
            await self.start()
            told = await story
            if self._task is not None:
                await self.stop()
            return told

        return self.run(whole())

    # -- time and power

    @property
    def now(self) -> float:
        return self.loop.now

    async def wait(self, seconds: float, *, at_ease: bool = True) -> None:
        """Let so much time pass, of a long time all but the last minutes at ease.

        Where the minute counts in which something is told, it is not at ease.
        """
        if at_ease and seconds > EASE:
            self.look(every=AT_EASE)
            await asyncio.sleep(seconds - AWAKE)
            self.look(every=self.look_every)
            if self._task is not None:
                self.daemon.pump.wake.set()  # now, and not when the look at ease would come
            seconds = AWAKE
        await asyncio.sleep(seconds)

    async def until(self, wall: datetime) -> None:
        """Wait until the wall clock of the home's world shows this."""
        await self.wait(max(0.0, (wall - self.wall()) / timedelta(seconds=1)))

    async def power_cut(self, *, dark: float = 30.0, sure_after: float = 0.0, clock_stands: bool = False) -> None:
        """Cut the power for `dark` seconds. The clock may stand meanwhile, until a time server answers after `sure_after`."""
        for child in list(self._children.values()):
            self._end_child(child, -9)
        await self.cut()
        await asyncio.sleep(dark)
        await self.start(behind=dark if clock_stands else 0.0, sure_after=sure_after)

    async def restart(self, *, same_boot: bool = False) -> None:
        """End the process as systemd does, and start it again, as another boot unless it is the same one."""
        await self.stop()
        await self.start(same_boot=same_boot)

    # -- what happens in the home

    def press(self, address: str = PENDANT, *, action: str = "01") -> None:
        """Press a BTHome button: a keyed one seals what it says."""
        (self.sealed if address == CANCEL else self.air)(address, f"{'' if address == CANCEL else '4400{n}'}3a{action}")

    def fall(self, on: bool = True) -> None:
        self.line(RADAR, frame(*FALL, bytes((on,))))

    def radar_lives(self, someone: bool = True) -> None:
        self.line(RADAR, frame(*HEARTBEAT) + frame(*PRESENCE, bytes((someone,))))

    def smoke(self, signal: str = SMOKE) -> None:
        """Let the 433 MHz smoke detector's code be heard, a burst of five."""
        for n in range(5):
            self.line(RECEIVER, f"20;{n:02X};{signal};\r\n".encode())

    def door(self, is_open: bool) -> None:
        self.air(DOOR, f"4000{{n}}1a{int(is_open):02x}")

    def moves(self, address: str = HALL) -> None:
        self.air(address, "4000{n}2101")

    def in_bed(self, there: bool) -> None:
        self.air(BED, f"4000{{n}}23{int(there):02x}")

    async def tell(self, do: str, *, by: str = "Wang", local: bool = True, **more: Any) -> None:
        """Give an instruction at once, from the page (local) or the platform, and let it be carried out."""
        self._told += 1
        door = Door.LOCAL if local else Door.PLATFORM
        more = more if local else dated(do, more, self.wall())
        order = Instruction(id=f"told{self._told}", do=Do(do), by=by, door=door, **more)
        self.daemon.notes.later(lambda at: self.daemon.pipeline.told(order, at))
        await asyncio.sleep(0.5)

    # -- what came of it

    @property
    def open(self) -> list[Any]:
        """The alarms that are open, oldest first."""
        return [alarm for _, alarm in sorted(self.daemon.pipeline.alarms.items())]

    def journal(self) -> list[dict[str, Any]]:
        """Return every entry on the card, those of earlier journals too."""
        with contextlib.closing(sqlite3.connect(f"file:{self.state}/gateway.db?mode=ro", uri=True)) as db:
            return [json.loads(body) for (body,) in db.execute("SELECT body FROM journal ORDER BY number")]

    def called(self, who: str = "", *, since: float = 0.0) -> list[Call]:
        """Return the calls of one person, or all, begun at `since` or later."""
        return [c for c in self.calls if c.at >= since and who in ("", c.who)]

    def reached(self, *, since: float = 0.0, sounds: tuple[str, ...] = ("siren", "chime", "eldercare-voice")) -> list[Call]:
        """Return the calls that reached a person (exit code 0), noises left out."""
        return [c for c in self.called(since=since) if c.who not in sounds and c.code == 0]

    def told_platform(self, kind: str = "") -> list[tuple[float, dict[str, Any]]]:
        """Return what the platform got of alarms, (second, message), in the order in which it came."""
        out = [(at, m) for moves in self.desk.alarms.values() for at, m in moves if kind in ("", m["kind"])]
        return sorted(out, key=lambda one: one[0])

    # -- programs

    async def _begin(self, program: str, *arguments: str, env: dict[str, str], **_: Any) -> _Child:
        call = Call(Path(program).name, self.loop.now, dict(env), arguments=arguments)
        self.calls.append(call)
        child = _Child(pid=5_000_000 + len(self.calls), call=call)  # no process has such a number
        self._children[child.pid] = child
        does = self.people.get(call.who, TAKES_NOTE)
        self.loop.create_task(self._act(child, does))
        return child

    async def _act(self, child: _Child, does: Behaviour) -> None:
        if isinstance(does, tuple):
            await asyncio.sleep(does[0])
            code = does[1]
        else:
            code = await does(child.call)
        self._end_child(child, code)

    def _end_child(self, child: _Child, code: int) -> None:
        if child.call.code is None:
            child.call.code, child.call.ended, child.call.killed = code, self.loop.now, code < 0
            child.over.set()
        self._children.pop(child.pid, None)

    def _kill(self, group: int, number: int) -> None:
        if group not in self._children:
            self._real[1](group, number)
            return
        self._end_child(self._children[group], -number)
