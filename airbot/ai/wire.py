"""One POST to the AI: one deadline over all of it, one size, no redirect, no proxy.

A time-out of requests counts each piece alone, and a server that sends one byte now and
then would keep us for good. Here the connection itself is shut when the time is up,
whatever it is doing: shaking hands, sending, waiting, reading.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import DecodeError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import InvalidHeader
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry
from urllib3.util.ssl_ import create_urllib3_context

MAX_ANSWER_BYTES = 1024 * 1024
# We ask for answers as they are. What is compressed all the same is inflated here, and
# not by the library, which bounds each step alone and holds what gives nothing yet.
# Some servers send `deflate` without its head.
WBITS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
NOT_INFLATED = frozenset({"br", "zstd", "compress", "x-compress"})
TIMEOUTS = (requests.Timeout, TimeoutError, ReadTimeoutError)


class Reached(NamedTuple):
    """What came back; `body` is None where it is too large.

    `retry_after_s`: how long the AI wants to be left alone, where it says so.
    """

    status: int
    body: bytes | None
    content_type: str = ""
    retry_after_s: float | None = None


class TimeIsUp(Exception):
    """The exchange was not over at its deadline."""


class NotReached(Exception):
    """No whole answer came; the text is the kind of error, never an address."""


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Believes the system's authorities and `ca_file`; requests adds certifi's.

    A house's own authority is known to the system, and to certifi never.
    """
    context = create_urllib3_context()
    context.set_default_verify_paths()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout_s: float,
    tls: ssl.SSLContext,
) -> Reached:
    """Raises TimeIsUp, NotReached."""
    deadline = _Deadline(timeout_s)
    try:
        reached = _post(url, body, headers, deadline, tls)
    except (requests.RequestException, HTTPError, OSError, ValueError) as e:
        if deadline.is_over() or isinstance(e, TIMEOUTS):
            raise TimeIsUp from None
        raise NotReached(type(e).__name__) from None
    finally:
        deadline.cancel()
    if deadline.is_over():
        raise TimeIsUp  # shut in the middle of a head, it looks like a whole one
    return reached


def _post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    deadline: _Deadline,
    tls: ssl.SSLContext,
) -> Reached:
    with _Session() as session:
        session.trust_env = False  # no proxy, no .netrc
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(deadline, tls))
        with session.post(
            url,
            data=body,
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=deadline.seconds,
            allow_redirects=False,  # a 302 would become a GET without a body
            stream=True,
            # A password in the address would take the place of our own header.
            auth=_as_it_is if "Authorization" in headers else None,
        ) as response:
            return Reached(
                response.status_code,
                _read(response, deadline),
                response.headers.get("Content-Type", ""),
                _retry_after_s(response.headers.get("Retry-After")),
            )


class _Session(requests.Session):
    """Leads nowhere: where a redirect goes is not even looked at.

    requests would read all of its body first, however large.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _retry_after_s(given: str | None) -> float | None:
    """Seconds, or a date by this machine's clock; None for what is neither."""
    try:
        return Retry().parse_retry_after(given) if given else None
    except (InvalidHeader, OverflowError):
        return None


def _read(response: requests.Response, deadline: _Deadline) -> bytes | None:
    """The whole body; None where it is too large, as it came or inflated."""
    body = _received(response, deadline)
    for encoding in reversed(_encodings(response)):
        if not body:
            break
        if deadline.is_over():
            raise requests.Timeout
        body = _inflated(body, encoding)
    return body


def _received(response: requests.Response, deadline: _Deadline) -> bytes | None:
    body = bytearray()
    while piece := response.raw.read1(8192, decode_content=False):
        body += piece
        if deadline.is_over():
            raise requests.Timeout
        if len(body) > MAX_ANSWER_BYTES:
            return None
    return bytes(body)


def _encodings(response: requests.Response) -> list[str]:
    """How it is compressed, in the order in which it was done."""
    given = response.headers.get("Content-Encoding", "").lower().split(",")
    named = [encoding.strip() for encoding in given]
    return [name for name in named if name in WBITS or name in NOT_INFLATED]


def _inflated(packed: bytes, encoding: str) -> bytes | None:
    """None where it is too large. Raises DecodeError where it is something else."""
    for wbits in WBITS.get(encoding, ()):
        inflater = zlib.decompressobj(wbits)
        try:
            body = inflater.decompress(packed, MAX_ANSWER_BYTES + 1)
        except zlib.error:
            continue
        if len(body) > MAX_ANSWER_BYTES:
            return None
        if inflater.eof and not inflater.unused_data:
            return body
    raise DecodeError(encoding)


class _Deadline:
    """Shuts the connection when the time is up, from a thread of its own."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._ours: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def watch(self, connection: socket.socket) -> None:
        """A second handle of it: TLS, wrapped around the first, is not disturbed."""
        with self._lock:
            self._ours = socket.socket(fileno=os.dup(connection.fileno()))
        if self.is_over():
            self._shut()

    def cancel(self) -> None:
        self._timer.cancel()
        with self._lock:
            if self._ours is not None:
                self._ours.close()
                self._ours = None

    def _shut(self) -> None:
        with self._lock:
            if self._ours is not None:
                try:
                    self._ours.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the other side was quicker


class _Adapter(HTTPAdapter):
    """Connections that a deadline can shut."""

    def __init__(self, deadline: _Deadline, tls: ssl.SSLContext) -> None:
        self._deadline = deadline
        self._tls = tls
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)
        deadline = self._deadline

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _watched(super()._new_conn(), deadline)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _watched(super()._new_conn(), deadline)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {
            "http": PlainPool,
            "https": SecurePool,
        }


def _watched(connection: socket.socket, deadline: _Deadline) -> socket.socket:
    deadline.watch(connection)
    return connection
