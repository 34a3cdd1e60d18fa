"""Rules and ladder: times with reason and range, who is called; tried on recorded days."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract.orders import CallTest, SoundTest
from gateway.home import changes, family, household, trial
from gateway.home.cancels import nobody_cancels
from gateway.home.changes import RUNGS
from gateway.home.config import Config
from gateway.home.handed import Handed, Rejected
from gateway.home.ladder import RELAY
from gateway.judge.watch import OPTIONAL
from gateway.page import asking, both
from gateway.page.acts import once_of, whole
from gateway.page.calls import calls, came_back
from gateway.page.change import Answer, Form, configure, current, drawn, left, models
from gateway.page.keys import keys_shown
from gateway.page.makes import OPENS
from gateway.page.presets import GROUPS, PRESETS, SHOWN, Preset
from gateway.page.rungs import (
    CHANNELS,
    DAYS_OFFERED,
    OWN,
    TYPED,
    WHEN,
    Rung,
    gaps,
    given,
    in_force,
    typed,
)
from gateway.page.rungs import said as said_of
from gateway.page.saved import sent
from gateway.page.steps import onward
from gateway.page.visitor import Fields, Technician, Visitor, checked
from gateway.words import kind
from gateway.words.clock import Moment
from gateway.words.instruction import Change, What
from gateway.words.reading import Kind
from gateway.words.times import TABLE

router = APIRouter()


LOUDNESS: Final = ("20", "40", "60", "80", "100")  # percent that are offered
DIFFERENCES: Final = 8  # from the nearest preset that are listed
_trying = threading.Lock()  # one at a time: it takes a core for up to twenty seconds


@dataclass(frozen=True, slots=True)
class Row:
    """One time as the form shows it: in its unit, with range and standard."""

    name: str
    unit: str
    value: str
    low: str
    high: str
    standard: str


@router.get("/rules")
def rules(v: Technician) -> Response:
    """Show dangers, times and ladder as they are in force.

    Whom to call first is asked where nobody is yet, with what is usual filled in.
    """
    asked = v.request.query_params
    if v.technician and "step" in asked and "saved" not in asked and not current(v).ladder:
        return _rules(v, form=Form("ladder"), rungs=[Rung(v.words("rules.usual"))], unsaved=True)
    return _rules(v)


@router.post("/rules/judging")
async def judging(v: Technician, said: Fields) -> Response:
    """Fill in a preset, try the choices, or save both. What saves a life is not a choice."""
    checked(v, said)
    config, go = await run_in_threadpool(current, v), said.get("go", "")
    if go in PRESETS:
        preset = PRESETS[go]
        filled = {n: w for n, w in said.items() if not n.startswith("on-")}
        filled |= {f"on-{name}": "1" for name in OPTIONAL if name not in preset.off}
        filled |= {
            f"t-{name}": _in(name, preset.times.get(name, TABLE[name].default)) for name in SHOWN
        }
        return await run_in_threadpool(_rules, v, 200, Form("judging", filled), unsaved=True)
    times, wrong = _times(v, config, said)
    value = {"off": [name for name in OPTIONAL if not said.get(f"on-{name}")], "times": times}
    return await _on(v, Form("judging", said, Answer(fields=wrong)), What.SET_RULES, value)


@router.post("/rules/ladder")
async def ladder(v: Technician, said: Fields) -> Response:
    """Rearrange the rungs as typed, try them, or save them."""
    checked(v, said)
    await run_in_threadpool(current, v)
    rungs, (go, _, nth) = typed(said), said.get("go", "").partition("-")
    n = int(nth) - 1 if nth.isascii() and nth.isdigit() and 0 < int(nth[:4]) <= len(rungs) else -1
    if go == "add" and len(rungs) < RUNGS:
        rungs.append(Rung())
    elif go == "remove" and n >= 0:
        rungs.pop(n)
    elif go in {"up", "down"} and n >= 0:
        to = min(max(n + (1 if go == "down" else -1), 0), len(rungs) - 1)
        rungs.insert(to, rungs.pop(n))
    elif go in {"save", "on", "try"} or said.get("over"):
        wrong: dict[str, str] = {}
        value = []
        for number, rung in enumerate(rungs, 1):
            try:
                value.append(rung.value())
                if not 30 <= value[-1]["wait"] <= 600:
                    wrong[f"wait-{number}"] = v.words(
                        "wrong.range", low=30, high=600, unit=v.words("unit.s")
                    )
            except ValueError:
                wrong[f"wait-{number}"] = v.words("wrong.number")
            if not rung.responder.strip():
                wrong[f"responder-{number}"] = v.words("wrong.missing")
            if rung.channel == RELAY and not rung.output:
                wrong[f"output-{number}"] = v.words("wrong.missing")
            if rung.channel in TYPED and not rung.person and not rung.typed:
                wrong[f"{TYPED[rung.channel]}-{number}"] = v.words("wrong.missing")
        return await _on(
            v, Form("ladder", said, Answer(fields=wrong)), What.SET_LADDER, {"ladder": value}, rungs
        )
    return await run_in_threadpool(_rules, v, 200, Form("ladder", said), rungs, unsaved=True)


@router.post("/rules/asking")
async def ask_first(v: Technician, said: Fields) -> Response:
    """Try or save how closely silence is judged."""
    checked(v, said)
    config = await run_in_threadpool(current, v)
    return await _on(v, Form("asking", said), What.SET_SILENCE, asking.value(config, said))


@router.post("/rules/call")
async def call(v: Technician, said: Fields) -> Response:
    """Try one rung as it is saved; what came back stands on the page that follows."""
    checked(v, said)
    await run_in_threadpool(current, v)
    n = whole(said.get("go", ""))
    answer = await left(v, CallTest(step=str(max(0, n))), said)
    return RedirectResponse(f"/rules?tried={answer.told}&rung={max(0, n)}#calls", 303)


@router.post("/rules/voice")
async def voice(v: Technician, said: Fields) -> Response:
    """Set how the home speaks, or let it be heard as it is set."""
    checked(v, said)
    config = await run_in_threadpool(current, v)
    if said.get("go") == "hear":
        answer = await left(v, SoundTest(), said)
        if answer.accepted:
            sent(v.request, "")  # what is heard is not saved
            return RedirectResponse("/rules?heard=1#voice", 303)
        return await run_in_threadpool(_rules, v, 422, Form("voice", {}, answer))
    value = msgspec.to_builtins(config.parts.sound) | {
        "voice": bool(said.get("voice")),
        "quiet_sos": bool(said.get("quiet_sos")),
        "language": said.get("language", ""),
        "volume": _percent(said.get("volume", "")),
        "night_volume": _percent(said.get("night_volume", "")),
    }
    answer = await configure(v, said, What.SET_SOUND, value)
    if answer.accepted:
        return RedirectResponse("/rules?saved=1#voice", 303)
    status = 409 if answer.moved else 422
    return await run_in_threadpool(_rules, v, status, Form("voice", said, answer))


def _percent(text: str) -> float:
    """Return a loudness of those that are offered; what is none of them is refused by its range."""
    return float(text) if text in LOUDNESS else 0.0


async def _on(
    v: Visitor, form: Form, what: What, value: dict[str, Any], rungs: list[Rung] | None = None
) -> Response:
    """Try or save what was typed, unless something is wrong with it."""
    config, secret = v.page.config, given(rungs or ())
    changed: Config | None = None
    if not form.answer.fields:
        try:
            changed = await run_in_threadpool(
                changes.changed, config, Change(what, value), secret or Handed(), models()
            )
        except Rejected as no:
            said = [
                (f"{p.field}-{p.item}" if rungs else f"t-{p.field}", v.words.told(p.say))
                for p in no.problems
            ]
            form.answer.fields = dict(said)
            form.answer.sentence = "; ".join(sentence for _, sentence in said)[:400]
    if changed is None:
        return await run_in_threadpool(_rules, v, 422, form, rungs)
    if form.typed.get("go") == "try":
        told = await run_in_threadpool(_tried, v, config, changed)
        if isinstance(told, str):
            form.answer.sentence = v.words(told)
            return await run_in_threadpool(_rules, v, 503, form, rungs)
        return await run_in_threadpool(_rules, v, 200, form, rungs, told, unsaved=True)
    again = await run_in_threadpool(v.page.known.result, f"page-{once_of(form.typed)}")
    form.answer = await configure(v, form.typed, what, value, secret)
    if form.answer.accepted:
        step = "&step=people" if form.name == "ladder" else ""
        at = "people" if step else "rules"
        on = await run_in_threadpool(
            onward, v.page.config, v.page.known, at, form.typed.get("go", "")
        )
        on = on or f"/rules?saved=1{step}#{form.name}"
        if secret is not None and secret.hooks and again is None:
            return keys_shown(v, rungs or (), secret, on)
        return RedirectResponse(on, 303)
    return await run_in_threadpool(_rules, v, 409 if form.answer.moved else 422, form, rungs)


def _tried(v: Visitor, config: Config, changed: Config) -> dict[str, Any] | str:
    """Return what the change would have meant on recorded days, or the word of why not."""
    if not _trying.acquire(blocking=False):
        return "rules.tried_busy"
    try:
        wall = v.page.known.now(v.page.known.status())
        return trial.tried(config, changed, Moment(wall, datetime.fromtimestamp(wall, UTC)))
    except (sqlite3.Error, OSError):
        return "rules.tried_failed"
    finally:
        _trying.release()


def _factor(name: str) -> float:
    return 60.0 if TABLE[name].default >= 300 else 1.0


def _unit(name: str) -> str:
    return "min" if _factor(name) > 1 else "s"


def _in(name: str, value: float) -> str:
    return f"{value / _factor(name):g}"


def _rows(config: Config) -> list[tuple[str, Row]]:
    out = []
    for name in SHOWN:
        about = TABLE[name]
        unit = _unit(name)
        value = _in(name, getattr(config.times, name))
        out.append(
            (
                name,
                Row(
                    name,
                    unit,
                    value,
                    _in(name, about.low),
                    _in(name, about.high),
                    _in(name, about.default),
                ),
            )
        )
    return out


def _times(
    v: Visitor, config: Config, said: Mapping[str, str]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return all times that differ from the defaults, and what is wrong by field."""
    value, wrong = dict(config.parts.times), {}
    for name, row in _rows(config):
        try:
            number = float(said.get(f"t-{name}", "").strip().replace(",", "."))
        except ValueError:
            wrong[f"t-{name}"] = v.words("wrong.number")
            continue
        if not float(row.low) <= number <= float(row.high):
            wrong[f"t-{name}"] = v.words(
                "wrong.range", low=row.low, high=row.high, unit=v.words(f"unit.{row.unit}")
            )
        value[name] = round(number * _factor(name), 3)
        if value[name] == TABLE[name].default:
            del value[name]
    return value, wrong


