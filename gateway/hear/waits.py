"""The waiting times of hearing: radio, visits, lines, receivers, and what counts as one packet."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Hear(Waits):
    """Waits of the ears, and the spans by which the intake tells a repeat from news."""

    radio_silence: float = wait(90.0, 30.0, 600.0, "ours: silence of all means a new scanner")
    radio_idle: float = wait(15.0, 6.0, 60.0, "bluetoothd scans 10 s and pauses up to 5 s: no loss")
    radio_off: float = wait(1.0, 0.1, 10.0, "ours: how long a power cycle leaves the adapter off")
    radio_settle: float = wait(0.1, 0.01, 2.0, "bluetoothd's adapters come after its name")
    dbus_answer: float = wait(10.0, 1.0, 60.0, "ours: for one D-Bus answer")
    visit_connect: float = wait(10.0, 2.0, 60.0, "ours: from the invitation to the first value")
    visit_take: float = wait(30.0, 5.0, 120.0, "ours: one visit must not cost the scan for longer")
    visit_quiet: float = wait(5.0, 1.0, 30.0, "ours: after the last value nothing more comes")
    visit_leave: float = wait(3.0, 1.0, 10.0, "ours: for ending the connection")
    visit_fresh: float = wait(3.0, 1.0, 10.0, "ours: an older advertisement invites no more")
    visit_rest: float = wait(10.0, 1.0, 120.0, "ours: until the same device is visited again")
    visit_long_rest: float = wait(300.0, 60.0, 3600.0, "ours: after one that talks for ever")
    visit_first: float = wait(2.0, 0.5, 30.0, "ours: after the first visit that failed")
    visit_longest: float = wait(300.0, 60.0, 3600.0, "ours: by doubling; it may be out of range")
    visit_again: float = wait(0.3, 0.1, 2.0, "ours: while bluetoothd is busy with another call")
    visit_pace: float = wait(0.02, 0.005, 0.1, "ours: between stored values: each is kept")
    same: float = wait(5.0, 1.0, 30.0, "ours: equal payloads within it are one packet (bursts)")
    burst: float = wait(60.0, 10.0, 300.0, "ours: repeats of a new counter prove life so long")
    replayed_again: float = wait(60.0, 10.0, 600.0, "ours: between replays told; each writes")
    call_stands: float = wait(300.0, 60.0, 1800.0, "ours: a standing call unheard so long is new")
    says_again: float = wait(60.0, 10.0, 300.0, "ours: a danger that holds is said anew")
    routine_waits: float = wait(5.0, 1.0, 30.0, "ours: a routine reading waiting longer is lost")
    window_settled: float = wait(3.0, 1.0, 10.0, "ours: a later first signal is somebody's doing")
    window_told: float = wait(1.0, 0.2, 5.0, "ours: between two writings of what a window hears")
    port_listen: float = wait(2.5, 1.0, 10.0, "an asked radar answers in 0.5 s; it is asked twice")
    port_sure: float = wait(0.4, 0.1, 2.0, "ours: after a frame, for a kin that knows more")
    radar_echo: float = wait(1.0, 0.3, 5.0, "ours: for the echo of a setting, each of three tries")
    radar_pause: float = wait(0.3, 0.1, 2.0, "settings in a row hang a C1001")
    radar_wake: float = wait(15.0, 5.0, 60.0, "a radar just plugged in is silent at first")
    radar_hang: float = wait(20.0, 5.0, 60.0, "ours: a radar that hangs is asked for so long")
    radar_ask_again: float = wait(2.0, 0.5, 10.0, "ours: between two questions to such a one")
    radar_restart: float = wait(10.0, 5.0, 30.0, "radars are silent for 10 s when they restart")
    radar_line: float = wait(0.05, 0.01, 0.5, "ours: between two looks whether the line is open")
    modbus_every: float = wait(
        0.1, 0.05, 0.25, "a pull cord closes for 0.25 s; 8 inputs take 20 ms"
    )
    modbus_answer: float = wait(0.5, 0.1, 2.0, "ours: for one answer; five missing are a loss")
    gpio_every: float = wait(0.02, 0.01, 0.1, "ours: two equal readings outlast a bounce")
    contact_again: float = wait(60.0, 10.0, 300.0, "ours: told unchanged, its module lives")
    broker_keepalive: float = wait(30.0, 5.0, 120.0, "ours: MQTT keep-alive to another broker")
    broker_answer: float = wait(10.0, 2.0, 60.0, "ours: for CONNACK and each SUBACK")
    replay_look: float = wait(0.05, 0.01, 0.5, "ours: the pace of a recorded day may change")


WAITS = _Hear()
