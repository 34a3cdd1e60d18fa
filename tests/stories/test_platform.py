"""The platform and its broker: orders of another home, a flood, numbers begun anew, and a link that is tried or changed in an alarm."""

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from gateway.home import household
from gateway.judge.allowance import Of
from gateway.judge.waits import WAITS
from gateway.tell import mqtt, platform_test, resend
from gateway.tend import mailbox
from gateway.words import kind
from gateway.words.instruction import Change, Do, Door, Instruction, What

from tests.kit import simulated
from tests.kit.dated import dated
from tests.stories.life import DAY, HALL, HOUR, MINUTE, RADAR, Life, rung


@pytest.fixture
def life(tmp_path):
    with Life(tmp_path) as made:
        yield made


def order(life, id_, **fields):
    body = {"v": 1, "gateway": "gw-year", "id": id_, "do": "test", "by": "desk"} | fields
    body = dated(body["do"], body, life.wall())
    life.daemon.mailbox.from_platform("instruction", json.dumps(body).encode())


def results(life, id_):
    return [m for m in life.desk.results if m["instruction"] == id_]


# -- 17 ------------------------------------------------------------------------------------------------------------------


def test_the_desk_closes_by_mistake_from_another_homes_list(life):
    async def story():
        life.press()
        await life.wait(10)
        (alarm,) = life.open
        order(life, "o1", do="close", alarm="0123456789abcdef-a1", outcome="helped")
        await life.wait(10)
        (no,) = results(life, "o1")
        assert (no["refused"], no["state"]) == ("unknown_alarm", "")
        assert [a.id for a in life.open] == [alarm.id], "nothing of this home was touched"
        order(life, "o2", do="close", alarm=alarm.id, outcome="helped")
        await life.wait(10)
        assert results(life, "o2")[0]["accepted"]
        await life.restart()
        await life.wait(10)
        order(life, "o3", do="close", alarm=alarm.id, outcome="helped")
        await life.wait(10)
        (late,) = results(life, "o3")
        assert (late["refused"], late["state"]) == ("alarm_ended", "closed"), "and one that has ended is told apart"

    life.live(story())


# -- 37 ------------------------------------------------------------------------------------------------------------------


def test_the_platform_loses_its_database_and_asks_for_everything_again_while_an_sos_overtakes(life):
    async def story():
        for _ in range(60):
            life.press()
            await life.wait(3)
        first = dict(taken(life))
        journal, last = life.daemon.store.journal, life.daemon.pipeline.last
        assert last > 100
        life.desk.forget()
        order(life, "all", do="resend", journal=journal, **{"from": 1, "to": last})
        order(life, "two", do="resend", journal=journal, **{"from": 1, "to": last})
        await life.wait(2)
        order(life, "all", do="resend", journal=journal, **{"from": 1, "to": last})
        assert [m["refused"] for m in results(life, "two")] == ["busy"], "one at a time, and the same order again is no other one"
        assert 0 < len(taken(life)) < last / 2, "slow beside what is new"
        life.press()
        pressed = life.now
        await life.wait(1)
        (at, sos) = max(life.told_platform("person.sos"), key=lambda one: one[1]["number"])
        assert at - pressed < 0.5
        assert sos["number"] > last > max(n for n in taken(life) if n <= last), "it has overtaken what was asked for"
        await life.wait(60)
        (done,) = results(life, "all")
        assert (done["accepted"], done["sent"]) == (True, last)
        again = taken(life)
        old = [n for n in again if n <= last]
        assert old == sorted(old) == [*range(1, last + 1)], "in order, all of them"
        assert all(again[n] == first[n] for n in first), "the very bytes"
        before = len(life.desk.order)
        order(life, "all", do="resend", journal=journal, **{"from": 1, "to": last})
        await life.wait(60)
        assert len(life.desk.order) < before + 20, "an id that was answered gets its result again, and nothing is sent twice"

    life.live(story())


