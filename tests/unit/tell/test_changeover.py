"""New settings of the platform on trial: they hold once they have connected, else those before come back."""

import asyncio
from types import SimpleNamespace

import pytest
from gateway.home import household
from gateway.judge.alarm import Alarm, State
from gateway.tell.changeover import Changeover
from gateway.tell.connection import LinkLost
from gateway.words.kind import Priority
from gateway.words.say import Say

from tests.kit.wait import until
from tests.unit.tell import fakes


class Uplink:
    """Keeps the link of now. `comes`: the new one connects; None: nobody answers it."""

    def __init__(self, comes):
        self.connected, self.comes, self.done = True, comes, []
        self.link = SimpleNamespace(run=self.run, turned_away=False, pause=0.0)

    def made(self):
        return self.link

    async def run(self, ready):
        if self.comes is None:
            await asyncio.Event().wait()
        if not self.comes:
            raise LinkLost(Say("link.not_connected", where="second:8883"))
        ready()
        self.trial.up()
        await asyncio.Event().wait()

    def takes(self, task, link):
        self.done.append("takes")
        task.cancel()

    async def disconnect(self):
        self.done.append("disconnect")
        self.connected = False

    async def rest(self, _seconds, *, turned_away):
        await asyncio.sleep(0)


class Settings:
    """Writes the settings: refuses the first time, as while another change is written."""

    def __init__(self):
        self.back = []

    async def take_back(self, before, why):
        self.back.append((before.platform.host, str(why)))
        return len(self.back) > 1


def trial(folder, *, comes, host="second", alarms=(), seconds=0.0, resumed=False):
    (folder / household.BEFORE).touch()
    home = fakes.home(platform=fakes.platform(host), state=folder)
    home.config.times = SimpleNamespace(platform_trial=seconds)
    uplink, settings, clock = Uplink(comes), Settings(), fakes.Clock()
    clock.real = lambda seconds: seconds
    before = SimpleNamespace(platform=fakes.platform("first"))
    uplink.trial = Changeover(home, clock, uplink, settings.take_back, lambda: alarms, before, resumed=resumed)
    return uplink, settings


async def test_another_broker_that_connects_takes_the_place_of_the_one_before(tmp_path):
    uplink, settings = trial(tmp_path, comes=True, seconds=60.0)
    await uplink.trial.run()
    assert (uplink.done, settings.back) == (["takes"], []), "the running link was not touched"
    assert not (tmp_path / household.BEFORE).exists(), "they are on trial no more"


async def test_the_same_brokers_link_ends_before_the_trial(tmp_path):
    uplink, _ = trial(tmp_path, comes=True, host="first", seconds=60.0)
    await uplink.trial.run()
    assert uplink.done == ["disconnect", "takes"]


async def test_settings_that_do_not_connect_are_taken_back_as_often_as_it_takes(tmp_path):
    uplink, settings = trial(tmp_path, comes=False, seconds=0.05)
    await uplink.trial.run()
    assert [host for host, _ in settings.back] == ["first", "first"]
    assert "takes" not in uplink.done


ALARM = Alarm(
    number=1,
    id="a1",
    kind="sos",
    priority=Priority.P1,
    device="button",
    room="bath",
    state=State.RAISED,
    since=fakes.Clock().now(),
    stages={},
)


@pytest.mark.parametrize("alarms", [(), (ALARM,)])
async def test_a_call_for_help_ends_the_trial_where_the_old_link_had_to_end(tmp_path, alarms):
    uplink, settings = trial(tmp_path, comes=None, host="first", alarms=alarms, seconds=3600.0)
    running = asyncio.create_task(uplink.trial.run())
    await until(lambda: settings.back or uplink.trial.link is not None)
    if not alarms:
        uplink.trial.called()
    await running
    assert settings.back[0] == ("first", str(Say("trial.called")))
