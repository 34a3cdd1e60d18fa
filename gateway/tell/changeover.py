"""New settings of the platform are on trial until they connect, else those before are put back.

Another broker (host or port) is reached beside the link that runs: what the home has to say goes
out there until the new one is up. The same broker knows one connection by our client id: there the
running link ends first, and a call for help in the trial puts the old settings back at once, as it
does after a restart in the trial. A technician who has gone home need not come back for a slip in
an address.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from gateway.box.supervise import keep
from gateway.home import household
from gateway.home.config import Config
from gateway.home.home import Home
from gateway.judge.alarm import Alarm
from gateway.tell.connection import LinkLost
from gateway.tell.waits import WAITS
from gateway.tell.way import Link
from gateway.words.clock import Clock
from gateway.words.kind import Priority
from gateway.words.say import Say


class Links(Protocol):
    """Who keeps the link of now."""

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""

    def made(self) -> Link | None:
        """Return a link by the settings that are in force."""

    def takes(self, task: asyncio.Task[None], link: Link) -> None:
        """Keep a link that has proved itself."""

    async def disconnect(self) -> None:
        """End the link of now."""

    async def rest(self, seconds: float, *, turned_away: bool) -> None:
        """Wait before another attempt, see `Uplink.rest`."""


# puts settings back that held; False while another change is written
TakeBack = Callable[[Config, Say], Awaitable[bool]]


class Changeover:
    """One trial, in the task "changeover". `before`: the settings that have last connected."""

    def __init__(
        self,
        home: Home,
        clock: Clock,
        uplink: Links,
        take_back: TakeBack,
        alarms: Callable[[], Iterable[Alarm]],
        before: Config,
        *,
        resumed: bool = False,
    ) -> None:
        """Take `alarms`, which returns the open ones.

        `resumed`: a process ended while the settings were on trial.
        """
        self.before = before
        self.link: Link | None = None  # the new one, until it is up
        self._home = home
        self._clock = clock
        self._uplink = uplink
        self._take_back = take_back
        self._alarms = alarms
        self._tried = home.config
        new, old = home.config.platform, before.platform
        assert new is not None  # asked only where there are two
        assert old is not None
        self._beside = (new.host, new.port) != (old.host, old.port)
        # the old link worked, and had to end for this, or ended with the process
        self._cut = resumed
        self._over = asyncio.Event()
        self._why = Say("trial.called")

    def up(self) -> None:
        """Take it that the new link is up: the new settings hold."""
        self.link = None
        self._over.set()

    def called(self) -> None:
        """Take it that somebody calls for help: without a link meanwhile, the old one returns."""
        if self._cut and self.link is not None:
            self._why = Say("trial.called")
            self._over.set()

    async def run(self) -> None:
        """Try the new settings, and put the old ones back where they do not connect."""
        uplink, config = self._uplink, self._tried
        assert config.platform is not None
        if not self._beside:
            self._cut = self._cut or uplink.connected
            await uplink.disconnect()
        self.link = link = uplink.made()
        assert link is not None
        seconds = config.times.platform_trial
        where = f"{config.platform.host}:{config.platform.port}"
        self._why = Say("trial.late", where=where, seconds=seconds)
        trying = asyncio.create_task(self._keep(link), name="new platform")
        kept = False
        try:
            if any(
                a.priority <= Priority.P2 and not a.test and not a.accepted for a in self._alarms()
            ):
                self.called()  # it came while the change was written
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._clock.real(seconds)):
                    await self._over.wait()
            kept = self.link is None
            if kept:
                uplink.takes(trying, link)
        finally:
            if not kept:
                self.link = None
                trying.cancel()
                await asyncio.gather(trying, return_exceptions=True)
        while not kept:
            kept = await self._take_back(self.before, self._why)
            await asyncio.sleep(0.0 if kept else WAITS.take_back)
        await asyncio.to_thread(household.forget_before, self._home.config)

    async def _keep(self, link: Link) -> None:
        async def run(ready: Callable[[], None]) -> None:
            try:
                await link.run(ready)
            except LinkLost as lost:
                self._why = lost.say
                raise

        async def rest(seconds: float) -> None:
            await self._uplink.rest(max(seconds, link.pause), turned_away=link.turned_away)

        def quiet(*_: object) -> None:
            """Say nothing: what came of it is told as one fault."""

        await keep("platform", run, expected=(LinkLost,), said=quiet, sleep=rest)
