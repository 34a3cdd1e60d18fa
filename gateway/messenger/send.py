"""`eldercare-messenger --to TARGET`: inform a person or a group by messenger or mail.

It follows the contract of an alarm's programs (docs/alarms.md): what happened stands in its
environment, it ends by itself, and its exit code says what is wrong with the channel. What it says
is what an SMS says, without a code: nobody answers by it. With `test` as the last word it sends
nothing, and sees whether apprise is installed and the service is there; where somebody stands
there and reads what comes of it, it sends a message that is marked as a drill.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway.box.private import NotSetUp
from gateway.messenger import targets
from gateway.messenger.deliver import Delivered, delivered, reached
from gateway.messenger.targets import Language, Target
from gateway.messenger.waits import WAITS
from gateway.sms import family
from gateway.sms.text import Told, composed, heading
from gateway.words.say import Say

MESSENGERS: Final = Path("/etc/eldercare-gateway") / targets.FILE
STATE: Final = Path("/var/lib/eldercare-gateway")
TITLE_MOST: Final = 40  # letters of a relative's text in a mail's subject
DONE, FAILED, NO_NETWORK, NOT_SET_UP = 0, 1, 12, 14


def words(environment: Mapping[str, str], language: Language) -> tuple[str, str]:
    """Return title and text of what an alarm's environment tells."""
    if environment.get("ELDERCARE_REASON", "").startswith(family.PREFIX):
        # a relative who is informed: neither kind nor room, in the subject of a mail neither
        told = family.of(environment, "", language)
        return told[:TITLE_MOST], told
    what = Told(
        kind=environment.get("ELDERCARE_KIND", ""),
        reason=environment.get("ELDERCARE_REASON", ""),
        home=environment.get("ELDERCARE_HOME", ""),
        room=environment.get("ELDERCARE_ROOM", ""),
        since=environment.get("ELDERCARE_SINCE", ""),
        test=environment.get("ELDERCARE_TEST") == "1",
        on_site=environment.get("ELDERCARE_STATE") == "on_site",
    )
    return heading(what, language).strip(), composed(what, "", language)


def informed(target: Target, title: str, text: str, whole: float) -> Delivered:
    """Send until it is taken, or no time or sense in trying again. Raises NotSetUp."""
    # a title of its own has mail alone; elsewhere it would stand there twice
    title = title if targets.scheme_of(target.url) in targets.MAIL else ""
    end, pause = time.monotonic() + whole, WAITS.again
    while True:
        left = end - time.monotonic()
        came = delivered(target.url, title, text, max(0.1, min(WAITS.attempt, left)))
        if came.ok or not came.again or time.monotonic() + pause >= end:
            return came
        time.sleep(pause)
        pause *= 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Inform one target; return the exit code of the contract."""
    parser = argparse.ArgumentParser(prog="eldercare-messenger", description=__doc__)
    parser.add_argument("--to", required=True)
    parser.add_argument("--messengers", type=Path, default=MESSENGERS)
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--anew")  # of the ladder: another address is another call
    parser.add_argument("word", nargs="?", choices=("test",))
    asked = parser.parse_args(arguments)
    with contextlib.suppress(OSError, ValueError):  # the address is in its memory
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        target = targets.one(asked.to, asked.state / targets.OWN_FILE, asked.messengers)
        came = _done(target, asked.word)
    except NotSetUp as why:
        print(why, file=sys.stderr)
        return NOT_SET_UP
    if came.ok:
        return DONE
    # a line in each language: the page shows its own
    print(came.why.zh, came.why.en, sep="\n", file=sys.stderr)
    if came.wrong:
        return NOT_SET_UP
    return NO_NETWORK if came.no_network else FAILED


def _done(target: Target, word: str | None) -> Delivered:
    if word and not os.environ.get("ELDERCARE_SAYS"):
        return reached(target.url, WAITS.attempt)
    title, text = words(os.environ, target.language)
    if word:
        text = title = getattr(Say("messenger.self"), target.language)
    return informed(target, title, text, WAITS.whole_test if word else WAITS.whole)


if __name__ == "__main__":
    raise SystemExit(main())
