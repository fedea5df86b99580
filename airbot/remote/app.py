"""The page and its two channels: pictures come out, what a person does goes in."""

from __future__ import annotations

import json
import logging
import math
import secrets
from pathlib import Path
from typing import Any

from bottle import Bottle
from bottle import HTTPError
from bottle import HTTPResponse
from bottle import request

from airbot.browser import Act
from airbot.remote.doors import COOKIE
from airbot.remote.doors import Doors
from airbot.remote.screen import Screen
from airbot.remote.screen import TooMany
from airbot.serving import header
from airbot.serving import hush

logger = logging.getLogger(__name__)

PAGE = Path(__file__).with_name("page.html")
MAX_BODY = 64 * 1024
WAIT_S = 20.0  # for a picture; the server gives up a connection after 30
COOKIE_LIVES_S = 24 * 3600
KEYS = frozenset(
    "Enter Backspace Delete Tab Shift+Tab Escape Home End PageUp PageDown "
    "ArrowUp ArrowDown ArrowLeft ArrowRight Control+a".split()
)
LONGEST_TEXT = 2000
SIZES = ((200, 1600), (200, 1200))  # smallest and largest width and height
FURTHEST = 20_000.0

SENTENCES = {
    403: "This address opens nothing (any more). Take the one that airbot prints.",
    404: "There is nothing at this address.",
    405: "There is nothing at this address.",
    409: "Somebody is at this page already. To take over, end airbot reconnect with "
    "Ctrl-C and start it again.",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = (
    "default-src 'none'; img-src blob: data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "script-src 'nonce-{0}'; style-src 'nonce-{0}'"
)


class Remote:
    """The application; `token` opens it, once."""

    def __init__(self, screen: Screen, host: str, tls: bool = False) -> None:
        self._screen = screen
        self._doors = Doors(host)
        self._tls = tls
        self.app = Bottle()
        self.app.route("/", "GET", self._page)
        self.app.route("/frame", "GET", self._frame)
        self.app.route("/input", "POST", self._input)
        self.app.default_error_handler = _error_page
        self.app.add_hook("before_request", self._check_host)

    @property
    def token(self) -> str:
        return self._doors.token

    def _check_host(self) -> None:
        hush(request.environ)  # _error_page says it in one line
        if not self._doors.is_ours(header(request.environ, "host")):
            raise HTTPError(403)

    # The page

    def _page(self) -> HTTPResponse:
        token = request.query.getunicode("token")
        if token is not None and self._doors.is_token(token):
            return self._admit()
        if not self._is_viewer():
            raise HTTPError(403)
        nonce = secrets.token_urlsafe(16)
        text = PAGE.read_text(encoding="utf-8").replace("{{nonce}}", nonce)
        policy = {"Content-Security-Policy": POLICY.format(nonce)}
        return _answer(200, text.encode(), "text/html; charset=utf-8", policy)

    def _admit(self) -> HTTPResponse:
        """A cookie takes over: the address in a history is worth nothing."""
        response = _answer(303, b"", "text/plain", {"Location": "/"})
        if self._is_viewer():
            return response
        cookie = self._doors.admit()
        if cookie is None:
            raise HTTPError(409)
        logger.info("somebody has opened the page")
        response.set_cookie(
            COOKIE,
            cookie,
            path="/",
            max_age=COOKIE_LIVES_S,
            httponly=True,
            # "strict" would not survive the way here from another page or a mail.
            samesite="lax",
            secure=self._tls,
        )
        return response

    def _is_viewer(self) -> bool:
        return self._doors.is_viewer(request.get_cookie(COOKIE) or "")

    # The channels

    def _frame(self) -> HTTPResponse:
        """The next picture; without its bytes where the viewer has kept them."""
        self._check_viewer()
        after = _whole(request.query.get("after"))
        kept = frozenset(request.query.get("kept", "").split(","))
        frame = self._screen.wait_for(after, kept, WAIT_S)
        if self._screen.ended is not None:
            sentence = self._screen.ended.encode()
            self._screen.told.set()
            return _answer(410, sentence, "text/plain; charset=utf-8")
        if frame is None:
            return _answer(204)
        picture = frame.picture
        about = {
            "X-Frame": f"{frame.number} {frame.name} {picture.width} {picture.height}"
        }
        if frame.name in kept:
            return _answer(204, more=about)
        return _answer(200, picture.jpeg, "image/jpeg", about)

    def _input(self) -> HTTPResponse:
        self._check_viewer()
        given = _read_json()
        page, number, acts = given.get("page"), given.get("number"), given.get("acts")
        if not isinstance(page, str) or not isinstance(acts, list) or len(page) > 40:
            raise HTTPError(400)
        if isinstance(number, bool) or not isinstance(number, int):
            raise HTTPError(400)
        try:
            self._screen.give(page, number, [_act(act) for act in acts])
        except TooMany:
            raise HTTPError(429) from None
        return _answer(204)

    def _check_viewer(self) -> None:
        host, origin, site = (
            header(request.environ, name)
            for name in ("host", "origin", "sec-fetch-site")
        )
        # A browser tells nothing of the kind on its own page's GET over plain HTTP.
        if request.method == "GET" and not site and not origin:
            site = "same-origin"
        same = self._doors.is_same_origin(host, origin, site)
        if not same or not self._is_viewer():
            raise HTTPError(403)


# What a person may do


def _read_json() -> dict[str, Any]:
    if (request.content_type or "").partition(";")[0].strip() != "application/json":
        raise HTTPError(415)
    try:
        given = json.loads(request.environ["wsgi.input"].read(MAX_BODY))
    except (ValueError, RecursionError):
        raise HTTPError(400) from None
    if not isinstance(given, dict):
        raise HTTPError(400)
    return given


def _act(given: Any) -> Act:
    """One act, checked; anything else than a person can do is refused."""
    if not isinstance(given, dict):
        raise HTTPError(400)
    kind, text = given.get("kind"), given.get("text", "")
    x, y = _number(given.get("x", 0)), _number(given.get("y", 0))
    if kind == "size":
        (least_x, most_x), (least_y, most_y) = SIZES
        x, y = min(max(x, least_x), most_x), min(max(y, least_y), most_y)
    elif kind == "key":
        if text not in KEYS:
            raise HTTPError(400)
    elif kind == "text":
        return Act("text", text=_typed(text))
    elif kind not in ("move", "down", "up", "wheel", "back"):
        raise HTTPError(400)
    return Act(kind, x, y, text if kind == "key" else "")


def _typed(text: Any) -> str:
    """What can be typed in one line: a pasted line end would press Enter."""
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise HTTPError(400)
    return "".join(c for c in text if c.isprintable())


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise HTTPError(400)
    if not math.isfinite(value):
        raise HTTPError(400)
    return max(-FURTHEST, min(FURTHEST, float(value)))


def _whole(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 12:
        raise HTTPError(400)
    return int(text)


# Answers


def _answer(
    status: int,
    body: bytes = b"",
    kind: str = "",
    more: dict[str, str] | None = None,
) -> HTTPResponse:
    headers = {**HEADERS, **(more or {})}
    if kind:
        headers["Content-Type"] = kind
    return HTTPResponse(body, status, headers)


def _error_page(e: HTTPError) -> bytes:
    if e.status_code == 500:
        logger.error("a request failed: %s", type(e.exception).__name__)
    for name, value in HEADERS.items():
        e.set_header(name, value)
    e.content_type = "text/plain; charset=utf-8"
    return str(SENTENCES.get(e.status_code, e.status_line)).encode()
