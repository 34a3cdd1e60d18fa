"""Danger that is a silence: the home asks, and only a question that nobody answers is an alarm."""

from datetime import timedelta

from gateway.judge.silence.line import CELLS, Day

from tests.stories.life import BED, DAY, DOOR, HALL, HOUR, MINUTE, MORNING, Life

EVENING = MORNING + timedelta(hours=13)  # 21:00
BEDROOM, BATH = "A4:C1:38:00:00:21", "A4:C1:38:00:00:22"
ROOMS = f"""
[[device]]
id = "door"
model = "bthome-v2"
room = "hall"
address = "{DOOR}"
[[device]]
id = "hall"
model = "bthome-v2"
room = "hall"
address = "{HALL}"
[[device]]
id = "bedroom"
model = "bthome-v2"
room = "bedroom"
address = "{BEDROOM}"
[[device]]
id = "bath"
model = "bthome-v2"
room = "bath"
address = "{BATH}"
"""


BED_SENSOR = f"""
[[device]]
id = "bed"
model = "bthome-v2"
room = "bedroom"
address = "{BED}"
bed = true
"""
CARER = "A4:C1:38:00:00:77"
CARERS = f"""
[[device]]
id = "badge-1"
model = "bthome-v2"
address = "{CARER}"
badge = "carer"
"""


def asks(folder, *, preset="usual", more="", shadow=0, **home):
    """A home that asks from its first day on, by the preset's lines."""
    return Life(
        folder,
        devices=ROOMS + home.pop("badges", ""),
        secrets="",
        more=f'[silence]\npreset = "{preset}"\nshadow_days = {shadow}\n{more}',
        **home,
    )


async def about(life, minutes, *, every=5, rooms=(HALL, BEDROOM)):
    """Let her move about for so long."""
    for n in range(int(minutes / every)):
        life.moves(rooms[n % len(rooms)])
        await life.wait(every * MINUTE)


async def gets_up(life):
    """Let the day begin: the door was heard, and she moves about for half an hour."""
    life.door(True)
    await life.wait(20)
    life.door(False)
    await about(life, 30)


def taught(life, *, rise=6 * 60 + 30, longest=60, days=20, trip=60):
    """Let the home have learnt: up at `rise`, a few minutes later now and then, and how long it is silent."""
    line = life.daemon.pipeline.silence.line
    risen = [rise + 5 * (n % 5) for n in range(days)]
    line.kept.days = [Day(f"2027-01-{n + 1:02}", False, [longest] * CELLS, risen[n], 10, 0) for n in range(days)]
    line.kept.trips = [trip] * 20
    line.arranged()


def asked(life):
    return [(e["detail"]["about"], e["detail"]["times"]) for e in life.journal() if e.get("kind") == "person.asked"]


def answered(life):
    return [e["detail"]["about"] for e in life.journal() if e.get("kind") == "person.answered"]


def alarms(life):
    return [(a.kind, a.state) for a in life.open]


def test_a_silence_is_asked_about_and_a_movement_is_the_answer(tmp_path):
    async def story():
        await gets_up(life)
        await life.wait(3 * HOUR - 7 * MINUTE)
        assert asked(life) == []
        await life.wait(3 * MINUTE, at_ease=False)
        assert asked(life) == [("person.inactive", 1)]
        life.moves(BEDROOM)
        await life.wait(30 * MINUTE)
        assert (answered(life), alarms(life), life.reached()) == (["person.inactive"], [], [])

    with asks(tmp_path) as life:
        life.live(story())


def test_a_question_that_nobody_answers_calls_people(tmp_path):
    async def story():
        await gets_up(life)
        last = life.now - 5 * MINUTE
        await life.wait(3 * HOUR - 10 * MINUTE)
        await life.wait(20 * MINUTE)
        assert asked(life) == [("person.inactive", 1), ("person.inactive", 2)]
        assert alarms(life) == [("person.inactive", "raised")]
        chimes = [c.environment["ELDERCARE_REASON"] for c in life.called("chime")]
        assert chimes == ["asked", "asked_again"]
        await life.wait(5 * MINUTE)
        assert [c.who for c in life.reached(since=last)] != []
        life.moves(BEDROOM)
        await life.wait(1)
        assert life.open[0].condition_active is False

    with asks(tmp_path) as life:
        life.live(story())


