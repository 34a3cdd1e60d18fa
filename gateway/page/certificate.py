"""The certificate of commissioning: document, signature, printed sheet, and all earlier ones.

A sheet is drawn from the kept document and its signature alone: printed again years later it says
the same. What only the paper needs, the resident's name and the street, is typed in the browser and
never comes here.
"""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract.orders import Commissioned
from gateway.home import certificates, signatures
from gateway.home.handed import Handed
from gateway.home.parts import Agreed, Signature, Signing
from gateway.judge.silence.wishes import OFF
from gateway.page import photos, sheets
from gateway.page.change import Answer, Form, current, drawn, left
from gateway.page.known import seconds
from gateway.page.steps import stands as standing
from gateway.page.visitor import Fields, Reader, Stop, Technician, Visitor, checked
from gateway.page.walk import tested
from gateway.page.words import Words
from gateway.words.consent import ASKED
from gateway.words.kind import Priority
from gateway.words.times import TABLE

router = APIRouter()
EARLIER = 30  # certificates in the list
# The times that stand on each sheet; of all others only those that are not the standard.
TIMES: Final = (
    "grace_fall",
    "receipt",
    "acknowledge_p1",
    "dispatch_p1",
    "on_site_p1",
    "rung",
    "repeat",
)
STANDARD: Final = {name: float(line.default) for name, line in TABLE.items()}
STANDARD_2: Final = STANDARD | {
    "radio_deaf": 120.0,
    "uplink_lost": 180.0,
}  # when sheets of form 2 and earlier were drawn
IN_CHINESE: Final = {name: line.zh for name, line in TABLE.items()}
FIX: Final = {
    "device": "/walk",
    "step": "/walk",
    "platform": "/test",
    "home": "/sensors/add",
    "fault": "/",
    "tls": "/platform",
}


@router.get("/certificate")
def first(v: Reader) -> Response:
    """Show what would be signed now, the field to sign in, and what has been signed."""
    return _stands(v)


@router.post("/certificate")
async def sign(v: Technician, said: Fields) -> Response:
    """Leave the signature for the gateway."""
    checked(v, said)
    typed = {name: text for name, text in said.items() if name in {"typed", "push"}}
    try:
        strokes = json.loads(said["strokes"]) if said.get("strokes") else []
        signature = msgspec.convert(
            {"how": "drawn", "strokes": strokes}
            if strokes
            else {"how": "typed", "name": said.get("typed", "").strip()},
            Signature,
        )
        signing = Signing(
            seen=said.get("seen", "")[:64], signature=signature, push=bool(said.get("push"))
        )
    except (ValueError, RecursionError, msgspec.ValidationError):
        wrong = Answer(fields={"strokes": v.words("cert.pad")})
        return await run_in_threadpool(_stands, v, 422, Form("sign", typed, wrong))
    if signature.how == "typed" and not signature.name:
        wrong = Answer(
            fields={
                "typed" if said.get("typed") else "strokes": v.words("cert.pad"),
                "typed": v.words("cert.typed"),
            }
        )
        return await run_in_threadpool(_stands, v, 422, Form("sign", typed, wrong))
    answer = await left(
        v, Commissioned(revision=0, secrets=""), said, given=Handed(signing=signing)
    )
    if not answer.accepted:
        return await run_in_threadpool(
            _stands, v, 409 if answer.moved else 422, Form("sign", typed, answer)
        )
    number = await run_in_threadpool(_made, v, answer.told)
    return RedirectResponse(f"/certificate/{number}?new=1" if number else "/certificate", 303)


def _made(v: Visitor, instruction: str) -> int:
    state = v.page.config.state
    for number in certificates.numbers(state)[:5]:
        if (
            found := certificates.kept(state, number)
        ) is not None and found.instruction == instruction:
            return number
    return 0


@router.get("/certificate/{number}.json")
def document(v: Reader, number: int) -> Response:
    """Give the document, byte by byte as it was signed."""
    found = _found(v, number)
    headers = {
        "content-disposition": f'attachment; filename="certificate-{number}.json"',
        "cache-control": "no-store",
    }
    return Response(found.text.encode(), media_type="application/json", headers=headers)


