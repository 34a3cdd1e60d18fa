"""The two doors at which the gateway is told something: the platform's topics, and the page's local file.

What comes in waits here until the pump takes it. A message that is not understood is refused whole and said, a few times an hour.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.box import aside
from gateway.box.supervise import say
from gateway.contract import wire
from gateway.home import inbox, nearby, slips
from gateway.judge.allowance import Allowances, Of
from gateway.judge.book import Entry
from gateway.judge.faults.fault import LOOK_EVERY
from gateway.judge.lateness import of_another_life
from gateway.tell.uplink import ACCEPTED_A_COMMIT
from gateway.tend.lineage import UnlikelyHead
from gateway.words import kind
from gateway.words.clock import Moment
from gateway.words.instruction import LOCAL_ONLY, Do, Door, Instruction
from gateway.words.ranges import merged

if TYPE_CHECKING:
    from gateway.tend.daemon import Daemon

LOG = logging.getLogger("eldercare")
RECEIPTS = 100  # receipts that wait, of wire.LARGEST at most; beyond it the oldest are dropped, and what they are for is sent again
ORDERS, BYTES = 200, 1024 * 1024  # instructions of the platform that wait; beyond it the newest are refused and counted
RECEIPTS_A_TURN, ORDERS_A_TURN = 50, 20  # taken between two looks at what was heard: a press waits for no more than these
RANGES_A_TURN = 500  # of receipts, as many as one may have: after so many the next receipt waits for the next turn
SLIP_AGAIN = 3600.0  # s at most between two tries to delete a slip that cannot be deleted
PATIENCE = 1.0  # s that a turn waits for the local file
BAD_MESSAGES = 10  # told per hour; more are only counted


def _mistake(mistake: Exception) -> str:
    return f"a mistake of ours ({type(mistake).__name__}): nothing of it was taken; see the gateway's log"


class Doors:
    """Instructions and receipts on their way in. `inbox_after`: the newest local instruction that was answered."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._receipts: deque[bytes] = deque(maxlen=RECEIPTS)
        self._orders: deque[bytes] = deque()
        self._platform: bytes | None = None  # what the platform said last of itself, until the next turn
        self._bytes = 0  # of them
        self._left: deque[tuple[int, bytes]] = deque()  # read from the local file, not yet taken: as many as one read gives
        now = daemon.clock.now()
        self._allowances = Allowances(now.mono)
        self._looking: asyncio.Future[list[tuple[int, bytes]]] | None = None
        self._slips: deque[tuple[str, bytes]] = deque()  # left by programs of our own, not yet taken: as many as one read gives
        self._answered: dict[str, None] = {}  # of these, what has its answer and is still to be deleted: it is read no more
        self._slips_looked: asyncio.Future[slips.Looked] | None = None
        self._delete_at = self._delete_wait = 0.0  # monotonic s of the next try to delete what could not be, and how long that waited
        self.inbox_after = self._begin_of_box()
        self.look_in_box = self._box_well = True
        self._changing = 0  # number of the local instruction that is being carried out
        self._bad = 0
        self._bad_since = now.mono

    @property
    def waiting(self) -> bool:
        """Whether there is something for the next turn."""
        waits = self._receipts or self._orders or self._left or self._platform is not None
        return bool(waits) or (self.look_in_box and not self._daemon.technician.busy)

    def last_orders(self, now: Moment) -> list[Entry]:
        """Carry out what the platform has sent, before the end. What was left in the home is read again at the next start."""
        self._left.clear()
        return self.messages(now) if self._orders else []

    async def look(self) -> None:
        """Read what was left in the home, if somebody said that there is something. Nothing is carried out."""
        if self.look_in_box and not self._left and not self._daemon.technician.busy:
            self.look_in_box = False
            self._left.extend(await self._left_in_box())
            if not self._slips:
                await self._look_for_slips()

    def messages(self, now: Moment) -> list[Entry]:
        """Take receipts and instructions from both doors, so many in a turn; what is heard in the home was judged before."""
        entries: list[Entry] = []
        uplink, ranges = self._daemon.uplink, 0
        if self._platform is not None:
            payload, self._platform = self._platform, None
            try:
                entries += uplink.platform_says(wire.decode_platform(payload), now)
            except wire.BadMessage as bad:
                self.bad_message("platform", str(bad))
        for _ in range(min(len(self._receipts), RECEIPTS_A_TURN)):
            if ranges >= RANGES_A_TURN or len(uplink.accepted) >= ACCEPTED_A_COMMIT:
                break  # nothing is lost: they wait, and what was heard meanwhile is judged before them
            payload = self._receipts.popleft()
            try:
                receipt, wrong = wire.receipt_of(payload, self._daemon.home.gateway)
                ranges += len(receipt.entries) + len(receipt.batches)
                if wrong:
                    self.bad_message("receipt", wrong)
                entries += self._receipt(receipt, now)
            except wire.BadMessage as bad:
                self.bad_message("receipt", str(bad))
            except Exception as mistake:
                if self._bad < BAD_MESSAGES:
                    LOG.exception("receipt could not be taken")
                self.bad_message("receipt", _mistake(mistake))
        for _ in range(min(len(self._orders), ORDERS_A_TURN)):
            payload = self._orders.popleft()
            self._bytes -= len(payload)
            entries += self._taken("instruction", payload, Door.PLATFORM, now) or []
        for _ in range(min(len(self._left), ORDERS_A_TURN) if not self._daemon.technician.busy else 0):
            self._changing, payload = self._left.popleft()
            done = self._taken("inbox", payload, Door.LOCAL, now)
            if done is None:  # being carried out: if we end before, it must still lie there
                self._left.clear()
                break
            self.inbox_after = self._changing
            entries += done
        for _ in range(min(len(self._slips), ORDERS_A_TURN)):
            name, payload = self._slips.popleft()
            entries += self._taken("slip", payload, Door.LOCAL, now, program=True) or []
            self._answered[name] = None
            self.look_in_box = True  # to delete it, once this turn is written down
        return entries + self._flooded(now)

    def _taken(self, name: str, payload: bytes, door: Door, now: Moment, *, program: bool = False) -> list[Entry] | None:
        try:
            return self._instruction(payload, door, now, program=program)
        except wire.BadMessage as bad:
            self.bad_message(name, str(bad), wire.named(payload))
            return []
        except Exception as mistake:  # one order that trips over a mistake of ours must not end the guarding, nor be read for ever
            if self._bad < BAD_MESSAGES:
                LOG.exception("%s could not be carried out", name)
            self.bad_message(name, _mistake(mistake), wire.named(payload))
            return []

    def _flooded(self, now: Moment) -> list[Entry]:
        """End the fault of too many orders when it is over: one entry at its beginning, one with its number at its end."""
        daemon = self._daemon
        if (kind.TOO_MANY_ORDERS, "") not in daemon.faults.on or not self._allowances.quiet(now.mono):
            return []
        refused, self._allowances.refused = self._allowances.refused, 0
        over = [replace(fact, detail={**fact.detail, "refused": refused}) for fact in daemon.faults.end(kind.TOO_MANY_ORDERS, now)]
        return daemon.pipeline.noticed(over, now)

    def _no_place(self, why: str) -> None:
        """Count an order that is refused unanswered: the platform sends it again until it has a result."""
        self._allowances.refuse(self._daemon.clock.now().mono)
        if self._allowances.refused == 1:
            self._daemon.notes.begin(kind.TOO_MANY_ORDERS, first=why[:80])

    def goes_on(self) -> None:
        """Take it that the instruction which kept the inbox waiting has its answer in this turn."""
        self.inbox_after = self._changing
        self.look_in_box = True

    async def _look_for_slips(self) -> None:
        """Read what programs of our own have left, and delete what has its answer. A disk that hangs is asked again later."""
        now = self._daemon.clock.now()
        if self._slips_looked is None:
            look = functools.partial(slips.read, delete=now.mono >= self._delete_at)
            self._slips_looked = asyncio.wrap_future(aside.run(look, self._daemon.home.config.state, frozenset(self._answered)))
        await asyncio.wait({self._slips_looked}, timeout=PATIENCE)
        if not self._slips_looked.done():
            self._slips_looked.add_done_callback(self._looked)
            return
        looked, self._slips_looked = self._slips_looked, None
        try:
            found, gone, kept = looked.result()
        except OSError as error:
            found, gone, kept = [], frozenset(), str(error)
        self._slips.extend(one for one in found if one[0] not in self._answered)
        for name in gone:
            self._answered.pop(name, None)
        self._slips_stay(kept, now)

    def _slips_stay(self, why: str, now: Moment) -> None:
        """Tell once that files cannot be deleted, or read, and when they can again; try it less and less often."""
        faults, key = self._daemon.faults, (kind.STORAGE_DEGRADED, slips.FOLDER)
        if why:
            self._delete_wait = min(SLIP_AGAIN, max(1.0, 2 * self._delete_wait))
            self._delete_at = now.mono + self._delete_wait
            if key not in faults.on:
                LOG.warning("instructions of our own programs: %s", why)
                self._daemon.notes.begin(*key, why=why[:300])
        elif not self._answered:
            self._delete_at = self._delete_wait = 0.0
            if key in faults.on:
                self._daemon.notes.end(*key)

    async def _left_in_box(self) -> list[tuple[int, bytes]]:
        """Read the local file. One that is broken, locked or hangs must not end the judging: that is said once, and tried again."""
        folder = self._daemon.home.config.page_folder
        if self._looking is None:
            self._looking = asyncio.wrap_future(aside.run(inbox.read, folder, self.inbox_after))
        await asyncio.wait({self._looking}, timeout=PATIENCE if self._box_well else 0.0)
        try:
            if not self._looking.done():
                self._looking.add_done_callback(self._looked)
                raise TimeoutError(f"it does not answer within {PATIENCE:g} s")  # noqa: TRY301  said as any other reason
            looked, self._looking = self._looking, None
            found = looked.result()
        except (sqlite3.Error, TimeoutError) as error:
            if self._box_well:
                say("inbox", False, f"{folder / inbox.FILE}: {error}; if it stays so, delete the file")
            self._box_well = False
            return []
        if not self._box_well:
            say("inbox", True, "can be read again")
        self._box_well = True
        return found

    def _looked(self, _: object) -> None:
        self.look_in_box = True
        self._daemon.wake.set()

    def _instruction(self, payload: bytes, door: Door, now: Moment, *, program: bool = False) -> list[Entry] | None:
        """Carry out one instruction; None while it takes longer. `program`: of one that the ladder runs, which sets nothing up."""
        lives, floor = self._daemon.home.config.times.order_lives, self._daemon.clock.floor
        instruction, late = wire.decode_instruction(payload, self._daemon.home.gateway, now, door, floor=floor, lives=lives)
        if program and instruction.do in LOCAL_ONLY:
            door = Door.PLATFORM
            instruction = replace(instruction, door=door)  # it is refused as what only the technician's page may do
        if of_another_life(instruction, self._daemon.boot):
            late = "left in the home before the power was cut"
        refusal = functools.partial(self._spare, door, Of.REFUSAL, now)
        same = self._daemon.pipeline.repeats(instruction)
        if same is not None and not (self._spare(door, Of.REPEAT, now) if same else refusal()):
            return []
        if same is not None:
            return self._daemon.pipeline.told(instruction, now)
        if self._daemon.resend.other_than(instruction):
            return self._daemon.pipeline.reused(instruction, now) if refusal() else []
        if late:
            return self._daemon.pipeline.refuse(instruction, late, now) if refusal() else []
        if instruction.do is Do.RESEND and door is Door.PLATFORM:
            return self._resend(instruction, now, refusal)
        about = any(alarm.id == instruction.alarm for alarm in self._daemon.pipeline.alarms.values())
        of = Of.ANSWER if about else Of.LOCAL if door is Door.LOCAL else Of.ORDER
        if not self._spare(door, of, now, instruction.alarm):
            return []
        if door is Door.LOCAL and instruction.do in LOCAL_ONLY - {Do.WALK}:
            return self._daemon.technician.told(instruction, now)
        return self._daemon.pipeline.told(instruction, now, refusal)

    def _resend(self, instruction: Instruction, now: Moment, refusal: Callable[[], bool]) -> list[Entry]:
        """Let entries be sent once more, or say why not. The result comes when they are sent."""
        resend = self._daemon.resend
        if resend.is_on(instruction) or not self._spare(Door.PLATFORM, Of.RESEND, now):
            return []
        no = resend.told(instruction)
        return self._daemon.pipeline.answered(no, (), now) if no is not None and refusal() else []

    def spare_word(self, now: Moment) -> bool:
        """Say whether one more change of the platform's word of itself is logged; if not, it is counted."""
        return self._spare(Door.PLATFORM, Of.WORD, now)

    def _spare(self, door: Door, of: Of, now: Moment, alarm: str = "") -> bool:
        spare = self._allowances.spare(door, of, now.mono, alarm)
        if not spare:
            self._no_place(of.name.lower())
        return spare

    def _receipt(self, receipt: wire.Receipt, now: Moment) -> list[Entry]:
        """Take a receipt. One for an earlier journal is for what was carried over of it; one for the future is refused whole.

        All of it is looked at before anything of it is acted upon: what is numbered on the way must be written.
        """
        lineage = self._daemon.lineage
        entries = self._daemon.store.receipted(receipt.journal, receipt.entries)
        batches = receipt.batches if receipt.history == self._daemon.store.readings.name else []
        wrong = ""
        for what, ranges, newest in (
            ("entry", entries, self._daemon.pipeline.last),
            ("batch", batches, self._daemon.store.readings.newest),
        ):
            highest = max((last for _, last in ranges), default=0)
            if highest > newest or any(first > last for first, last in ranges):
                wrong = f"receipt covers {what} {highest}, but the newest is {newest}: nothing of it was taken"
        if wrong and not lineage.differs(receipt.head):
            raise wire.BadMessage(wrong)
        told: list[Entry] = []
        try:
            told = lineage.heard(receipt.head, now)
        except UnlikelyHead as unlikely:
            self.bad_message("receipt", str(unlikely))
        if lineage.conflict is not None:
            return told  # which of two twins it is for nobody knows
        if wrong:
            self.bad_message("receipt", wrong)
            return told
        if self._daemon.technician.attempt is not None:
            self._daemon.technician.attempt.receipted(receipt)
        entries, batches = merged(entries), merged(batches)
        told += self._daemon.uplink.platform_is_there(now) if entries or batches else []
        if batches:
            self._daemon.push.received(batches, batch=True)
            self._daemon.uplink.accept_batches(batches)
        if not entries:
            return told
        self._daemon.untold.receipted(entries)
        self._daemon.push.received(entries, batch=False)
        self._daemon.uplink.accept(entries)
        return told + self._daemon.pipeline.receipted(self._daemon.pipeline.covered(entries), now)

    def from_platform(self, name: str, payload: bytes) -> None:
        """Let a receipt or an instruction wait for the pump. What there is no place for is sent again by the platform."""
        if name == "receipt":
            self._receipts.append(payload)
        elif name == wire.TO_ALL:
            self._platform = payload
        elif len(self._orders) >= ORDERS or self._bytes + len(payload) > BYTES:
            self._no_place("waiting")
        else:
            self._orders.append(payload)
            self._bytes += len(payload)
        self._daemon.wake.set()

    def bad_message(self, name: str, why: str, id_: str = "") -> None:
        """Tell of a message that was refused, by its `id_` where that can be read.

        At most BAD_MESSAGES times an hour: a babbling sender must not fill the journal.
        """
        now = self._daemon.clock.now().mono
        if now - self._bad_since >= 3600:
            self._bad, self._bad_since = 0, now
        self._bad += 1
        if self._bad > BAD_MESSAGES:
            self._no_place(name)
        else:
            said = {"message": name, "why": why[:300], **({"id": id_} if id_ else {})}
            self._daemon.notes.say(kind.BAD_MESSAGE, **said)

    def _begin_of_box(self) -> int:
        """Return after which local instruction to begin. Without a mark what lies there was for an earlier life of the store."""
        if mark := self._daemon.store.marked("inbox"):
            return int(mark)
        with contextlib.suppress(sqlite3.Error, TimeoutError):
            return aside.run(inbox.newest, self._daemon.home.config.page_folder).result(2 * PATIENCE)
        return 0

    def open_waker(self) -> socket.socket | None:
        """Open the socket that wakes us for the local file; without it the file is looked at every few seconds."""
        path = self._daemon.home.config.runtime / "wake"
        waker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        waker.setblocking(False)
        try:
            path.unlink(missing_ok=True)
            waker.bind(str(path))
            path.chmod(0o660)  # the page is of our group
        except OSError as error:
            waker.close()
            LOG.warning("wake-up socket %s: %s; local instructions are looked for every %g s", path, error, LOOK_EVERY)
            return None

        def woken() -> None:
            with contextlib.suppress(BlockingIOError):
                said = waker.recv(64)
                if (seconds := nearby.asked(said)) is not None:
                    self._daemon.ears.open_window(seconds)
                    return
                if (word := inbox.page_word(said)) is not None:
                    self._daemon.attacks.page = word
                    return
            self.look_in_box = True
            self._daemon.wake.set()

        asyncio.get_running_loop().add_reader(waker, woken)
        return waker
