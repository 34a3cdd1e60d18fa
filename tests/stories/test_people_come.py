"""Somebody needs help, and people come: called again and again, over power cuts, fires, and platforms that only say yes.

What stories tell of SMS and telephone goes by programs here; a person's answer is an instruction from the page or the desk.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from gateway.words.instruction import Change, Do, Door, Instruction, What

from tests.stories.life import CANCEL, HOUR, LADDER, MINUTE, NO_ANSWER, RECEIVER, SMOKE, TAKES_NOTE, Life, rung

NEVER_ENDS = (100_000.0, 0)
CANNOT = (5.0, 1)  # picks up, and cannot come


def reasons(life, who):
    return [call.environment["ELDERCARE_REASON"] for call in life.called(who)]


def told(life, reason):
    """Return when the desk was told of a call for this reason, seconds."""
    return [at for at, m in life.told_platform() if m["calls"] and m["calls"][-1]["reason"] == reason and m["move"] == "call"]


def test_the_helper_who_never_closes(tmp_path):
    async def story():
        life.press()
        await life.wait(MINUTE)
        sos = life.open[0].id
        await life.tell("arrive", alarm=sos, by="neighbour")
        there = life.now
        await life.wait(3 * HOUR)
        assert [round(at - there, -1) for at in told(life, "not_closed")] == [3600 + 1800 * n for n in range(5)]
        assert [(a.id, a.state) for a in life.open] == [(sos, "on_site")]
        await life.wait(20 * HOUR)
        fell = life.now
        life.fall()
        await life.wait(6 * MINUTE)
        assert {a.kind: a.state for a in life.open} == {"person.sos": "on_site", "person.fall": "raised"}
        assert [c.who for c in life.called(since=fell)][:4] == ["chime", "siren", "siren", "family"], "the siren with each step"
        pressed = life.now
        life.press()
        await life.wait(3 * MINUTE)
        newest = life.open[-1]
        assert (newest.kind, newest.linked, newest.state) == ("person.sos", sos, "raised")
        assert {c.who for c in life.called(since=pressed)} >= {"siren", "family", "neighbour"}

    with Life(tmp_path) as life:
        life.live(story())


def test_three_presses_in_ten_minutes(tmp_path):
    async def story():
        for who in ("family", "neighbour", "siren"):
            life.people[who] = (1.0, 0)
        for n in range(3):
            life.press()
            await life.wait(3)
            assert len(life.called("siren")) == n + 1, "each press sounds"
            if n:
                assert life.calls[-1].who == ("family", "neighbour")[n - 1] or life.calls[-2].who == ("family", "neighbour")[n - 1]
                assert life.called(("family", "neighbour")[n - 1])[-1].environment["ELDERCARE_REASON"] == "pressed_again"
            await life.tell("acknowledge", alarm=life.open[0].id, local=False)
            await life.wait(20)
        life.press()
        await life.wait(3)
        assert reasons(life, "family") == ["pressed_again"] * 2, "after the last the first again: nobody waits out its 300 s"
        assert life.open[0].count == 4
        counts = [m["count"] for _, m in life.told_platform("person.sos") if m["move"] in {"raise", "count"}]
        assert counts == [1, 2, 3, 4]

    with Life(tmp_path) as life:
        life.live(story())


def test_whose_telephone_was_cut_off_by_an_answer_is_called_at_the_next_press(tmp_path):
    async def story():
        life.people["family"] = NO_ANSWER
        life.press()
        await life.wait(38)
        await life.tell("dispatch", alarm=life.open[0].id, by="Li", responder="Li", seconds=900)
        assert [c.killed for c in life.called("family")] == [True]
        await life.wait(20)
        pressed = life.now
        life.press()
        await life.wait(MINUTE)
        assert [c.who for c in life.called(since=pressed) if c.who != "siren"] == ["family", "neighbour"]

    with Life(tmp_path) as life:
        life.plug(False)  # the platform is dead
        life.live(story())


def test_everybody_answers_cannot(tmp_path):
    async def story():
        life.people |= {"family": CANNOT, "neighbour": CANNOT}
        life.press()
        await life.wait(4 * HOUR)
        calls = [c for c in life.calls if c.who in {"family", "neighbour"}]
        assert [c.who for c in calls[:4]] == ["family", "neighbour", "family", "neighbour"]
        for one, following in pairwise(calls):
            if one.who == "family":
                assert following.at - one.ended < 1, "on at once"
            else:
                assert following.at - one.at <= 5 * MINUTE + 1, "the first again within five minutes"
        assert len(calls) > 90
        assert life.open[0].state == "raised"

    with Life(tmp_path) as life:
        life.plug(False)  # the platform is dead
        life.live(story())


def test_taken_and_forgotten(tmp_path):
    async def story():
        life.press()
        await life.wait(40)
        assert [c.who for c in life.reached()] == ["family"]
        await life.tell("dispatch", alarm=life.open[0].id, by="family", responder="family", seconds=15 * MINUTE)
        taken = life.now
        await life.wait(14 * MINUTE)
        assert not life.called(since=taken)
        await life.wait(6 * MINUTE)
        assert life.open[0].state == "raised"
        after = [(c.who, c.environment["ELDERCARE_REASON"]) for c in life.called(since=taken) if c.who != "siren"]
        assert sorted(after[:2]) == [("family", "asked"), ("neighbour", "not_arrived")]
        await life.wait(4 * MINUTE)
        assert reasons(life, "family").count("asked") == 1

    with Life(tmp_path) as life:
        life.plug(False)  # the platform is dead
        life.live(story())


@pytest.mark.parametrize("sure", [True, False])
def test_power_that_comes_and_goes(tmp_path, sure):
    """Every 4 min for 2 h; without a sure clock nobody knows how long it was dark."""

    async def story():
        life.people |= {"family": NEVER_ENDS, "neighbour": NEVER_ENDS}
        life.press()
        await life.wait(200)
        cut_off = 0
        for _ in range(30):
            calling = {c.who for c in life.calls if c.code is None and c.who != "siren"}
            cut_off += bool(calling)
            await life.power_cut(dark=40, clock_stands=not sure, sure_after=0 if sure else 10_000)
            began = life.now - 2
            await life.wait(10)
            again = {c.who for c in life.called(since=began)}
            assert again >= calling | {"siren"}
            await life.wait(188)
        assert cut_off > 10
        for who in ("family", "neighbour"):
            assert len(life.called(who)) > 10
            calls = life.called(who)
            assert all(b.at - a.at >= 120 or a.killed for a, b in pairwise(calls)), "whoever was reached is left in peace for 2 min"
            assert all(c.at - a.at >= 120 for a, _, c in zip(calls, calls[1:], calls[2:], strict=False))

    with Life(tmp_path, ladder=rung("family", wait=120) + rung("neighbour", wait=120)) as life:
        life.plug(False)  # the platform is dead
        life.live(story())


def test_a_power_cut_in_a_call_and_the_next_is_called_in_time_all_the_same(tmp_path):
    """Cut every 280 s, as it was found: nobody was called in four hours."""

    async def story():
        life.people |= {"family": NO_ANSWER, "neighbour": NO_ANSWER}
        life.press()
        for _ in range(20):
            await life.wait(280)
            await life.power_cut(dark=5, clock_stands=True, sure_after=10_000)
        for who in ("family", "neighbour"):
            assert all(b.at - a.at < 12 * MINUTE for a, b in pairwise(life.called(who)))
            assert len(life.called(who)) > 10

    with Life(tmp_path, ladder=rung("family", wait=600) + rung("neighbour", wait=600)) as life:
        life.plug(False)  # the platform is dead
        life.live(story())


@pytest.mark.parametrize("do", ["acknowledge", "dispatch"])
def test_who_has_it_is_waited_for_over_power_cuts_and_not_without_end(tmp_path, do):
    async def story():
        life.press()
        await life.wait(2)
        await life.tell(do, alarm=life.open[0].id, responder="Li", seconds=0)
        taken = life.now
        while life.open[0].state != "raised":
            await life.wait(100)
            await life.power_cut(dark=20, clock_stands=True, sure_after=10_000)
            assert life.now - taken < HOUR
        called = [c for c in life.called(since=taken) if c.who != "siren"]
        assert called

    with Life(tmp_path) as life:
        life.plug(False)  # the platform is dead
        life.live(story())


CODES = [SMOKE.replace("07A410", f"07A41{n}") for n in range(8)]
DETECTORS = f"""
[[device]]
id = "rflink"
model = "rflink"
room = "hall"
port = "{RECEIVER}"
""" + "".join(
    f"""