@router.get("/certificate/{number}")
def sheet(v: Reader, number: int) -> Response:
    """Show one certificate as it is printed."""
    found = _found(v, number)
    drawing = signatures.drawn(found.signature.strokes)
    return v.render(
        "sheet.html",
        s=sheets.words(v.words, found.document),
        c=on_paper(v.words, found.document, drawing, found.sha256, found.agreed),
        new="new" in v.request.query_params,
        photographs=_photographs(v) if v.technician else [],
        now=v.page.known.now(v.page.known.status()),
    )


def _photographs(v: Visitor) -> list[tuple[str, str, float]]:
    """Return (device, where it is, when taken) of each photograph of a present device."""
    folder = v.page.config.page_folder
    found = [(d, photos.taken(folder, d.id)) for d in current(v).devices]
    return [(d.id, v.names.where(d.room, d.id), at) for d, at in found if at is not None]


def _found(v: Visitor, number: int) -> certificates.Certificate:
    found = certificates.kept(v.page.config.state, number) if 0 < number < 10**6 else None
    if found is None:
        raise Stop(404)
    return found


def _stands(v: Visitor, status: int = 200, form: Form | None = None) -> Response:
    config, known = current(v), v.page.known
    facts = known.status()
    what = standing(config, known)
    earlier = []
    for number in certificates.numbers(config.state)[:EARLIER]:
        if (one := certificates.kept(config.state, number)) is not None:
            document = one.document
            signed = document["signed"]
            earlier.append(
                {
                    "number": number,
                    "passed": document["passed"],
                    "by": _name(signed["by"]),
                    "at": signed["at"]["wall"],
                }
            )
    lines = [v.words.pair(line, line) for line in missing(v.words, what)]
    fix = ["tls" if m["needs"] == ["tls"] else m["of"] for m in what["missing"]]
    where = [
        f"{FIX[of]}#device-{m['id']}" if of == "device" else FIX[of]
        for of, m in zip(fix, what["missing"], strict=True)
    ]
    return drawn(
        v,
        "certificate.html",
        status,
        form or Form(),
        what=what,
        c=on_paper(v.words, what, agreed=config.household.agreed),
        seen=certificates.fingerprint(what),
        missing=list(zip(lines, fix, where, strict=True)),
        stands=stands(v.words, what),
        earlier=earlier,
        dead=not facts.well,
        platform=config.platform is not None,
        now=known.now(facts),
        wide=signatures.WIDE,
        high=signatures.HIGH,
        most=signatures.STROKES,
    )


# -- on paper --------------------------------------------------------------------------------------


def on_paper(
    t: Words,
    what: Mapping[str, Any],
    path: str = "",
    sha256: str = "",
    agreed: Agreed | None = None,
) -> dict[str, Any]:
    """Return the words of a sheet: a function of document, signatures and language alone."""
    zone = zoneinfo.ZoneInfo(what["timezone"])
    t = sheets.words(t, what)
    signed = what.get("signed")
    by = _name(signed["by"]) if signed else ""
    return {
        "number": what.get("number", 0),
        "passed": what["passed"],
        "household": what["household"],
        "gateway": what["gateway"],
        "software": what["software"],
        "configuration": t(
            "sheet.revision", revision=what["revision"], hash=what["configuration"][:16]
        ),
        "platform": _platform(t, what["platform"]),
        "by": by,
        "at": _when(signed["at"]["wall"], zone) if signed else "",
        "clock": f"{what['timezone']}, {t.named('sheet.clock', signed['at']['clock'])}"
        if signed
        else "",
        "devices": [_device(t, d) for d in what["devices"]],
        "steps": [_step(t, s) for s in what["steps"]],
        "missing": missing(t, what),
        "times": t.pair("\u3000", " · ").join(_times(t, _in_force(what), what.get("form", 1))),
        "ladder": " → ".join(
            t("sheet.rung", who=r["responder"], wait=t.span(r["wait"])) for r in what["ladder"]
        )
        or t("sheet.no_ladder"),
        "path": path,
        "typed": t("sheet.signed_typed", name=by) if signed and signed["how"] == "typed" else "",
        "sha256": sha256,
        **({"consent": _consent(t, zone, what["consent"], agreed)} if "consent" in what else {}),
        **({"silence": _silence(t, what["silence"])} if "silence" in what else {}),
        **({"stands": stands(t, what)} if "faults" in what else {}),
        **({"lacks": sheets.lacks(what)} if "lacks" in what else {}),
    }