def _rules(
    v: Visitor,
    status: int = 200,
    form: Form | None = None,
    rungs: list[Rung] | None = None,
    told: dict[str, Any] | None = None,
    *,
    unsaved: bool = False,
) -> Response:
    config = v.page.config if form and not form.answer.moved else current(v)
    form = form or Form()
    shown = household.shown(config)
    if rungs is None:
        rungs = in_force(config)
    if form.name == "ladder" and form.answer.moved:
        holds = in_force(config)
        form.both = [both.Row(v.words("rules.ladder"), said_of(v, holds), said_of(v, rungs))]
    facts = v.page.known.status()
    return drawn(
        v,
        "rules.html",
        status,
        form,
        set=shown,
        rungs=rungs,
        groups=GROUPS,
        rows=dict(_rows(config)),
        presets=tuple(PRESETS),
        nearest=_nearest(v, config, form),
        watching=_watching(v, config),
        no_cancel=nobody_cancels(config.devices),
        told=told,
        unsaved=unsaved,
        wrong_times=[name for name in SHOWN if form.wrong("judging", f"t-{name}")],
        saved="saved" in v.request.query_params,
        now=v.page.known.now(facts),
        most=RUNGS,
        when=(*WHEN, OWN),
        days=DAYS_OFFERED,
        channels=CHANNELS,
        gaps=gaps(v, config),
        chats=find_spec("apprise") is not None,  # what messengers need; it is not loaded here
        calls=calls(config, facts),
        informs=config.parts.consent.family,
        samples=[v.words.pair(*pair) for pair in family.samples(config)],
        back=came_back(v),
        sound=config.parts.sound,
        speaks=bool(config.sound_words),
        loudness=LOUDNESS,
        asking=asking.shown(v, config, facts),
        heard="heard" in v.request.query_params,
    )


