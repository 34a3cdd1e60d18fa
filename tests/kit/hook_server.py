"""A real HTTP(S) server that gets webhooks: it keeps what came and answers as it is told, well or badly."""

from __future__ import annotations

import http.server
import json
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

from gateway.box import generations


def installed(name: str = "eldercare-webhook", module: str = "gateway.hook.send") -> Path:
    """Return the program as the daemon runs it; an environment that is older than it gets it."""
    path = Path(sys.prefix, "bin", name)
    if not path.exists():
        begin = f"import sys\nfrom {module} import main\nsys.exit(main())\n"
        generations.put(path, f"#!{sys.executable}\n{begin}".encode(), 0o755)
    return path


class Came(NamedTuple):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


# what an answer is: status, headers, body
Answer = tuple[int, dict[str, str], bytes]
# None: no answer, until the server ends; one that is called with the handler writes what it wants
Behaviour = Callable[[Came], "Answer | Callable[[Any], None] | None"]


def receipts(came: Came) -> Answer:
    """Say that the entry is recorded."""
    return 200, {}, json.dumps({"recorded": came.headers["webhook-id"]}).encode()


def says(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Return a server that always says this."""
    return lambda _: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def in_turn(*each: Behaviour) -> Behaviour:
    """Return a server that does one after another, and the last for ever."""
    rest = list(each)

    def does(came: Came) -> Any:
        return (rest.pop(0) if len(rest) > 1 else rest[0])(came)

    return does


class HookServer:
    """Listens on a free port of the loopback while it is entered; `does` may be changed meanwhile."""

    def __init__(
        self,
        does: Behaviour = receipts,
        certificate: tuple[Path, Path] | None = None,
        *,
        keeps: bool = False,
        client_ca: Path | None = None,
        port: int = 0,
    ) -> None:
        """Prepare to listen. With `keeps` a connection serves many requests; with `client_ca` clients have a certificate."""
        self.does = does
        self.came: list[Came] = []
        self.over = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1" if keeps else "HTTP/1.0"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                came = Came(self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length))
                outer.came.append(came)
                answer = outer.does(came)
                if answer is None:
                    outer.over.wait()
                    return
                if callable(answer):
                    answer(self)
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.do_POST()  # a redirect that is followed would come as this

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """Say nothing of who hangs up."""

        self.connections = 0
        self._server = Server(("127.0.0.1", port), Handler)
        scheme = "http"
        if certificate is not None:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            if client_ca is not None:
                context.load_verify_locations(client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/alarms"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
