"""What a home lacks to be heard, and to call somebody without the network.

A pure function of the configuration, and the one place for its words: Today, `check`, `status` and
the certificate ask here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

from gateway.home.config import Config
from gateway.judge.dispatch import PROGRAM
from gateway.words.say import Say


class Lack(StrEnum):
    """What a home can lack that no sensor shows."""

    # no alarm makes a sound: an SOS has no grace, so what sounds in the grace alone counts for
    # nothing
    SILENT = "silent"
    NO_RUNG = "no_rung"  # every rung of the ladder goes by the platform, or by a webhook


WORDS: dict[Lack, tuple[str, str]] = {lack: Say(f"lack.{lack}").pair for lack in Lack}


def lacks(config: Config, broken: Collection[str] = ()) -> tuple[Lack, ...]:
    """Return what this home lacks, the worse first; () for one that is heard and calls.

    It calls without the network. `broken` are the programs that are known not to work now: a
    loudspeaker that is not there is heard by nobody.
    """
    out = []
    own = [rung for rung in config.ladder if rung.channel == PROGRAM]
    # a siren reaches nobody, a webhook nobody without network
    alone = [rung for rung in own if not rung.sounds and not rung.online]
    sirens = [(config.sound_alarm, ""), *((r.program, r.responder) for r in own if r.sounds)]
    # of several outputs that one program switches each has a name of its own
    known = ({p[0], f"{p[0]} ({who})"} for p, who in sirens if p)
    if not any(names.isdisjoint(broken) for names in known):
        out.append(Lack.SILENT)
    if not alone:
        out.append(Lack.NO_RUNG)
    return tuple(out)


def told(found: Iterable[str]) -> list[str]:
    """Return a line for each lack, in both languages, as large as a terminal's letters are.

    `found`: values of `Lack`, as status.json has them; unknown ones of a later version are skipped.
    """
    known = [WORDS[Lack(name)] for name in found if name in set(Lack)]
    return [f"!!! {zh}  {en.upper()} !!!" for zh, en in known]
