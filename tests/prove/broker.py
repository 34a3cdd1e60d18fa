"""The way to the platform fails in every way we know: nothing is lost, what comes twice is recognisable, a new alarm goes first."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drivers import all_models
from gateway.home.config import load
from gateway.judge.book import Entry
from gateway.judge.dispatch import PLATFORM, Rung
from gateway.judge.watch import Watch
from gateway.keep.journal import Writing
from gateway.keep.store import Store
from gateway.words import kind
from gateway.words.reading import Kind, Reading

from tests.kit.brokers import NOBODY, Embedded, Mosquitto
from tests.kit.fake_bluez import Child
from tests.kit.hand import JOURNAL, Day, HandClock
from tests.kit.hand import Home as HandHome
from tests.prove import pace
from tests.prove.home import PRESSES, Home, together, until
from tests.prove.table import Row
from tests.prove.uplink import OwnNetwork, Relay, may_own_networks

Case = Callable[[Path, int, Child, random.Random, bool], Awaitable[Row]]
BACKLOG = 24  # less urgent entries that wait while the line is away
DESK = {"username": "desk", "password": "desk-word"}
WORDS = {"desk": "desk-word", "gw": "gateway-word"}
AS_GATEWAY = {"platform": 'username = "gw"', "secrets": 'password = "gateway-word"\n'}


async def away_and_back(home: Home, away: Callable[[], object], back: Callable[[], object], seconds: float, presses: int = 3) -> float:
    """Press before, during and after; return the second at which the broker was to be had again."""
    home.press()
    await home.all_arrived()
    await asyncio.to_thread(away)
    await lost(home)
    await home.less_urgent(BACKLOG)
    for n in range(presses):
        home.press()
        await until(lambda n=n: home.journalled() >= n + 2, 5)
        await asyncio.sleep(seconds / presses)
    await asyncio.to_thread(back)
    again = time.monotonic()
    home.press()
    await home.all_arrived()
    return again


async def lost(home: Home) -> None:
    await until(lambda: not home.gateway.status()["uplink"]["connected"], 25)


def overtaken(home: Home, press: int) -> int:
    """Return how many entries with a lower number than that of a press of the pendant came to the broker only after it."""
    first: dict[int, int] = {}
    for place, h in enumerate(home.platform.heard):
        if "number" in h.body:
            first.setdefault(h.body["number"], place)
    heard = (h.body for h in home.platform.heard if h.name == "alarm" and h.body["device"] == "pendant")
    at = sorted({m["number"] for m in heard if m["move"] in PRESSES})[press]
    return sum(number < at and place > first[at] for number, place in first.items())


async def gone(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    with Mosquitto() as broker:
        async with Home(folder, n, broker, air) as home:
            for _ in range(1 if short else 5):
                again = await away_and_back(home, broker.kill, broker.start, dice.uniform(2, 4))
            return home.row(promises=(1, 3), done="broker killed, started again", since=again, worst_of="broker back to there")


async def restarted_empty(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    """Mosquitto keeps nothing here: sessions, retained status and queues are gone."""
    with Mosquitto() as broker:
        async with Home(folder, n, broker, air) as home:
            for _ in range(1 if short else 5):
                home.press()
                await home.all_arrived()
                await home.less_urgent(BACKLOG)
                home.press()
                await asyncio.to_thread(broker.restart)
                again = time.monotonic()
                home.press()
                await home.all_arrived()
            online = [h for h in home.platform.heard if h.name == "status" and h.body["online"]]
            assert len(online) >= 2, "the status is told anew"
            return home.row(promises=(1, 3), done="broker restarted with nothing in it", since=again, worst_of="broker back to there")


async def refused(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    with Mosquitto(passwords=dict(WORDS)) as broker:

        def password(word: str) -> None:
            broker.stop()
            broker.passwords["gw"] = word
            broker._write_passwords()
            if os.geteuid() == 0:
                os.chown(broker.folder / "passwords", NOBODY, NOBODY)
            broker.start()

        async with Home(folder, n, broker, air, desk=DESK, **AS_GATEWAY) as home:
            again = await away_and_back(home, lambda: password("another"), lambda: password(WORDS["gw"]), 4)
            assert broker.log().count("not authorised") >= 2, "it has tried"
            return home.row(promises=(1, 3), done="broker refuses the password", since=again, worst_of="allowed to there")


def denied(version: str) -> Case:
    """Return the case of an access list that denies alarms: MQTT 5 says so in the PUBACK, 3.1.1 has no word for it."""

    async def case(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
        called = folder / "called"
        program = script(folder, f'echo "$ELDERCARE_REASON $ELDERCARE_TEST" >> {called}')
        everything = "user desk\ntopic readwrite #\n"
        mine = f"eldercare/v1/gw-{n}"
        some = f"user gw\ntopic readwrite {mine}/status\ntopic readwrite {mine}/heartbeat\ntopic read {mine}/#\n"
        ladder = f'[[ladder]]\nresponder = "neighbour"\nchannel = "program"\nprogram = ["{program}"]\n'
        with Mosquitto(passwords=dict(WORDS), acl=everything + some) as broker:
            access = AS_GATEWAY | {"platform": f'username = "gw"\nversion = "{version}"', "lines": ladder}
            async with Home(folder, n, broker, air, desk=DESK, **access) as home:
                home.press()
                began = time.monotonic()
                await until(called.exists, 20)
                took = time.monotonic() - began
                assert called.read_text().split() == ["no_receipt", "0"]
                assert not home.arrivals("pendant"), "the broker has let nothing through"
                assert home.gateway.status()["uplink"]["connected"], "and yet the link stands"
                (broker.folder / "acl").write_text(f"{everything}user gw\ntopic readwrite {mine}/#\n")
                broker.process.send_signal(signal.SIGHUP)
                again = time.monotonic()
                await asyncio.sleep(0.2)
                home.press()
                await home.all_arrived()
                return home.row(
                    promises=(1, 3),
                    done=f"access list denies alarms, MQTT {version}",
                    since=again,
                    worst_of="allowed to there",
                    note=f"the next channel of the ladder after {took:.1f} s of 10",
                )

    case.__name__ = f"denied_{version}"
    return case


async def half_open(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    """Packets vanish without a reset; the link looks well for as long as nobody asks."""
    if not may_own_networks():
        with Mosquitto() as broker:
            async with Relay(broker.port) as relay, Home(folder, n, broker, air, via=relay) as home:

                def hold() -> None:
                    relay.held = True
                    home.press()

                again = await away_and_back(home, hold, lambda: setattr(relay, "held", False), 1)
                return home.row(
                    promises=(1, 3, 10),
                    done="line half-open (a relay that holds all bytes)",
                    since=again,
                    worst_of="line back to there",
                    note="not root, or no nft here: a relay instead of dropped packets",
                )
    with Mosquitto() as inner:
        pass
    with OwnNetwork(inner.port) as net, Mosquitto(port=inner.port, extra=f"listener {inner.port} {net.host}") as broker:
        async with Home(folder, n, broker, air, via=net, prefix=net.prefix) as home:
            noticed = []

            def drop() -> None:
                net.drop(True)
                home.press()
                noticed.append(time.monotonic())

            again = await away_and_back(home, drop, lambda: net.drop(False), 1)
            return home.row(
                promises=(1, 3, 10), done="line half-open (own network, nft drops all packets)", since=again, worst_of="line back to there"
            )


async def slow(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    """Half a second each way, and a backlog: the press waits for the one message in flight and for its own way."""
    with Mosquitto() as broker:
        async with Relay(broker.port) as relay, Home(folder, n, broker, air, via=relay) as home:
            relay.delay = 0.4
            await home.less_urgent(BACKLOG)
            await until(lambda: home.waiting() >= BACKLOG, 10)
            took = []
            for _ in range(3 if short else 8):
                home.press()
                pressed = time.monotonic()
                count = len(home.pressed["pendant"])
                await until(lambda count=count: len(home.arrivals("pendant")) >= count, 20)
                took.append(time.monotonic() - pressed)
            pace.held(took, 5 * relay.delay + 1, "a press on the slow line")
            waited, relay.delay = relay.delay, 0.0
            await home.all_arrived()
            passed = overtaken(home, 0)
            assert passed > BACKLOG // 2, "the backlog waits, not the press"
            return home.row(promises=(1, 3, 4), done=f"slow line, {waited:g} s each way, a backlog", note=f"overtook {passed} entries")


async def no_receipt(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    """The broker takes everything and the platform records nothing."""
    called = folder / "called"
    program = script(folder, f'echo "$ELDERCARE_REASON" >> {called}')
    ladder = f'[[ladder]]\nresponder = "neighbour"\nchannel = "program"\nprogram = ["{program}"]\n'
    with Mosquitto() as broker:
        async with Home(folder, n, broker, air, lines=ladder) as home:
            home.press()
            await home.all_arrived()
            home.platform.receipts = False
            home.press("pendant")
            await home.platform.wait(lambda m: m.get("move") == "count")
            body = {"v": 1, "gateway": home.name, "id": "close-1", "do": "close", "by": "desk", "outcome": "helped"}
            alarm = next(m["alarm"] for m in home.platform.messages if m.get("type") == "alarm")
            await home.platform.send("instruction", body | {"alarm": alarm})
            await home.platform.result("close-1")
            home.press()
            began = time.monotonic()
            await until(lambda: called.exists() and "no_receipt" in called.read_text().split(), 20)  # the second press has called at once
            took = time.monotonic() - began
            home.platform.receipts = True
            await home.platform.catch_up()
            await home.all_arrived()
            return home.row(promises=(1, 3), done="PUBACK, and no receipt", note=f"the next channel of the ladder after {took:.1f} s of 10")


async def wrong_receipts(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    with Mosquitto() as broker:
        async with Home(folder, n, broker, air) as home:
            first = await home.platform.wait(lambda m: m.get("kind") == kind.RESTARTED)
            await home.all_arrived()
            home.platform.receipts = False
            home.press()
            await home.less_urgent(8)
            await until(lambda: home.waiting() >= 9, 10)
            await home.platform.send("receipt", {"v": 1, "gateway": home.name, "journal": first["journal"], "entries": [[1, 100_000]]})
            await home.platform.wait(lambda m: m.get("kind") == kind.BAD_MESSAGE and "the newest is" in m["detail"]["why"])
            assert home.waiting() >= 9, "a receipt for the future is taken for nothing"
            await home.platform.send("receipt", {"v": 1, "gateway": home.name, "journal": "another", "entries": [[1, 100_000]]})
            await home.platform.send("receipt", {"v": 1, "gateway": "gw-other", "journal": first["journal"], "entries": [[1, 2]]})
            await home.platform.wait(lambda m: m.get("kind") == kind.BAD_MESSAGE and "gw-other" in m["detail"]["why"])
            assert home.waiting() >= 9, "nor is one for another journal, or of another gateway"
            home.platform.receipts = True
            await home.platform.catch_up()
            await home.all_arrived()
            return home.row(promises=(1, 3, 11), done="receipts for the future, another journal, another box")


async def one_id_twice(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    with Mosquitto() as broker:
        async with Home(folder / "one", n, broker, air) as one:
            two = Home(folder / "two", n, broker, air)
            two.platform = one.platform
            two.gateway.press = one.gateway.press  # one radio: both hear the same button
            try:
                await two.start()
                one.press()
                await one.platform.wait(lambda m: m.get("kind") == kind.IDENTITY_CONFLICT, 40)
                journals = [str(h.gateway.rows("SELECT value FROM marks WHERE name = 'journal'")[0][0]) for h in (one, two)]
                for journal in journals:
                    await one.platform.wait(lambda m, j=journal: m.get("move") == "raise" and m["journal"] == j, 60)
                told = next(h.at for h in one.platform.heard if h.body.get("kind") == kind.IDENTITY_CONFLICT)
            finally:
                await asyncio.to_thread(two.gateway.kill)
                two.gateway.systemd.close()
            one.pressed["pendant"].append(one.pressed["pendant"][0])  # heard by both, told by both
            await one.all_arrived(60)
            return one.row(
                promises=(1, 3, 10), done="two gateways with one id", note=f"said as {kind.IDENTITY_CONFLICT}", more={"told": told}
            )


async def cut_in_a_burst(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    """The line ends in the middle of a burst; every second time the broker had the message and we do not know."""
    lives = 1 if short else 12
    with Mosquitto() as broker:
        rows = []
        async with Relay(broker.port) as relay, Home(folder, n, broker, air, via=relay, buttons=10) as home:
            for life in range(lives):
                if life:
                    await asyncio.to_thread(home.gateway.kill)
                    await home.start()
                    await home.hears()
                for cut in range(2):
                    relay.deaf = cut % 2 == 0
                    relay.cut_after = dice.randrange(2, 12)
                    for k in range(20):
                        home.press(f"button{k % 10}")
                        await asyncio.sleep(0.01)
                    await until(lambda: not relay.cut_after, 10)
                    again = time.monotonic()
                    await home.all_arrived()
            rows.append(home.row(promises=(1, 3), done="line cut in the middle of a burst", since=again, worst_of="last cut to there"))
            assert relay.cuts == 2 * lives
            return rows[0]


async def second_broker(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    with Embedded() as broker:
        async with Home(folder, n, broker, air) as home:
            again = await away_and_back(home, broker.kill, broker.start, 3)
            return home.row(
                promises=(1, 3), done="a second broker (amqtt) killed, started again", since=again, worst_of="broker back to there"
            )


def script(folder: Path, line: str) -> Path:
    """Write a program of one line, and return where."""
    path = folder / "program"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


HOURS, SHORT_HOURS = 72, 18
SCREAMING = tuple(f"button{k}" for k in range(6))


class Offline(Day):
    """A day of which not every entry is held against the contract as it appears: the platform does that with what comes out."""

    def take(self, entries: list[Entry]) -> list[Entry]:
        self.entries += entries
        return entries


async def lived_offline(home: Home, dice: random.Random, hours: int) -> tuple[int, int]:
    """Fill the home's store with what the real pipeline makes of so many hours without a platform.

    Return how many entries and batches.
    """
    began = datetime.now(UTC) - timedelta(hours=hours)
    watches = tuple(Watch(device=d, room="hall") for d in ("pendant", *SCREAMING))
    day = Offline(HandHome(watches=watches, ladder=(Rung("family", PLATFORM, 120.0),)), HandClock(began, boot="before"))
    day.pipeline.faults.linked(False, day.clock.now())
    for n, device in enumerate(SCREAMING):
        day.at((n + 0.2) * hours / len(SCREAMING) * 3600)
        day.press(device=device)
    day.at(hours * 3600)
    config = load(home.gateway.config, all_models())
    store = Store(config.state, home.name)
    config.state.mkdir(parents=True)
    await store.run(store.open)
    await store.run(store.mark, "journal", JOURNAL)
    store.entries.name = JOURNAL
    for n in range(0, len(day.entries), 500):
        await store.commit(Writing(entries=day.entries[n : n + 500]))
    clock = HandClock(began, boot="before")
    for _ in range(hours * 12):
        at = clock.move(300)
        climate = [Reading(device=f"sensor{k}", kind=Kind.TEMPERATURE, value=round(dice.uniform(15, 25), 1), at=at) for k in range(8)]
        assert await store.readings.keep(climate, "before") is not None
    await store.close()
    return len(day.entries), hours * 12


async def three_days(folder: Path, n: int, _: Child, dice: random.Random, short: bool) -> Row:
    """Days without a platform (in a short run hours) and six calls that nobody answered.

    The line comes back and somebody presses at once.
    """
    hours = SHORT_HOURS if short else HOURS
    with Mosquitto(extra="max_queued_messages 0\nmax_inflight_messages 0") as broker, Child() as air:
        home = Home(folder, n, broker, air, buttons=len(SCREAMING), scans=False)
        home.platform.check = False
        entries, batches = await asyncio.to_thread(asyncio.run, lived_offline(home, dice, hours))  # others go on meanwhile
        async with home.platform:
            try:
                began = time.monotonic()
                await home.start()
                ready = time.monotonic() - began
                await asyncio.to_thread(air.wait_for_scan)
                home.press()
                await home.all_arrived(120)
                passed = overtaken(home, 0)
                assert passed > entries // 2, "the backlog waits, not the press"
                sent = [h for h in home.platform.heard if "number" in h.body]
                drained = max(h.at for h in sent) - sent[0].at
                with contextlib.closing(sqlite3.connect(home.gateway.state / "history.db")) as db:
                    wanted = {n for (n,) in db.execute("SELECT number FROM batches")}
                await until(lambda: {h.body["batch"] for h in home.platform.heard if h.name == "readings"} >= wanted, 60)
                assert len(wanted) >= batches
                found = home.row(promises=(1, 3, 4, 9), done=f"{hours} h offline: {entries} entries, {batches} batches wait", times=entries)
                return replace(found, note=f"ready after {ready:.1f} s, drained in {drained:.1f} s, the press overtook {passed}")
            finally:
                await asyncio.to_thread(home.gateway.kill)
                home.gateway.systemd.close()


CASES: tuple[Case, ...] = (
    half_open,
    no_receipt,
    denied("5"),
    denied("3.1.1"),
    one_id_twice,
    refused,
    gone,
    restarted_empty,
    slow,
    wrong_receipts,
    cut_in_a_burst,
    second_broker,
    three_days,
)


async def gone_refusing_half_open_slow_wrong_three_days(short: bool, folder: Path, seed: int) -> list[Row | str]:
    """The broker gone, empty, refusing, half-open, slow, without receipts, with wrong ones, used twice, cut in a burst: a home each."""
    with Child() as air:
        homes = {c.__name__: c(folder / str(n), n, air, random.Random(seed + n), short) for n, c in enumerate(CASES, 1)}
        return await together(homes)


PROOFS = [gone_refusing_half_open_slow_wrong_three_days]
