"""The page as one ASGI application: routes, files, and what is shown where something is refused."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import Scope

from gateway.home import inbox
from gateway.home.config import Config
from gateway.page import (
    assets,
    box,
    certificate,
    confirm,
    device,
    door,
    drill,
    duty,
    enrol,
    family,
    figures,
    fitted,
    found,
    hangs,
    home,
    label,
    manual,
    moving,
    papers,
    past,
    phone,
    phrases,
    platform,
    rules,
    sensors,
    setup,
    stream,
    test_alarm,
    today,
    undo,
    walk,
)
from gateway.page.accounts import Accounts
from gateway.page.change import present
from gateway.page.deliver import Reach
from gateway.page.en import EN
from gateway.page.guard import Guard, TooLarge
from gateway.page.known import Known
from gateway.page.live import Watch
from gateway.page.notify import Notifier
from gateway.page.saved import Saved
from gateway.page.subscriptions import Subscriptions
from gateway.page.visitor import NotSignedIn, Page, Stop, visitor
from gateway.page.zh import ZH
from gateway.words.clock import boot_name
from gateway.words.say import both

LOG = logging.getLogger("eldercare")
# requests that are worked on at once: the home has one or two visitors, and the daemon comes first
THREADS = 4


def made(config: Config, *, own_papers: Any = None) -> tuple[Guard, Page]:
    """Return the application behind its guard, and its parts. A missing box code is made here."""
    with contextlib.suppress(sqlite3.Error):  # who leaves something there is told
        inbox.mended(config.page_folder)
    label.made(config.page_folder)
    accounts = Accounts(config.page_folder, boot_name())
    known = Known(config)
    names = tuple(dict.fromkeys([*papers.host_names(), *config.page.names, *_own(config)]))
    phones = Subscriptions(config.page_folder)
    page = Page(
        config,
        accounts,
        known,
        phones,
        Notifier(phones, known, lambda: present(page), Reach()),
        Watch(known.newest, config.runtime),
        walk.watch(known, config.runtime),
        sensors.watch(known, config.runtime),
        own_papers,
        names,
    )

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield

    # Nothing about a home is told to a collector, whatever stands in the environment.
    quiet: dict[str, Any] = {
        "telemetry": dict.fromkeys(
            ("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False
        )
    }
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=life, **quiet)
    app.state.page = page
    for part in (
        assets,
        door,
        today,
        device,
        hangs,
        stream,
        test_alarm,
        drill,
        past,
        figures,
        family,
        box,
        duty,
        home,
        sensors,
        found,
        enrol,
        confirm,
        fitted,
        setup,
        manual,
        phone,
        platform,
        phrases,
        rules,
        walk,
        certificate,
        moving,
        undo,
    ):
        app.include_router(part.router)
    # Secrets of a page cannot be guessed by the length of what a stranger makes a browser ask for:
    # our cookies are not sent with it (SameSite=Strict).
    app.add_middleware(Saved)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_exception_handler(NotSignedIn, _not_signed_in)
    app.add_exception_handler(Stop, _stopped)
    app.add_exception_handler(HTTPException, _stopped)
    app.add_exception_handler(RequestValidationError, _stopped)
    app.add_exception_handler(TooLarge, _stopped)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _failed)
    return Guard(app, frozenset(names), _refused), page


def _own(config: Config) -> list[str]:
    return [f"{config.gateway.id.lower()}.local"] if config.gateway.id else []


def _not_signed_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotSignedIn)  # registered for it
    if error.first:
        return RedirectResponse("/first", 303)
    if request.method == "GET" and request.url.path == "/":
        return RedirectResponse("/sign-in", 303)
    if request.method == "GET" and request.url.path not in {
        "/live",
        "/diagnostics.zip",
        "/alarms.csv",
    }:
        return RedirectResponse("/sign-in?idle=1", 303)
    return _page(request, 401, "error.401")


def _stopped(request: Request, error: Exception) -> Response:
    match error:
        case Stop():
            return _page(request, error.status, error.word)
        case HTTPException():
            known = (
                error.status_code
                if error.status_code in {401, 403, 404, 405, 413, 429, 503}
                else 404
            )
            return _page(request, error.status_code, f"error.{known}")
        case TooLarge():
            return _page(request, 413, "error.413")
    return _page(request, 404, "error.404")  # an address with something that is no number


def _gone(request: Request, error: Exception) -> Response:
    """Answer nobody: who hangs up in the middle of a form, by intent or in a lift, fills no log."""
    del request, error
    return Response(status_code=400)


def _failed(request: Request, error: Exception) -> Response:
    LOG.error(
        "page %s %s: %s", request.method, request.url.path, type(error).__name__, exc_info=error
    )
    return PlainTextResponse(both("page.failed"), 500)


def _page(request: Request, status: int, word: str) -> Response:
    if "part" in request.query_params or request.url.path.endswith("/live"):
        return JSONResponse({"error": word}, status)
    found = getattr(request.state, "visitor", None) or visitor(request)
    return found.render("error.html", status, sentence=found.words(word))


def _refused(_: Scope, status: int) -> tuple[bytes, bytes]:
    """Say why in both languages, without template or database: a flood gets this too."""
    word = f"error.{status}"
    name = papers.host_names()[0]
    return (
        b"text/plain; charset=utf-8",
        f"{ZH[word].format(name=name)}\n{EN[word].format(name=name)}\n".encode(),
    )