[[device]]
id = "smoke{n}"
model = "ev1527-smoke"
room = "room {n}"
via = "rflink"
codes = {{ alarm = "{code}" }}
"""
    for n, code in enumerate(CODES)
)


def test_eight_detectors_in_one_fire(tmp_path):
    async def story():
        life.people["siren"] = NEVER_ENDS
        for code in CODES:
            life.smoke(code)
            await life.wait(3)
        await life.wait(MINUTE)
        assert len(life.open) == 8
        first = life.calls[0].at
        assert [c.who for c in life.calls if c.who == "siren"] == ["siren"]
        assert len(life.called("family")) == 1
        assert life.called("family")[0].at - first < MINUTE
        assert life.called("family")[0].environment["ELDERCARE_KIND"] == "env.smoke"
        await life.wait(2 * MINUTE)
        assert [c.who for c in life.calls if c.who != "siren"] == ["family", "neighbour"]
        deliveries = [[(c.responder, str(c.delivery)) for c in a.calls if c.rung] for a in life.open]
        assert deliveries == [[("family", "accepted"), ("neighbour", "accepted")]] * 8, "each alarm knows who was told of it"

    with Life(tmp_path, devices=DETECTORS, secrets="") as life:
        life.plug(False)  # the platform is dead
        life.live(story())


def test_a_siren_that_is_a_rung_too_sounds_once_for_one_alarm(tmp_path):
    together = []

    async def story():
        life.people["siren"] = NEVER_ENDS
        life.press()
        for _ in range(200):
            await life.wait(2)
            together.append(sum(call.code is None for call in life.called("siren")))
        assert max(together) == 1
        assert len(life.called("family")) >= 2, "the ladder goes on past its siren"
        calls = life.open[0].calls
        assert {str(call.delivery) for call in calls if call.responder == "siren"} == {"accepted"}

    with Life(tmp_path, ladder=rung("family") + rung("siren") + "sounds = true\n") as life:
        life.plug(False)
        life.live(story())


def test_sirens_take_no_place_of_a_call(tmp_path):
    async def story():
        life.people["siren"] = NEVER_ENDS
        for code in CODES:
            life.smoke(code)
        await life.wait(MINUTE)
        assert not [m for _, m in life.told_platform() if m["move"] == "call_failed"]
        assert {c.who for c in life.reached()} == {"family"}
        assert sum(c.code is None for c in life.called("siren")) == 1

    with Life(tmp_path, devices=DETECTORS, secrets="") as life:
        life.desk.forgets = lambda: True
        life.live(story())


def test_a_platform_that_says_yes_to_everything(tmp_path):
    def yes(message):
        if message["state"] == "raised" and message["move"] in {"raise", "lapse", "count"}:
            return [(1.0, {"do": "acknowledge", "alarm": message["alarm"]})]
        return []

    async def story():
        life.press()
        await life.wait(3 * MINUTE - 10)
        assert not life.reached(), "for three minutes it is believed"
        assert len(life.called("siren")) == 1
        await life.wait(10 * MINUTE)
        assert [c.who for c in life.reached()] == ["family", "neighbour"] * 2
        assert not [c for c in life.called() if c.killed and c.who != "siren"], "its yes ends no call"
        assert not [c for c in life.called("siren")[1:] if c.killed]
        await life.wait(HOUR)
        assert len(life.reached()) > 20
        await life.tell("dispatch", alarm=life.open[0].id, responder="family", seconds=20 * MINUTE)
        since = life.now
        await life.wait(19 * MINUTE)
        assert not life.called(since=since)

    with Life(tmp_path) as life:
        life.desk.answers = yes
        life.live(story())


def test_a_platform_that_dispatches_by_itself_and_nobody_comes(tmp_path):
    def sends(message):
        if message["state"] == "raised" and message["move"] in {"raise", "lapse"}:
            return [(1.0, {"do": "dispatch", "alarm": message["alarm"], "responder": "grid"})]
        return []

    async def story():
        life.press()
        await life.wait(20 * MINUTE)
        assert not [c for c in life.called() if c.killed and c.who != "siren"], "its dispatch ends no call"
        await life.wait(3 * HOUR)
        assert len([c for c in life.reached() if c.who == "family"]) > 20
        assert all(b.at - a.at <= 5 * MINUTE + 1 for a, b in pairwise(life.reached()))
        await life.tell("arrive", alarm=life.open[0].id, by="grid", local=False)
        since = life.now
        await life.wait(HOUR - 5)
        assert not life.called(since=since)

    with Life(tmp_path) as life:
        life.desk.answers = sends
        life.live(story())


@pytest.mark.parametrize("does", [TAKES_NOTE, (1.0, 1), NEVER_ENDS])
@pytest.mark.parametrize("ladder", ["", LADDER, rung("family", wait=600) + rung("neighbour", wait=600)])
def test_the_siren_sounds_again_until_somebody_has_it(tmp_path, ladder, does):
    async def story():
        life.people["siren"] = does
        life.press()
        await life.wait(HOUR)
        sirens = life.called("siren")
        assert all(b.at - a.at <= 5 * MINUTE + 1 for a, b in pairwise(sirens))
        assert life.now - sirens[-1].at <= 5 * MINUTE
        calls = [c.at for c in life.called() if c.who != "siren" and c.environment["ELDERCARE_REASON"] != "call_failed"]
        assert all(any(s.at - 1 <= at <= (s.ended or life.now) + 1 for s in sirens) for at in calls), "each step is heard"
        await life.tell("silence", alarm=life.open[0].id)
        quiet = life.now
        await life.wait(10 * MINUTE - 5)
        assert not life.called("siren", since=quiet)
        await life.wait(10)
        assert life.called("siren", since=quiet)
        await life.tell("arrive", alarm=life.open[0].id)
        there = life.now
        await life.wait(50 * MINUTE)
        assert not life.called("siren", since=there)

    with Life(tmp_path, ladder=ladder) as life:
        life.plug(False)  # the platform is dead
        life.live(story())


def test_smoke_that_is_heard_anew_is_heard_in_the_home_too(tmp_path):
    async def story():
        life.smoke()
        await life.wait(400)  # a burst says that it begins, none that it is over
        assert not [c for c in life.called("siren") if c.code is None]
        again = life.now
        life.smoke()
        await life.wait(2)
        assert (life.open[0].count, len(life.called("siren", since=again))) == (2, 1)

    with Life(tmp_path, ladder="") as life:
        life.plug(False)  # the platform is dead
        life.live(story())


@pytest.mark.parametrize("do", ["acknowledge", "dispatch", "arrive"])
def test_a_press_calls_and_sounds_whoever_has_the_alarm(tmp_path, do):
    async def story():
        life.press()
        await life.wait(40)
        await life.tell(do, alarm=life.open[0].id, responder="Li")
        await life.wait(20)
        pressed = life.now
        life.press()
        await life.wait(2)
        assert sorted(c.who for c in life.called(since=pressed)) == ["neighbour", "siren"]

    with Life(tmp_path) as life:
        life.plug(False)  # the platform is dead
        life.live(story())


def test_the_chime_of_a_grace_is_silenced_and_the_siren_sounds_all_the_same(tmp_path):
    async def story():
        life.fall()
        await life.wait(5)
        assert [c.who for c in life.calls] == ["chime"]
        await life.tell("silence", alarm=life.open[0].id)
        assert life.calls[0].killed
        await life.wait(30)
        assert (life.open[0].state, life.calls[-1].who) == ("raised", "siren")
        await life.tell("silence", alarm=life.open[0].id)
        assert life.calls[-1].killed
        silenced = life.now
        await life.wait(10 * MINUTE + 5)
        assert [c.at - silenced for c in life.called("siren", since=silenced)] == [pytest.approx(600, abs=2)]
        await life.tell("silence", alarm=life.open[0].id)
        life.press()
        await life.wait(2)
        assert life.called("siren")[-1].environment["ELDERCARE_KIND"] == "person.sos", "no silence of an earlier alarm mutes it"

    with Life(tmp_path) as life:
        life.people |= {"chime": NEVER_ENDS, "siren": NEVER_ENDS}
        life.live(story())


@pytest.mark.parametrize(
    "how", ['channel = "relay"\noutput = "gpio:17"', 'channel = "program"\nprogram = ["/people/eldercare-relay"]\nsounds = true']
)
def test_a_siren_outside_is_silenced_while_it_sounds_and_told_so_where_its_turn_comes_later(tmp_path, how):
    async def story():
        life.people["eldercare-relay"] = NEVER_ENDS
        life.plug(False)
        life.press()
        while not life.called("eldercare-relay"):
            await life.wait(1)
        await life.wait(5)
        assert [(c.killed, c.environment["ELDERCARE_QUIET"]) for c in life.called("eldercare-relay")] == [(False, "0")]
        await life.tell("silence", alarm=life.open[0].id)
        await life.wait(2)
        assert life.called("eldercare-relay")[0].killed
        await life.wait(5 * MINUTE)
        assert {c.environment["ELDERCARE_QUIET"] for c in life.called("eldercare-relay")[1:]} == {"1"}
        assert life.called("neighbour") != [], "no call for somebody waits for that"

    ladder = f'{rung("family", wait=30)}[[ladder]]\nresponder = "siren outside"\nwait = 60\n{how}\n{rung("neighbour")}'
    with Life(tmp_path, ladder=ladder) as life:
        life.live(story())


def test_the_first_rung_is_corrected_while_it_is_being_called(tmp_path):
    async def story():
        life.people["wrong"] = NEVER_ENDS
        life.press()
        await life.wait(35)
        assert life.calls[-1].who == "wrong"
        config = life.daemon.home.config
        right = [
            {"responder": "family", "channel": "program", "wait": 60, "program": ["/people/right"]},
            {"responder": "neighbour", "channel": "program", "wait": 60, "program": ["/people/neighbour"]},
        ]
        order = Instruction(
            id="fix",
            do=Do.CONFIGURE,
            by="technician",
            door=Door.LOCAL,
            revision=config.household.revision,
            change=Change(What.SET_LADDER, {"ladder": right}),
        )
        life.daemon.ears.by_radio = lambda: None  # there is no radio here
        life.at_the_box(order)
        await life.wait(5)
        corrected = [c.who for c in life.calls if c.who != "siren"]
        assert corrected == ["wrong", "right"], "the new number at once"
        assert life.called("wrong")[0].killed, "and a stranger's telephone rings no more"
        await life.wait(MINUTE)
        assert [c.who for c in life.calls if c.who != "siren"] == ["wrong", "right", "neighbour"]

    ladder = rung("family", program="/people/wrong") + rung("neighbour")
    spare = rung("right", program="/people/right")  # the box may run only what its own file names
    with Life(tmp_path, ladder=ladder + spare) as life:
        life.plug(False)  # the platform is dead
        life.live(story())


def test_the_resident_says_to_be_well_after_the_grace(tmp_path):
    async def story():
        life.fall()
        await life.wait(MINUTE)
        life.press(CANCEL)
        await life.wait(MINUTE)
        assert [a.state for a in life.open] == ["raised"]
        assert [m["by"] for _, m in life.told_platform() if m["move"] == "well"] == ["resident, cancel"]
        assert life.called("family") or life.called("neighbour"), "it stops nobody"

    with Life(tmp_path) as life:
        life.live(story())


@pytest.mark.parametrize("sure", [True, False])
def test_three_cancels_in_a_day_are_told_although_the_power_went_between(tmp_path, sure):
    async def story():
        for _ in range(3):
            life.fall()
            await life.wait(10)
            life.press(CANCEL)
            await life.wait(10)
            life.fall(False)
            await life.wait(MINUTE)
            assert not life.open
            if not life.desk.said("person.often_cancelled", "noted"):
                await life.power_cut(dark=MINUTE, clock_stands=not sure, sure_after=0 if sure else 10_000)
        await life.wait(MINUTE)
        assert len(life.desk.said("person.often_cancelled", "noted")) == 1

    with Life(tmp_path) as life:
        life.live(story())


def test_the_ladder_of_four_hours(tmp_path):
    """It went round once, and a siren was called 48 times."""

    async def story():
        life.people |= {"family": NO_ANSWER, "neighbour": NO_ANSWER}
        life.press()
        await life.wait(4 * HOUR)
        calls = {who: len(life.called(who)) for who in ("family", "neighbour", "light")}
        assert min(calls.values()) > 25, calls
        assert all(b.at - a.at <= 10 * MINUTE for a, b in pairwise(life.called("family")))

    with Life(tmp_path, ladder=LADDER + rung("light") + "sounds = true\n") as life:
        life.plug(False)  # the platform is dead
        life.live(story())
