"""`eldercare-webhook --to TARGET`: tell a webhook of an alarm, as a program of the ladder.

It follows the contract of such programs (docs/alarms.md): what happened stands in its
environment, it ends by itself, and its exit code says what is wrong with the channel. The standard
library does it all. An answer with 2xx that names the entry is the receipt; until it comes the
message is sent again under the same id, with waits that double. With `test` as the last word a
`gateway.test` is sent, which calls nobody.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.box.private import NotSetUp
from gateway.hook import targets
from gateway.hook.answer import ONCE, Answered
from gateway.hook.post import post
from gateway.hook.targets import Target
from gateway.hook.waits import WAITS
from gateway.sms import family
from gateway.sms.text import Told, composed
from gateway.words.say import Say

HOOKS: Final = Path("/etc/eldercare-gateway") / targets.FILE
STATE: Final = Path("/var/lib/eldercare-gateway")
DONE, FAILED, NOT_SET_UP, OFFLINE = 0, 1, 14, 17
_FACTS: Final = ("ALARM", "KIND", "ROOM", "STATE", "REASON", "HOME", "SINCE")


def message(environment: Mapping[str, str], *, test: bool, at: datetime) -> tuple[str, bytes]:
    """Return the id of what is sent, and its bytes; a test is marked as one in its words too."""
    said = {word.lower(): environment.get(f"ELDERCARE_{word}", "") for word in _FACTS}
    name = environment.get("ELDERCARE_ENTRY", "") or f"{said['alarm'] or 'test'}-{at:%Y%m%dT%H%M%S}"
    informs = said["reason"].startswith(family.PREFIX)
    kind = "gateway.test" if test else "family.told" if informs else "alarm.call"
    drill = environment.get("ELDERCARE_TEST") == "1"
    # `once` is nobody's to say back: an answer that has it only repeats what was sent
    once = secrets.token_hex(ONCE // 2)
    data = {
        "v": 1,
        "once": once,
        "entry": name,
        **said,
        "test": drill or test,
        "text": _text(said, test, drill),
    }
    body = {"type": kind, "timestamp": at.isoformat(timespec="seconds"), "data": data}
    return name, json.dumps(body, ensure_ascii=False).encode()


def _text(said: Mapping[str, str], test: bool, drill: bool) -> Mapping[str, str]:
    """Return what a bridge passes on to people, in both languages, as an SMS says it."""
    if test:
        zh, en = Say("hook.self").pair
        return {"zh": zh, "en": en}
    if said["reason"].startswith(family.PREFIX):
        home = said["home"]
        return {"zh": family.of(os.environ, home, "zh"), "en": family.of(os.environ, home, "en")}
    what = Told(
        kind=said["kind"],
        reason=said["reason"],
        home=said["home"],
        room=said["room"],
        since=said["since"],
        test=drill,
        on_site=said["state"] == "on_site",
    )
    return {"zh": composed(what, "", "zh"), "en": composed(what, "", "en")}


def told(target: Target, name: str, body: bytes, whole: float) -> Answered:
    """Send until there is a receipt, or no time or sense in trying again. Raises NotSetUp."""
    end, pause = time.monotonic() + whole, WAITS.again
    while True:
        left = end - time.monotonic()
        answer = post(target, name, body, max(0.1, min(WAITS.attempt, left)))
        rest = max(pause, answer.after)
        if answer.receipt or not answer.again or time.monotonic() + rest >= end:
            return answer
        time.sleep(rest)
        pause *= 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell one target; return the exit code of the contract."""
    parser = argparse.ArgumentParser(prog="eldercare-webhook", description=__doc__)
    parser.add_argument("--to", required=True)
    parser.add_argument("--hooks", type=Path, default=HOOKS)
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--anew")  # of the ladder: another address is another call
    parser.add_argument("word", nargs="?", choices=("test",))
    asked = parser.parse_args(arguments)
    with contextlib.suppress(OSError, ValueError):  # the key is in its memory
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    test = asked.word == "test"
    name, body = message(os.environ, test=test, at=datetime.now(UTC))
    try:
        target = targets.one(asked.to, asked.state / targets.OWN_FILE, asked.hooks)
        answer = told(target, name, body, WAITS.whole_test if test else WAITS.whole)
    except NotSetUp as why:
        print(why, file=sys.stderr)
        return NOT_SET_UP
    if answer.receipt:
        return DONE
    # a line in each language: the page shows its own
    print(answer.why.zh, answer.why.en, sep="\n", file=sys.stderr)
    if answer.wrong:
        return NOT_SET_UP
    return OFFLINE if answer.no_network else FAILED


if __name__ == "__main__":
    raise SystemExit(main())