@pytest.mark.parametrize("other", [{"do": "resend", "from": 1, "to": 2}, {"do": "test"}])
def test_a_resend_under_way_keeps_the_place_of_its_own_result(life, other):
    async def story():
        for _ in range(40):
            life.press()
            await life.wait(2)
        journal, last = life.daemon.store.journal, life.daemon.pipeline.last
        order(life, "all", do="resend", journal=journal, **{"from": 1, "to": last})
        await life.wait(1)
        order(life, "all", **{"journal": journal, **other})
        await life.wait(60)
        assert [(m["do"], m["refused"], m["sent"]) for m in results(life, "all")] == [(other["do"], "id_reused", 0), ("resend", "", last)]
        before = life.desk.repeats
        order(life, "all", do="resend", journal=journal, **{"from": 1, "to": last})
        await life.wait(10)
        assert life.desk.repeats == before + 1, "and that one is what is sent again"

    life.live(story())


def test_what_has_ended_is_known_as_that_after_a_start_and_what_never_was_is_not(life):
    async def story():
        ids = []
        for _ in range(2):
            life.press()
            await life.wait(5)
            ids.append(life.open[0].id)
            await life.tell("close", alarm=ids[-1], outcome="helped")
            await life.wait(3600)
        await life.restart()
        for n, alarm in enumerate([*ids, f"{life.daemon.store.journal}-a{life.daemon.pipeline.last + 1000}"]):
            order(life, f"o{n}", do="close", alarm=alarm, outcome="helped")
        await life.wait(10)
        assert [results(life, f"o{n}")[0]["refused"] for n in range(3)] == ["alarm_ended", "alarm_ended", "unknown_alarm"]

    life.live(story())


def test_a_resend_outlasts_the_line_and_a_restart_begins_it_anew_when_it_is_asked_again(life):
    async def story():
        for _ in range(40):
            life.press()
            await life.wait(3)
        journal, last = life.daemon.store.journal, life.daemon.pipeline.last
        life.desk.forget()
        order(life, "all", do="resend", journal=journal, **{"from": 1, "to": last})
        await life.wait(3)
        life.plug(False)
        await life.wait(600)
        there = len(taken(life))
        assert there < last
        life.plug(True)
        await life.wait(60)
        assert [m["sent"] for m in results(life, "all")] == [last]
        life.desk.forget()
        order(life, "again", do="resend", journal=journal, **{"from": 1, "to": last})
        await life.wait(3)
        await life.power_cut()
        await life.wait(30)
        assert not results(life, "again"), "not done, and not said to be"
        order(life, "again", do="resend", journal=journal, **{"from": 1, "to": last})
        await life.wait(60)
        assert [m["sent"] for m in results(life, "again")] == [last]

    life.live(story())


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"journal": "0123456789abcdef", "from": 1, "to": 2}, "unknown_journal"),
        ({"journal": "", "from": 1, "to": 2}, "bad"),
        ({"from": 1, "to": 2}, "missing_field"),
        ({"journal": "ours", "from": 2, "to": 1}, "invalid"),
        ({"journal": "ours", "from": 1, "to": 100_000}, "invalid"),
        ({"journal": "ours", "to": 1}, "missing_field"),
    ],
)
def test_a_resend_of_what_there_is_not_is_refused(life, wanted, word):
    async def story():
        await life.wait(10)
        if wanted.get("journal") == "ours":
            wanted["journal"] = life.daemon.store.journal
        before = life.desk.repeats
        order(life, "r", do="resend", **wanted)
        await life.wait(10)
        if word == "bad":
            assert [d["id"] for _, k, _, _, d in life.desk.faults if k == kind.BAD_MESSAGE] == ["r"]
        else:
            assert [m["refused"] for m in results(life, "r")] == [word]
        assert life.desk.repeats == before

    life.live(story())


