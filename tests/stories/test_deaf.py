"""The radio goes deaf at night: said in time, nothing is made of the silence, and it is over when it hears again."""

from datetime import UTC, datetime
from types import SimpleNamespace

from gateway.words import kind

from tests.stories.life import DOOR, HOUR, MINUTE, PENDANT, Life

NIGHT = datetime(2027, 3, 1, 18, 0, tzinfo=UTC)  # 02:00 in the home


def test_a_radio_deaf_from_three_o_clock_is_said_and_judges_nobody(tmp_path):
    async def story():
        life.daemon.ears.radios.append(radio)
        deaf = life.loop.create_future()

        async def air():
            while True:
                radio.heard_at = radio.heard_at if deaf.done() else life.daemon.clock.now().mono
                await life.wait(10)

        speaking = life.loop.create_task(air())
        life.in_bed(True)
        await life.wait(HOUR)
        began = life.now
        deaf.set_result(None)
        await life.wait(14 * MINUTE)
        assert not life.desk.said(kind.RADIO_DEAF, "raised"), "the scanner is being restarted, and the adapter"
        await life.wait(2 * MINUTE)
        (said,) = life.desk.said(kind.RADIO_DEAF, "raised")
        assert 885 <= said - began <= 915, "a pendant is heard by it: after a quarter of an hour of repairs"
        fault = life.daemon.faults.on[kind.RADIO_DEAF, "hci0"]
        assert (fault.priority, fault.fault_class) == (2, "now")
        await life.wait(37 * MINUTE)
        assert not life.open, "a silence that is ours says nothing about a person"
        speaking.cancel()
        radio.heard_at = life.daemon.clock.now().mono
        life.press(PENDANT)
        await life.wait(20)
        assert life.desk.said(kind.RADIO_DEAF, "cleared")
        assert [a.kind for a in life.open] == ["person.sos"]

    radio = SimpleNamespace(adapter="hci0", heard_at=12.0, hearing=True, trouble="", adverts=0, restarts=0)
    with Life(tmp_path, begins=NIGHT, more="") as life:
        life.path.write_text(life.path.read_text().replace("adapters = []", 'adapters = ["hci0"]'))
        life.live(story())


def test_where_no_call_for_help_comes_by_radio_a_deaf_one_waits_for_the_list(tmp_path):
    async def story():
        life.daemon.ears.radios.append(radio)
        await life.wait(50 * MINUTE)
        assert not life.desk.said(kind.RADIO_DEAF, "raised")
        await life.wait(15 * MINUTE)
        assert len(life.desk.said(kind.RADIO_DEAF, "raised")) == 1
        fault = life.daemon.faults.on[kind.RADIO_DEAF, "hci0"]
        assert (fault.priority, fault.fault_class) == (3, "list")

    radio = SimpleNamespace(adapter="hci0", heard_at=12.0, hearing=True, trouble="", adverts=0, restarts=0)
    door = f'[[device]]\nid = "door"\nmodel = "shelly-blu-door"\nroom = "hall"\naddress = "{DOOR}"\n'
    with Life(tmp_path, begins=NIGHT, devices=door, secrets="") as life:
        life.path.write_text(life.path.read_text().replace("adapters = []", 'adapters = ["hci0"]'))
        life.live(story())