def _nearest(v: Visitor, config: Config, form: Form) -> tuple[str, list[str], int]:
    """Return (the nearest preset, what differs in words, how much more differs)."""
    t = v.words
    on = {
        name: form.ticked("judging", f"on-{name}", name not in config.parts.dangers.off)
        for name in OPTIONAL
    }
    typed = {
        name: form.value("judging", f"t-{name}", row.value).strip() for name, row in _rows(config)
    }

    def apart(preset: Preset) -> list[str]:
        switched = (n for n in OPTIONAL if on[n] is (n in preset.off))
        out = [
            t("rules.switched", what=t.kind(n), how=t("rules.on" if on[n] else "rules.off"))
            for n in switched
        ]
        for name in SHOWN:
            wanted = _in(name, preset.times.get(name, TABLE[name].default))
            if typed[name] != wanted:
                out.append(
                    t(
                        "rules.other",
                        what=t(f"time.{name}"),
                        now=typed[name],
                        unit=t(f"unit.{_unit(name)}"),
                        preset=wanted,
                    )
                )
        return out

    found = {name: apart(preset) for name, preset in PRESETS.items()}
    nearest = min(found, key=lambda name: len(found[name]))
    return nearest, found[nearest][:DIFFERENCES], max(0, len(found[nearest]) - DIFFERENCES)


