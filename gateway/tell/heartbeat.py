"""What tells the platform that this gateway is there: the retained status, and the heartbeats.

When heartbeats end the platform notices our silence.
"""

from __future__ import annotations

import asyncio
import contextlib

from gateway import __version__
from gateway.contract import wire
from gateway.home.home import Home
from gateway.judge.pipeline import Pipeline
from gateway.keep.storage import Storage
from gateway.tell.outbox import Lost, NotTaken
from gateway.tell.waits import WAITS
from gateway.tell.way import Link
from gateway.words.clock import Clock, stamp

# heartbeats that did not come, after which the platform calls the home offline: one that comes
# later tells nobody anything
OFFLINE = 3


class Heartbeats:
    """The retained status, and the heartbeats. `run` is the task "heartbeat" of each link."""

    def __init__(self, home: Home, clock: Clock, storage: Storage, pipeline: Pipeline) -> None:
        self._home = home
        self._clock = clock
        self._storage = storage
        self._pipeline = pipeline

    def status(self, online: bool, reason: str) -> bytes:
        """Return the retained word that the gateway is there, or not."""
        store, at = self._storage.store, stamp(self._clock.boot, self._clock.now())
        word = wire.Status(
            1,
            self._home.gateway,
            online,
            reason,
            __version__,
            self._clock.boot,
            store.journal,
            at,
            store.generation,
        )
        return wire.encode(word)

    async def run(self, link: Link) -> None:
        """Beat on this link. Only cancellation ends it."""
        due = self._clock.now().mono
        while True:
            now, every = self._clock.now(), self._home.config.times.heartbeat
            due = min(due, now.mono + every)  # `every` may have been changed
            if link.connected and now.mono >= due:
                # by the clock, not by how late we were: a day has its 1440
                due += every * ((now.mono - due) // every + 1)
                message = wire.encode(await self._message(every))
                topic = wire.topic(self._home.gateway, "heartbeat")
                with contextlib.suppress(Lost, NotTaken):
                    await link.say_now(topic, message, OFFLINE * every)
            left = due - self._clock.now().mono if link.connected else WAITS.look_link
            await asyncio.sleep(max(WAITS.least, self._clock.real(left)))

    async def _message(self, every: float) -> wire.Heartbeat:
        now, store, platform = self._clock.now(), self._storage.store, self._home.config.platform
        waiting, batches = await store.counts()
        head, on = store.head, self._pipeline.faults.on.items()
        return wire.Heartbeat(
            v=1,
            gateway=self._home.gateway,
            journal=store.journal,
            at=stamp(self._clock.boot, now),
            every_s=every,
            last_number=head.number,
            waiting=waiting,
            waiting_batches=batches,
            open_alarms=len(self._pipeline.alarms),
            faults=sorted({f"{k}:{d}" if d else k for (k, d), fact in on if not fact.test}),
            receipts=platform.receipts if platform is not None else "platform",
            generation=store.generation,
            head=head.hash,
        )