def test_nobody_gets_up_and_the_neighbour_says_that_she_goes(tmp_path):
    """Usual 06:30: asked at the line, twice; somebody is called by the line and ten minutes."""

    async def story():
        await gets_up(life)
        taught(life)
        life.moves(BEDROOM)  # to bed
        await life.until(MORNING + timedelta(hours=23, minutes=18))  # 07:18
        assert asked(life) == []
        await life.wait(4 * MINUTE, at_ease=False)  # the line: 40 min after 06:40, the usual one
        assert asked(life) == [("person.not_up", 1)]
        since = life.now
        await life.wait(10 * MINUTE, at_ease=False)
        assert asked(life) == [("person.not_up", 1), ("person.not_up", 2)]
        assert [a[0] for a in alarms(life)] == ["person.not_up"]
        assert [c.who for c in life.reached(since=since)][:1] == ["family"]

    with asks(tmp_path, platform="", begins=EVENING) as life:
        life.live(story())


def test_who_sleeps_long_turns_in_bed_and_nobody_is_told(tmp_path):
    async def story():
        await gets_up(life)
        life.in_bed(True)
        taught(life)
        await life.until(MORNING + timedelta(hours=23, minutes=22))
        assert asked(life) == [("person.not_up", 1)]
        life.air(BED, "4000{n}2c01")  # the bed moves
        await life.wait(HOUR)
        assert (answered(life), alarms(life), life.reached()) == (["person.not_up"], [], [])

    with asks(tmp_path, badges=BED_SENSOR, begins=EVENING) as life:
        life.live(story())


def test_who_collapses_in_the_bath_is_asked_within_half_an_hour_and_called_within_three_quarters(tmp_path):
    async def story():
        await gets_up(life)
        taught(life)
        await about(life, 20)
        life.moves(BATH)  # 15:00
        since = life.now
        await life.wait(30 * MINUTE, at_ease=False)
        assert asked(life)[0] == ("person.stay_too_long", 1)
        await life.wait(15 * MINUTE, at_ease=False)
        assert alarms(life) == [("person.stay_too_long", "raised")]
        assert life.reached(since=since)

    with asks(tmp_path, begins=MORNING + timedelta(hours=6)) as life:
        life.live(story())


async def leaves(life):
    life.door(True)
    await life.wait(15)
    life.door(False)


def test_off_to_the_market_and_back_is_nothing(tmp_path):
    async def story():
        await gets_up(life)
        taught(life, trip=90)
        await leaves(life)
        await life.wait(1.8 * HOUR)
        await leaves(life)  # home again
        await about(life, 20)
        assert (asked(life), alarms(life)) == ([], [])

    with asks(tmp_path) as life:
        life.live(story())


def test_who_is_not_back_by_her_line_is_asked_for_and_looked_for(tmp_path):
    async def story():
        await gets_up(life)
        taught(life, trip=260)
        await leaves(life)
        await life.wait(5 * HOUR)
        assert asked(life) == [], "longer than the preset's five hours are usual here"
        await life.wait(1.6 * HOUR)
        assert asked(life)[:1] == [("person.no_return", 1)]
        assert alarms(life) == [("person.no_return", "raised")]

    with asks(tmp_path) as life:
        life.live(story())


def test_a_door_at_night_is_asked_about_after_three_minutes(tmp_path):
    async def story():
        await gets_up(life)
        taught(life)
        await life.until(MORNING + timedelta(hours=19, minutes=10))  # 03:10
        await leaves(life)
        await life.wait(2 * MINUTE, at_ease=False)
        assert asked(life) == []
        await life.wait(2 * MINUTE, at_ease=False)
        assert asked(life) == [("person.night_exit", 1)]
        await life.wait(5 * MINUTE, at_ease=False)
        assert alarms(life) == [("person.night_exit", "raised")]

    with asks(tmp_path, begins=EVENING) as life:
        life.live(story())


def test_who_only_looked_out_at_night_is_not_asked(tmp_path):
    async def story():
        await gets_up(life)
        taught(life)
        await life.until(MORNING + timedelta(hours=19, minutes=10))
        await leaves(life)
        await life.wait(30)
        life.moves(BEDROOM)
        await life.wait(HOUR)
        assert (asked(life), alarms(life)) == ([], [])

    with asks(tmp_path, begins=EVENING) as life:
        life.live(story())


def test_who_wanders_is_looked_for_at_once(tmp_path):
    async def story():
        await gets_up(life)
        await life.until(MORNING + timedelta(hours=19, minutes=10))
        await leaves(life)
        await life.wait(MINUTE, at_ease=False)
        assert (asked(life), alarms(life)) == ([], [("person.night_exit", "raised")])

    with asks(tmp_path, more="wandering = true\n", begins=EVENING) as life:
        life.live(story())


