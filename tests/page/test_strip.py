"""A device's day as a picture: what was kept, what is known to have been heard, and what was not."""

from gateway.page.known import DAY, Heard
from gateway.page.strip import strips
from gateway.page.waits import WAITS
from gateway.page.weeks import Day, batteries, drawn, silent

NOW = 1_800_000_000.0
DEVICE = [("pendant", 1800.0)]


def test_a_device_of_which_little_is_kept_has_no_gaps_where_its_packets_were_counted():
    pressed = [Heard("pendant", "button", "press", NOW - 12 * 3600), Heard("pendant", "battery_pct", 88, NOW - 23 * 3600)]
    (alone,) = strips(pressed, DEVICE, NOW).values()
    assert alone.gaps, "nothing else is known of it"
    assert sum(b - a for a, b in alone.heard) <= 4, "and it was heard at two moments"
    heard = [NOW - 24 * 3600 + n * 1800 for n in range(49)]
    (counted,) = strips(pressed, DEVICE, NOW, packets={"pendant": heard}).values()
    assert not counted.gaps
    assert counted.presses == [720]
    silence = [at for at in heard if not NOW - 6 * 3600 < at < NOW - 4 * 3600]
    (broken,) = strips(pressed, DEVICE, NOW, packets={"pendant": silence}).values()
    assert [(round(a / 60), round(b / 60)) for a, b in broken.gaps] == [(18, 20)]


def test_openings_are_counted_from_the_events_and_not_from_what_is_drawn():
    """Nine openings of 90 s: 13.5 minutes, whatever the bars are wide, and also where two of them are drawn as one."""
    for apart in (150, 3600):
        events = [Heard("door", "contact_open", on, NOW - 40_000 + n * apart + 90 * (not on)) for n in range(9) for on in (True, False)]
        (strip,) = strips(events, [("door", 1800.0)], NOW).values()
        assert (strip.opened, strip.open_s) == (9, 810.0)
        assert strip.open_since is None
    (strip,) = strips([*events, Heard("door", "contact_open", True, NOW - 30.5)], [("door", 1800.0)], NOW).values()
    assert (strip.opened, strip.open_s, strip.open_since) == (10, 840.5, NOW - 30.5)


def test_what_began_before_the_day_counts_within_it_only_and_what_is_not_said_again_ends():
    began = Heard("door", "contact_open", True, NOW - DAY - 1000)
    (strip,) = strips([began, Heard("door", "contact_open", False, NOW - DAY + 500)], [("door", 1800.0)], NOW).values()
    assert (strip.opened, strip.open_s) == (0, 500.0)
    there = [Heard("radar", "presence", True, NOW - 36_000), Heard("radar", "presence", True, NOW - 7200)]
    (strip,) = strips(there, [("radar", 1800.0)], NOW).values()
    assert strip.there_s == WAITS.state, "of what it was heard last nobody knows that it still holds"
    heard = {"radar": [NOW - 7200, NOW - 60]}
    (strip,) = strips(there[1:], [("radar", 1800.0)], NOW, packets=heard).values()
    assert strip.there_s == 7200.0


def test_activity_is_minutes_and_the_same_in_a_home_of_many_sensors():
    moved = [Heard("hall", "motion", True, NOW - 5000 + 20 * n) for n in range(9)]
    others = [(f"d{n}", 1800.0) for n in range(30)]
    few, many = strips(moved, [("hall", 1800.0)], NOW)["hall"], strips(moved, [("hall", 1800.0), *others], NOW)["hall"]
    assert few.active == many.active == 4


def test_more_presses_than_are_drawn_are_counted():
    pressed = [Heard("pendant", "button", "press", NOW - 10_000 + 100 * n) for n in range(90)]
    (strip,) = strips(pressed, DEVICE, NOW).values()
    assert (strip.pressed, len(strip.presses)) == (90, 60)


def test_the_hours_before_a_sensor_was_there_are_no_silence():
    young = {"pendant": [NOW - 3 * 3600 + n * 300 for n in range(37)]}
    (new,) = strips([], DEVICE, NOW, packets=young).values()
    assert not new.gaps
    (old,) = strips([], DEVICE, NOW, packets=young, before={"pendant"}).values()
    assert old.gaps == [(0, 21 * 60 + 1)], "of one that was heard before it is one"
    (dead,) = strips([], DEVICE, NOW, before={"pendant"}).values()
    assert dead.gaps == [(0, 1440)]


def test_nothing_is_heard_but_what_was_heard():
    heard = {"pendant": [NOW - 20_000, NOW - 19_700, NOW - 13_000, NOW - 12_700]}
    (slow,) = strips([], [("pendant", 14_400.0)], NOW, packets=heard).values()
    assert [b - a for a, b in slow.heard] == [6, 6], "an hour within its limit is no alarm, and no hour of being heard"
    assert not slow.gaps
    (quick,) = strips([], DEVICE, NOW, packets=heard).values()
    assert len(quick.gaps) == 2
    (cut,) = strips([], DEVICE, NOW, packets={"pendant": [NOW - 5000, NOW - 100]}, restarts=[NOW - 200]).values()
    assert not cut.gaps, "the minutes of the hour that the power cut took along may have been heard"


def test_weeks_are_drawn_newest_right_and_days_without_a_packet_are_counted():
    days = [Day(-n, 24, 300, -80, -60.0, 90.0 - n) for n in (0, 1, 2, 5)]
    assert silent(days, 28)[0] == 2
    assert silent(days, 28)[1].count("M") == 2
    (band, line) = drawn(days, 28)
    assert band[1].count("M") == 4
    assert band[1].startswith("M220 ")
    assert line[1].count("M") == 2, "it is not drawn across days without a packet"
    assert drawn([Day(0, 24, 300, None, None, None)], 28) == [], "a wire has no signal"
    low = batteries([Day(0, 1, 1, None, None, 12.0), Day(-1, 1, 1, None, None, 80.0)], 28)
    assert {name for name, _ in low} == {"s-battery", "s-battery low"}
