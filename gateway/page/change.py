"""What set-up forms share: the household as it is, and one change of it that is waited for."""

from __future__ import annotations

import contextlib
import functools
import logging
import sqlite3
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Response
from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool

from drivers import all_models
from gateway.contract import orders, wire
from gateway.contract.orders import Configure, Order
from gateway.home import handed, inbox, values
from gateway.home.config import Config, load
from gateway.home.handed import Handed, Rejected
from gateway.home.source import ConfigError
from gateway.page.acts import once, once_of, whole
from gateway.page.both import Row, rows
from gateway.page.known import Filter, Known
from gateway.page.news import until
from gateway.page.offer import SHOWN, offered
from gateway.page.steps import KEPT
from gateway.page.visitor import Page, Visitor
from gateway.page.waits import WAITS
from gateway.words.driver import Model
from gateway.words.instruction import Refused, What

LOG = logging.getLogger("eldercare")
_LEAVING = threading.Lock()  # of two who send one form at once the second waits


@functools.cache
def models() -> Mapping[str, Model]:
    """Return every supported make."""
    return all_models()


def current(v: Visitor) -> Config:
    """Return the present configuration; the one before where the files cannot be read."""
    return present(v.page)


def present(page: Page) -> Config:
    """Return the same without a visitor."""
    files = (page.config.path, page.config.state / "household.json")
    try:
        page.use(_loaded(page.config.path, tuple(_mark(f) for f in files)))
    except (OSError, ConfigError) as error:
        LOG.warning("page: the configuration cannot be read again: %s", type(error).__name__)
    return page.config


def is_new(v: Visitor) -> bool:
    """Say whether this box may take over from another: nothing was set or judged here."""
    return current(v).household.revision == 0 and not v.page.known.past(Filter(), limit=1)