def _in_force(what: Mapping[str, Any]) -> Mapping[str, float]:
    """Return the times of a certificate; a fall that nobody takes back has no grace."""
    times: Mapping[str, float] = what["times"]
    return {**times, "grace_fall": 0.0} if what.get("no_cancel") else times


def _consent(
    t: Words, zone: zoneinfo.ZoneInfo, what: Mapping[str, Any], agreed: Agreed | None
) -> dict[str, str]:
    """Return what was agreed to, by whom, and what they drew."""
    classes = t.pair("\u3000", " · ").join(
        f"{t('consent.' + name)}{t.pair(':', ': ')}{t('home.yes' if what[name] else 'home.no')}"
        for name in ASKED
        if name in what
    )
    if (by := what["agreed"]) is None:
        return {"classes": classes, "by": t("agreed.nobody"), "path": ""}
    known = agreed if agreed is not None and agreed.at == by["at"] else None
    signed = t("agreed.drawn") if by["strokes_sha256"] else t("agreed.paper")
    words = (t("agreed." + by["who"]), known.name if known else "", _when(by["at"], zone), signed)
    path = signatures.drawn(known.strokes) if known else ""
    return {"classes": classes, "by": " · ".join(filter(None, words)), "path": path}


def _silence(t: Words, what: Mapping[str, Any]) -> str:
    """Return whether the home asks first, and as it was set."""
    if what["preset"] == OFF:
        return t("asking.off_why")
    said = [t(f"asking.{what['preset']}")]
    said += [t(f"asking.{name}") for name in ("at_home", "wandering") if what[name]]
    said += [f"{t('asking.back_by')} {what['back_by']}"] if what["back_by"] else []
    said += [f"{t('asking.shadow')} {t('asking.days', n=what['shadow_days'])}"]
    return t.pair("\u3000", " · ").join(said)


def missing(t: Words, what: Mapping[str, Any]) -> list[str]:
    """Return what is missing, a line each."""
    out = []
    rooms = {d["id"]: d for d in what["devices"]}
    for m in what["missing"]:
        if m["of"] == "device":
            place = rooms[m["id"]]
            name = " ".join(
                filter(None, (place["room"], place.get("label", "") or t.pair(*place["title"])))
            )
            out.append(f"{name}{t.pair(':', ': ')}{_lacks(t, 'walk.do', m['needs'])}")
        elif m["of"] == "step":
            out.append(f"{t('pull.' + m['id'])}{t.pair(':', ': ')}{_lacks(t, 'pull', m['needs'])}")
        elif m["of"] == "platform":
            words = {"platform": "sheet.no_platform", "tls": "sheet.no_tls"}
            out.append(
                t.pair("\uff1b", "; ").join(
                    t(words.get(need, "sheet.no_platform_test")) for need in m["needs"]
                )
            )
        elif m["of"] == "fault":
            out.append(t("sheet.fault", what=_fault(t, rooms, m["id"], m["needs"][0])))
        else:
            out.append(t("sheet.no_devices"))
    return out


def _fault(t: Words, devices: Mapping[str, Mapping[str, Any]], name: str, device: str) -> str:
    place = devices.get(device)
    where = (
        " ".join(filter(None, (place["room"], place.get("label", "") or t.pair(*place["title"]))))
        if place
        else device
    )
    return t.kind(name) + (f" ({where})" if where else "")


