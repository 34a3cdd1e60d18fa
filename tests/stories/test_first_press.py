"""Three buttons enrolled and tried: nobody at the county is called, and whoever calls for help in that minute is real (simulated time).

The same visit through the real page, broker and radio is in test_technician_visits.
"""

import pytest
from gateway.home import handed
from gateway.home.handed import Handed
from gateway.words.instruction import Change, Do, Door, Instruction, What

from tests.kit.simulated import KEY
from tests.stories.life import CANCEL, MINUTE, PENDANT, Life

NEW = "A4:C1:38:00:00:77"
VALUE = {"id": "new", "model": "shelly-blu-button", "room": "bath", "address": NEW, "buttons": {"1": "sos"}}
ASKED = {What.RETIRE_DEVICE: {"id"}, What.REPLACE_DEVICE: {"id", "model", "address"}}  # no more belongs to these


async def enrol(life, what=What.PUT_DEVICE, *, seconds=600.0, issued=None, boot=None, key="", **value):
    """Enrol a button as the page does, and let the daemon carry it out; return its answer."""
    daemon = life.daemon
    daemon.ears.by_radio = lambda: None  # there is no radio here
    daemon.ears.listen_to = lambda _: None  # nor a line
    home = daemon.home.config.household
    name = f"page-{round(life.now * 1e6)}"
    if key:
        handed.hand(daemon.home.config.page_folder, name, Handed(key=key))
    order = Instruction(
        id=name,
        secrets=name if key else "",
        do=Do.CONFIGURE,
        by="T-07",
        door=Door.LOCAL,
        seconds=seconds,
        revision=home.revision,
        change=Change(what, {of: said for of, said in (VALUE | value).items() if of in ASKED.get(what, (VALUE | value))}),
        issued=issued or daemon.clock.now().wall.isoformat(),
        boot=daemon.boot if boot is None else boot,
    )
    life.at_the_box(order)
    await life.wait(1)
    (answer,) = [m for m in life.journal() if m["type"] == "result" and m["instruction"] == order.id]
    return answer


def alarms(life, device="new"):
    found = {m["alarm"]: m for m in life.journal() if m["type"] == "alarm" and m["device"] == device}
    return [(m["test"], m["priority"], m["state"]) for m in found.values()]


REAL, TEST = (False, 1, "raised"), (True, 4, "closed")


@pytest.fixture
def life(tmp_path):
    with Life(tmp_path) as life:
        yield life


def lived(life, story):
    life.live(story())


def test_the_press_that_is_asked_for_is_a_test_once_and_the_next_is_real(life):
    async def story():
        assert (await enrol(life))["accepted"]
        life.press(NEW)
        await life.wait(2)
        assert alarms(life) == [TEST], "it has ended with the platform's receipt"
        assert not life.calls, "nothing sounds, and nobody is called"
        life.press(NEW)
        await life.wait(2)
        assert alarms(life) == [TEST, REAL]
        assert life.called("siren")
        await life.wait(2 * MINUTE)
        assert life.reached()

    lived(life, story)


def test_a_neighbouring_devices_call_is_real_and_overtakes(life):
    async def story():
        await enrol(life)
        life.press(NEW)
        life.press(PENDANT)
        await life.wait(2)
        assert alarms(life, "pendant") == [REAL]
        assert alarms(life) == [TEST]
        told = [m for _, m in life.told_platform("person.sos")]
        assert next((m["device"], m["test"]) for m in told) == ("pendant", False)

    lived(life, story)


async def _fallen(life):
    life.fall()
    await life.wait(10)


async def _lies_and_is_called_for(life):
    life.fall()
    await life.wait(MINUTE)


async def _pressed_elsewhere(life):
    life.press(PENDANT)
    await life.wait(5)


async def _burns(life):
    life.smoke()
    await life.wait(5)


@pytest.mark.parametrize("before", [_fallen, _lies_and_is_called_for, _pressed_elsewhere, _burns])
def test_a_press_while_somebody_waits_for_help_is_real_whoever_asked_for_it(life, before):
    async def story():
        await enrol(life)
        await before(life)
        pressed = life.now
        life.press(NEW)
        await life.wait(5)
        assert alarms(life) == [REAL]
        assert [a for a in life.open if a.kind == "person.fall" and a.state == "pre_alarm"] == [], "and the fall is confirmed by it"
        await life.wait(2 * MINUTE)
        assert life.reached(since=pressed)

    lived(life, story)


