"""What is a danger and what is not: one device, one reading after the other, and the passing of time."""

from datetime import datetime, timedelta
from math import inf

import pytest
from gateway.judge.danger import Cancelled, Cleared, Danger, Ended, Forgotten, Judge
from gateway.judge.watch import CANCEL, HELP, OPTIONAL, SOS, Watch
from gateway.words.clock import Quality
from gateway.words.reading import Kind, Reading
from gateway.words.times import Times
from msgspec.structs import replace

from tests.kit.hand import DARK, HOME_ZONE, NIGHT, NOON, WATCHES, HandClock


class Room:
    """A judge and a clock."""

    def __init__(self, wall=NOON, quality=Quality.SYNCHRONISED):
        self.clock = HandClock(wall, quality=quality)
        self.judge = Judge({w.device: w for w in WATCHES}, Times(), HOME_ZONE, DARK)

    def hear(self, device, kind, value, **more):
        return [said(j) for j in self.judge.heard(Reading(device=device, kind=kind, value=value, at=self.clock.now(), **more))]

    def wait(self, seconds):
        out = []
        end = self.clock.mono + seconds
        while self.judge.due() <= end:
            self.clock.to(self.judge.due())
            out += [(said(j), round(self.clock.mono - 1000, 3)) for j in self.judge.tick(self.clock.now())]
        self.clock.to(end)
        return out


def said(judgement):
    match judgement:
        case Danger():
            return f"{judgement.kind} {judgement.grace:g}"
        case Cleared():
            return f"{judgement.kind} over" + (" by resident" if judgement.by_resident else "")
        case Forgotten():
            return f"{judgement.kind} forgotten"
        case Cancelled():
            return "cancelled" if judgement.proved else "cancel not proved"


PRESSES = [
    (1, "press", {}, ["person.sos 0"]),
    (1, "double_press", {}, ["person.sos 0"]),
    (1, "triple_press", {}, ["person.sos 0"]),
    (1, "long_press", {}, ["person.sos 0"]),
    (1, "hold_press", {}, ["person.sos 0"]),
    (1, "an action nobody has seen yet", {}, ["person.sos 0"]),
    (1, "hold_release", {}, []),
    (1, "release", {}, []),
    (1, "press", {"flagged": True}, ["person.sos 0"]),  # a call is believed even where its freshness is not proved
    (2, "press", {}, ["cancelled"]),
    (2, "press", {"flagged": True}, ["cancel not proved"]),  # a cancel is not: it may be a recording
    (2, "hold_release", {}, []),
    (3, "press", {}, ["person.help 0"]),
    (4, "press", {}, []),
    (9, "press", {}, ["person.sos 0"]),  # a button that nobody gave a meaning calls for help
]


@pytest.mark.parametrize(("index", "value", "more", "expected"), PRESSES)
def test_presses(index, value, more, expected):
    room = Room()
    assert room.hear("button", Kind.BUTTON, value, index=index, **more) == expected
    assert room.hear("button", Kind.BUTTON, value, index=index, **more) == expected, "each press counts anew"


@pytest.mark.parametrize(
    ("value", "more", "expected"),
    [
        ("press", {}, ["person.help 0"]),
        ("double_press", {}, ["person.sos 0"]),
        ("long_press", {}, ["cancelled"]),
        ("hold_press", {}, ["cancelled"]),
        ("hold_release", {}, []),
        ("long_press", {"flagged": True}, ["cancel not proved"]),
        ("triple_press", {}, ["person.sos 0"]),  # a kind of press that nobody gave a meaning is what the button is
        ("long_double_press", {}, ["person.sos 0"]),
        ("an action nobody has seen yet", {}, ["person.sos 0"]),
        ("press", {"index": 2}, ["person.sos 0"]),
    ],
)
def test_each_kind_of_press_of_one_button_has_its_own_meaning(value, more, expected):
    assert Room().hear("onebutton", Kind.BUTTON, value, **more) == expected


def test_a_button_is_vital_while_any_press_of_it_calls_for_help():
    assert Watch(device="a", presses={(1, "single"): HELP}).roles == {HELP, SOS}, "what is not named is the make's: an SOS"
    assert Watch(device="a", buttons={1: HELP}, presses={(1, "long"): CANCEL}).roles == {HELP, CANCEL}
    assert Watch(device="a").roles == set()


