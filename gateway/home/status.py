"""How things stand: the facts the daemon writes down every few seconds, and how `eldercare-gateway status` tells them.

`card` is what the daemon itself has written to the card, or None where the kernel does not count it: {"written_mb": in the last
"over_h" hours (24 at most), "day_mb": what that makes a day (from the first full hour on), "budget_mb": what a day may have}.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import __version__
from gateway.home import audible
from gateway.home.config import mute_cancels
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fault import FaultFact
from gateway.judge.faults.firsts import own
from gateway.words import kind
from gateway.words.instruction import Refused, ResultFact
from gateway.words.say import both

if TYPE_CHECKING:
    from gateway.home.devices import Device
    from gateway.tend.daemon import Daemon

KEPT_BACK = frozenset({"by", "document", "signature"})  # of an entry: somebody's name or hand, which no log needs
LARGEST = 4 * 1024 * 1024  # bytes of the status file that are read; a home of a hundred devices has 50 KiB
STALE = 20.0  # s after which the daemon's last word says that it does not run, or hangs


def line(entry: Entry) -> str:
    """Return the one log line of an entry: what moved, no names of people."""
    fact = entry.fact
    if isinstance(fact, AlarmFact):
        alarm, before = fact.alarm, fact.before
        where = f"{kind.of(alarm.kind).en}, {alarm.room or alarm.device}" + (", test" if alarm.test else "")
        if before is alarm.state:
            why = f" (rung {alarm.rung}, {fact.reason})" if fact.move == "call" else ""
            return f"alarm {alarm.number} {{{alarm.state}}}: {fact.move} {where}{why}"
        outcome = f", {alarm.outcome}" if alarm.outcome else ""
        return f"alarm {alarm.number} {{{before or 'new'}}}: {fact.move} -> {{{alarm.state}}} {where}{outcome}"
    if isinstance(fact, FaultFact):
        detail = ", ".join(f"{k} {v}" for k, v in fact.detail.items() if k not in KEPT_BACK)
        return f"fault {fact.kind} {fact.turn}" + (f" {fact.device}" if fact.device else "") + (f" ({detail})" if detail else "")
    assert isinstance(fact, ResultFact)  # the three facts there are
    return f"instruction {fact.instruction.do} {'accepted' if fact.refused is Refused.NONE else 'refused: ' + fact.refused}"


def facts(daemon: Daemon, counts: tuple[int, int]) -> dict[str, Any]:
    """Return how things stand, for `status` and the page; no names of people, no secrets."""
    now = daemon.clock.now()
    walk, step = daemon.pipeline.walk_test.walk, daemon.pipeline.walk_test.step
    mute = mute_cancels(daemon.home.config)
    link, store, platform = daemon.uplink.link, daemon.store, daemon.home.config.platform
    return {
        "gateway": daemon.home.gateway,
        "software": __version__,
        "pid": os.getpid(),
        "boot": daemon.boot,
        "written": time.time(),
        "wall": now.wall.isoformat(),
        "mono": now.mono,
        "clock": now.quality.value,
        "store": str(store.folder),
        "degraded": store.degraded,
        "journal": store.journal,
        "generation": store.generation,
        "head": f"{store.head.number} {store.head.hash}",
        "last": daemon.pipeline.last,
        "waiting": counts[0],
        "waiting_batches": counts[1],
        "receipts": platform.receipts if platform else "none",
        "uplink": {
            "configured": link is not None,
            "connected": link is not None and link.connected,
            "version": link.version if link else "",
            "where": f"{platform.host}:{platform.port}" if platform else "",
            "platform_away_s": round(now.mono - away, 1) if (away := daemon.presence.away_since) is not None else None,
        },
        "radio": [
            {
                "adapter": r.adapter,
                "hearing": r.hearing,
                "trouble": r.trouble,
                "adverts": r.adverts,
                "restarts": r.restarts,
                "silent_s": round(now.mono - r.heard_at, 1) if r.heard_at is not None else None,
            }
            for r in daemon.ears.radios
        ],
        "ports": daemon.ears.ports(),
        "lines": [{"port": x.port, "open": x.open, "received": x.received} for x in daemon.ears.lines],
        "strangers": daemon.intake.strangers,
        "repeats": daemon.intake.repeats,
        "devices": [
            {
                "device": d.id,
                "model": d.model.name,
                "room": d.room,
                "heard_s": round(now.mono - daemon.faults.heard_at[d.id], 1),
                "silent_s": round(daemon.faults.silences.of(d.id, now), 1),  # without what the gateway could not have heard
                "untold": _untold(daemon, d),
                "missing_after": d.supervised.missing_after,
                "slow": d.supervised.slow,
                "minutes": {str(hour): bits for hour, bits in daemon.intake.signals.unwritten(d.id).items()},
                "rssi": daemon.intake.devices[d.id].rssi,
                "heard": daemon.intake.devices[d.id].lived is not None,  # since this start: before that nobody knows
                "states": daemon.intake.states(d.id),
                "unread_s": _since(daemon.intake.devices[d.id].unread, now.mono),
                "alive": daemon.intake.devices[d.id].alive,
                "refused": daemon.intake.devices[d.id].refused,
                "shelved": d.id in daemon.pipeline.shelves,
                **({"mute_cancel": True} if d in mute else {}),
            }
            for d in daemon.home.config.devices
        ],
        "alarms": [
            {
                "number": a.number,
                "alarm": a.id,
                "kind": a.kind,
                "priority": int(a.priority),
                "state": a.state.value,
                "room": a.room,
                "device": a.device,
                "rung": a.rung,
                "since_s": round(now.mono - a.since.mono, 1),
                "test": a.test,
                "installing": daemon.pipeline.installing(a),
            }
            for a in daemon.pipeline.alarms.values()
        ],
        "faults": [
            {"kind": k, "device": d, "since_s": round(now.mono - f.since.mono, 1), "test": f.test} for (k, d), f in daemon.faults.on.items()
        ],
        "away": daemon.pipeline.away.lasts(now),
        "household": {"revision": daemon.home.config.household.revision, "at": daemon.home.config.household.at},
        "lacks": list(audible.lacks(daemon.home.config)),
        "mains": daemon.faults.mains,
        "card": daemon.upkeep.card.facts(now.mono),
        "channels": daemon.channels.facts(),
        "walk": {"device": walk.device, "left_s": round(walk.until - now.mono, 1), "on": list(walk.on), **walk.facts()} if walk else None,
        "step": {"step": step.plug.value, "left_s": round(step.until - now.mono, 1), **step.facts()} if step else None,
        "fitting": daemon.technician.fitting.facts() if daemon.technician.fitting else None,
        "first_presses": {d: round(s, 1) for d, s in daemon.pipeline.first_presses.left(now).items()},
        "platform_test": daemon.technician.attempt.facts() if daemon.technician.attempt else None,
    }


def _since(mono: float | None, now: float) -> float | None:
    return round(now - mono, 1) if mono is not None else None


def _untold(daemon: Daemon, d: Device) -> list[str]:
    """Return the kinds a detector is there for, where it has never told any of them."""
    wanted = own(d.model, d.watch.roles)
    return [] if wanted & daemon.intake.firsts.told(d.id) else sorted(wanted)


def read(runtime: Path) -> dict[str, Any]:
    """Return the daemon's last word. Raises OSError, ValueError where there is none."""
    try:
        with (runtime / "status.json").open("rb") as file:
            found = json.loads(file.read(LARGEST + 1)[: LARGEST + 1])
    except RecursionError as deep:
        raise ValueError("status.json is not the daemon's") from deep
    if not isinstance(found, dict) or type(found.get("written")) not in {int, float}:
        raise ValueError("status.json is not the daemon's")
    return found


