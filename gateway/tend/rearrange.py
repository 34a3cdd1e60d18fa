"""Apply a changed configuration without a restart: open alarms and devices are not touched.

Only what the change is about begins anew: a line whose port is another, the link when the platform
is. The radio hears on through it: it asks the intake for each address. A pre-alarm in its grace
goes on, for nothing was restarted.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType

from gateway.hear.hearing import Ears
from gateway.hear.intake import Intake
from gateway.home import commissioning
from gateway.home.changes import REPLACED
from gateway.home.config import Config
from gateway.home.devices import Device
from gateway.home.home import Home
from gateway.home.undo import Memories
from gateway.judge.book import Entry
from gateway.judge.danger import Judge
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.untold import Untold
from gateway.judge.pipeline import Pipeline
from gateway.keep.historian import Historian
from gateway.keep.storage import Storage
from gateway.tell.uplink import Uplink
from gateway.tend import silences
from gateway.words.clock import Moment
from gateway.words.consent import CONSENTS, DataClass
from gateway.words.part import Part


class Rearrange(Part, kw_only=True):
    """Puts a changed configuration in force. In the task "pump", between two commits.

    `withdraw` deletes what waits and was agreed to no longer.
    """

    home: Home
    intake: Intake
    ears: Ears
    judge: Judge
    faults: Faults
    untold: Untold
    pipeline: Pipeline
    historian: Historian
    storage: Storage
    uplink: Uplink
    withdraw: Callable[[], None]

    def __call__(
        self,
        config: Config,
        now: Moment,
        *,
        taken_back: bool = False,
        memories: Memories = MappingProxyType({}),
    ) -> list[Entry]:
        """Go on with `config`; return what is to be written of it.

        `taken_back`: its platform held before; `memories`: of devices that come back.
        """
        before = self.home.config
        self.home.replace(config)
        other = replaced(config.household.changed)
        self._hear(before, config, other, memories)
        self.judge.rewatch(
            {d.id: d.watch for d in config.devices}, config.times, config.zone, config.night, other
        )
        ended = self.faults.resupervise(
            {d.id: d.supervised for d in config.devices}, config.times, other, now
        )
        entries = self.pipeline.rearrange(
            devices={d.id: d.room for d in config.devices},
            ladder=config.ladder,
            times=config.times,
            ended=ended,
            now=now,
            other=other,
        )
        self.faults.daily.keep(config.zone, zlib.crc32(self.home.gateway.encode()) / 2**32)
        self.faults.tell_out(tells_out(config))
        self.untold.use(config.zone)
        walk_by(self.pipeline, config)
        badges_by(self.pipeline, config, other)
        silences.arrange(self.pipeline, config)
        refused, refused_before = withheld(config), self.historian.withheld
        self.historian.use(config.times.same_again, refused)
        self.storage.store.readings.withhold(refused)
        if refused - refused_before:
            self.withdraw()
        if (config.platform, config.password) != (before.platform, before.password):
            if before.platform is None:
                self.faults.link_wanted(now)
            self.uplink.restored() if taken_back else self.uplink.change(before)
        return entries

    def begin_counters_anew(self, devices: Iterable[str]) -> None:
        """Forget what the old hardware counted: the new one begins at its own number."""
        for d in [d for d in self.home.config.devices if d.id in set(devices)]:
            self.intake.retire(d.id)
            enrol(self.intake, d, {})
            self.intake.changed.add(d.id)

    def memories(self, gone: Iterable[str]) -> dict[str, dict[str, int | str]]:
        """Return what the drivers of devices that go have counted: an old frame stays old."""
        heard = self.intake.devices
        return {name: dict(heard[name].driver.memory) for name in gone if name in heard}

    def _hear(self, before: Config, config: Config, other: set[str], come_back: Memories) -> None:
        old = {d.id: d for d in before.devices}
        new = {d.id: d for d in config.devices}
        memories = {name: dict(memory) for name, memory in come_back.items()}
        for name, d in old.items():
            after = new.get(name)
            same_words = before.passwords.get(name) == config.passwords.get(name)
            if (
                after is not None
                and name not in other
                and _heard_as(d) == _heard_as(after)
                and same_words
            ):
                continue
            if (
                after is not None
                and name not in other
                and (d.model.name, d.at) == (after.model.name, after.at)
            ):
                memories[name] = dict(self.intake.devices[name].driver.memory)
            self.ears.let_go_of(name)
            self.intake.retire(name)
            if after is None or name in other or d.model.name != after.model.name:
                self.intake.firsts.forget(name)
        for name, d in new.items():
            if name not in self.intake.devices:
                enrol(self.intake, d, memories.get(name, {}))
                self.intake.changed.add(name)
                self.ears.listen_to(d)


def enrol(intake: Intake, d: Device, memory: Mapping[str, int | str]) -> None:
    """Let the intake hear a device; `memory`: what its driver knew of it."""
    intake.enrol(
        d.id,
        d.model,
        d.at,
        d.key,
        memory,
        via=d.via,
        codes=d.codes,
        badge=d.badge is not None,
    )


def walk_by(pipeline: Pipeline, config: Config) -> None:
    """Tell a walk test what each device has to show, and whether there is a platform."""
    pipeline.walk_test.wants(commissioning.goals(config), platform=config.platform is not None)


def badges_by(pipeline: Pipeline, config: Config, other: Collection[str] = ()) -> None:
    """Tell whose badges there are, and how many visits are wanted; `other`: other hardware now."""
    badges = {d.id: d.badge for d in config.devices if d.badge is not None}
    pipeline.badges.know(badges, other)
    pipeline.visits.want(config.place.visits, config.zone)


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
    return {
        name.removeprefix("device.").removesuffix(end) for name in changed if name.endswith(end)
    }


def _heard_as(d: Device) -> tuple[object, ...]:
    return d.model.name, d.at, d.key, d.via, dict(d.codes), d.badge is not None
