"""waitress in a thread of its own: bound when made, stopped from outside."""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time
from datetime import datetime
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask
from waitress.task import WSGITask

from airbot.exceptions import CannotListen
from airbot.models import utcnow
from airbot.web.request import KEEP
from airbot.web.request import MAX_BODY
from airbot.web.response import JSON
from airbot.web.response import failure

THREADS = 4
HEAD_BYTES = 16 * 1024
CONNECTIONS = 300  # of 80 KiB at most: a half-sent request waits in memory
REQUEST_S = 30.0  # for all of a request, from its first byte; and between two
FULL_AGAIN_S = 60.0  # between two lines of the log that say so
NEVER_S = 10**9


class _Task(WSGITask):
    """An answer ends its connection: idle ones that are kept would fill the server."""

    def build_response_header(self) -> bytes:
        if self.environ is None or KEEP not in self.environ:
            headers = self.request.headers  # type: ignore[attr-defined]
            headers["CONNECTION"] = "close"
        return bytes(super().build_response_header())


class _JsonErrorTask(ErrorTask):
    """What waitress refuses by itself (too large, malformed) is JSON, too."""

    def execute(self) -> None:
        error: Any = self.request.error  # type: ignore[attr-defined]
        body = failure(error.reason.lower())
        self.status = f"{error.code} {error.reason}"
        self.close_on_finish = True
        self.response_headers = [
            ("Content-Type", JSON),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    """One connection; it ends when a request is not whole in time, or none comes.

    waitress counts from the last byte: one now and then would keep a place for good.
    And it counts by the wall clock: put back, that would keep all of them.
    """

    task_class = _Task
    error_task_class = _JsonErrorTask
    _waited_for: object = None

    def __init__(self, server: Any, *made_by_waitress: Any, **named: Any) -> None:
        super().__init__(server, *made_by_waitress, **named)
        self._since = time.monotonic()
        _make_room(server)

    def received(self, data: bytes) -> bool:
        taken = bool(super().received(data))
        if self.request is None or self.request is not self._waited_for:
            self._waited_for, self._since = self.request, time.monotonic()
        return taken

    def readable(self) -> bool:  # asked once a second at least
        late = time.monotonic() - self._since > REQUEST_S
        if late and not self.requests:  # none is being answered
            self.will_close = True
        return bool(super().readable())

    @property
    def idle_s(self) -> float:
        """How long it has been waited for; 0 while a request of it is answered."""
        return 0.0 if self.requests else time.monotonic() - self._since


def _make_room(server: Any) -> None:
    """Beyond the limit the one goes that has been idle longest.

    Refusing the newest would shut out the AI for as long as somebody holds the rest. No
    limit by address: behind a proxy all callers have one.
    """
    open_ones = [c for c in server.active_channels.values() if not c.will_close]
    if len(open_ones) > CONNECTIONS:
        longest = max(open_ones, key=lambda channel: channel.idle_s)
        longest.will_close = True
        server.crowd.note(longest.addr[0])


class _Crowd:
    """Says that all connections are taken, once a minute while it lasts."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"airbot.{name}")
        self._closed = 0
        self._said_at = -FULL_AGAIN_S
        self.last_at: datetime | None = None

    def note(self, address: str) -> None:
        self._closed += 1
        self.last_at = utcnow()
        if time.monotonic() - self._said_at < FULL_AGAIN_S:
            return
        self._said_at = time.monotonic()
        self._logger.warning(
            "all %d connections are taken: the one that was idle longest is closed for "
            "each new one (%d so far, the last from %s)",
            CONNECTIONS,
            self._closed,
            address,
        )


class Server:
    """waitress in a thread of its own; bound when it is made."""

    def __init__(self, app: Any, host: str, port: int, name: str) -> None:
        """`app` is a WSGI application, `name` its settings' section, and its thread's.

        Raises CannotListen.
        """
        try:
            # One address, or waitress makes a server of several kinds of sockets.
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            server: Any = create_server(
                app,
                host=found[0][4][0],
                port=port,
                threads=THREADS,
                connection_limit=2 * CONNECTIONS,  # not reached, see _make_room
                asyncore_use_poll=True,  # select() has no room for many
                channel_timeout=NEVER_S,  # see _Channel
                max_request_body_size=MAX_BODY + 1,  # it refuses from there on
                max_request_header_size=HEAD_BYTES,
                ident=None,
                # Kept: a call that was forwarded is not from this machine.
                clear_untrusted_proxy_headers=False,
            )
        except OSError as e:
            why = "is in use" if e.errno == errno.EADDRINUSE else f"says: {e.strerror}"
            raise CannotListen(f"{host} port {port} {why}", f"{name}.port") from e
        server.channel_class = _Channel
        server.crowd = self._crowd = _Crowd(name)
        self._server = server
        self.host = str(found[0][4][0])  # a name may have several addresses
        self.port = int(server.effective_port)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def full_at(self) -> datetime | None:
        """When all connections were taken last, by our clock."""
        return self._crowd.last_at

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
