"""The waiting times of what goes out: link, push, programs, and what is told beside the entries."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Tell(Waits):
    """Waits for the broker and the platform, and of local programs."""

    # -- one connection
    answer: float = wait(10.0, 1.0, 60.0, "ours: for CONNACK and SUBACK, on a bad mobile line")
    version_trial: float = wait(
        3.0, 0.5, 10.0, "ours: for CONNACK while MQTT 5 is tried; an older broker may stay silent"
    )
    puback: float = wait(
        10.0, 1.0, 60.0, "ours: then the connection is dead; a half-open one costs no more"
    )
    farewell: float = wait(2.0, 0.2, 10.0, "ours: systemd waits for our end")
    keepalive: float = wait(
        30.0, 5.0, 300.0, "ours: silence until a ping; two of them without answer end the line"
    )
    will_delay: float = wait(
        60.0, 0.0, 600.0, "ours: a v5 broker holds our last will; a line that flaps is back before"
    )
    session: float = wait(
        7 * 86400.0, 0.0, 30 * 86400.0, "ours: a v5 broker keeps instructions; never relied on"
    )
    short_life: float = wait(
        120.0, 10.0, 600.0, "ours: closed on us sooner and again: another has our client id"
    )
    # -- of a platform that takes HTTP
    poll: float = wait(
        50.0, 5.0, 300.0, "ours: it may hold its answer back; proxies end what is silent for 60 s"
    )
    poll_least: float = wait(
        10.0, 1.0, 60.0, "ours: the same where one ends it sooner; an answer before it was not held"
    )
    pause_most: float = wait(
        60.0, 10.0, 600.0, "ours: who asks for a longer pause gets this; an alarm asks sooner"
    )
    # -- between connections
    soon: float = wait(
        0.5, 0.1, 10.0, "ours: between attempts nobody answers, while something urgent waits"
    )
    soon_turned_away: float = wait(
        3.0,
        0.5,
        30.0,
        "ours: the same where somebody answers and refuses us: that costs a handshake",
    )
    hurried: float = wait(
        30.0, 5.0, 600.0, "ours: for so long after it was written; a metered line pays for attempts"
    )
    look: float = wait(
        0.5, 0.05, 2.0, "ours: between looks whether something urgent came, or the link is back"
    )
    look_link: float = wait(1.0, 0.1, 10.0, "ours: until a heartbeat looks for the link again")
    least: float = wait(0.01, 0.001, 1.0, "ours: of any wait for a time that is nearly there")
    take_back: float = wait(
        1.0, 0.1, 10.0, "ours: until settings are put back again while another change is written"
    )
    login_test: float = wait(45.0, 10.0, 120.0, "ours: the login of a platform test, all its tries")
    receipt_test: float = wait(30.0, 5.0, 120.0, "ours: for its receipt, as the ladder waits")
    # -- without receipt
    again: float = wait(5.0, 1.0, 20.0, "SCAIP 5-20 s: until it is sent again, doubling")
    again_urgent: float = wait(20.0, 5.0, 60.0, "SCAIP 5-20 s: at most, for P1 and P2")
    patience: float = wait(
        1800.0, 180.0, 7200.0, "SCAIP 3-30 min: from then on P1 and P2 wait for again_late"
    )
    again_late: float = wait(60.0, 20.0, 600.0, "ours: P1 and P2 for ever, on a metered line")
    again_other: float = wait(
        600.0, 60.0, 3600.0, "ours: all others at most; a batch of readings never sooner"
    )
    pace: float = wait(0.1, 0.01, 1.0, "ours: between entries asked for once more")
    # -- the home's message
    home_least: float = wait(10.0, 1.0, 60.0, "ours: what changes in one go is one message")
    home_same: float = wait(600.0, 60.0, 3600.0, "ours: the same again, on a line that flaps")
    home_again: float = wait(
        21600.0, 600.0, 86400.0, "ours: for what has no entry: heard when, battery level"
    )
    home_masked: float = wait(900.0, 60.0, 3600.0, "ours: looks while a mask ends without an entry")
    # -- programs
    program: float = wait(120.0, 10.0, 600.0, "ours: then it is ended and has failed")
    program_test: float = wait(60.0, 5.0, 600.0, "ours: to say whether it could reach anybody")
    word: float = wait(15.0, 5.0, 30.0, "ours: news, recorded, take twelve; then a player hangs")
    try_sound: float = wait(10.0, 3.0, 20.0, "ours: a phrase takes up to nine; a siren is heard")
    turn: float = wait(12.0, 5.0, 60.0, "ours: of a siren while another alarm waits to be heard")
    told: float = wait(
        120.0, 10.0, 600.0, "ours: who was told of a fire knows of the next detector in it"
    )
    passed_over: float = wait(1.0, 0.1, 5.0, "ours: in it who cannot be called is passed over")
    sms_window: float = wait(600.0, 60.0, 3600.0, "ours: in which one person's SMS are counted")
    sms_again: float = wait(10.0, 2.0, 60.0, "ours: to read that one is asked back takes longer")
    sms_late: float = wait(900.0, 120.0, 7200.0, "ours: who said so long ago may be there by now")
    settle: float = wait(600.0, 60.0, 3600.0, "ours: sensors and link come before the first test")
    ask_again: float = wait(900.0, 60.0, 86400.0, "ours: until one known not to work is asked")
    ask_in_need: float = wait(60.0, 10.0, 900.0, "ours: the same while somebody calls")


WAITS = _Tell()
