"""The platform's door: receipts, instructions and its word wait here for the pump.

A message that is not understood is refused whole and said, a few times an hour.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from gateway.contract import inward, wire
from gateway.home.home import Home
from gateway.judge.book import Entry
from gateway.judge.faults.untold import Untold
from gateway.judge.pipeline import Pipeline
from gateway.keep.storage import Storage
from gateway.tell.presence import Presence
from gateway.tell.push import Push
from gateway.tell.receipts import Receipts
from gateway.tend.admission import Admission, mistaken
from gateway.tend.lineage import Lineage, UnlikelyHead
from gateway.tend.orders import Orders
from gateway.words.clock import Moment
from gateway.words.instruction import Door
from gateway.words.part import Part
from gateway.words.ranges import merged

LOG = logging.getLogger("eldercare")
# receipts that wait, of wire.LARGEST at most; beyond it the oldest are dropped, and what they are
# for is sent again
RECEIPTS = 100
# instructions that wait; beyond it the newest are refused and counted
ORDERS, BYTES = 200, 1024 * 1024
# taken between two looks at what was heard: a press waits for no more than these
RECEIPTS_A_TURN, ORDERS_A_TURN = 50, 20
# of receipts, as many as one may have: after so many the next receipt waits for the next turn
RANGES_A_TURN = 500


class Mailbox(Part, kw_only=True):
    """What the broker has handed over. On the loop's thread; `entries` is the pump's.

    `wake` is called when something comes.
    """

    home: Home
    orders: Orders
    admission: Admission
    pipeline: Pipeline
    storage: Storage
    lineage: Lineage
    presence: Presence
    receipts: Receipts
    push: Push
    untold: Untold
    wake: Callable[[], None]

    def __post_init__(self) -> None:
        self._told: list[Callable[[wire.Receipt], None]] = []
        self._receipts: deque[bytes] = deque(maxlen=RECEIPTS)
        self._orders: deque[bytes] = deque()
        self._bytes = 0  # of them
        # what the platform said last of itself, until the next turn
        self._platform: bytes | None = None

    def subscribe(self, receipted: Callable[[wire.Receipt], None]) -> Callable[[], None]:
        """Have `receipted` told of each receipt for this journal; return what ends that."""
        self._told.append(receipted)
        return lambda: self._told.remove(receipted)

    @property
    def waiting(self) -> bool:
        """Whether there is something for the next turn."""
        return bool(self._receipts or self._orders) or self._platform is not None

    def from_platform(self, name: str, payload: bytes) -> None:
        """Let a receipt or an instruction wait for the pump.

        The platform sends again what there is no place for.
        """
        if name == "receipt":
            self._receipts.append(payload)
        elif name == wire.TO_ALL:
            self._platform = payload
        elif len(self._orders) >= ORDERS or self._bytes + len(payload) > BYTES:
            self.admission.refuse("waiting")
        else:
            self._orders.append(payload)
            self._bytes += len(payload)
        self.wake()

    def last(self, now: Moment) -> list[Entry]:
        """Carry out what the platform has sent, before the end: it believes that we have it."""
        return self.entries(now) if self._orders else []

    def entries(self, now: Moment) -> list[Entry]:
        """Take what came, so many in a turn; what is heard in the home was judged before."""
        entries = self._says(now)
        ranges = 0
        for _ in range(min(len(self._receipts), RECEIPTS_A_TURN)):
            if ranges >= RANGES_A_TURN or self.receipts.full:
                # nothing is lost: they wait, and what was heard meanwhile is judged before them
                break
            count, told = self._opened(self._receipts.popleft(), now)
            ranges += count
            entries += told
        for _ in range(min(len(self._orders), ORDERS_A_TURN)):
            payload = self._orders.popleft()
            self._bytes -= len(payload)
            entries += self.orders.taken("instruction", payload, Door.PLATFORM, now).entries
        return entries + self.pipeline.noticed(self.admission.flooded(now), now)

    def _says(self, now: Moment) -> list[Entry]:
        if self._platform is None:
            return []
        payload, self._platform = self._platform, None
        try:
            return self.presence.says(inward.decode_platform(payload), now)
        except wire.BadMessage as bad:
            self.admission.bad_message("platform", str(bad))
            return []

    def _opened(self, payload: bytes, now: Moment) -> tuple[int, list[Entry]]:
        """Take one receipt; return how many ranges it has, and the entries it makes."""
        count = 0
        try:
            receipt, wrong = inward.receipt_of(payload, self.home.gateway)
            count = len(receipt.entries) + len(receipt.batches)
            if wrong:
                self.admission.bad_message("receipt", wrong)
            return count, self._receipt(receipt, now)
        except wire.BadMessage as bad:
            self.admission.bad_message("receipt", str(bad))
        except Exception as mistake:  # of ours: it must not end the guarding
            if self.admission.tells:
                LOG.exception("receipt could not be taken")
            self.admission.bad_message("receipt", mistaken(mistake))
        return count, []

    def _receipt(self, receipt: wire.Receipt, now: Moment) -> list[Entry]:
        """Take a receipt; one for the future is refused whole.

        One for an earlier journal is for what was carried over of it.

        All of it is looked at before anything of it is acted upon: what is numbered on the way must
        be written.
        """
        lineage, readings = self.lineage, self.storage.store.readings
        entries = self.storage.store.entries.receipted(receipt.journal, receipt.entries)
        batches = receipt.batches if receipt.history == readings.name else []
        wrong = ""
        for what, ranges, newest in (
            ("entry", entries, self.pipeline.last),
            ("batch", batches, readings.newest),
        ):
            highest = max((last for _, last in ranges), default=0)
            if highest > newest or any(first > last for first, last in ranges):
                wrong = (
                    f"receipt covers {what} {highest}, but the newest is {newest}: "
                    "nothing of it was taken"
                )
        if wrong and not lineage.differs(receipt.head):
            raise wire.BadMessage(wrong)
        told: list[Entry] = []
        try:
            told = lineage.heard(receipt.head, now)
        except UnlikelyHead as unlikely:
            self.admission.bad_message("receipt", str(unlikely))
        if lineage.conflict is not None:
            return told  # which of two twins it is for nobody knows
        if wrong:
            self.admission.bad_message("receipt", wrong)
            return told
        for told_of in self._told:
            told_of(receipt)
        entries, batches = merged(entries), merged(batches)
        told += self.presence.proved(now) if entries or batches else []
        if batches:
            self.push.received(batches, batch=True)
            self.receipts.add(batches=batches)
        if not entries:
            return told
        self.untold.receipted(entries)
        self.push.received(entries, batch=False)
        self.receipts.add(entries=entries)
        return told + self.pipeline.receipted(self.pipeline.covered(entries), now)
