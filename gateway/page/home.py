"""Home: the household's number and place, who lives there, rooms, and what may be kept."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.home import household, signatures, values
from gateway.home.handed import Handed, Rejected
from gateway.home.parts import Agreed
from gateway.home.signatures import unagreed
from gateway.page.acts import whole
from gateway.page.both import Row
from gateway.page.change import Answer, Form, configure, current, drawn
from gateway.page.en import EN
from gateway.page.family import ended
from gateway.page.steps import asked, onward
from gateway.page.visitor import Fields, Technician, Visitor, checked
from gateway.page.zh import ZH
from gateway.words.consent import ASKED, FAMILY
from gateway.words.instruction import What
from gateway.words.wide import visible

router = APIRouter()
ROOMS: Final = tuple(name for name in EN if name.startswith("room."))
CONSENT: Final = ASKED
WHO: Final = ("resident", "representative")
NAME: Final = 40  # characters of a name
# A box is set up where it will stand: these are offered, and whatever it has already.
ZONES: Final = (
    "Asia/Shanghai",
    "Asia/Urumqi",
    "Asia/Hong_Kong",
    "Asia/Taipei",
    "Asia/Singapore",
    "Europe/Berlin",
    "Europe/London",
    "UTC",
)
DAYS: Final = ("history_days", "journal_days")


def suggested(v: Visitor, rooms: list[str]) -> list[str]:
    """Return the home's rooms, then the usual ones that it does not have in either language."""
    return rooms + [
        v.words(name) for name in ROOMS if ZH[name] not in rooms and EN[name] not in rooms
    ]


@router.get("/home")
def home(v: Technician) -> Response:
    """Show the home as it is set."""
    return _home(v)


@router.post("/home/household")
async def number(v: Technician, said: Fields) -> Response:
    """Set the household's number, place, number of residents, and night."""
    checked(v, said)
    value: dict[str, Any] = {"number": said.get("number", "").strip()}
    value |= {name: said[name].strip() for name in ("area", "cell") if name in said}
    for name in ("residents", "visits"):
        if name in said:
            value[name] = whole(said[name].strip() or "0")
    if "timezone" in said:
        value["timezone"] = said["timezone"].strip()
    if "night_from" in said or "night_to" in said:
        value["night"] = [said.get("night_from", "")[:5], said.get("night_to", "")[:5]]
    answer = await configure(v, said, What.SET_HOUSEHOLD, value)
    if "night" in answer.fields:
        answer.fields["night_from"] = answer.fields["night"]
    return await _done(v, "household", said, answer)


@router.post("/home/rooms")
async def rooms(v: Technician, said: Fields) -> Response:
    """Set the rooms: those that are ticked, and those that were typed."""
    checked(v, said)
    chosen = [
        text.strip() for name, text in said.items() if name.startswith("room-") and text.strip()
    ]
    typed = [
        text.strip()
        for text in said.get("more", "").replace("\uff0c", ",").replace("\u3001", ",").split(",")
        if text.strip()
    ]
    value = {"rooms": list(dict.fromkeys(chosen + typed))}
    return await _done(v, "rooms", said, await configure(v, said, What.SET_ROOMS, value))


@router.post("/home/consent")
async def consent(v: Technician, said: Fields) -> Response:
    """Set what the resident lets us keep and push, for how long, and who agreed to it."""
    checked(v, said)
    value: dict[str, Any] = {name: bool(said.get(name)) for name in CONSENT}
    wrong = {}
    for name in DAYS:
        count = whole(said.get(name, "").strip())
        if count >= 0:
            value[name] = float(count)
        else:
            wrong[name] = v.words("wrong.days")
    agreed = _agreed(v, said, wrong)
    facts = household.shown(await run_in_threadpool(current, v))["consent"]
    more = any(value[n] and not facts[n] for n in CONSENT) or any(
        value.get(n, 0) > facts[n] for n in DAYS
    )
    if more and agreed is None and not wrong and _fits(value):
        wrong["who"] = v.words("wrong.who")
    given = Handed(agreed=agreed) if agreed is not None else None
    answer = (
        Answer(fields=wrong) if wrong else await configure(v, said, What.SET_CONSENT, value, given)
    )
    return await _done(v, "consent", said, answer)


