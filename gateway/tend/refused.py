"""Why an instruction of the technician is not carried out, and the answer that says so."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.home import backup, handed
from gateway.words.instruction import Instruction, Problem, Refused, ResultFact
from gateway.words.instruction import no as refusal
from gateway.words.say import Say


class No(Exception):
    """It is refused, by a fixed word and in a sentence. Nothing has happened."""

    def __init__(self, why: Refused, said: str | Say, /, **values: object) -> None:
        self.why = why
        self.say = said if isinstance(said, Say) else Say(said, **values)
        super().__init__(self.say.en)


REASONS = (No, handed.Rejected, backup.BackupError, OSError)


def refused(i: Instruction, error: Exception, revision: int) -> ResultFact:
    """Return the answer to an instruction that raised this. `revision`: of the household."""
    match error:
        case No():
            found = refusal(i, error.why, error.say)
        case handed.Rejected():
            found = _wrong(i, error.problems)
        case backup.BackupError():
            found = refusal(i, Refused.INVALID, error.say)
        case _:
            why = getattr(error, "strerror", None) or str(error)
            found = refusal(i, Refused.NOT_KEPT, "order.not_kept", why=why)
    return replace(found, revision=revision)


def _wrong(i: Instruction, problems: list[Problem]) -> ResultFact:
    """Return the answer that names what is wrong, field by field; the first 20 of it."""
    shown = problems[:20]
    zh, en = (
        "; ".join(says)[:400] for says in zip(*((p.say.zh, p.say.en) for p in shown), strict=True)
    )
    return ResultFact(i, Refused.INVALID, zh, en, problems=shown)
