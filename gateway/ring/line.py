"""Telephone calls over D-Bus: the interfaces Voice and Call of ModemManager 1.20.

Names, signatures and enumerations as in `sms.modem`; the keys of `CreateCall` are libmm-glib's.
No sound is taken from a call or put into it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dbus_fast import Variant

from gateway.ring.waits import WAITS
from gateway.sms.modem import SERVICE, VOICE, ModemManager

CALL: Final = f"{SERVICE}.Call"
# MMCallState, MMCallStateReason, MMCallDirection
DIALING, RINGING_OUT, RINGING_IN, ACTIVE, HELD, WAITING, TERMINATED = 1, 2, 3, 4, 5, 6, 7
STARTED, ACCEPTED, BUSY = 1, 3, 5
INCOMING, OUTGOING = 1, 2


class Call(NamedTuple):
    """How one call stands. `number` is "" where nobody knows it: withheld, or not yet told."""

    state: int
    reason: int
    direction: int
    number: str

    @property
    def goes_on(self) -> bool:
        """True while it rings, waits or talks."""
        return DIALING <= self.state < TERMINATED


async def create(manager: ModemManager, modem: str, number: str) -> str:
    """Make a call to be started; return its path. Raises Trouble."""
    facts = {"number": Variant("s", number)}
    (path,) = await manager.ask(modem, VOICE, "CreateCall", "a{sv}", [facts])
    return str(path)


async def start(manager: ModemManager, call: str) -> None:
    """Start a call. Some modems return only once it was answered. Raises Trouble."""
    await manager.ask(call, CALL, "Start", longest=WAITS.connect + WAITS.ring)


async def hang_up(manager: ModemManager, call: str) -> None:
    """End a call, or refuse it. Raises Trouble."""
    await manager.ask(call, CALL, "Hangup", longest=WAITS.hang_up)


async def forget(manager: ModemManager, modem: str, call: str) -> None:
    """Delete a call. Raises Trouble."""
    await manager.ask(modem, VOICE, "DeleteCall", "o", [call], longest=WAITS.hang_up)


async def look(manager: ModemManager, call: str) -> Call:
    """Return how a call stands. Raises Trouble."""
    facts = await manager.facts(call, CALL)
    state, reason, way = (int(facts.get(n, 0)) for n in ("State", "StateReason", "Direction"))
    return Call(state, reason, way, str(facts.get("Number", ""))[:40])
