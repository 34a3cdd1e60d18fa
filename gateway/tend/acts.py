"""What the home and its programs do, now that an entry is on disk."""

from __future__ import annotations

from gateway.hear.intake import Intake
from gateway.home.home import Home
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.untold import Untold
from gateway.keep.storage import Storage
from gateway.sms.family import WEEK
from gateway.tell import family
from gateway.tell.callers import Callers
from gateway.tell.platform_test import is_call
from gateway.tell.push import Push
from gateway.tell.receipts import Receipts
from gateway.tell.uplink import Uplink
from gateway.words import kind as kinds
from gateway.words.clock import Clock
from gateway.words.instruction import Do, Door, Refused, ResultFact
from gateway.words.part import Part


class Acts(Part, kw_only=True):
    """A witness of the pump, in its task: what the home does about an entry that is on disk.

    It lets programs sound and call, and a confirmed device prove itself.
    """

    home: Home
    clock: Clock
    intake: Intake
    uplink: Uplink
    untold: Untold
    callers: Callers

    def committed(self, entry: Entry) -> None:
        """Take an entry that is on disk."""
        fact, config = entry.fact, self.home.config
        if isinstance(fact, ResultFact) and _confirmed_here(fact):
            self.intake.arm(fact.instruction.device, config.times.confirm_window)
        if is_call(entry):
            self.uplink.called()
        if isinstance(fact, FaultFact):
            self.untold.written(fact, entry.number, self.clock.now())
            if fact.kind == kinds.REQUEST and not fact.test:
                self.callers.confirm(fact, entry.number, config)
            elif fact.kind == kinds.ASKED:
                self.callers.question(fact, entry.number, config)
            elif fact.kind == kinds.ANSWER:
                self.callers.answered()
            elif fact.kind == kinds.FAMILY_WORD and family.agreed(config):
                told = family.of_week(fact, config)
                self.callers.inform(WEEK, entry.number, fact.since, told, config)
        if isinstance(fact, AlarmFact):
            self.callers.follow(entry, fact, config)
            if family.agreed(config) and (news := family.news(fact, config)):
                told = family.of_alarm(fact.alarm, config)
                self.callers.inform(news, entry.number, fact.alarm.since, told, config)


def _confirmed_here(fact: ResultFact) -> bool:
    return (
        fact.instruction.do is Do.CONFIRM
        and fact.instruction.door is Door.LOCAL
        and fact.refused is Refused.NONE
    )


async def another(
    storage: Storage, receipts: Receipts, push: Push, uplink: Uplink, why: str
) -> None:
    """Go on with another journal; the platform shall know of it before its first entry."""
    receipts.forget()
    push.use(storage.store)
    await uplink.tell_status(why)
