"""A device's day as a picture: what was kept, what is known to have been heard, and what was not."""

from gateway.web.known import Heard
from gateway.web.strip import strips
from gateway.web.weeks import Day, batteries, drawn, silent

NOW = 1_800_000_000.0
DEVICE = [("pendant", 1800.0)]


def test_a_device_of_which_little_is_kept_has_no_gaps_where_its_packets_were_counted():
    pressed = [Heard("pendant", "button", "press", NOW - 12 * 3600), Heard("pendant", "battery_pct", 88, NOW - 23 * 3600)]
    (alone,) = strips(pressed, DEVICE, NOW).values()
    assert alone.gaps, "nothing else is known of it"
    heard = [NOW - 24 * 3600 + n * 1800 for n in range(49)]
    (counted,) = strips(pressed, DEVICE, NOW, packets={"pendant": heard}).values()
    assert not counted.gaps
    assert counted.presses == [720]
    silence = [at for at in heard if not NOW - 6 * 3600 < at < NOW - 4 * 3600]
    (broken,) = strips(pressed, DEVICE, NOW, packets={"pendant": silence}).values()
    assert [(round(a / 60), round(b / 60)) for a, b in broken.gaps] == [(18, 20)]


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
