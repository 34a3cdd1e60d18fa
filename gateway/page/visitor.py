"""Who looks at a page and in which language; what each page is made with; who may come in."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway import __version__
from gateway.home.config import Config
from gateway.page import answers, assets, guard, roles, saved, steps
from gateway.page.accounts import Accounts, Role, Session
from gateway.page.known import Known
from gateway.page.live import Watch
from gateway.page.names import Names
from gateway.page.notify import Notifier
from gateway.page.roles import PLACES, SETUP
from gateway.page.subscriptions import Subscriptions
from gateway.page.turns import Turns
from gateway.page.twice import Twice
from gateway.page.waits import WAITS
from gateway.page.words import FIRST, LANGUAGES, Words

HERE = Path(__file__).parent
YEAR = 365 * 86400
FIELDS = 130  # of one form; a ladder of twenty rungs can have a hundred and twenty-four
THEMES = ("auto", "light", "dark")
# Where a page is seen again that answers a form; and what of its values stands in the address.
AT: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    **{
        f"{name}.html": (f"/{name}", ())
        for name in (
            "first",
            "test",
            "box",
            "home",
            "sensors",
            "platform",
            "rules",
            "walk",
            "certificate",
            "family",
            "join",
        )
    },
    **{f"{name}.html": (f"/sensors/{name}", ()) for name in ("add", "new")},
    **{f"{name}.html": (f"/sensors/{name}", ("device",)) for name in ("change", "radar")},
    "port.html": ("/sensors/port", ("port",)),
    "device.html": ("/devices/{device}", ()),
    "signin.html": ("/sign-in", ()),
    "today.html": ("/", ()),
    "moving.html": ("/moving", ()),
    "taking.html": ("/moving", ()),
}
ALIVE: Final = frozenset({"/", "/walk", "/test"})
# What is drawn at an address that lies under none of them, or under another one.
_BELOW: Final = (
    ("today", "/devices"),
    ("today", "/do"),
    ("test", "/drill"),
    ("setup", "/box/backup"),
)


def environment() -> Environment:
    """Return what templates are rendered with: everything is escaped, nothing may be missing."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(assets.GLOBALS, themes=THEMES)
    return made


@dataclass(slots=True)
class Page:
    """All that a request needs; made once."""

    config: Config
    accounts: Accounts
    known: Known
    phones: Subscriptions
    notifier: Notifier
    watch: Watch
    walked: Watch  # what a walk test has counted
    sensed: Watch  # what was heard in the hearing window, or at a port
    papers: Any = None  # the certificate in use, None where the page is served without
    names: tuple[str, ...] = ()
    regulars: guard.Regulars = field(default_factory=guard.Regulars)
    turns: Turns = field(default_factory=Turns)
    twice: Twice = field(default_factory=Twice)
    environment: Environment = field(default_factory=environment)
    known_answers: answers.Answers = field(default_factory=answers.Answers)
    other_answers: answers.Answers = field(
        default_factory=answers.Answers
    )  # whoever is not signed in pushes out nobody who is

    def use(self, config: Config) -> None:
        """Go on with another configuration."""
        self.config = config
        self.known.use(config)

    def answers_to(self, v: Visitor) -> answers.Answers:
        """Return where answers to a visitor's forms are kept."""
        return self.other_answers if v.session is None else self.known_answers


class NotSignedIn(Exception):
    """Nobody is signed in; `first`: nobody ever was."""

    def __init__(self, *, first: bool) -> None:
        super().__init__()
        self.first = first


class Stop(Exception):
    """A page that says why this is not done."""

    def __init__(self, status: int, word: str = "") -> None:
        super().__init__(word)
        self.status, self.word = status, word or f"error.{status}"