def told(known: dict[str, Any]) -> str:
    """Return the facts in plain words, zh-CN first."""
    age = time.time() - known["written"]
    named = {n: known[n] for n in ("gateway", "software", "clock")}
    out = [both("status.gateway", **named, wall=known["wall"][:19])]
    if age > STALE:
        out.append(both("status.stale", age=age))
    if known["degraded"]:
        out.append(both("status.storage", degraded=known["degraded"]))
    out += audible.told(known.get("lacks", ()))
    uplink = known["uplink"]
    code = "connected" if uplink["connected"] else "not_connected" if uplink["configured"] else "not_configured"
    version = f"MQTT {uplink['version']}" if uplink["connected"] else ""
    out.append(both("status.uplink", way=both(f"status.{code}"), where=uplink["where"], version=version).rstrip())
    if (away := uplink.get("platform_away_s")) is not None:
        out.append(both("status.platform_away", away=ago(away)))
    if known["receipts"] == "broker":
        out.append(both("status.no_receipts"))
    out.append(both("status.outbox", **{n: known[n] for n in ("waiting", "waiting_batches", "last")}))
    if card := known.get("card"):
        day = both("status.card_day", day_mb=card["day_mb"]) if "day_mb" in card else ""
        over = both("status.card_over") if card.get("day_mb", 0) > card["budget_mb"] else ""
        spent = {n: card[n] for n in ("over_h", "written_mb", "budget_mb")}
        out.append(both("status.card", **spent, day=day, over=over))
    if (on := known.get("mains")) is not None:
        out.append(both("status.mains", on=both("status.mains_there") if on else both("status.mains_lost")))
    for r in known["radio"]:
        silent = both("status.never") if r["silent_s"] is None else f"{ago(r['silent_s'])}"
        state = both("status.hears") if r["hearing"] else both("status.deaf", trouble=r["trouble"] or "silent")
        named = {n: r[n] for n in ("adapter", "adverts", "restarts")}
        out.append(both("status.radio", **named, state=state, silent=silent))
    for x in known["lines"]:
        state = both("status.open" if x["open"] else "status.not_open")
        out.append(both("status.line", port=x["port"], state=state, received=x["received"]))
    out.append(both("status.alarms", alarms=len(known["alarms"]) or both("status.none")))
    for a in known["alarms"]:
        row = kind.of(a["kind"])
        test = both("status.test") if a["test"] else ""
        what = f"P{a['priority']} #{a['number']} {row.zh} {row.en}, {a['room'] or a['device']}"
        out.append(f"  {what}: {a['state']} {ago(a['since_s'])}, rung {a['rung']}{test}")
    if known["away"]:
        out.append(both("status.away"))
    out.append(both("status.faults", faults=len(known["faults"]) or both("status.none")))
    for f in known["faults"]:
        row = kind.of(f["kind"])
        out.append(f"  {row.zh} {row.en} {f['device']}: {ago(f['since_s'])}")
    out.append(both("status.devices"))
    out += [_device(d) for d in known["devices"]]
    out.append(both("status.strangers", strangers=known["strangers"]))
    return "\n".join(out)


def _device(d: dict[str, Any]) -> str:
    limit = d["missing_after"]
    note = both("status.not_supervised") if limit is None else both("status.missing") if d.get("silent_s", d["heard_s"]) > limit else ""
    note += both("status.slow") if d.get("slow") else ""
    if d.get("untold"):
        note += both("status.untold", untold="/".join(d["untold"]))
    note += both("status.not_heard") if not d.get("heard", True) and not note else ""
    note += both("status.shelved") if d["shelved"] else ""
    note += both("status.mute_cancel") if d.get("mute_cancel") else ""
    refused = " ".join(f"{why} x{n}" for why, n in d["refused"].items() if why != "repeated")
    told = f"  {d['device']:<16} {d['model']:<18} {d['room']:<12} {ago(d['heard_s']):>8}"
    return f"{told} {d['rssi'] or '-':>5}  {note} {refused}".rstrip()


def ago(seconds: float) -> str:
    """Return a span of time for people."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
