"""What the gateway hears by, alone: lines of devices, lent and heard again; a hearing window, opened and closed; a recorded day."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from drivers import all_models
from gateway.hear.hearing import Ears
from gateway.hear.replay import ReplayClock
from gateway.home import nearby
from gateway.home.config import load
from gateway.home.home import Home

from tests.kit.wait import until

MODELS = all_models()
HOME = """
[gateway]
id = "gw-1"
runtime = "run"

[radio]
adapters = []

[[device]]
id = "radar"
model = "radar-5359"
port = "{port}"

[[device]]
id = "z2m"
model = "zigbee2mqtt"
port = "mqtt://127.0.0.1:1/zigbee2mqtt"
"""


class Intake:
    """Takes what is heard; says where each device is."""

    def __init__(self, config):
        self.devices = {d.id: SimpleNamespace(address=d.at) for d in config.devices}
        self.offline, self.listening, self.heard = {"receiver"}, [], []

    def advert(self, advert):
        self.heard.append(advert)

    def chunk(self, chunk):
        self.heard.append(chunk)
        return b""

    def published(self, device, message):
        self.heard.append((device, message))

    def overhear(self, overheard):
        self.listening.append(overheard)
        return lambda: self.listening.remove(overheard)


class Bench:
    """What hears in a home of a radar by wire and a receiver behind another broker; neither is there."""

    def __init__(self, folder, replay=None):
        path = folder / "gateway.toml"
        path.write_text(HOME.format(port=folder / "radar"), encoding="utf-8")
        (folder / "run").mkdir()
        self.config = load(path, MODELS)
        self.home, self.intake = Home(self.config, "gw-1"), Intake(self.config)
        clock = ReplayClock(datetime(2026, 11, 29, tzinfo=UTC), "boot-1")
        self.ears = Ears(
            self.home,
            self.intake,
            MODELS,
            clock,
            replay,
            alarm_is_fresh=lambda: False,
            radio_begins=lambda _adapter: None,
            told=lambda: None,
        )

    @contextlib.asynccontextmanager
    async def listening(self):
        async with asyncio.TaskGroup() as group:
            self.ears.listen(group)
            window = group.create_task(self.ears.overhear())
            yield group
            for task in (window, *self.ears._tasks.values()):
                task.cancel()


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


async def test_what_has_a_line_of_its_own_is_heard_and_its_absence_said(bench):
    async with bench.listening():
        assert [line.port for line in bench.ears.lines] == [bench.config.devices[0].at]
        assert bench.ears.cut() == {"radar", "z2m", "receiver"}
        assert not bench.ears.wants_radio()
        bench.ears.let_go_of("radar")
        assert (bench.ears.lines, bench.ears.cut()) == ([], {"z2m", "receiver"})


async def tripping(bench):
    async with bench.ears.lent("radar"):
        assert bench.ears.lines == []
        raise OSError("tripped")


async def test_a_line_that_is_lent_is_heard_again_whatever_happened(bench):
    async with bench.listening():
        with pytest.raises(OSError, match="tripped"):
            await tripping(bench)
        assert [line.port for line in bench.ears.lines] == [bench.config.devices[0].at]


async def test_a_line_that_was_lent_is_not_heard_again_where_its_device_is_gone(bench):
    async with bench.listening():
        async with bench.ears.lent("radar"):
            bench.home.replace(SimpleNamespace(devices=bench.config.devices[1:]))
        assert bench.ears.lines == []
        bench.home.replace(bench.config)


async def test_a_window_is_open_for_as_long_as_somebody_asked_and_hears_what_receivers_hear(bench):
    path = bench.config.runtime / nearby.FILE
    async with bench.listening():
        bench.ears.open_window(30.0)
        await until(path.exists)
        assert json.loads(path.read_text())["radios"] == []
        assert len(bench.intake.listening) == 1
        bench.ears.open_window(0.0)
        await until(lambda: bench.ears.window is None)
        assert bench.intake.listening == [], "nobody listens any more"
        assert path.exists(), "for as long as somebody may look at it"
        bench.ears.open_window(0.0)
        assert bench.ears.window is None


async def test_an_open_window_knows_who_is_enrolled_meanwhile(bench):
    known = []
    async with bench.listening():
        bench.ears.open_window(30.0)
        await until(lambda: bench.ears.window)
        bench.ears.window.know = known.append
        bench.home.replace(SimpleNamespace(devices=bench.config.devices[1:], runtime=bench.config.runtime))
        assert known == [bench.config.devices[1:]]
        bench.home.replace(bench.config)


class Day:
    """A recorded day."""

    def __init__(self):
        self.played = []

    async def run(self, clock, advert, chunk):
        self.played.append((clock, advert, chunk))


async def test_a_recorded_day_is_played_and_no_line_is_opened(tmp_path):
    day = Day()
    bench = Bench(tmp_path, day)
    async with bench.listening():
        await until(lambda: day.played)
        assert day.played[0][1:] == (bench.intake.advert, bench.intake.chunk)
        assert bench.ears.lines == []
        assert bench.ears.cut() == {"receiver"}
