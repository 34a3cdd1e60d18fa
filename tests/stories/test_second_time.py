"""The second time: what has happened once happens again, or was ended by a mistake, and people are called again."""

import pytest
from msgspec.structs import replace

from tests.stories.life import CANCEL, DAY, HOME, HOUR, MINUTE, RECEIVER, SECRETS, SMOKE, Life, rung

SMOKE_CLEAR = "EV1527;ID=07A410;SWITCH=02;CMD=ON"
WATER = "EV1527;ID=0B7710;SWITCH=01;CMD=ON"
SAYS_OVER = HOME.replace(f'codes = {{ alarm = "{SMOKE}" }}', f'codes = {{ alarm = "{SMOKE}", clear = "{SMOKE_CLEAR}" }}')
WET = HOME + f'[[device]]\nid = "bath-water"\nmodel = "ev1527-water"\nroom = "bath"\nvia = "rflink"\ncodes = {{ alarm = "{WATER}" }}\n'


def real(life, kind):
    """Return the real alarms of a kind as the platform has them, oldest first: alarm -> its messages."""
    found = {}
    for _, message in life.told_platform(kind):
        if not message["test"]:
            found.setdefault(message["alarm"], []).append(message)
    return list(found.values())


async def rescued(life):
    """Let somebody answer, come and close the newest alarm."""
    alarm = life.open[-1].id
    for do, more in (("acknowledge", {}), ("dispatch", {"responder": "Li"}), ("arrive", {}), ("close", {"outcome": "rescued"})):
        await life.tell(do, alarm=alarm, **more)
    assert not life.open


async def walk(life, device, seconds=300.0):
    await life.tell("walk", device=device, seconds=seconds)


# -- 1: two fires -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("devices", "between", "days"),
    [(HOME, "nothing", 8), (HOME, "restart", 1), (HOME, "power cut", 1), (SAYS_OVER, "nothing", 1), (SAYS_OVER, "restart", 1)],
)
def test_two_fires(tmp_path, devices, between, days):
    async def story():
        life.smoke()
        await life.wait(1)
        assert life.called("siren")
        await life.wait(4 * MINUTE)
        await rescued(life)
        if between == "restart":
            await life.restart(same_boot=True)
        elif between == "power cut":
            await life.power_cut(dark=HOUR)
        await life.wait(days * DAY)
        april = life.now
        life.smoke()
        await life.wait(2)
        assert life.called("siren", since=april)
        await life.wait(5 * MINUTE)
        assert life.reached(since=april), "people are called"

    with Life(tmp_path, devices=devices, look_every=60.0) as life:
        life.live(story())
        march, april = real(life, "env.smoke")
        assert april[0]["move"] == "raise"
        assert april[0]["linked"] == march[0]["alarm"]


def test_tried_at_commissioning_and_a_fire_days_later(tmp_path):
    async def story():
        await walk(life, "smoke")
        life.smoke()
        await life.wait(3 * DAY)
        assert not real(life, "env.smoke"), "promise 7: a test never reaches the real ladder"
        assert not life.called()
        life.smoke()
        await life.wait(5 * MINUTE)
        assert life.called("siren")
        assert life.reached()

    with Life(tmp_path, look_every=60.0) as life:
        life.live(story())
        (fire,) = real(life, "env.smoke")
        assert fire[0]["priority"] == 1


@pytest.mark.parametrize("dark", [None, 5.0])
def test_a_test_key_that_sounds_over_a_restart_calls_nobody_and_a_fire_after_it_does(tmp_path, dark):
    async def story():
        await walk(life, "smoke")
        life.smoke()
        await life.wait(4)
        if dark is None:
            await life.restart(same_boot=True)
        else:
            await life.power_cut(dark=dark)
        for _ in range(5):
            life.smoke()
            await life.wait(4)
        assert not real(life, "env.smoke"), "promise 7: a test never reaches the real ladder"
        assert not life.calls
        await life.wait(20)
        life.smoke()
        await life.wait(2)
        assert life.called("siren")

    with Life(tmp_path) as life:
        life.live(story())
        assert len(real(life, "env.smoke")) == 1


@pytest.mark.parametrize("hours", [0.5, 2.0])
def test_a_second_fire_while_the_helper_has_not_closed_the_first_whose_over_got_lost(tmp_path, hours):
    async def story():
        life.smoke()
        await life.wait(MINUTE)
        await life.tell("arrive", alarm=life.open[0].id, by="neighbour")
        await life.wait(hours * HOUR)
        second = life.now
        life.smoke()
        await life.wait(5 * MINUTE)
        assert life.called("siren", since=second)
        assert life.reached(since=second)

    with Life(tmp_path, devices=SAYS_OVER, look_every=30.0) as life:
        life.live(story())


@pytest.mark.parametrize("outcome", ["false_alarm", "no_help_needed"])
def test_who_was_told_of_a_fire_that_is_over_is_called_for_the_next(tmp_path, outcome):
    async def story():
        life.smoke()
        await life.wait(45)
        assert life.called("family")
        await life.tell("close", alarm=life.open[0].id, outcome=outcome, by="family")
        await life.wait(20)
        again = life.now
        life.smoke()
        await life.wait(MINUTE)
        assert [call.at - again < 40 for call in life.called("family", since=again)] == [True]

    with Life(tmp_path, ladder=rung("family") + rung("neighbour")) as life:
        life.plug(False)
        life.live(story())