def test_a_carer_who_moves_about_does_not_answer_for_the_resident(tmp_path):
    """She lies since 11:00; the carer is there from 12:00 on, with her badge."""

    async def story():
        await gets_up(life)
        taught(life)
        life.moves(BEDROOM)  # 11:20
        for _ in range(80):
            life.air("A4:C1:38:00:00:FF", "4000{n}0164")  # a stranger: the radio hears
            await life.wait(30)
        await leaves(life)  # 12:00
        for n in range(180):
            life.air(CARER, "4000{n}0164")
            if n % 6 == 0:
                life.moves(HALL)
            await life.wait(10)
        assert asked(life) == [("person.inactive", 1), ("person.inactive", 2)]
        assert answered(life) == []
        assert alarms(life) == [("person.inactive", "raised")]

    with asks(tmp_path, badges=CARERS, begins=MORNING + timedelta(hours=2, minutes=45)) as life:
        life.live(story())


def test_a_motion_sensor_whose_battery_dies_is_a_fault_and_no_question(tmp_path):
    async def story():
        await gets_up(life)
        life.air(HALL, "4000{n}0105")  # 5 %
        life.air(BEDROOM, "4000{n}0105")
        life.air(BATH, "4000{n}0105")
        await life.wait(8 * HOUR)
        assert [e["kind"] for e in life.journal() if e.get("kind", "").startswith("device.low")]
        assert (asked(life), alarms(life)) == ([], [])
        assert life.daemon.pipeline.silence.why[0] == "silent"

    with asks(tmp_path) as life:
        life.live(story())


def test_away_and_a_hospital_ask_nothing_and_teach_nothing(tmp_path):
    async def story():
        await gets_up(life)
        taught(life)
        before = list(life.daemon.pipeline.silence.line.kept.days)
        await life.tell("away", seconds=4 * DAY)
        await life.wait(3 * DAY)
        assert (asked(life), alarms(life)) == ([], [])
        assert life.daemon.pipeline.silence.line.kept.days[: len(before)] == before
        assert life.daemon.pipeline.silence.line.days <= len(before) + 1

    with asks(tmp_path) as life:
        life.live(story())


def test_a_restart_in_a_question_neither_forgets_nor_repeats_it(tmp_path):
    async def story():
        await gets_up(life)
        await life.wait(3 * HOUR - 7 * MINUTE)
        await life.wait(4 * MINUTE, at_ease=False)
        assert asked(life) == [("person.inactive", 1)]
        await life.restart(same_boot=True)
        await life.wait(20)
        assert asked(life) == [("person.inactive", 1)]
        await life.wait(5 * MINUTE, at_ease=False)
        assert asked(life) == [("person.inactive", 1), ("person.inactive", 2)]
        assert alarms(life) == [("person.inactive", "raised")]

    with asks(tmp_path) as life:
        life.live(story())


def test_a_power_cut_in_a_question_raises_nothing_before_its_time(tmp_path):
    async def story():
        await gets_up(life)
        await life.wait(3 * HOUR - 7 * MINUTE)
        await life.wait(4 * MINUTE, at_ease=False)
        assert asked(life) == [("person.inactive", 1)]
        await life.power_cut(dark=60)
        await life.wait(30, at_ease=False)
        assert alarms(life) == []
        life.moves(BEDROOM)
        await life.wait(10 * MINUTE, at_ease=False)
        assert (answered(life), alarms(life)) == (["person.inactive"], [])

    with asks(tmp_path) as life:
        life.live(story())


def test_a_clock_twelve_hours_wrong_asks_nothing_at_a_wrong_hour(tmp_path):
    async def story():
        await gets_up(life)
        await life.power_cut(dark=12 * HOUR, clock_stands=True, sure_after=3 * DAY)
        life.moves(BEDROOM)
        await life.wait(12 * HOUR)
        assert asked(life) == []
        assert life.daemon.pipeline.silence.line.kept.today.date == "2027-03-01"
        await life.wait(3 * HOUR)  # longer than any night
        assert asked(life)[:1] == [("person.inactive", 1)]

    with asks(tmp_path) as life:
        life.live(story())


def test_for_a_fortnight_nobody_is_asked(tmp_path):
    async def story():
        await gets_up(life)
        await life.wait(10 * HOUR)
        assert (asked(life), alarms(life)) == ([], [])
        assert life.daemon.pipeline.silence.state.shadowed == 1

    with asks(tmp_path, more="", shadow=14) as life:
        life.live(story())