@pytest.mark.parametrize(
    ("device", "kind", "danger"),
    [
        ("radar", Kind.FALL, "person.fall 30"),
        ("radar", Kind.STAY_STILL, "person.stay_too_long 180"),
        ("smoke", Kind.SMOKE, "env.smoke 0"),
        ("smoke", Kind.GAS, "env.gas 0"),
        ("smoke", Kind.CO, "env.co 0"),
        ("water", Kind.MOISTURE, "env.water 60"),
    ],
)
def test_a_level_is_a_danger_when_it_begins_and_once(device, kind, danger):
    room = Room()
    over = danger.split()[0] + " over"
    assert room.hear(device, kind, False) == [], "nothing ends that had not begun"
    assert room.hear(device, kind, True) == [danger]
    assert room.hear(device, kind, True) == [], "the same level again is the same danger"
    assert room.hear(device, kind, False) == [over]
    assert room.hear(device, kind, False) == []
    assert room.hear(device, kind, True) == [danger], "it returned"


def test_two_radars_are_two_dangers():
    room = Room()
    assert room.hear("radar", Kind.FALL, True) == ["person.fall 30"]
    assert room.hear("radar2", Kind.FALL, True) == ["person.fall 30"]


def test_what_is_not_judged():
    room = Room()
    for kind in set(Kind) - {Kind.BUTTON, Kind.FALL, Kind.STAY_STILL, Kind.SMOKE, Kind.GAS, Kind.CO, Kind.MOISTURE}:
        assert room.hear("radar", kind, True) == [], kind
    assert room.hear("a stranger", Kind.BUTTON, "press") == []
    assert room.judge.due() == inf


def test_a_door_left_open_is_said_after_its_time_and_ends_when_it_closes():
    room = Room()
    assert room.wait(10_000) == [], "a door nobody heard of is unknown, not open"
    room = Room()
    assert room.hear("door", Kind.CONTACT_OPEN, True) == []
    assert room.wait(300) == []
    assert room.hear("door", Kind.CONTACT_OPEN, True) == [], "still open: the time runs from the first word"
    assert room.wait(7200) == [("door.left_open 0", 600.0)]
    assert room.hear("door", Kind.CONTACT_OPEN, False) == ["door.left_open over"]
    assert room.hear("door", Kind.CONTACT_OPEN, True) == []
    assert room.wait(599) == []
    assert room.hear("door", Kind.CONTACT_OPEN, False) == []
    assert room.wait(7200) == []


def test_a_door_without_a_time_is_not_watched():
    room = Room()
    assert room.hear("window", Kind.CONTACT_OPEN, True) == []
    assert room.judge.due() == inf


BEDS = [
    ("left at night", NIGHT, [True, False], 1200.0),
    ("left at night, said again and again", NIGHT, [True, False, False, False], 1200.0),
    ("left by day", NOON, [True, False], None),
    ("empty when first heard", NIGHT, [False, False], None),
    ("back in time", NIGHT, [True, False, True], None),
    ("never left", NIGHT, [True, True], None),
]


@pytest.mark.parametrize("kind", [Kind.OCCUPANCY, Kind.PRESENCE])
@pytest.mark.parametrize(("name", "wall", "heard", "after"), BEDS)
def test_beds(kind, name, wall, heard, after):
    room = Room(wall)
    for value in heard:
        assert room.hear("bed", kind, value) == []
    assert room.wait(20_000) == ([("person.bed_exit 120", after)] if after else [])


def test_coming_back_to_bed_is_the_residents_own_word():
    room = Room(NIGHT)
    room.hear("bed", Kind.OCCUPANCY, True)
    room.hear("bed", Kind.OCCUPANCY, False)
    room.wait(1300)
    assert room.hear("bed", Kind.OCCUPANCY, True) == ["person.bed_exit over by resident"]
    assert room.hear("bed", Kind.OCCUPANCY, True) == []


@pytest.mark.parametrize(
    ("hour", "minute", "night"),
    [(21, 59, False), (22, 0, True), (23, 30, True), (0, 0, True), (5, 39, True), (5, 40, False), (6, 0, False), (12, 0, False)],
)
def test_night_is_that_of_the_home(hour, minute, night):
    wall = (NOON.astimezone(HOME_ZONE).replace(hour=hour, minute=minute)).astimezone(NOON.tzinfo)
    room = Room(wall)
    room.hear("bed", Kind.OCCUPANCY, True)
    room.hear("bed", Kind.OCCUPANCY, False)
    assert bool(room.wait(1300)) is night