def test_so_many_entries_are_sent_again_and_no_more_however_often_somebody_asks(life, monkeypatch):
    monkeypatch.setattr(resend, "MOST", 3)

    async def story():
        await life.wait(10)
        for _ in range(3):
            life.press()
            await life.wait(2)
        journal = life.daemon.store.journal
        order(life, "four", do="resend", journal=journal, **{"from": 1, "to": 4})
        await life.wait(5)
        assert [m["refused"] for m in results(life, "four")] == ["too_long"]
        for n in range(Of.RESEND.value.at_once + 20):
            order(life, f"r{n}", do="resend", journal=journal, **{"from": 1, "to": 3})
            await life.wait(2)
        answered = [m for m in life.desk.results if m["do"] == "resend" and m["accepted"]]
        assert len(answered) == Of.RESEND.value.at_once - 1

    life.live(story())


def taken(life):
    """Return {number: hash of its bytes} of the entries that the platform has, in the order in which they came."""
    return dict(life.desk.order)


# -- 39 ------------------------------------------------------------------------------------------------------------------


def test_an_sos_in_a_flood_of_orders_takes_at_most_twice_as_long_and_the_card_is_spared(life):
    """The rest of this story, a message of 200 MB and half-way QoS 2, is lived on a real socket in tests/parts/test_packets.py."""

    async def reached(flood):
        life.press()
        pressed, seen = life.now, len(life.told_platform(kind.SOS))
        for n in range(20_000):
            if flood:
                order(life, f"x{life.now}-{n}", do=("test", "away", "close")[n % 3], seconds=60.0 * (n % 2), alarm="none", outcome="helped")
                if n % mailbox.ORDERS_A_TURN:
                    continue
            await life.wait(0)
            if len(life.told_platform(kind.SOS)) > seen:
                return life.now - pressed
        await life.wait(1)
        return life.told_platform(kind.SOS)[seen][0] - pressed

    async def story():
        await life.wait(10)
        quiet = await reached(flood=False)
        await life.wait(30)
        entries = life.daemon.pipeline.last
        flooded = [await reached(flood=True) for _ in range(10)]
        assert max(flooded) <= 2 * quiet + 0.01, (quiet, flooded)
        await life.wait(60)
        assert life.daemon.pipeline.last - entries < 600
        await life.wait(WAITS.refusals_over)
        assert len(life.desk.said(kind.TOO_MANY_ORDERS, "raised")) == len(life.desk.said(kind.TOO_MANY_ORDERS, "cleared")) == 1

    life.live(story())


# -- 46 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [False, True])
def test_a_platform_set_up_anew_counts_its_orders_from_one_and_none_is_swallowed(life, cut):
    async def story():
        for n in range(1, 6):
            order(life, f"{n}", do="away", seconds=60.0 * n)
            await life.wait(10)
        await (life.power_cut() if cut else life.restart())
        await life.wait(30)
        for n in range(1, 11):
            order(life, f"{n}", do="confirm", device="pendant")
            await life.wait(10)
        for n in range(1, 6):
            first, again = results(life, f"{n}")
            assert (first["do"], first["accepted"]) == ("away", True)
            assert (again["do"], again["refused"]) == ("confirm", "id_reused")
        for n in range(6, 11):
            assert [m["accepted"] for m in results(life, f"{n}")] == [True]

    life.live(story())


# -- a link that is tried ------------------------------------------------------------------------------------------------


class Hanging:
    """A link to a broker that takes the connection and then says nothing."""

    version, connected, broker = "5", False, SimpleNamespace(where="127.0.0.1:1")

    def __init__(self, *_args, **_more):
        self.hurried = False

    async def run(self):
        await asyncio.Event().wait()

    def hurry(self):
        self.hurried = True


def tries(life, **value):
    change = Change(What.SET_PLATFORM, {"host": "127.0.0.1", "port": 1, "tls": False} | value)
    told = Instruction(id=f"try{life.now}", do=Do.PLATFORM_TEST, by="Li", door=Door.LOCAL, change=change)
    life.at_the_box(told)


