"""The password once more, before a backup, an account, the platform or a certificate changes hands.

Whoever holds the phone shows that it is theirs: a phone left on a table, or a session key that was
stolen, is worth no backup. Whoever has typed the password within the last `FRESH` seconds is not
asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.page.accounts import Refusal
from gateway.page.door import refused
from gateway.page.visitor import Visitor

FIELD = "mine"  # of a form; never sent back


def wrong(v: Visitor, said: Mapping[str, str]) -> dict[str, str]:
    """Return {} where the password was typed now or lately; else {FIELD: what is wrong}."""
    assert v.session is not None  # a technician has one
    if v.session.fresh:
        return {}
    typed = said.get(FIELD, "")
    try:
        if not typed:
            return {FIELD: v.words("again.ask")}
        v.page.accounts.prove(v.session, typed, v.source)
    except Refusal as no:
        return {FIELD: refused(v, no)}
    v.session = replace(v.session, fresh=True)
    return {}