def test_a_night_within_one_day():
    early = Judge({}, Times(), HOME_ZONE, (NOON.time().replace(hour=1), NOON.time().replace(hour=5)))
    assert early.beds.is_night(HandClock(NIGHT).now())
    assert not early.beds.is_night(HandClock(NOON).now())


def test_with_a_clock_that_nobody_confirms_every_hour_is_night():
    for quality, night in ((Quality.WRONG, True), (Quality.UNSURE, True), (Quality.SYNCHRONISED, False)):
        room = Room(NOON, quality)
        room.hear("bed", Kind.OCCUPANCY, True)
        room.hear("bed", Kind.OCCUPANCY, False)
        assert bool(room.wait(1300)) is night, quality


# -- whether somebody is up ----------------------------------------------------------------------------------------------


def bed_left(hour, minute=0, quality=Quality.SYNCHRONISED):
    room = Room(NOON.astimezone(HOME_ZONE).replace(hour=hour, minute=minute).astimezone(NOON.tzinfo), quality)
    for device, kind in (("radar2", Kind.PRESENCE), ("door", Kind.CONTACT_OPEN)):
        room.hear(device, kind, False)
    room.hear("bed", Kind.OCCUPANCY, True)
    room.hear("bed", Kind.OCCUPANCY, False)
    return room


def exits(room, seconds=9000):
    return [at for what, at in room.wait(seconds) if what.startswith("person.bed_exit")]


def test_the_night_is_asked_about_again_when_it_falls_due():
    assert exits(bed_left(5, 30)) == [1200.0]
    room = bed_left(5, 45)
    assert exits(room) == [], "at 06:05 it is morning"
    assert room.judge.beds.left == {}
    room.clock.move(18 * 3600)  # 02:35 the next night
    assert exits(room) == [], "whoever got up yesterday is not told at night"


SIGNS_OF_LIFE = [
    ("radar", Kind.MOTION, True, True),
    ("radar", Kind.MOTION, False, False),
    ("radar2", Kind.PRESENCE, True, True),  # came into the bedroom
    ("radar", Kind.PRESENCE, True, False),  # may have been there all the time
    ("door", Kind.CONTACT_OPEN, True, True),
    ("window", Kind.CONTACT_OPEN, True, False),  # nobody knows whether it was shut
    ("bed", Kind.MOTION, True, False),  # the bed itself says only whether somebody lies in it
    ("radar", Kind.STAY_STILL, False, False),
    ("a stranger", Kind.MOTION, True, False),
]


@pytest.mark.parametrize(("device", "kind", "value", "up"), SIGNS_OF_LIFE)
def test_after_four_whoever_has_moved_since_has_got_up(device, kind, value, up):
    room = bed_left(4, 10)
    room.clock.move(60)
    room.hear(device, kind, value)
    assert exits(room) == ([] if up else [1200.0])


@pytest.mark.parametrize(("device", "kind", "value", "up"), SIGNS_OF_LIFE)
def test_before_four_a_sign_of_life_begins_the_wait_anew(device, kind, value, up):
    room = bed_left(1)
    room.clock.move(300)
    room.hear(device, kind, value)
    assert exits(room) == [1500.0 if up else 1200.0]


@pytest.mark.parametrize(
    ("left", "again", "open_for", "then", "asked"),
    [
        (1, True, 0, "", True),
        (1, False, 0, "", False),  # closed as helped: somebody is with her
        (1, True, 0, "back", False),
        (4, True, 0, "risen", False),
        (1, True, 4.5, "", False),  # ended at 05:50: day when it would be asked
        (1, True, 20.5, "", False),  # ended at 21:50: by day
    ],
)
def test_a_bed_empty_still_when_its_alarm_ends_is_left_anew(left, again, open_for, then, asked):
    room = Room(NIGHT + timedelta(hours=left - 1))
    room.hear("bed", Kind.OCCUPANCY, True)
    room.hear("bed", Kind.OCCUPANCY, False)
    assert len(room.wait(1200)) == 1
    room.judge.saved()
    room.wait(open_for * 3600)
    if then == "risen":
        assert room.hear("button", Kind.MOTION, True) == ["person.bed_exit over"]
    room.judge.ended("person.bed_exit", "bed", Ended(room.clock.now(), again=again))
    if then == "back":
        assert room.hear("bed", Kind.OCCUPANCY, True) == ["person.bed_exit over by resident"]
    assert ("bed" in room.judge.begun) is (asked or open_for == 4.5), "written at once, for a power cut"
    assert room.wait(1199) == []
    assert len(room.wait(1)) == asked


