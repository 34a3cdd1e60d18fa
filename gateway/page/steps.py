"""The installation of a home in eight steps: which are done, what the others lack, what comes next.

It knows what the box knows, the configuration, the journal's tests and the certificates, so that
whoever goes on, on whatever phone, goes on where the last one was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.home import certificates, commissioning
from gateway.home.config import Config
from gateway.page.known import Filter, Known
from gateway.words import kind
from gateway.words.clock import Quality, When
from gateway.words.consent import ASKED

# In their order, each with the place where it is done.
STEPS: Final[Mapping[str, str]] = {
    "code": "/first",
    "home": "/home",
    "platform": "/platform",
    "sensors": "/sensors",
    "rules": "/rules",
    "people": "/rules?step=people#ladder",
    "walk": "/walk",
    "certificate": "/certificate",
}
KEPT: Final = "kept"  # in the query of a page that one was led to by saving the step before
# The step that a page belongs to. /rules is the place of two.
_OF: Final[Mapping[str, str]] = {
    "first": "code",
    "home": "home",
    "platform": "platform",
    **dict.fromkeys(
        ("sensors", "add", "new", "confirm", "port", "radar", "change", "retire"), "sensors"
    ),
    "rules": "rules",
    "walk": "walk",
    "test": "walk",
    "certificate": "certificate",
}
_SUMS: Final = frozenset({"today", "_today", "setup"})  # they show the whole, and are no step


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `lacks`: the words of what is missing, none of a step that is done."""

    name: str
    to: str
    lacks: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """True where nothing is missing."""
        return not self.lacks


@dataclass(frozen=True, slots=True)
class Installation:
    """All steps, and the one that a page belongs to; "" where it belongs to none."""

    steps: tuple[Step, ...]
    at: str = ""

    @property
    def done(self) -> int:
        """Return how many are done."""
        return sum(step.done for step in self.steps)

    @property
    def here(self) -> Step | None:
        """Return the step that the page belongs to."""
        return next((step for step in self.steps if step.name == self.at), None)

    @property
    def number(self) -> int:
        """Return which one that is, from 1."""
        return 1 + next((n for n, step in enumerate(self.steps) if step.name == self.at), 0)

    @property
    def next(self) -> Step | None:
        """Return the next open step: after this one, else the first that was left out."""
        n = self.number if self.at else 0
        others = (*self.steps[n:], *self.steps[:n])
        return next((step for step in others if not step.done and step.name != self.at), None)


def steps(
    config: Config, missing: Iterable[Mapping[str, Any]], *, signed: bool
) -> tuple[Step, ...]:
    """Return the steps of a box that somebody has opened with its code.

    `missing` is what a certificate of this moment would say.
    """
    home, needs = config.household, {str(m["of"]): m["needs"] for m in missing}
    platform = needs.get("platform", [])
    sensors = any(d.badge is None for d in config.devices)
    ruled = home.times is not None or home.dangers is not None  # somebody has chosen them
    lacks = {
        "code": [],
        "home": [
            word
            for word, there in (
                ("number", home.household is not None and home.household.number),
                ("consent", asked(config)),
            )
            if not there
        ],
        "platform": [] if config.platform is not None else ["platform"],
        "sensors": [] if sensors else ["sensors"],
        "rules": [] if ruled else ["rules"],
        "people": [] if config.ladder else ["people"],
        "walk": [
            word
            for word, open_ in (
                ("walk", "device" in needs or not sensors),
                ("pulled", "step" in needs),
                ("alarm", "test" in platform),
            )
            if open_
        ],
        "certificate": [] if signed else ["certificate"],
    }
    if "tls" in platform:
        lacks["platform"].append("tls")
    return tuple(Step(name, to, tuple(lacks[name])) for name, to in STEPS.items())


def asked(config: Config) -> bool:
    """Say whether anybody was asked what may be kept: an answer may be no to all of it."""
    return config.household.consent is not None or any(
        getattr(config.parts.consent, name) for name in ASKED
    )


def untouched() -> tuple[Step, ...]:
    """Return the steps of a box that nobody has opened yet."""
    return tuple(Step(name, to, (name,)) for name, to in STEPS.items())


def of(template: str, asked: str) -> str | None:
    """Return the step of a page: "" of one that shows the whole, None of any other.

    `asked` is the one of two that the address, or the form that was sent, speaks of.
    """
    name = template.removesuffix(".html")
    if name in _SUMS:
        return ""
    step = _OF.get(name)
    return "people" if step == "rules" and asked in {"people", "ladder"} else step


def installation(config: Config, known: Known, at: str) -> Installation | None:
    """Return how far the installation is; None once a certificate was signed."""
    if certificates.numbers(config.state):
        return None
    return Installation(steps(config, stands(config, known)["missing"], signed=False), at)


def onward(config: Config, known: Known, at: str, go: str) -> str:
    """Return where one goes on who has saved the step `at`: "" where that was not asked for.

    It is the next open step, once nothing of this one is missing.
    """
    led = installation(config, known, at) if go == "on" else None
    done = led is not None and led.here is not None and led.here.done
    if led is None or led.next is None or not done:
        return ""
    path, _, place = led.next.to.partition("#")
    return f"{path}{'&' if '?' in path else '?'}{KEPT}=1" + (f"#{place}" if place else "")


def moment(known: Known) -> When:
    """Return when it is in the home, as its daemon last said."""
    facts = known.status()
    quality = Quality(facts.clock) if facts.clock in set(Quality) else Quality.UNSURE
    return When(
        facts.boot or "-", facts.mono, (facts.wall or "1970-01-01T00:00:00")[:19] + "Z", quality
    )


def seen(known: Known) -> commissioning.Seen:
    """Return the tests that still count, as the daemon will see them."""
    tests = known.past(Filter(kind=kind.TEST), limit=commissioning.TESTS)
    faults = known.journal(name="fault", limit=commissioning.LOOK_BACK)
    return commissioning.seen(faults, tests, moment(known))


def stands(config: Config, known: Known) -> dict[str, Any]:
    """Return what a certificate of this moment would say."""
    facts = known.status()
    return commissioning.facts(
        config,
        seen(known),
        gateway=facts.gateway,
        journal=facts.journal,
        software=facts.software,
        mains=facts.mains is not None,
        clock=facts.clock,
        faults=[
            commissioning.OpenFault(int(f.priority), f.kind, f.device)
            for f in known.faults()
            if not f.test
        ],
    )
