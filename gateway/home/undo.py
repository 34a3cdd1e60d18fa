"""The last change taken back: what held before is kept for a while, in the daemon's memory alone.

So a device that was retired comes back with its key, its rules and what its counters had reached.
A restart forgets it, and what deletes readings or hands over the platform is not kept at all. A
webhook's signing key that was made anew stays the new one: whoever had the former must not have it
back by a press of *Undo*.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from gateway.home import changes
from gateway.home.config import Config, composed
from gateway.home.parts import Household, HouseholdSecrets
from gateway.home.waits import WAITS
from gateway.words.driver import Model
from gateway.words.instruction import Instruction, What

KEPT = frozenset(
    {
        What.RETIRE_DEVICE,
        What.SET_LADDER,
        What.SET_RULES,
        What.SET_DANGERS,
        What.SET_TIMES,
        What.SET_ROOMS,
        What.SET_HOUSEHOLD,
        What.SET_SOUND,
        What.SET_SILENCE,
    }
)
UNDONE = "undone"  # first of the names of what was changed
ONLY_KEYS = ("ladder.hooks",)  # the names where keys were made anew and nothing else is another
Memories = Mapping[str, Mapping[str, int | str]]


class Before(Struct, frozen=True, kw_only=True):
    """What held before a change that made `revision`; `until` is monotonic.

    `memories`: of the drivers of devices that went.
    """

    revision: int
    household: Household
    own: HouseholdSecrets
    until: float
    memories: Memories


def kept(
    before: Config, after: Config, what: What, mono: float, memories: Memories
) -> Before | None:
    """Return what is kept of the home before this change, None where it cannot be undone."""
    if what not in KEPT or after is before or after.household.changed == ONLY_KEYS:
        return None
    return Before(
        revision=after.household.revision,
        household=before.household,
        own=before.secrets,
        until=mono + WAITS.undo,
        memories=memories,
    )


def undone(
    config: Config,
    before: Before | None,
    models: Mapping[str, Model],
    i: Instruction,
    at: str,
    mono: float,
) -> Config | None:
    """Return the configuration as it was before the last change, None where that is not kept.

    Nothing is written.
    """
    if before is None or before.revision != i.revision or mono > before.until:
        return None
    revision, token = config.household.revision + 1, secrets.token_hex(8)
    own = _void(before.own, config.secrets, revision, token)
    home = replace(
        before.household,
        revision=revision,
        token=token,
        instruction=i.id,
        by=i.by,
        at=at,
        changed=(UNDONE, *config.household.changed)[: changes.KEYS],
    )
    return composed(config.source, models, home, own)


def _void(
    own: HouseholdSecrets, now: HouseholdSecrets, revision: int, token: str
) -> HouseholdSecrets:
    """Return former secrets without the keys that were made void: an address has the key of now."""
    new = {
        name: replace(hook, secret=now.hooks[name].secret)
        if name in now.hooks and now.hooks[name].url == hook.url
        else hook
        for name, hook in own.hooks.items()
    }
    return replace(own, hooks=new, revision=revision, token=token)
