"""The HTTP/1.1 server under the simulated Airbnb: keep-alive, threads, loopback only.

It differs from wsgiref in what the tests need: connections that stay open (Chromium
resends a POST only on a reused one), answers that are cut, a clock that can be off,
and a stop that waits for nobody.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any

WsgiApp = Callable[..., Any]


class CutConnection(Exception):
    """Raised by a handler to end the connection without an answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "envoy"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # one write per answer; handle_one_request() flushes
    server: SiteServer

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        try:
            status, headers, content = self.server.call(self._environ(body))
        except CutConnection:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(*status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = _answer

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            environ.setdefault("HTTP_" + name.upper().replace("-", "_"), value)
        return environ

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(timestamp or self.server.clock())

    def log_message(self, format: str, *args: Any) -> None:
        pass


class SiteServer(ThreadingHTTPServer):
    """Serves one WSGI application in daemon threads on a loopback address.

    `clock` gives the time of the Date header, in seconds.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self, app: WsgiApp, host: str, port: int, clock: Callable[[], float]
    ) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the simulated Airbnb serves loopback only, not {host}")
        self.app = app
        self.clock = clock
        self._open: set[socket.socket] = set()
        self._started = False
        super().__init__((host, port), _Handler)

    def start(self) -> None:
        self._started = True
        threading.Thread(
            target=self.serve_forever, args=(0.05,), name="sandbox", daemon=True
        ).start()

    def stop(self) -> None:
        """Stop at once: connections that are open or waiting are cut."""
        if self._started:  # else shutdown() would wait for ever
            self.shutdown()
        self.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was first

    def call(
        self, environ: dict[str, Any]
    ) -> tuple[tuple[int, str], list[tuple[str, str]], bytes]:
        """One request through the application: (status, reason), headers, body."""
        started: list[Any] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
            started[:] = [status, headers]

        try:
            content = b"".join(self.app(environ, start_response))
        except CutConnection:
            raise
        except Exception:  # a bug of the simulated site: show it, answer 500
            traceback.print_exc()
            return (500, "Internal Server Error"), [], b""
        code, _, reason = started[0].partition(" ")
        headers = [h for h in started[1] if h[0].lower() not in ("content-length",)]
        return (int(code), reason), headers, content

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # OSError: the client is gone
            super().handle_error(request, client_address)