@pytest.mark.parametrize("call", ["sos", "fall"])
def test_a_call_for_help_ends_the_platforms_test_at_once_and_the_link_returns(life, monkeypatch, call):
    """It held an SOS back for up to 85 s: the broker's login alone may take 45."""

    async def reached(*_args, **_more):
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(platform_test, "dial", reached)
    monkeypatch.setattr(mqtt, "Link", Hanging)

    async def story():
        await life.wait(10)
        tries(life, username="other")
        await life.wait(5)
        assert life.daemon.uplink.link is None, "the same broker: the link pauses for the try"
        life.moves(HALL)
        await life.wait(1)
        assert life.daemon.uplink.link is None, "what nobody need be told of at once ends nothing"
        called = life.now
        (life.press if call == "sos" else life.fall)()
        await life.wait(9)
        (first, _), *_ = life.told_platform("person.sos" if call == "sos" else "person.fall")
        assert first - called <= 5
        tried = life.daemon.technician.attempt
        assert tried.over
        assert (tried.steps[-1]["step"], tried.steps[-1]["ok"]) == ("login", False)
        assert "有人求助" in tried.steps[-1]["zh"]
        told = [detail for _, k, _, _, detail in life.desk.faults if k == kind.VISIT and detail.get("what") == "platform_test"]
        assert told[-1]["failed"] == "login"
        tries(life, username="other")
        await life.wait(5)
        assert life.daemon.uplink.link is not None, "while it is open no other try cuts the link"
        assert "警报" in life.daemon.technician.attempt.steps[-1]["zh"]

    life.live(story())


# -- 35 ------------------------------------------------------------------------------------------------------------------


class Address:
    """What a broker at some address does with a link: it answers after `after` seconds, or never."""

    def __init__(self, life, after):
        self.life, self.after = life, after

    def link(self):
        made = simulated.Link(self.life)
        serve = made.run

        async def run(ready=None):
            await (asyncio.Event().wait() if self.after is None else asyncio.sleep(self.after))
            self.life.link = made
            await serve(ready)

        made.run = run
        return made


def changed(life, host, after, **value):
    """Let the technician save another platform, whose broker answers `after` seconds."""
    old, new = life.link, Address(life, after).link()

    def made():
        platform = life.daemon.home.config.platform
        wanted = (host, value.get("username", "")) == (platform.host, platform.username)
        life.link = old if not wanted else life.link
        return new if wanted else old

    life.daemon.uplink.made = made
    life.daemon.ears.by_radio = lambda: None  # there is no radio here
    what = Change(What.SET_PLATFORM, {"host": host, "port": 1, "tls": False} | value)
    told = Instruction(id=f"set{life.now}", do=Do.CONFIGURE, by="Li", door=Door.LOCAL, change=what)
    life.at_the_box(told)
    return new


def settings(life):
    platform = life.daemon.home.config.platform
    return platform.host, platform.username


def said(life):
    return [detail for _, k, _, _, detail in life.desk.faults if k == kind.CONFIG_CHANGED]


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
@pytest.mark.parametrize("after", [0.0, 20.0, None])
@pytest.mark.parametrize("pressed", [0.0, 0.6, 2.0, 30.0])
def test_the_platforms_address_is_changed_with_an_sos_at_that_moment(life, host, after, pressed):
    async def story():
        await life.wait(10)
        new = changed(life, host, after, username="home")
        await life.wait(pressed)
        life.press()
        at = life.now
        await life.wait(20)
        (first, _), *_ = life.told_platform("person.sos")
        assert first - at <= 10, "at the old platform or at the new one"
        await life.wait(100)
        if settings(life) == (host, "home"):
            assert after is not None
            assert life.daemon.uplink.link is new
        else:
            assert settings(life) == ("127.0.0.1", "")
            assert said(life)[-1]["taken_back"] is True
            assert said(life)[-1]["why"]
        if after is None:
            assert settings(life) == ("127.0.0.1", "")
        elif host == "other.example":
            assert settings(life) == (host, "home"), "the old link went on meanwhile: nothing had to be given up"
        assert life.daemon.uplink.link.connected
        assert not (life.state / household.BEFORE).exists(), "no old password is kept for longer than the trial"
        await life.restart()
        assert life.daemon.home.config.platform.host == settings(life)[0]

    life.live(story())


