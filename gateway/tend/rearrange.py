"""Going on with a changed configuration in the same process: nothing that is open is touched, and who is heard stays heard.

Only what the change is about begins anew: a line whose port is another, the link when the platform is. The radio hears on
through it: it asks the intake for each address. A pre-alarm in its grace goes on, for nothing was restarted.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gateway.home import commissioning
from gateway.home.config import Config, Device
from gateway.home.household import REPLACED
from gateway.judge.book import Entry
from gateway.words.clock import Moment
from gateway.words.consent import CONSENTS, DataClass

if TYPE_CHECKING:
    from gateway.tend.daemon import Daemon


def rearranged(daemon: Daemon, config: Config, now: Moment, *, taken_back: bool = False) -> list[Entry]:
    """Let the daemon go on with `config`; return what is to be written of it. `taken_back`: its platform held before."""
    before = daemon.home.config
    daemon.home.replace(config)
    other = replaced(config.household.changed)
    _hear(daemon, before, config, other)
    daemon.judge.rewatch({d.id: d.watch for d in config.devices}, config.times, config.zone, config.night, other)
    ended = daemon.faults.resupervise({d.id: d.supervised for d in config.devices}, config.times, other, now)
    entries = daemon.pipeline.rearrange(
        devices={d.id: d.room for d in config.devices}, ladder=config.ladder, times=config.times, ended=ended, now=now, other=other
    )
    daemon.faults.daily.keep(config.zone, zlib.crc32(daemon.home.gateway.encode()) / 2**32)
    daemon.faults.tells_out = tells_out(config)
    daemon.untold.zone = config.zone
    walk_by(daemon, config)
    refused, refused_before = withheld(config), daemon.historian.withheld
    daemon.historian.use(config.times.same_again, refused)
    daemon.store.readings.withhold(refused)
    if refused - refused_before:
        daemon.upkeep.withdraw()
    daemon.ears.by_radio()
    if daemon.ears.window is not None:
        daemon.ears.window.know(config.devices)
    if (config.platform, config.password) != (before.platform, before.password):
        if before.platform is None:
            daemon.faults.link_down_since = now.mono  # from now on somebody asks for it
        daemon.uplink.restored() if taken_back else daemon.uplink.change(before)
    return entries


def walk_by(daemon: Daemon, config: Config) -> None:
    """Let a walk test know what each device has to show, and whether there is a platform to tell."""
    daemon.pipeline.walking.goals = commissioning.goals(config)
    daemon.pipeline.walking.platform = config.platform is not None


def withheld(config: Config) -> frozenset[str]:
    """Return the classes of readings that the resident does not let us keep."""
    consent = config.parts.consent
    return frozenset(name for name in CONSENTS if not getattr(consent, name))


def tells_out(config: Config) -> bool:
    """Say whether the resident agreed that it is told who is out."""
    return DataClass.ACTIVITY not in withheld(config)


def replaced(changed: Iterable[str]) -> set[str]:
    """Return the devices whose hardware is another since this change."""
    end = f".{REPLACED}"
    return {name.removeprefix("device.").removesuffix(end) for name in changed if name.endswith(end)}


def begin_counters_anew(daemon: Daemon, devices: Iterable[str]) -> None:
    """Forget what the old hardware counted: the new one begins at its own number."""
    for d in [d for d in daemon.home.config.devices if d.id in set(devices)]:
        daemon.intake.retire(d.id)
        _enrol(daemon, d, {})
        daemon.intake.changed.add(d.id)


def _hear(daemon: Daemon, before: Config, config: Config, other: set[str]) -> None:
    old = {d.id: d for d in before.devices}
    new = {d.id: d for d in config.devices}
    memories: dict[str, dict[str, int | str]] = {}
    for name, d in old.items():
        after = new.get(name)
        same_words = before.passwords.get(name) == config.passwords.get(name)
        if after is not None and name not in other and _heard_as(d) == _heard_as(after) and same_words:
            continue
        if after is not None and name not in other and (d.model.name, d.at) == (after.model.name, after.at):
            memories[name] = dict(daemon.intake.devices[name].driver.memory)
        daemon.ears.let_go_of(name)
        daemon.intake.retire(name)
        if after is None or name in other or d.model.name != after.model.name:
            daemon.intake.firsts.forget(name)
    for name, d in new.items():
        if name not in daemon.intake.devices:
            _enrol(daemon, d, memories.get(name, {}))
            daemon.intake.changed.add(name)
            daemon.ears.listen_to(d)


def _heard_as(d: Device) -> tuple[object, ...]:
    return d.model.name, d.at, d.key, d.via, dict(d.codes)


def _enrol(daemon: Daemon, d: Device, memory: dict[str, int | str]) -> None:
    daemon.intake.enrol(d.id, d.model, d.at, d.key, memory, via=d.via, codes=d.codes)
