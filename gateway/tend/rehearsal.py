"""A start that is only tried: whether this configuration and state folder can be a gateway's.

It is asked before anything is renamed. It is the daemon itself up to its first turn: load, open,
take over what is open, a test alarm through journal and outbox, the waits of a month, the lines and
brokers of devices for a moment. Nobody is called, nothing sounds, the radio and the platform hear
nothing of it. The state folder is a copy that is thrown away; the process is one of its own, so
that whatever goes wrong in it goes wrong there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from msgspec import structs
from msgspec.structs import replace

from drivers import all_models
from gateway.box import dial
from gateway.home.config import Config, load
from gateway.judge.dispatch import PLATFORM
from gateway.tend.composition import build
from gateway.tend.daemon import Daemon
from gateway.tend.waits import WAITS
from gateway.words.clock import Moment
from gateway.words.driver import Model
from gateway.words.instruction import Do, Door, Instruction

LOG = logging.getLogger("eldercare")
# seconds from now at which is looked what is due by then
AHEAD = (
    1.0,
    90.0,
    900.0,
    5400.0,
    90_000.0,
    2_600_000.0,
)


class NotFit(Exception):
    """It would not become a gateway; the text says what stands in the way."""


async def _tried(config: Config, models: Mapping[str, Model]) -> None:
    """Let a daemon begin, turn once and end. Raises what would end the real one."""
    daemon = build(config, models)
    try:
        await daemon.begin()
        await _turned(daemon, daemon.clock.now())
        await _heard(daemon)
        if daemon.store.degraded or daemon.storage.in_memory:
            raise NotFit(daemon.store.degraded or "the disk takes nothing")
    finally:
        await daemon.close()


async def _turned(daemon: Daemon, now: Moment) -> None:
    order = Instruction(id="rehearsal", do=Do.TEST, by="rehearsal", door=Door.LOCAL)
    entries = daemon.pipeline.told(order, now) + daemon.pump.look(now)
    for ahead in AHEAD:
        later = now._replace(mono=now.mono + ahead, wall=now.wall + timedelta(seconds=ahead))
        entries += daemon.pipeline.tick(later)
    await daemon.pump.write(entries, now, flush=True)


async def _heard(daemon: Daemon) -> None:
    """Open lines and other brokers as a start does.

    That one is not there is no matter: it may come.
    """
    config = daemon.home.config
    if config.platform is not None and (link := daemon.uplink.broker(config)).tls:
        try:
            await asyncio.to_thread(
                dial.context_of, dial.Tls(ca=link.ca, cert=link.cert, key=link.key)
            )
        except dial.NotReached as error:
            LOG.warning("platform: %s", error)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WAITS.rehearsal), asyncio.TaskGroup() as group:
            daemon.ears.listen(group)
            await asyncio.Event().wait()


def rehearsed(path: Path, folder: Path) -> None:
    """Try a start by the configuration at `path` with the state in `folder`, used up.

    Raises NotFit, and what a start raises.
    """
    runtime = folder.with_name(f"{folder.name}.run")
    try:
        models = all_models()
        config = load(path, models, instead=(folder, runtime))
        if config.trouble:
            raise NotFit(config.trouble)
        asyncio.run(_tried(_quiet(config), models))
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


def _quiet(config: Config) -> Config:
    """Return a configuration that sounds nowhere, calls nobody and leaves the radio alone."""
    ladder = tuple(structs.replace(rung, channel=PLATFORM, program=()) for rung in config.ladder)
    return replace(
        config,
        adapters=(),
        replay=None,
        ladder=ladder,
        sound_pre_alarm=(),
        sound_alarm=(),
        sound_words=(),
    )