def test_an_alarm_that_somebody_has_leaves_the_asked_for_press_a_test(life):
    async def story():
        await enrol(life)
        life.press(PENDANT)
        await life.wait(5)
        await life.tell("arrive", alarm=life.open[0].id, responder="Li")
        life.press(NEW)
        await life.wait(2)
        assert alarms(life) == [TEST]

    lived(life, story)


async def _late(life):
    await enrol(life)
    await life.wait(10 * MINUTE + 1)


async def _restarted(life):
    await enrol(life)
    await life.restart(same_boot=True)


async def _not_asked(life):
    await enrol(life, seconds=0.0)


async def _carried_out_in_another_life(life):
    await enrol(life, boot="another-boot")


async def _left_long_ago(life):
    await enrol(life, issued="2027-02-28T23:00:00+00:00")


async def _the_clock_went_back(life):
    await enrol(life, issued="2027-03-02T23:00:00+00:00")


async def _walked(life):
    await enrol(life)
    await life.tell("walk", device="new", seconds=60.0)
    await life.tell("walk", device="new", seconds=0.0)


async def _enrolled_before(life):
    await enrol(life)
    life.press(NEW)
    await life.wait(2)
    await enrol(life, room="hall")


async def _gone_and_back_without(life):
    await enrol(life)
    await enrol(life, What.RETIRE_DEVICE, seconds=0.0)
    await enrol(life, seconds=0.0)


@pytest.mark.parametrize(
    "before",
    [
        _late,
        _restarted,
        _not_asked,
        _carried_out_in_another_life,
        _left_long_ago,
        _the_clock_went_back,
        _walked,
        _enrolled_before,
        _gone_and_back_without,
    ],
)
def test_what_was_not_asked_for_just_now_is_real(life, before):
    async def story():
        await before(life)
        life.press(NEW)
        await life.wait(2)
        assert alarms(life)[-1] == REAL
        assert life.called("siren")

    lived(life, story)


def test_longer_than_ten_minutes_is_asked_for_by_nobody(life):
    async def story():
        answer = await enrol(life, seconds=601.0)
        assert (answer["accepted"], answer["refused"]) == (False, "too_long")
        assert "new" not in {d.id for d in life.daemon.home.config.devices}

    lived(life, story)


def test_other_hardware_under_the_name_is_tried_once_and_the_open_call_stays_real(life):
    async def story():
        await enrol(life, seconds=0.0)
        life.press(NEW)
        await life.wait(2)
        await enrol(life, What.REPLACE_DEVICE, address="A4:C1:38:00:00:78")
        life.press("A4:C1:38:00:00:78")
        await life.wait(2)
        assert alarms(life) == [REAL], "while a call of this name is open another press is one more"
        assert life.open[0].count == 2
        await life.tell("acknowledge", alarm=life.open[0].id)
        await life.tell("close", alarm=life.open[0].id, outcome="helped")
        life.press("A4:C1:38:00:00:78")
        await life.wait(2)
        assert alarms(life)[-1] == REAL, "the test was given up when somebody might have needed help"
        await life.tell("acknowledge", alarm=life.open[0].id)
        await life.tell("close", alarm=life.open[0].id, outcome="helped")
        await enrol(life, What.REPLACE_DEVICE, address=NEW)
        life.press(NEW)
        await life.wait(2)
        assert alarms(life)[-1] == TEST

    lived(life, story)


def test_a_cut_in_its_test_leaves_no_test_behind(life):
    async def story():
        life.desk.forgets = lambda: True
        await enrol(life)
        life.press(NEW)
        await life.wait(2)
        assert alarms(life) == [(True, 4, "raised")]
        await life.power_cut()
        assert alarms(life) == [TEST]
        life.press(NEW)
        await life.wait(2)
        assert alarms(life)[-1] == REAL

    lived(life, story)


def test_a_cancel_button_that_is_tried_ends_no_grace_and_is_believed_from_the_second_press_on(life):
    async def story():
        life.fall()
        await life.wait(3)
        await enrol(life, What.RETIRE_DEVICE, id="cancel", seconds=0.0)
        assert (await enrol(life, id="well", address=CANCEL, buttons={"1": "cancel"}, key=KEY))["accepted"]
        life.press(CANCEL)
        await life.wait(1)
        assert [a.state.value for a in life.open] == ["pre_alarm"]
        (tried,) = [m for m in life.journal() if m["type"] == "fault" and m["detail"].get("what") == "first_press"]
        assert (tried["device"], tried["test"], tried["detail"]["by"]) == ("well", True, "T-07")
        life.press(CANCEL)
        await life.wait(1)
        assert not life.open

    lived(life, story)