@dataclass(slots=True)
class Visitor:
    """Whoever asks for a page."""

    page: Page
    request: Request
    source: str
    words: Words
    theme: str
    session: Session | None
    bound: str  # what the form key is bound to: the session, or before it a cookie of its own
    fresh: bool  # that cookie was not there yet
    at: str = ""  # address of the page that is drawn, where it has one of its own

    @property
    def technician(self) -> bool:
        """True for who may change things."""
        return self.role is Role.TECHNICIAN

    @property
    def role(self) -> Role | None:
        """Return the role of who is signed in."""
        return self.session.role if self.session is not None else None

    @property
    def by(self) -> str:
        """Who gives an instruction and from where, as it stands in the journal."""
        return f"{self.session.name if self.session else '?'} ({self.source})"[:80]

    @property
    def drafts(self) -> str:
        """Whose what is typed is: a phone sees many boxes under one address, and many people."""
        name = self.session.name if self.session is not None else ""
        whose = f"{self.page.known.gateway()}/{name}".encode()
        return hashlib.sha256(whose).hexdigest()[:16]

    @property
    def secure(self) -> bool:
        """True over HTTPS."""
        return self.request.url.scheme == "https"

    @property
    def asks_page(self) -> bool:
        """True for a browser, which shows what it gets; a program is answered at once."""
        return "text/html" in self.request.headers.get("accept", "")

    @property
    def phone(self) -> str:
        """Return the number of this browser among those that signed in, "" where it has none."""
        known = self.session is not None and self.page.accounts.knows_device(
            self.session.name, self.device
        )
        return self.device.partition(".")[0] if known else ""

    @property
    def device(self) -> str:
        """What this browser was given at an earlier sign-in, "" for nothing."""
        return self.request.cookies.get(self._name("device"), "")

    @property
    def names(self) -> Names:
        """What devices and people are called, in this visitor's language."""
        return Names(self.page.config.devices, self.words)

    def called(self, device: str) -> str:
        """Return what people call a device, else its model."""
        return self.names.called(device)

    @property
    def which(self) -> str:
        """Which home this is: its number, or else the gateway's id.

        A stranger is not told, nor a relative.
        """
        home = self.page.config.household.household
        number = home.number if home is not None else ""
        known = self.role not in (None, Role.FAMILY)
        return (number or self.page.known.gateway()) if known else ""

    @property
    def _place(self) -> str:
        """Return the place of this page in the navigation; pages of set-up belong to "setup"."""
        path = self.request.url.path
        found = (
            name
            for name, where in (*_BELOW, *SETUP, *PLACES, *roles.OVERSEEN)
            if path == where or (where != "/" and path.startswith(f"{where}/"))
        )
        name = next(found, "")
        mine = dict(roles.places(self.role))
        return "setup" if name in dict(SETUP) and name not in mine else name

    def render(self, template: str, /, status: int = 200, **values: Any) -> Response:
        """Return a page."""
        asked = (
            self.request.query_params.get(answers.NAME, "") if self.request.method == "GET" else ""
        )
        kept = (
            self.page.answers_to(self).kept(self.bound, asked)
            if asked and not template.startswith("_")
            else None
        )
        if kept is not None:
            return HTMLResponse(
                kept, headers={"content-language": self.words.tag, "vary": "Cookie"}
            )
        body = self.draw(template, **values)
        if self.request.method == "POST" and self.asks_page:
            body = answers.pointed(body)
            lasts = WAITS.briefly if self.at in ALIVE else WAITS.kept
            if self.at and (name := self.page.answers_to(self).keep(self.bound, body, lasts)):
                # An error is pointed at by the focus, which a fragment would take away.
                to = f"{self.at}{'&' if '?' in self.at else '?'}{urlencode({answers.NAME: name})}"
                return RedirectResponse(f"{to}#answer" if " autofocus" in body else to, 303)
        response = HTMLResponse(
            body, status, headers={"content-language": self.words.tag, "vary": "Cookie"}
        )
        if self.fresh and self.session is None:
            self._cookie(response, "form", self.bound, None)
        if self.request.cookies.get(assets.COOKIE) != assets.VERSION:
            self._cookie(response, assets.COOKIE, assets.VERSION, YEAR)
        for name_, allowed in (("lang", tuple(LANGUAGES)), ("theme", THEMES)):
            if self.request.query_params.get(name_) in allowed:
                self._cookie(response, name_, self.request.query_params[name_], YEAR)
        return response

    def draw(self, template: str, /, **values: Any) -> str:
        """Return a page as text."""
        self.at = (
            _address(template, values)
            if template != "error.html"
            else "/"
            if self.session is not None
            else ""
        )
        asked = (
            self.request.query_params.get("step", "") or self.request.url.path.rpartition("/")[2]
        )
        values["install"] = self._installation(steps.of(template, asked))
        return self.page.environment.get_template(template).render(
            t=self.words,
            v=self,
            places=roles.places(self.role),
            setup=SETUP,
            form_key=self.page.accounts.form_key(self.bound),
            here=self._here,
            path=self.request.url.path,
            place_at=self._place,
            where=self.names.where,
            called=self.called,
            who=self.names.who,
            sensed=self.names.sensed,
            version=__version__,
            styled=self.request.cookies.get(assets.COOKIE) == assets.VERSION,
            **values,
        )

    def _installation(self, at: str | None) -> steps.Installation | None:
        """Return how far the installation is, for who can go on with it, on a page of it."""
        if at is None or not (self.technician or at == "code"):
            return None
        if not self.technician:  # a stranger is told nothing of the home
            return steps.Installation(
                tuple(steps.Step(*s, ("code",)) for s in steps.STEPS.items()), at
            )
        return steps.installation(self.page.config, self.page.known, at)

    def _here(self, **changed: str) -> str:
        """Return this page's address with some of the query changed."""
        if self.request.method != "GET":
            address, _, rest = (self.at or "/").partition("?")
            return f"{address}?{urlencode(dict(parse_qsl(rest)) | changed)}"
        query = {
            k: v
            for k, v in self.request.query_params.items()
            if k not in {"lang", "theme", "part", steps.KEPT, answers.NAME}
        } | changed
        return f"{self.request.url.path}?{urlencode(query)}" if query else self.request.url.path

    def signed_in(self, key: str, to: str = "/") -> Response:
        """Return the way on with a session of its own."""
        response = RedirectResponse(to, 303)
        self._cookie(response, "session", key, None)
        session = self.page.accounts.session(key)
        if session is not None:
            self._cookie(
                response, "device", self.page.accounts.device_key(session.name, self.device), YEAR
            )
        response.delete_cookie(self._name("form"), path="/")
        return response

    def signed_out(self, to: str = "/sign-in") -> Response:
        """Return the way out."""
        response = RedirectResponse(to, 303)
        response.delete_cookie(self._name("session"), path="/")
        return response

    def _name(self, name: str) -> str:
        # The prefix makes a browser refuse one that another machine of the same domain, or plain
        # HTTP, has planted.
        return f"__Host-{name}" if self.secure and name in {"session", "form", "device"} else name

    def _cookie(self, response: Response, name: str, value: str, age: int | None) -> None:
        response.set_cookie(
            self._name(name),
            value,
            max_age=age,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )


