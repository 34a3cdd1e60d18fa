"""Several alarms and one loudspeaker: a siren is heard at once, by turns, and no word of another alarm keeps it back."""

import asyncio

from tests.stories.life import HOME, HOUR, MINUTE, Life, rung

OWN = '[sound]\nvoice = true\npre_alarm = ["/people/chime"]\nalarm = ["/people/siren"]\n'
SIREN_RUNG = '[[ladder]]\nresponder = "siren"\nwait = 60\nchannel = "program"\nprogram = ["/people/siren"]\nsounds = true\n'
SMOKE2 = "EV1527;ID=07A411;SWITCH=01;CMD=ON"
TWO = f'{HOME}\n[[device]]\nid = "smoke2"\nmodel = "ev1527-smoke"\nroom = "hall"\nvia = "rflink"\ncodes = {{ alarm = "{SMOKE2}" }}\n'
LOUD = {"raised", "receipt", "calling", "raised_again"}


async def voice(call):
    """As long as the phrases are in Mandarin."""
    said = call.environment
    loud = said["ELDERCARE_REASON"] in {"pre_alarm", "raised"} or (
        said.get("ELDERCARE_STATE") == "raised" and said.get("ELDERCARE_QUIET") != "1"
    )
    await asyncio.sleep(48 if loud else 5.6)
    return 0


async def hangs(_call):
    await asyncio.Event().wait()
    return 0


def waited(life, alarm, since):
    """Return the seconds until a siren was heard for an alarm, for more than a moment."""
    heard = [
        call.at - since
        for call in life.called(since=since)
        if call.who in {"siren", "eldercare-voice"}
        and call.environment.get("ELDERCARE_ALARM") == alarm
        and call.environment["ELDERCARE_REASON"] in LOUD
        and (call.ended is None or call.ended - call.at > 1)
    ]
    assert heard, "never"
    return heard[0]


def lives(tmp_path, story, people=None, **how):
    with Life(tmp_path, **how) as life:
        life.people["eldercare-voice"] = voice
        life.people.update(people or {})
        life.live(story(life))


def test_a_second_fire_sounds_while_the_first_is_told_as_answered(tmp_path):
    async def story(life):
        await life.wait(MINUTE)
        life.smoke()
        await life.wait(20)
        await life.tell("acknowledge", by="desk", local=False, alarm=life.open[0].id)
        await life.wait(2)
        began = life.now
        life.smoke(SMOKE2)
        await life.wait(150)
        assert waited(life, life.open[1].id, began) <= 2

    lives(tmp_path, story, devices=TWO, sound="")


def test_a_call_for_help_sounds_at_once_behind_words_of_alarms_that_are_over(tmp_path):
    async def story(life):
        await life.wait(MINUTE)
        life.press()
        await life.wait(5)
        life.fall()
        await life.wait(MINUTE)
        life.smoke()
        await life.wait(20)
        for one in [a.id for a in life.open]:
            await life.tell("close", by="Li", alarm=one, outcome="helped")
        await life.wait(0.5)
        began = life.now
        life.press()
        await life.wait(MINUTE)
        assert waited(life, life.open[0].id, began) <= 2

    lives(tmp_path, story, devices=TWO, sound="")


def test_a_player_that_hangs_on_a_word_keeps_back_no_siren_of_another_program(tmp_path):
    async def story(life):
        await life.wait(MINUTE)
        life.fall()
        await life.wait(35)
        await life.tell("acknowledge", by="desk", local=False, alarm=life.open[0].id)
        await life.wait(3)
        began = life.now
        life.press()
        await life.wait(5 * MINUTE)
        sirens = [c for c in life.called("siren", since=began) if (c.ended or life.now) - c.at > 1]
        assert sirens[0].at - began <= 2

    lives(tmp_path, story, {"eldercare-voice": hangs, "siren": (60.0, 0)}, sound=OWN)


