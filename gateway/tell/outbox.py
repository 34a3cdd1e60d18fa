"""What is pushed, where it waits and what carries it: forms that push and all who send share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from gateway.words.say import Failed, Say

GONE = Say("link.gone")
# ranks of what is P1 or P2; the rank of all else is its priority
RAISES, STANDS, URGENT = 0, 1, 2


class Message(Protocol):
    """What is pushed: an entry of the journal or a batch of readings."""

    @property
    def priority(self) -> int:
        """How urgent it is, as `words.kind.Priority`."""

    @property
    def number(self) -> int:
        """Its number: entries and batches are numbered apart."""

    @property
    def name(self) -> str:
        """The last word of its topic."""

    @property
    def payload(self) -> bytes:
        """Its bytes on the wire."""

    @property
    def batch(self) -> bool:
        """Whether it is a batch of readings."""

    @property
    def raises(self) -> bool:
        """Whether it says that somebody calls for help, at P1 or P2, and not how that went on."""


class Outbox(Protocol):
    """The store's side of pushing."""

    async def standing(self, limit: int) -> Sequence[Message]:
        """Return the newest entry without receipt of each open alarm, the newest alarm first."""

    async def waiting(self, after: tuple[int, int], limit: int) -> Sequence[Message]:
        """Return entries without receipt, by (priority, number), that come after this one."""

    async def waiting_batches(self, after: int, limit: int) -> Sequence[Message]:
        """Return batches of readings without receipt that come after this number."""

    async def again(self, numbers: Iterable[int], *, batch: bool) -> Sequence[Message]:
        """Return those of these numbers that have no receipt yet."""


class Sender(Protocol):
    """The way to the broker."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return when the broker has the message. Raises Lost or NotTaken."""


class Lost(Failed):
    """The link is not there, or ended during a publish. What was being sent stays in the outbox."""

    def __init__(self, say: Say = GONE) -> None:
        super().__init__(say)


class NotTaken(Failed):
    """The broker refuses this one message; the link is well.

    The message is tried again as if it had no receipt.
    """

    def __init__(self, say: Say = GONE) -> None:
        super().__init__(say)


class Place(NamedTuple):
    """Where a message stands among others: the lowest goes first."""

    rank: int
    priority: int
    turn: int


class Key(NamedTuple):
    """Names a message: entries and batches are numbered apart."""

    batch: bool
    number: int


def key_of(message: Message) -> Key:
    """Return what names a message."""
    return Key(message.batch, message.number)


def place_of(message: Message) -> Place:
    """Return where a message stands that is not told as the standing of an alarm."""
    if message.raises:
        return Place(RAISES, message.priority, -message.number)
    return Place(max(URGENT, message.priority), message.priority, message.number)