def _mark(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@functools.lru_cache(maxsize=2)
def _loaded(path: Path, _: tuple[int, ...]) -> Config:
    return load(path, models(), with_secrets=False)


@dataclass(slots=True)
class Answer:
    """What came of a form: `told` is its instruction; what is wrong: `fields`, `sentence`."""

    told: str = ""
    accepted: bool = False
    sentence: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    moved: bool = False  # somebody else has changed the home meanwhile


@dataclass(slots=True)
class Form:
    """How a set-up form is drawn: which one was sent, what was typed, what is wrong with it."""

    name: str = ""
    typed: dict[str, str] = field(default_factory=dict)
    answer: Answer = field(default_factory=Answer)
    both: list[Row] = field(
        default_factory=list
    )  # where somebody was quicker: what holds, beside what was typed
    differs: dict[str, tuple[Any, Any]] = field(
        default_factory=dict
    )  # field -> (typed, what holds), while the form is drawn

    def wrong(self, name: str, key: str) -> str:
        """Return what is wrong with one field of one form."""
        return self.answer.fields.get(key, "") if self.name == name else ""

    def value(self, name: str, key: str, otherwise: Any = "") -> Any:
        """Return what was typed, or what holds."""
        if self.name != name:
            return otherwise
        typed = self.typed.get(key, otherwise)
        if str(typed).strip() != str(otherwise):
            self.differs[key] = typed, otherwise
        return typed

    def rests_on(self, name: str, revision: int) -> int | str:
        """Return the revision a form was filled in on: nobody overwrites a newer one unseen."""
        return self.typed.get("revision", revision) if self.name == name else revision

    def ticked(self, name: str, key: str, otherwise: bool) -> bool:
        """Return whether a box was ticked; one that is not ticked is not sent at all."""
        if self.name != name:
            return otherwise
        if bool(self.typed.get(key)) is not bool(otherwise):
            self.differs[key] = bool(self.typed.get(key)), bool(otherwise)
        return bool(self.typed.get(key))


async def left(
    v: Visitor,
    order: Order,
    said: Mapping[str, str],
    *,
    given: Handed | None = None,
    dated: bool = False,
) -> Answer:
    """Leave an order and wait for its result; `fields` are those of the configuration.

    `given` are its secrets, `dated`: it says when it was given, by the gateway's own clock.
    """
    config, known = v.page.config, v.page.known
    name = f"page-{once_of(said)}"
    # `over`: the newer revision that was seen beside what is to take its place
    known_of: dict[str, Any] = {
        "revision": max(0, whole(said.get("over") or said.get("revision", "")))
    }
    known_of |= {"secrets": name} if given is not None else {}
    order = replace(order, **{k: w for k, w in known_of.items() if k in order.__struct_fields__})
    facts = await run_in_threadpool(known.status) if dated else None
    issued = (
        datetime.fromtimestamp(known.now(facts), UTC).isoformat() if facts and facts.written else ""
    )
    message = orders.message(
        order,
        gateway=known.gateway(),
        id=name,
        by=v.by,
        issued=issued,
        boot=facts.boot if facts else "",
    )

    def leave() -> None:
        with _LEAVING:
            if given is not None:
                handed.hand(config.page_folder, name, given)
            inbox.leave(config.page_folder, config.runtime, wire.encode(message))
        assert v.session is not None  # a technician has one
        about = message.change.what if message.change else ""
        v.page.accounts.note(
            v.session.name, v.source, "instruction", f"{message.do} {about}".strip()
        )

    try:
        await run_in_threadpool(leave)
    except (OSError, sqlite3.Error, ValueError):
        handed.forget(config.page_folder, message.secrets)
        return Answer(name, sentence=v.words("told.failed"))
    result = await until(config.runtime, functools.partial(known.result, name), WAITS.change)
    if result is None:
        return Answer(name, sentence=v.words("told.waiting", do=v.words.named("do", message.do)))
    await run_in_threadpool(handed.forget, config.page_folder, message.secrets)
    if result.accepted:
        await run_in_threadpool(current, v)
        return Answer(name, accepted=True)
    fields: dict[str, str] = {}
    for p in result.problems:
        if p.section == "ladder":
            fields.setdefault(f"{p.field}-{p.item}", v.words.pair(p.zh, p.en))
        fields.setdefault(p.field, v.words.pair(p.zh, p.en))
    return Answer(
        name,
        sentence=v.words.pair(result.zh, result.en),
        fields=fields,
        moved=result.refused is Refused.CHANGED_MEANWHILE,
    )


def tidied(config: Config, known: Known) -> None:
    """Delete secrets whose instruction was answered while this process did not run."""
    with contextlib.suppress(OSError, sqlite3.Error):
        folder, after = config.page_folder, known.answered()
        if after is None:
            return  # what waits is not known
        if inbox.newest(folder) < after:  # a file that was begun anew
            after = 0
        orders = inbox.read(folder, max(0, after - 500), 1000)
        waiting = frozenset(handed.named(body) for number, body in orders if number > after)
        answered = frozenset(handed.named(body) for number, body in orders if number <= after)
        handed.forget_old(folder, waiting, answered - waiting, time.time())


def change_of(what: What, value: Mapping[str, Any]) -> wire.ChangeMessage:
    """Return a change as it is left, read as the daemon will read it. Raises Rejected."""
    return wire.ChangeMessage(what=what, value=values.plain(what, value))


def refused(v: Visitor, no: Rejected) -> Answer:
    """Return the answer to a form with a value that does not fit."""
    said = {problem.field: v.words.told(problem.say) for problem in no.problems}
    return Answer(sentence="; ".join(said.values())[:400], fields=said)


async def configure(
    v: Visitor,
    said: Mapping[str, str],
    what: What,
    value: Mapping[str, Any],
    given: Handed | None = None,
    *,
    first_press: float = 0.0,
) -> Answer:
    """Leave one change of the household. `first_press`: s in which a first press is asked for."""
    try:
        change = change_of(what, value)
    except Rejected as no:
        return refused(v, no)
    order = Configure(change=change, seconds=first_press)
    return await left(v, order, said, given=given, dated=first_press > 0)


def drawn(v: Visitor, template: str, status: int, form: Form, /, **values: Any) -> Response:
    """Return a page with set-up forms. After a conflict it shows both sides."""
    if v.technician and (template in SHOWN or KEPT in v.request.query_params):
        now = v.page.known.now(v.page.known.status())
        values["undo"] = offered(v.page.config, models(), now)
    if form.answer.moved and template != "new.html":  # what is new there takes nobody's place
        form.differs.clear()
        page = v.draw(template, form=form, once=once, **values)
        form.both += rows(page, form.differs, lambda on: v.words("home.yes" if on else "home.no"))
    return v.render(template, status, form=form, once=once, **values)
