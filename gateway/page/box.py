"""What belongs to the box: diagnostics, accounts, password, certificate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from gateway.home import backup
from gateway.page import again, duty, family, guard, papers
from gateway.page import bundle as bundled
from gateway.page.accounts import Refusal, Role
from gateway.page.acts import once
from gateway.page.change import current
from gateway.page.door import refused
from gateway.page.visitor import Fields, Reader, Technician, Visitor, checked

router = APIRouter()


@router.get("/box")
def box(v: Reader) -> Response:
    """Show what belongs to the box itself."""
    return _box(v)


@router.get("/diagnostics.zip")
def diagnostics(v: Technician) -> Response:
    """Give the bundle, without secrets or names."""
    assert v.session is not None  # a technician has one
    v.page.accounts.note(v.session.name, v.source, "bundle")
    name = f"eldercare-{datetime.now(UTC):%Y%m%d-%H%M}.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(
        bundled.bundle(v.page.config, v.page.known), media_type="application/zip", headers=headers
    )


@router.post("/box/accounts")
def add(v: Technician, said: Fields) -> Response:
    """Make an account."""
    checked(v, said)
    return v.page.twice.once(v.bound, said, lambda: _add(v, said))


def _add(v: Visitor, said: Mapping[str, str]) -> Response:
    assert v.session is not None  # a technician has one
    if unproved := again.wrong(v, said):
        return _box(v, 422, "account", said, unproved)
    if said.get("password", "") != said.get("again", ""):
        return _box(v, 422, "account", said, {"again": v.words("password_differs")})
    try:
        v.page.accounts.add(
            said.get("name", "").strip(),
            said.get("role", ""),
            said.get("password", ""),
            v.session,
            v.source,
        )
    except Refusal as no:
        return _box(v, 422, "account", said, {no.field or "form": refused(v, no)})
    return RedirectResponse("/box?saved=1#accounts", 303)


@router.post("/box/invite")
def invite(v: Technician, said: Fields) -> Response:
    """Invite a relative, where the resident lets them look."""
    checked(v, said)
    return v.page.twice.once(v.bound, said, lambda: _invite(v, said))


def _invite(v: Visitor, said: Mapping[str, str]) -> Response:
    assert v.session is not None  # a technician has one
    if unproved := again.wrong(v, said):
        return _box(v, 422, "invite", said, unproved)
    agreed, name = family.since(current(v)), said.get("name", "").strip()
    if agreed is None:
        return _box(v, 422, "invite", said, {"form": v.words("family_not_agreed")})
    try:
        code = v.page.accounts.relatives.invite(name, agreed, v.session.name)
    except Refusal as no:
        return _box(v, 422, "invite", said, {no.field or "form": refused(v, no)})
    v.page.accounts.note(v.session.name, v.source, "invited", name)
    return _box(v, code=(name, code))


@router.post("/box/accounts/remove")
def remove(v: Technician, said: Fields) -> Response:
    """Take an account away, or an invitation back."""
    checked(v, said)
    return v.page.twice.once(v.bound, said, lambda: _remove(v, said))


def _remove(v: Visitor, said: Mapping[str, str]) -> Response:
    assert v.session is not None  # a technician has one
    if unproved := again.wrong(v, said):
        return _box(v, 422, "remove", said, unproved)
    try:
        v.page.accounts.remove(said.get("name", ""), v.session, v.source)
    except Refusal as no:
        return _box(v, 422, "remove", said, {"form": refused(v, no)})
    return RedirectResponse("/box?saved=1#accounts", 303)


@router.post("/box/password")
def password(v: Reader, said: Fields) -> Response:
    """Change one's own password."""
    checked(v, said)
    return v.page.twice.once(v.bound, said, lambda: _password(v, said))


def _password(v: Visitor, said: Mapping[str, str]) -> Response:
    assert v.session is not None  # a reader has one
    if said.get("password", "") != said.get("again", ""):
        return _box(v, 422, "password", {}, {"again": v.words("password_differs")})
    try:
        key = v.page.accounts.change_password(
            v.session, said.get("old", ""), said.get("password", ""), v.source
        )
    except Refusal as no:
        return _box(
            v, 429 if no.wait else 422, "password", {}, {no.field or "form": refused(v, no)}
        )
    return v.signed_in(key, "/box?saved=1#password")


@router.post("/box/papers")
def install(v: Technician, said: Fields) -> Response:
    """Install a certificate of one's own, or go back to the box's."""
    checked(v, said)
    return v.page.twice.once(v.bound, said, lambda: _install(v, said))


def _install(v: Visitor, said: Mapping[str, str]) -> Response:
    assert v.session is not None  # a technician has one
    folder, mine = v.page.config.page_folder, v.page.papers
    if unproved := again.wrong(v, said):
        return _box(v, 422, "unpapers" if said.get("remove") else "papers", said, unproved)
    if said.get("remove"):
        papers.uninstall(folder)
        what = "papers_removed"
    elif not v.secure and not guard.local(v.request.scope):
        return _box(v, 422, "papers", {}, {"key": v.words("papers_plain")})
    else:
        try:
            papers.install(folder, said.get("certificate", ""), said.get("private", ""))
        except papers.BadPapers as bad:
            typed = {"certificate": said.get("certificate", "")}  # a key is never sent back
            return _box(v, 422, "papers", typed, {bad.field: v.words(bad.word)})
        what = "papers_installed"
    v.page.accounts.note(v.session.name, v.source, what)
    if mine is not None:
        mine.take_up()
    return RedirectResponse("/box?saved=1#papers", 303)


def _box(
    v: Visitor,
    status: int = 200,
    form: str = "",
    said: Mapping[str, str] | None = None,
    wrong: dict[str, str] | None = None,
    code: tuple[str, str] = ("", ""),
) -> Response:
    family.ended(v.page)
    relatives = v.page.accounts.relatives
    typed = {k: w for k, w in (said or {}).items() if k in {"name", "role", "certificate"}}
    known = v.page.known
    facts = known.status()
    return v.render(
        "box.html",
        status,
        form=form,
        typed=typed,
        wrong=wrong or {},
        once=once,
        saved="saved" in v.request.query_params,
        roles=[Role.TECHNICIAN, Role.SUPERVISOR],
        accounts=v.page.accounts.all() if v.technician else [],
        relatives=relatives.all() if v.technician else {},
        waiting=relatives.waiting() if v.technician else [],
        family=family.since(v.page.config) is not None,
        code=code,
        duty=duty.shown(v) if v.technician else None,
        papers=_papers(v),
        facts=facts,
        now=known.now(facts),
        disk=known.disk(),
        backup=backup.last(v.page.config.state),
    )


def _papers(v: Visitor) -> dict[str, Any]:
    mine = v.page.papers
    if mine is None:
        return {}
    facts = {
        "origin": mine.origin,
        "trouble": mine.trouble,
        "given": bool(v.page.config.page.certificate),
    }
    return facts | {
        "fingerprint": papers.fingerprint(mine.certificate),
        "until": papers.until(mine.certificate).timestamp(),
    }