def test_a_siren_of_its_own_is_not_ended_by_a_word(tmp_path):
    async def story(life):
        await life.wait(MINUTE)
        life.press()
        await life.wait(MINUTE)
        siren = life.called("siren")[0]
        assert (siren.ended or life.now) - siren.at >= 40

    lives(tmp_path, story, {"siren": (60.0, 0)}, sound=OWN)


def test_a_siren_as_a_rung_sounds_in_a_home_that_speaks(tmp_path):
    async def story(life):
        await life.wait(MINUTE)
        life.plug(False)
        await life.wait(5)
        life.press()
        await life.wait(2 * MINUTE)
        assert [c for c in life.called("siren") if (c.ended or life.now) - c.at > 10]

    lives(tmp_path, story, {"siren": (60.0, 0)}, sound="", ladder=SIREN_RUNG + rung("family"))


def test_a_siren_ends_when_all_have_answered(tmp_path):
    async def story(life):
        await life.wait(MINUTE)
        life.smoke()
        await life.wait(20)
        first = life.open[0].id
        await life.tell("acknowledge", by="desk", local=False, alarm=first)
        await life.wait(20)
        life.smoke(SMOKE2)
        await life.wait(3)
        await life.tell("dispatch", by="desk", local=False, alarm=first, responder="Li", seconds=600)
        await life.wait(2)
        await life.tell("acknowledge", by="desk", local=False, alarm=life.open[1].id)
        done = life.now
        await life.wait(MINUTE)
        late = [c for c in life.called("eldercare-voice") if c.environment["ELDERCARE_REASON"] in LOUD and (c.ended or life.now) > done + 2]
        assert not late

    lives(tmp_path, story, devices=TWO, sound="")


def test_a_call_for_help_without_sound_rings_no_siren_of_the_ladder(tmp_path):
    async def story(life):
        await life.wait(MINUTE)
        life.plug(False)
        await life.wait(5)
        life.press()
        await life.wait(5 * MINUTE)
        assert life.reached(), "people are called"
        assert not life.called("siren")

    lives(tmp_path, story, sound="[sound]\nquiet_sos = true\n", ladder=rung("family") + SIREN_RUNG)


def test_words_that_fail_are_one_fault(tmp_path):
    async def story(life):
        life.press()
        await life.wait(2 * HOUR)
        assert len([f for f in life.desk.faults if f[1] == "gateway.call_failed"]) <= 4

    lives(tmp_path, story, {"eldercare-voice": (0.2, 10), "siren": (60.0, 0)}, sound=OWN)


def test_a_fire_is_told_at_once_behind_a_call_for_help(tmp_path):
    async def story(life):
        await life.wait(MINUTE)
        life.plug(False)
        await life.wait(5)
        life.press()
        await life.wait(15)
        life.fall()
        await life.wait(50)
        began = life.now
        life.smoke()
        await life.wait(2 * MINUTE)
        assert waited(life, next(a.id for a in life.open if a.kind == "env.smoke"), began) <= 5

    lives(tmp_path, story, sound="", ladder=rung("family", wait=30) + rung("neighbour", wait=30))


def test_two_who_need_help_are_both_heard(tmp_path):
    """Each in its turn: an alarm that is no more urgent waits for twelve seconds, not for the other's whole run."""

    async def story(life):
        await life.wait(MINUTE)
        life.press()
        await life.wait(5)
        began = life.now
        life.fall()
        await life.wait(MINUTE)
        fall = next(a.id for a in life.open if a.kind == "person.fall")
        asked = [c for c in life.called("eldercare-voice", since=began) if c.environment["ELDERCARE_ALARM"] == fall]
        assert (asked[0].environment["ELDERCARE_REASON"], asked[0].at - began <= 14) == ("pre_alarm", True)
        press = next(a.id for a in life.open if a.kind == "person.sos")
        assert waited(life, press, began + 15) <= 20, "and the first one comes again"

    lives(tmp_path, story, sound="")