def test_whoever_moves_on_the_floor_is_not_put_off_for_ever():
    room, told = bed_left(1), []
    for _ in range(120):
        told += exits(room, 60)
        room.hear("radar", Kind.MOTION, True)
    assert told == [3600.0]


def test_what_moved_before_the_bed_was_left_says_nothing():
    room = bed_left(4, 10)
    room.hear("bed", Kind.OCCUPANCY, True)
    room.hear("radar", Kind.MOTION, True)
    room.clock.move(1)
    room.hear("bed", Kind.OCCUPANCY, False)
    assert exits(room) == [1201.0]


@pytest.mark.parametrize(
    ("minute", "after", "up"),
    [(10, 45, False), (10, 46, True), (-15, 2, False), (-15, 899, False), (-15, 901, True), (-1, 59, False), (-1, 61, True)],
)
def test_who_is_up_was_seen_after_four_and_not_only_leaving_the_bed(minute, after, up):
    room = bed_left(4 if minute >= 0 else 3, minute % 60)
    room.clock.move(after)
    room.hear("radar", Kind.MOTION, True)
    assert exits(room) == ([] if up else [1200.0 + after])


GRACES = [
    ("in the grace", 4, Quality.SYNCHRONISED, 1319, True),
    ("when the grace is over", 4, Quality.SYNCHRONISED, 1320, False),
    ("at night", 1, Quality.SYNCHRONISED, 1260, False),
    ("by a clock that nobody confirms", 4, Quality.UNSURE, 1260, False),
]


@pytest.mark.parametrize(("name", "hour", "quality", "after", "up"), GRACES)
def test_whoever_moves_in_the_morning_while_the_grace_runs_is_up(name, hour, quality, after, up):
    room = bed_left(hour, 10, quality)
    assert exits(room, after) == [1200.0]
    assert room.hear("radar2", Kind.PRESENCE, False) == room.hear("bed", Kind.MOTION, True) == []
    assert room.hear("radar", Kind.MOTION, True) == (["person.bed_exit over"] if up else [])
    assert room.hear("radar", Kind.MOTION, True) == [], "once"


def test_with_an_unsure_clock_a_sign_of_life_puts_it_off_and_does_not_end_it():
    room = bed_left(4, 10, Quality.UNSURE)
    room.clock.move(60)
    room.hear("radar", Kind.MOTION, True)
    assert exits(room) == [1260.0]


def test_by_day_nobody_is_asked_about_once_the_clock_is_sure():
    room = bed_left(12, 0, Quality.UNSURE)
    room.clock.quality = Quality.SYNCHRONISED
    assert exits(room) == []


def test_a_jump_of_the_wall_clock_while_the_bed_is_empty_changes_nothing():
    room = Room(NIGHT)
    room.hear("bed", Kind.OCCUPANCY, True)
    room.hear("bed", Kind.OCCUPANCY, False)
    room.clock.wall -= timedelta(days=9000)
    assert room.wait(1300) == [("person.bed_exit 120", 1200.0)]


def test_after_a_restart_the_same_level_is_no_new_danger_and_doors_are_unknown():
    room = Room()
    room.judge.restore({("person.fall", "radar"), ("door.left_open", "door")}, room.clock.now(), {})
    assert room.judge.due() == inf
    assert room.hear("radar", Kind.FALL, True) == []
    assert room.hear("radar", Kind.FALL, False) == ["person.fall over"]
    assert room.hear("door", Kind.CONTACT_OPEN, True) == []
    assert room.wait(5000) == [], "it was said before the restart"
    assert room.hear("door", Kind.CONTACT_OPEN, False) == ["door.left_open over"]


def test_a_question_changes_nothing():
    room = Room(NIGHT)
    room.hear("door", Kind.CONTACT_OPEN, True)
    assert [room.judge.due() for _ in range(3)] == [1600.0] * 3
    assert room.judge.tick(room.clock.now()) == []


# -- what a home does without -----------------------------------------------------------------------------------------


def test_what_is_switched_off_is_not_judged_and_what_saves_lives_cannot_be():
    room = Room(NIGHT)
    off = {w.device: replace(w, off=frozenset(OPTIONAL)) for w in WATCHES}
    room.judge.rewatch(off, Times(), HOME_ZONE, DARK, set())
    assert room.hear("door", Kind.CONTACT_OPEN, True) == []
    assert room.hear("bed", Kind.OCCUPANCY, True) == room.hear("bed", Kind.OCCUPANCY, False) == []
    assert room.hear("water", Kind.MOISTURE, True) == room.hear("radar", Kind.STAY_STILL, True) == []
    assert room.judge.due() == inf
    assert room.wait(7200) == []
    assert room.hear("radar", Kind.FALL, True) == ["person.fall 30"]
    for kind in (Kind.SMOKE, Kind.GAS, Kind.CO):
        assert room.hear("water", kind, True), kind
    assert room.hear("button", Kind.BUTTON, "press") == ["person.sos 0"]


