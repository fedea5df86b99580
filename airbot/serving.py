"""waitress in a thread of its own: bound when made, stopped from outside."""

from __future__ import annotations

import errno
import json
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

from airbot.exceptions import CannotListen


def host_of(netloc: str) -> str:
    """The host of `host:port`, in lower case; "" when it is none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


class _JsonErrorTask(ErrorTask):
    """What waitress refuses by itself (too large, malformed) is JSON, too."""

    def execute(self) -> None:
        error: Any = self.request.error  # type: ignore[attr-defined]
        body = json.dumps({"success": False, "error": error.reason.lower()}).encode()
        self.status = f"{error.code} {error.reason}"
        self.close_on_finish = True
        self.response_headers = [
            ("Content-Type", "application/json; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    error_task_class = _JsonErrorTask


class Server:
    """waitress in a thread of its own; bound when it is made."""

    def __init__(
        self, app: Any, host: str, port: int, name: str, max_body: int
    ) -> None:
        """`app` is a WSGI application; larger bodies than `max_body` bytes are refused.

        Raises CannotListen.
        """
        try:
            # One address, or waitress makes a server of several kinds of sockets.
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            server: Any = create_server(
                app,
                host=found[0][4][0],
                port=port,
                threads=4,
                connection_limit=50,
                channel_timeout=30,
                max_request_body_size=max_body + 1,  # it refuses from there on
                max_request_header_size=16 * 1024,
                ident=None,
            )
        except OSError as e:
            why = "is in use" if e.errno == errno.EADDRINUSE else f"says: {e.strerror}"
            raise CannotListen(f"{host} port {port} {why}") from e
        server.channel_class = _Channel
        self._server = server
        self.port = int(server.effective_port)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        self._server.run()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Answer what is in hand, then close.

        waitress has no public way to stop from another thread (Pylons/waitress #372):
        close() races with select(). A thunk on its trigger runs in the loop's thread.
        """
        if not self._thread.is_alive():
            self._server.close()
            return
        self._server.task_dispatcher.shutdown(timeout=timeout_s)
        time.sleep(0.05)  # lets the loop write out the last answer
        channels = self._server._map
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(channels))
        self._thread.join(timeout_s)