def _address(template: str, values: Mapping[str, Any]) -> str:
    """Return where a page is seen again, "" where it has no address of its own."""
    path, names = AT.get(template, ("", ()))
    d = values.get("d")
    found = {
        "device": getattr(d, "id", "")
        or getattr(d, "device", "")
        or getattr(values.get("device"), "id", ""),
        "port": str(values.get("port", "")),
    }
    path = path.replace("{device}", quote(found["device"], safe=""))
    return f"{path}?{urlencode({n: found[n] for n in names})}" if names else path


def visitor(request: Request) -> Visitor:
    """Return who asks."""
    page: Page = request.app.state.page
    secure = request.url.scheme == "https"
    prefix = "__Host-" if secure else ""
    key = request.cookies.get(f"{prefix}session", "")
    session = page.accounts.session(
        key,
        touch="part" not in request.query_params and not request.url.path.endswith("/live"),
    )
    who = guard.source(request.scope)
    if session is not None:
        page.regulars.saw(who)
    planted = request.cookies.get(f"{prefix}form", "")
    fresh = not (24 <= len(planted) <= 60 and planted.isascii())
    bound = session.key if session else secrets.token_urlsafe(24) if fresh else planted
    language = _chosen(request, "lang", tuple(LANGUAGES), FIRST)
    theme = _chosen(request, "theme", THEMES, "auto")
    words = Words(language, page.config.zone)
    found = Visitor(page, request, who, words, theme, session, bound, fresh)
    request.state.visitor = found
    return found


def _chosen(request: Request, name: str, allowed: tuple[str, ...], otherwise: str) -> str:
    for value in (request.query_params.get(name), request.cookies.get(name)):
        if value in allowed:
            return str(value)
    return otherwise


Anyone = Annotated[Visitor, Depends(visitor)]


def signed_in(v: Anyone) -> Visitor:
    """Let in who is signed in, whatever the role: to what is nobody's but their own."""
    if v.session is None:
        raise NotSignedIn(first=not v.page.accounts.claimed())
    return v


SignedIn = Annotated[Visitor, Depends(signed_in)]


def reader(v: SignedIn) -> Visitor:
    """Let in who may look into the records. A role that is not named here may not."""
    if v.role not in (Role.TECHNICIAN, Role.SUPERVISOR):
        raise Stop(403)
    return v


Reader = Annotated[Visitor, Depends(reader)]


def technician(v: SignedIn) -> Visitor:
    """Let in who may change things, and see the home as it is now."""
    if not v.technician:
        raise Stop(403)
    return v


Technician = Annotated[Visitor, Depends(technician)]


async def fields(request: Request) -> dict[str, str]:
    """Return what a form says. Only the plain encoding is read: the page has no files to send."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind != "application/x-www-form-urlencoded":
        raise Stop(403, "form_old")
    try:
        said = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS))
    except (ValueError, UnicodeDecodeError) as error:
        raise Stop(413) from error
    saved.sent(request, said.get("once", ""))
    return said


Fields = Annotated[dict[str, str], Depends(fields)]


def checked(v: Visitor, said: Mapping[str, str]) -> None:
    """Refuse a form that this page did not make for this browser."""
    right = v.page.accounts.form_key(v.bound)
    if not hmac.compare_digest(said.get("key", "").encode(), right.encode()):
        raise Stop(403, "form_old")