def test_what_is_switched_off_while_it_is_on_still_ends():
    room = Room()
    assert room.hear("water", Kind.MOISTURE, True)
    room.judge.rewatch({w.device: replace(w, off=frozenset(OPTIONAL)) for w in WATCHES}, Times(), HOME_ZONE, DARK, set())
    assert room.hear("water", Kind.MOISTURE, False) == ["env.water over"]
    assert room.hear("water", Kind.MOISTURE, True) == []
    room.judge.rewatch({w.device: w for w in WATCHES}, Times(), HOME_ZONE, DARK, set())
    assert room.hear("water", Kind.MOISTURE, True) == ["env.water 60"]


AIRED = (Watch(device="door", room="hall", left_open=600, left_open_day=1800),)


@pytest.mark.parametrize(
    ("opened", "closed", "told"),
    [
        ("12:00", 1740, []),  # airing
        ("12:00", 3600, [("12:30", True)]),
        ("23:00", 3600, [("23:10", False)]),
        ("21:45", 7200, [("22:00", False)]),  # ten minutes are over when the night begins
        ("21:55", 7200, [("22:05", False)]),
        ("21:00", 7200, [("21:30", True), ("22:00", False)]),  # it stood on the list; at night somebody has to know now
        ("05:45", 7200, [("05:55", False)]),
        ("05:55", 7200, [("06:25", True)]),
    ],
)
def test_a_door_left_open_is_told_at_once_by_night_and_for_the_list_by_day(opened, closed, told):
    hour, minute = map(int, opened.split(":"))
    clock = HandClock(datetime(2026, 5, 4, hour, minute, tzinfo=HOME_ZONE))
    judge = Judge({w.device: w for w in AIRED}, Times(), HOME_ZONE, DARK)
    judge.heard(Reading(device="door", kind=Kind.CONTACT_OPEN, value=True, at=clock.now()))
    out, began = [], clock.mono
    while (due := judge.due()) <= began + closed:
        now = clock.to(max(due, clock.mono + 0.001))
        out += [(f"{now.wall.astimezone(HOME_ZONE):%H:%M}", d.listed) for d in judge.tick(now)]
    assert out == told
    clock.to(began + closed)
    over = judge.heard(Reading(device="door", kind=Kind.CONTACT_OPEN, value=False, at=clock.now()))
    assert len(over) == bool(told)
    assert judge.due() == inf


def test_a_listed_door_that_left_the_configuration_and_is_enrolled_again_is_listed_again():
    clock = HandClock(datetime(2026, 5, 4, 9, 0, tzinfo=HOME_ZONE))
    judge = Judge({w.device: w for w in AIRED}, Times(), HOME_ZONE, DARK)
    for _ in range(2):
        judge.heard(Reading(device="door", kind=Kind.CONTACT_OPEN, value=True, at=clock.now()))
        told = []
        while (due := judge.due()) <= clock.mono + 1800 and not told:
            told = [d.listed for d in judge.tick(clock.to(max(due, clock.mono + 0.001)))]
        assert told == [True]
        judge.rewatch({}, Times(), HOME_ZONE, DARK, set())
        judge.rewatch({w.device: w for w in AIRED}, Times(), HOME_ZONE, DARK, set())


@pytest.mark.parametrize(
    ("roles", "unproved", "grace"),
    [({2: CANCEL}, False, 30), ({2: CANCEL}, True, 0), ({2: HELP}, False, 0), ({}, False, 0)],
)
def test_a_fall_has_a_grace_where_a_button_takes_it_back_and_none_elsewhere(roles, unproved, grace):
    room = Room()
    watches = {w.device: replace(w, buttons={1: SOS} | roles, presses={}, unproved=unproved) if w.roles else w for w in WATCHES}
    room.judge.rewatch(watches, Times(), HOME_ZONE, DARK, set())
    assert room.hear("radar", Kind.FALL, True) == [f"person.fall {grace}"]
    assert room.hear("radar", Kind.STAY_STILL, True) == ["person.stay_too_long 180"], "who moves again ends it"
