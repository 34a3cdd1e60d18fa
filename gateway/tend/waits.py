"""The waiting times of the daemon itself."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Tend(Waits):
    """Waits of the pump, the doors, the upkeep, the rounds, and `check`."""

    # the pump
    flush: float = wait(
        600.0, 60.0, 3600.0, "ours: for what is not urgent; a card is written less often"
    )
    accept: float = wait(
        1.0, 0.1, 10.0, "ours: receipts are gathered before their outbox rows are deleted"
    )
    # the doors
    inbox_hangs: float = wait(1.0, 0.2, 10.0, "ours: then a file that does not answer is said")
    delete_slip: float = wait(
        3600.0, 60.0, 86400.0, "ours: by doubling from 1 s, on a disk that is read only"
    )
    attack_over: float = wait(
        3600.0, 600.0, 86400.0, "ours: without another try an attack is over; one fault, not many"
    )
    conflict_again: float = wait(
        1800.0, 300.0, 86400.0, "ours: two twins cost two journals an hour at most"
    )
    # the upkeep
    hung: float = wait(10.0, 2.0, 30.0, "ours: a turn takes milliseconds; a full card a few s")
    last_readings: float = wait(10.0, 1.0, 60.0, "ours: the unit ends a stop after 10 s")
    try_mains: float = wait(1.0, 0.1, 10.0, "ours: a short outage counts too")
    status: float = wait(
        2.0, 0.5, 10.0, "ours: page and watchdog; the unit wants a beat every 30 s"
    )
    status_watched: float = wait(
        0.25, 0.1, 1.0, "ours: somebody walks through the home and watches the page"
    )
    tidy: float = wait(86400.0, 3600.0, 7 * 86400.0, "ours: retention counts in days")
    tidy_first: float = wait(
        600.0, 0.0, 3600.0, "ours: a home whose power goes every night is tidied too"
    )
    try_disk: float = wait(
        60.0, 10.0, 600.0, "ours: a card that failed comes back by hand, or not at all"
    )
    mains_jitter: float = wait(
        600.0, 0.0, 3600.0, "ours: boxes of one street do not all tell of their mains at once"
    )
    # the rounds
    settle: float = wait(600.0, 60.0, 3600.0, "ours: sensors and link come before a self-test")
    untried: float = wait(3600.0, 60.0, 86400.0, "ours: what is looked for counts in days")
    papers: float = wait(86400.0, 3600.0, 7 * 86400.0, "ours: certificates count in days")
    paper_ends: float = wait(
        30 * 86400.0, 86400.0, 90 * 86400.0, "ours: a month to renew a certificate"
    )
    # a start that is only tried, and `check`
    rehearsal: float = wait(0.5, 0.1, 5.0, "ours: lines and other brokers open at once or not")
    check_input: float = wait(15.0, 5.0, 60.0, "ours: inputs, and the broker of another program")
    check_broker: float = wait(
        45.0, 15.0, 120.0, "ours: all of name, TCP, TLS and login on a bad mobile line"
    )
    check_journal: float = wait(2.0, 0.5, 10.0, "ours: the daemon commits within milliseconds")


WAITS = _Tend()