def _watching(v: Visitor, config: Config) -> dict[str, tuple[str, bool]]:
    """Return for each optional danger a sentence on the devices that find it, and if none does.

    The sentence is empty where nobody can know.
    """
    t = v.words
    found: dict[str, list[str]] = {name: [] for name in OPTIONAL}
    unsure = set()
    for d in config.devices:
        name, of_contact = v.names.where(d.room, d.id), {f.removesuffix(OPENS) for f in d.codes}
        if Kind.STAY_STILL in d.model.senses:
            found[kind.STAY_TOO_LONG].append(name)
        if d.watch.bed:
            found[kind.BED_EXIT].append(name)
        if d.watch.left_open:
            by_rule = d.watch.left_open == config.times.door_left_open
            found[kind.DOOR_LEFT_OPEN].append(
                name
                if by_rule
                else t("rules.own_time", name=name, minutes=f"{d.watch.left_open / 60:g}")
            )
        if Kind.MOISTURE in d.model.senses and d.model.general:
            unsure.add(
                kind.WATER
            )  # a make for whatever speaks like it: it may find water, or be a button
        elif Kind.MOISTURE in d.model.senses and (
            "moisture" not in d.model.functions or "moisture" in of_contact
        ):
            found[kind.WATER].append(name)
    comma = t.pair("、", ", ")
    out = {}
    for n, names in found.items():
        none = not names and n not in unsure
        out[n] = (
            t("rules.watched", names=comma.join(names))
            if names
            else t(f"rules.unwatched.{n}")
            if none
            else "",
            none,
        )
    return out