# -- 3, 4: ended by a mistake --------------------------------------------------------------------------------------------


async def lies_there(life, seconds):
    """Let the radar go on saying "fall", once a minute, as it answers our question."""
    for _ in range(int(seconds // MINUTE)):
        await life.wait(MINUTE)
        life.fall()


@pytest.mark.parametrize("between", ["nothing", "restart"])
def test_cancelled_by_mistake(tmp_path, between):
    async def story():
        life.fall()
        await life.wait(10)
        life.press(CANCEL)
        await life.wait(1)
        assert not life.open
        cancelled = life.now
        await lies_there(life, 2 * MINUTE)
        if between == "restart":
            await life.restart(same_boot=True)
        await lies_there(life, 3 * MINUTE)
        await life.wait(45)
        assert life.called("siren", since=cancelled)
        await life.wait(5 * MINUTE)
        assert life.reached(since=cancelled)

    with Life(tmp_path) as life:
        life.live(story())
        first, second = real(life, "person.fall")
        assert first[-1]["state"] == "cancelled"
        assert second[0]["linked"] == first[0]["alarm"]


def test_closed_as_false_was_true(tmp_path):
    async def story():
        life.fall()
        await life.wait(40)
        alarm = life.open[0].id
        await life.tell("acknowledge", alarm=alarm, local=False)
        await life.tell("close", alarm=alarm, outcome="false_alarm", local=False)
        closed = life.now
        await lies_there(life, 5 * MINUTE)
        await life.wait(45)
        assert [(a.kind, a.state) for a in life.open] == [("person.fall", "raised")]
        assert life.called("siren", since=closed)

    with Life(tmp_path) as life:
        life.live(story())
        first, second = real(life, "person.fall")
        assert (second[0]["move"], second[0]["reason"], second[0]["linked"]) == ("danger", "returned", first[0]["alarm"])


def test_a_fall_that_was_cancelled_and_is_over_does_not_come_again(tmp_path):
    async def story():
        life.fall()
        await life.wait(10)
        life.press(CANCEL)
        await life.wait(MINUTE)
        life.fall(on=False)
        await life.wait(DAY)
        assert not life.called("siren")

    with Life(tmp_path, look_every=60.0) as life:
        life.live(story())
        assert len(real(life, "person.fall")) == 1


# -- 13: an old signal cancels nothing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("keyed", [True, False])
def test_a_recorded_frame_of_the_cancel_button_cancels_nothing(tmp_path, keyed):
    async def story():
        recorded = life.sealed(CANCEL, "3a01") if keyed else "40" + "0007" + "3a01"
        if keyed:
            life.sealed(CANCEL, "3a01")  # he pressed it once more that evening
        await life.wait(DAY)
        life.fall()
        await life.wait(10)
        life.air(CANCEL, recorded)
        await life.wait(25)
        assert [(a.kind, a.state) for a in life.open] == [("person.fall", "raised")]
        assert life.called("siren")

    with Life(tmp_path, secrets=SECRETS if keyed else "", look_every=60.0) as life:
        life.live(story())
        assert life.desk.said("device.replayed", "raised", "cancel"), "an old signal: somebody must look"


def test_a_plain_frame_of_a_keyed_cancel_button_cancels_nothing(tmp_path):
    async def story():
        life.fall()
        await life.wait(10)
        life.air(CANCEL, "4000073a01")
        await life.wait(25)
        assert [a.state for a in life.open] == ["raised"]

    with Life(tmp_path) as life:
        life.live(story())


# -- 34: retired in its test ---------------------------------------------------------------------------------------------


def test_a_radar_retired_in_its_walk_test_leaves_nothing_real(tmp_path):
    async def story():
        await walk(life, "radar")
        life.fall()
        await life.wait(5)
        await retire(life, "radar")
        await life.wait(HOUR)
        assert not life.called("siren")
        assert not life.reached()

    with Life(tmp_path, look_every=60.0) as life:
        life.live(story())
        assert not real(life, "person.fall")
        assert life.told_platform("person.fall"), "the test itself was told, marked as one"


async def retire(life, device):
    """Retire a device as the page does."""
    config = life.daemon.home.config
    life.daemon.ears.by_radio = lambda: None  # the stories' home has no radio of its own
    rest = tuple(d for d in config.devices if d.id != device)
    life.daemon.notes.later(lambda at: life.daemon.rearrange(replace(config, devices=rest), at))
    await life.wait(0.5)


# -- 43: well, and the bath runs over ------------------------------------------------------------------------------------


def test_i_am_well_ends_the_falls_grace_and_not_the_waters(tmp_path):
    async def story():
        life.line(RECEIVER, f"20;01;{WATER};\r\n".encode())
        life.fall()
        await life.wait(10)
        assert {(a.kind, a.state) for a in life.open} == {("env.water", "pre_alarm"), ("person.fall", "pre_alarm")}
        life.press(CANCEL)
        await life.wait(1)
        assert [(a.kind, a.state) for a in life.open] == [("env.water", "pre_alarm")]
        life.fall(on=False)
        await life.wait(MINUTE)
        assert [(a.kind, a.state) for a in life.open] == [("env.water", "raised")]

    with Life(tmp_path, devices=WET) as life:
        life.live(story())
