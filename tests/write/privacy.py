"""Writes docs/privacy.md: what leaves the home, from the schemas of the contract, and the ten lines for a family, from the page's words.

`python -m tests.write.manual` writes it with the tables of the manual; a test fails where the file says otherwise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.contract import schemas, wire
from gateway.home.parts import ConsentPart, GatewayPart
from gateway.page.en import EN
from gateway.page.zh import ZH

FILE = Path(__file__).parents[2] / "docs" / "privacy.md"
LINES = 10
OUTWARD = [name for name in wire.EVERY_MESSAGE if name not in wire.TO_GATEWAY]
# Fields in which people write as they like, or that carry their names: what they type is what leaves.
BY_PEOPLE = {"by", "reason", "responder", "state_by", "state_reason", "room", "detail", "zh", "en", "household", "area", "cell"}
_DAYS = {"history": round(GatewayPart().history_days), "journal": round(GatewayPart().journal_days)}


def lines(words: dict[str, str]) -> list[str]:
    """Return the ten lines in one language, with the days of retention as shipped."""
    return [words[f"privacy.{n}"].format(**_DAYS) for n in range(1, LINES + 1)]


def parts(schema: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return {type: {field: what it says}} of one message, the message itself first."""
    out = {"": {name: str(what.get("description", "")) for name, what in schema["properties"].items()}}
    for name, part in schema.get("$defs", {}).items():
        if "properties" in part:
            out[name] = {field: str(what.get("description", "")) for field, what in part["properties"].items()}
    return out


def written() -> str:
    """Return the whole document."""
    out = [
        "# 隐私 Privacy",
        "",
        "Written by `python -m tests.write.manual` from the page's words and the contract's schemas; a test holds it to both.",
        "",
        f"## {ZH['privacy.title']}",
        "",
        *(f"{n}. {line}" for n, line in enumerate(lines(ZH), 1)),
        "",
        f"## {EN['privacy.title']}",
        "",
        *(f"{n}. {line}" for n, line in enumerate(lines(EN), 1)),
        "",
        "These lines stand on the page *Household* too, with the days that hold there.",
        "",
        "## What leaves the home",
        "",
        "All of it, field by field. Nothing else is sent: the gateway opens no connection but the one to the platform's broker (and, where",
        "configured, to the brokers of other programs in the home, to which it says nothing). The page answers whoever is signed in; where a technician has turned",
        "it on, it sends kind and home number of an alarm, sealed for that technician's browser, to the push service of its maker, which learns when, and the address of the home's line. Programs of the box's",
        "own folder that the ladder runs (a siren, a modem) are told what stands in `gateway/tell/callers.py`: what they do with it is theirs. `eldercare-sms` sends to the called person's number what the",
        "home is called, the kind, the room and the time, by the mobile network; `eldercare-ring` rings it and says nothing. `eldercare-webhook`, where a rung of the ladder is one, sends the",
        "same with number and state of the alarm over HTTPS to the address that was set, of every alarm in which it is that rung's turn. `eldercare-messenger`, where a rung is one, sends what the SMS says to",
        "the messenger or mail server whose address was set: no name, no number, no reading; who runs that service can read it.",
        "",
        f"Consent ({', '.join(ConsentPart.__struct_fields__[:3])}) withholds routine readings of that class from `readings` and from the box's own",
        "history; all of them are no until somebody was asked. `gateway/words/consent.py` says which class each kind of reading has. What waits when consent is",
        "withdrawn is deleted and never sent. An alarm carries the few readings it rests on, whatever was agreed to. Without",
        "consent to activity it is not told either that somebody is out with the pendant: only, after `pendant_out`, that the pendant is not heard.",
        "Nor is it told by which doors and rooms an absence has ended: only that, and in how many rooms somebody was.",
        "",
        "A photograph of where a device hangs, which a technician may take, is no part of any of this. The page keeps it (`page/photos/`, 0600, at most 64 of at most",
        "60 kB), shows it to technicians and prints it behind the certificate. It is not pushed and stands in no backup, bundle, log, journal or topic. The phone draws it anew",
        "before it is sent, and the page keeps nothing of a JPEG but the picture: no place, time or maker. It is deleted when its device cannot come back any more, when",
        "the journal's days are over, when a technician deletes it, and with the home.",
        "",
        "What a relative has recorded in the place of a phrase (at most 37 phrases of at most 8 s) is personal data of whoever speaks. The daemon keeps it (`voice/`, 0600) and plays",
        "it, and nobody else reads it: the page hands it over and forgets it, it is not pushed, and stands in no backup, bundle, log, journal, topic or certificate; the journal says which phrase",
        "was changed, by which technician. It is deleted when the shipped phrase is chosen again, and with the home; a box that becomes another home's deletes it first.",
        "",
        "A technician's phone keeps of a form that was not saved: ticks and choices (names of rooms among them), figures, times, the platform's host and port, a sensor's id,",
        "address and pins; in clear, in the browser. It keeps no name, household number, area, note, reason, telephone number, account or secret, and nothing of what is done about an",
        "alarm. It is deleted when the form is saved or forgotten, all of it by *Sign out*, and by the first page of the gateway that this phone opens a day later; a phone that opens none keeps it.",
        "",
        f"Fields in which people write, so that names can stand in them: {', '.join(f'`{n}`' for n in sorted(BY_PEOPLE))}.",
        "`detail` of a fault holds figures and fixed words; of a signed certificate its document: the technician's name and signature, and what rooms and devices are called; of a visit by a badge whose badge it is, as the ladder calls that person.",
    ]
    told: dict[str, dict[str, str]] = {}
    for name in OUTWARD:
        found = parts(schemas.described()[name])
        out += ["", f"### `{name}`", ""]
        out += [f"* `{field}`: {words}" for field, words in found.pop("").items()]
        told |= found
    for name, fields in told.items():
        out += ["", f"### within these: {name}", "", *(f"* `{field}`: {words}" for field, words in fields.items())]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
