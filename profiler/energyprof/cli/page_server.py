"""One page on the loopback interface, for whoever knows its token."""

from __future__ import annotations

import hmac
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOST = "127.0.0.1"
"""Nobody but this machine reaches it."""
IDLE_S = 10.0
"""A client that says nothing for so long is let go of."""


class PageServer(ThreadingHTTPServer):
    """Serve one page under a path that nobody can guess, on a port of its own; everything else is not found.

    Other programs of this machine can reach the port, and a page of the web could have a name of its own resolve to it:
    the token keeps out the first, the check of the Host header the second.
    """

    daemon_threads = True

    def __init__(self, page: bytes, port: int = 0) -> None:
        """Take the port, 0: a free one; `serve_forever` answers until `shutdown`. Raises OSError where it is taken."""
        super().__init__((HOST, port), _Handler)
        self.page = page
        self.path = f"/{secrets.token_urlsafe(24)}/"

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}{self.path}"

    def may_ask(self, host: str | None, path: str) -> bool:
        """Return whether a request came by our own address and knows the token."""
        is_ours = host in {f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"}
        return is_ours and hmac.compare_digest(urlsplit(path).path.encode(), self.path.encode())

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that goes away in the middle of an answer is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "energyprof"
    sys_version = ""
    timeout = IDLE_S

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        is_known = self.server.may_ask(self.headers.get("Host"), self.path)
        body = self.server.page if is_known else b"not found\n"
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Type", f"text/{'html' if is_known else 'plain'}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for header, value in (
            ("Cache-Control", "no-store"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
        ):
            self.send_header(header, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing: the terminal shows the address and no more."""