def _fits(value: dict[str, Any]) -> bool:
    """Say whether a value is within its bounds; what is not is told with them."""
    try:
        values.read(What.SET_CONSENT, value)
    except Rejected:
        return False
    return True


def _agreed(v: Visitor, said: dict[str, str], wrong: dict[str, str]) -> Agreed | None:
    """Return who agreed, None where nobody is said to; what is wrong goes beside its field."""
    name = visible(said.get("name", ""))
    if said.pop("drawn", "") and not said.get("strokes"):
        wrong["strokes"] = v.words("wrong.sign_again")
        return None
    if not (said.get("who") or name or said.get("strokes")):
        return None
    if said.get("who") not in WHO:
        wrong["who"] = v.words("wrong.who")
        return None
    try:
        strokes = json.loads(said["strokes"]) if said.get("strokes") else []
        agreed = msgspec.convert({"who": said["who"], "name": name, "strokes": strokes}, Agreed)
        problem = unagreed(agreed)
    except (ValueError, RecursionError, msgspec.ValidationError):
        wrong["name" if len(name) > NAME else "strokes"] = v.words("wrong.agreed")
        return None
    if problem is not None:
        wrong[problem.field] = v.words.told(problem.say)
    return agreed


async def _done(v: Visitor, name: str, said: dict[str, str], answer: Answer) -> Response:
    if answer.accepted:
        await run_in_threadpool(ended, v.page)  # at once, where relatives may look no more
        config, known = v.page.config, v.page.known
        on = await run_in_threadpool(onward, config, known, "home", said.get("go", ""))
        if not on and said.get("go") == "on" and not asked(config):
            name = "consent"  # what this step still lacks
        return RedirectResponse(on or f"/home?saved=1#{name}", 303)
    if said.pop("strokes", ""):  # it is not drawn again by the page, and no paper by itself
        answer.fields.setdefault("strokes", v.words("wrong.sign_again"))
        said["drawn"] = "1"
    return await run_in_threadpool(_home, v, 409 if answer.moved else 422, Form(name, said, answer))


def _home(v: Visitor, status: int = 200, form: Form | None = None) -> Response:
    config = current(v)
    facts = household.shown(config)
    form = form or Form()
    ticked = (
        [text for name, text in form.typed.items() if name.startswith("room-") and text.strip()]
        if form.name == "rooms"
        else facts["rooms"]
    )
    offered = list(dict.fromkeys([*suggested(v, facts["rooms"]), *ticked]))
    if form.name == "rooms" and form.answer.moved:
        comma = v.words.pair("\u3001", ", ")
        more = [text for text in form.typed.get("more", "").split(",") if text.strip()]
        form.both = [
            Row(v.words("home.rooms"), comma.join(facts["rooms"]), comma.join([*ticked, *more]))
        ]
    lived = {d.room for d in config.devices}
    return drawn(
        v,
        "home.html",
        status,
        form,
        set=facts,
        rooms=[(r, r in ticked, r in lived) for r in offered],
        consents=[name for name in CONSENT if name != FAMILY],
        agreed=config.household.agreed,
        drawing=signatures.drawn(config.household.agreed.strokes)
        if config.household.agreed
        else "",
        asked=asked(config),
        whos=WHO,
        pad=(signatures.WIDE, signatures.HIGH, signatures.STROKES),
        days=DAYS,
        zones=tuple(dict.fromkeys([facts["household"]["timezone"], *ZONES])),
        saved="saved" in v.request.query_params,
        now=v.page.known.now(v.page.known.status()),
    )