def stands(t: Words, what: Mapping[str, Any]) -> list[str]:
    """Return the remarks on a certificate that passes, a line each; older documents have none."""
    rooms = {d["id"]: d for d in what["devices"]}
    clock, without = what.get("clock", "synchronised"), what.get("rooms_without", [])
    out = (
        [t("sheet.clock_is", clock=t.named("sheet.clock", clock))]
        if clock != "synchronised"
        else []
    )
    out += [t("sheet.no_cancel")] if what.get("no_cancel") else []
    out += [t("sheet.rooms_without", rooms=t.pair("、", ", ").join(without))] if without else []
    minor = [f for f in what.get("faults", []) if f["priority"] > Priority.P2]
    return out + [t("sheet.fault", what=_fault(t, rooms, f["kind"], f["device"])) for f in minor]


def _lacks(t: Words, group: str, needs: list[str]) -> str:
    return t.pair("、", ", ").join(t.named(group, name) for name in needs)


def _name(by: str) -> str:
    """Return the name of who acted, without the address it came from."""
    return by.partition(" (")[0]


def _when(wall: str, zone: zoneinfo.ZoneInfo) -> str:
    return datetime.fromtimestamp(seconds(wall), zone).strftime("%Y-%m-%d %H:%M")


def _device(t: Words, d: Mapping[str, Any]) -> dict[str, str]:
    walk = d["walk"]
    return {
        "room": d["room"],
        "title": " · ".join(filter(None, (d.get("label", ""), t.pair(*d["title"])))),
        "id": d["id"],
        "address": f"\u2026{d['address']}" if d["address"] else "",
        "tested": " · ".join([*tested(t, walk), t.local(seconds(walk["at"]), "%H:%M")])
        if walk
        else t("sheet.not_tried"),
        "lacks": _lacks(t, "walk.do", d["lacks"]),
    }


def _step(t: Words, s: Mapping[str, Any]) -> dict[str, Any]:
    walk = s["walk"]
    how = t("sheet.not_tried")
    if not s["applies"]:
        how = t(f"sheet.{s['step']}_not")
    elif walk and not s["lacks"]:
        figures = {"noticed": walk["noticed_s"], "away": walk["away_s"]}
        more = {"receipt": f"{walk['receipt_s']:.2f}"} if s["step"] == "uplink" else {}
        how = t(f"sheet.{s['step']}", **figures, **more)
    return {
        "title": t(f"pull.{s['step']}"),
        "applies": s["applies"],
        "tested": how,
        "lacks": _lacks(t, "pull", s["lacks"]),
    }


def _platform(t: Words, p: Mapping[str, Any]) -> str:
    if not p["where"]:
        return t("sheet.no_platform")
    alarm, attempt = p["alarm"], p["attempt"]
    parts = [p["where"], "TLS" if p["tls"] else t("sheet.plain")]
    if alarm is None:
        parts.append(t("sheet.test_alarm_never"))
    elif alarm["receipt_s"] is None:
        parts.append(t("sheet.test_alarm_none"))
    else:
        parts.append(t("sheet.test_alarm", seconds=f"{alarm['receipt_s']:.2f}"))
    if attempt is not None and attempt["failed"]:
        parts.append(t("sheet.attempt_failed", step=t.named("step", attempt["failed"])))
    elif attempt is not None:
        parts.append(
            t(
                "sheet.attempt",
                login=f"{attempt.get('login_s', 0):.2f}",
                receipt=f"{attempt.get('receipt_s', 0):.2f}",
            )
        )
    return " · ".join(parts)


def _times(t: Words, times: Mapping[str, float], form: int) -> list[str]:
    standard = STANDARD if form > 2 else STANDARD_2
    shown = [n for n in TIMES if n in times] + [
        n for n in times if n not in TIMES and n in standard and times[n] != standard[n]
    ]
    was = {"repeat": "repeat_last"} if form == 1 else {}
    return [f"{_time(t, was.get(name, name))} {t.span(times[name])}" for name in shown]


def _time(t: Words, name: str) -> str:
    word = t.named("time", name)
    return word if word != name else t.pair(IN_CHINESE.get(name, name), name.replace("_", " "))