def test_a_new_address_that_does_not_answer_is_taken_back_after_a_minute_and_said(life):
    async def story():
        await life.wait(10)
        began = life.now
        changed(life, "nowhere.example", None)
        await life.wait(5)
        assert settings(life)[0] == "nowhere.example"
        assert life.daemon.uplink.connected, "the old link goes on meanwhile"
        await life.wait(60)
        assert settings(life)[0] == "127.0.0.1"
        (told,) = [d for d in said(life) if d.get("taken_back")]
        assert "nowhere.example" in told["why"]
        assert life.now - began < 70
        revision = life.daemon.home.config.household.revision
        await life.restart()
        await life.wait(5)
        assert (settings(life)[0], life.daemon.home.config.household.revision) == ("127.0.0.1", revision)

    life.live(story())


@pytest.mark.parametrize("pressed", [False, True])
def test_a_power_cut_in_the_trial_does_not_leave_the_home_with_an_address_that_never_answered(life, monkeypatch, pressed):
    real = simulated.Link.run

    async def run(self, ready=None):
        if settings(life)[0] == "nowhere.example":
            await asyncio.Event().wait()
        await real(self, ready)

    monkeypatch.setattr(simulated.Link, "run", run)

    async def story():
        await life.wait(10)
        changed(life, "nowhere.example", None)
        await life.wait(20)
        assert (life.state / household.BEFORE).stat().st_mode & 0o777 == 0o600
        await life.power_cut()
        life.daemon.ears.by_radio = lambda: None
        assert settings(life)[0] == "nowhere.example"
        if pressed:
            life.press()
            await life.wait(9)
            assert life.told_platform("person.sos"), "a call for help does not wait for the end of the trial"
        await life.wait(75)
        assert settings(life)[0] == "127.0.0.1"
        assert life.daemon.uplink.connected
        assert not (life.state / household.BEFORE).exists()
        assert said(life)[-1]["taken_back"] is True

    life.live(story())


def test_with_an_alarm_open_a_change_that_cuts_the_link_is_asked_about_first(life):
    async def story():
        await life.wait(10)
        life.press()
        await life.wait(5)
        changed(life, "127.0.0.1", 0.0, username="home")
        await life.wait(5)
        assert settings(life) == ("127.0.0.1", "")
        changed(life, "127.0.0.1", 0.0, username="home", although=True)
        await life.wait(10)
        assert settings(life) == ("127.0.0.1", "home")
        assert life.daemon.uplink.connected

    life.live(story())


FAULTS = (
    rung("family").replace("wait = 60", "wait = 60\nfaults = true")
    + rung("neighbour")
    + rung("horn").replace("wait = 60", "wait = 60\nfaults = true\nsounds = true")
)


def test_a_p2_fault_without_a_receipt_is_told_by_day_to_who_is_marked_for_it_and_nothing_sounds(tmp_path):
    """The radar is dead and the line too: at 22:00. The family hears of it after 08:00, nobody else does."""

    async def story():
        life.plug(there=False)
        life.radar_lives()
        await life.wait(2 * HOUR)
        assert (kind.MISSING, "radar") in life.daemon.faults.on
        await life.until(datetime(2027, 3, 1, 23, 55, tzinfo=UTC))
        assert not life.calls, "at night nobody is told of a fault"
        await life.wait(20 * MINUTE)
        assert [(c.who, c.environment["ELDERCARE_KIND"], c.environment["ELDERCARE_REASON"]) for c in life.calls] == [
            ("family", "device.missing", "fault")
        ]
        assert life.open == []
        await life.wait(2 * HOUR)
        assert len(life.calls) == 1, "once a day"
        life.plug(there=True)
        await life.wait(DAY)
        assert len(life.calls) == 1, "the platform has it now"

    night = datetime(2027, 3, 1, 14, 0, tzinfo=UTC)  # 22:00 in the home
    radar = f'[[device]]\nid = "radar"\nmodel = "radar-5359"\nroom = "bath"\nport = "{RADAR}"\n'
    with Life(tmp_path, begins=night, devices=radar, ladder=FAULTS, secrets="", look_every=30.0) as life:
        life.live(story())
