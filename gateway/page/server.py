"""Serves the page: HTTPS for the network, HTTP on the box; elsewhere HTTP only leads to HTTPS.

Why not simply redirect: the browser's warning about a self-made certificate would come without a
word. Why not serve over HTTP on the first visit: the code and the new password would cross a
stranger's Wi-Fi in the clear. On loopback there is nobody between: SSH tunnels, the demonstration
and the tests use it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import socket

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.box import folders, systemd
from gateway.home import inbox
from gateway.home.config import Config
from gateway.page import hangs, papers
from gateway.page.app import made
from gateway.page.change import tidied
from gateway.page.connections import Places, Server
from gateway.page.family import ended
from gateway.page.guard import Guard, Receive, Scope, Send, local, named
from gateway.page.visitor import Page
from gateway.page.waits import WAITS
from gateway.page.words import Words

LOG = logging.getLogger("eldercare")


class Papers:
    """The certificate in use; a new one is taken up without a restart.

    `trouble`: why the box's own is served instead of the one that was given, "" where it is not.
    """

    def __init__(self, config: Config, names: list[str]) -> None:
        self._config, self._names = config, names
        self.take_up()

    def take_up(self) -> None:
        """Serve new connections with what is installed now, else with the box's own.

        Raises OSError, and BadPapers where not even that can be used.
        """
        page, folder = self._config.page, self._config.page_folder
        certificate, key = (
            self._config.file(page.certificate),
            self._config.file(page.certificate_key),
        )
        origin = "config"
        if certificate is None or key is None:
            certificate, key = papers.in_use(folder, self._names)
            origin = "own" if certificate.name == "own.pem" else "box"
        trouble = ""
        try:
            context = papers.context(certificate, key)
        except papers.BadPapers as bad:
            if origin == "box":
                raise
            LOG.warning(
                "page certificate %s: %s (%s); the box's own is served",
                certificate,
                bad,
                bad.__cause__,
            )
            certificate, key = papers.of_box(folder, self._names)
            origin, trouble, context = "box", bad.word, papers.context(certificate, key)
        self.origin, self.trouble, self.certificate, self.context = (
            origin,
            trouble,
            certificate,
            context,
        )

    async def keep_in_date(self) -> None:
        """Look every day if the box's certificate must be renewed: a page may run for years."""
        while True:
            await asyncio.sleep(WAITS.papers)
            try:
                await asyncio.to_thread(self.take_up)
            except (OSError, papers.BadPapers) as error:
                LOG.warning("page certificate: %s; the one before is served on", error)


class Signpost:
    """What answers on HTTP: the whole page on this very box, for others the way to HTTPS."""

    def __init__(self, app: Guard, page: Page) -> None:
        self._app, self._page = app, page
        self._guard = Guard(
            self._way,
            frozenset(page.names),
            lambda _scope, status: (b"text/plain", str(status).encode()),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or local(scope) or str(scope["path"]).startswith("/static/"):
            await self._app(scope, receive, send)
            return
        await self._guard(scope, receive, send)

    async def _way(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        query = bytes(scope.get("query_string", b""))
        words = Words("en" if b"lang=en" in query else "zh", self._page.config.zone)
        host = named(next((v.decode("latin-1") for k, v in scope["headers"] if k == b"host"), ""))
        port = self._page.config.page.port
        to = f"https://{f'[{host}]' if ':' in host else host}{'' if port == 443 else f':{port}'}/"
        body = self._page.environment.get_template("door.html").render(t=words, to=to).encode()
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def serve(config: Config) -> None:
    """Serve until told to stop.

    Raises OSError, and BadPapers where a port or the certificate cannot be had.
    """
    folders.moved_in(config.state)
    names = [*papers.host_names(), *config.page.names]
    mine = Papers(config, names)
    app, page = made(config, own_papers=mine)
    places = Places(page.regulars.knows)
    doors = [
        (
            Server(_options(app), places, lambda: mine.context),
            _listening(config.page.address, config.page.port),
        )
    ]
    if config.page.http_port:
        doors.append(
            (
                Server(_options(Signpost(app, page)), places),
                _listening(config.page.address, config.page.http_port),
            )
        )
    servers = [server for server, _ in doors]
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    LOG.info(
        "page https://%s%s", names[0], "" if config.page.port == 443 else f":{config.page.port}"
    )
    tasks = [loop.create_task(server.serve(sockets=[line]), name="page") for server, line in doors]
    beside = [
        loop.create_task(mine.keep_in_date(), name="certificate"),
        loop.create_task(_keep_tidy(page), name="tidy"),
        loop.create_task(_report(page, mine), name="report"),
        loop.create_task(page.notifier.run(), name="duty"),
    ]
    systemd.notify("READY=1")  # the sockets listen and the certificate is made
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in beside:
            task.cancel()
        stop()
        for task in tasks:
            await task


async def _keep_tidy(page: Page) -> None:
    """Delete what is not needed any more: what was handed over, accounts, photographs."""
    while True:
        await asyncio.to_thread(tidied, page.config, page.known)
        await asyncio.to_thread(ended, page)
        await asyncio.to_thread(hangs.tidied, page)
        await asyncio.sleep(WAITS.tidy)


async def _report(page: Page, mine: Papers) -> None:
    """Tell the daemon how many passwords were wrong, and whether the given certificate serves.

    It is told when it changes, and now and then.
    """
    run, said, silent = secrets.token_hex(4), None, 0.0
    while True:
        word = inbox.PageWord(run, page.accounts.wrong, bool(mine.trouble))
        if word != said or silent >= WAITS.report_again:
            inbox.say(page.config.runtime, word)
            said, silent = word, 0.0
        await asyncio.sleep(WAITS.report)
        silent += WAITS.report


def _listening(address: str, port: int) -> socket.socket:
    """Return a listening socket, for both families where no address was given and the box has both.

    What is accepted inherits TCP_NODELAY. asyncio sets it only on sockets that were made with
    IPPROTO_TCP, which these are not: the body of each answer then waited for the other side to
    acknowledge its head, 40 ms.
    """
    if address:
        line = socket.create_server(
            (address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET
        )
    elif socket.has_dualstack_ipv6():
        line = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        line = socket.create_server(("", port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line


def _options(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # uvicorn's types know no ASGI app behind a class
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=round(WAITS.keep),
        timeout_graceful_shutdown=round(WAITS.stop),
        h11_max_incomplete_event_size=16 * 1024,
        lifespan="on",
        ws="none",
        http=H11Protocol,
        loop="asyncio",
    )
