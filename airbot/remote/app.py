"""The page and its two channels: pictures come out, what a person does goes in."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

from bottle import HTTPResponse
from bottle import request

from airbot.browser import Act
from airbot.remote.admission import Admission
from airbot.remote.screen import Frame
from airbot.remote.screen import Screen
from airbot.remote.screen import TooMany
from airbot.web.app import new_app
from airbot.web.request import keep_connection
from airbot.web.request import read_body
from airbot.web.request import read_json
from airbot.web.response import HEADERS
from airbot.web.response import TEXT
from airbot.web.response import Refused
from airbot.web.response import answer
from airbot.web.response import json_answer
from airbot.web.response import page_answer

logger = logging.getLogger(__name__)

PAGE = Path(__file__).with_name("page.html")
LOADS = "img-src blob: data:; connect-src 'self'"
WAIT_S = 20.0  # for a picture; the server gives up a connection after 30
KEYS = frozenset(
    "Enter Backspace Delete Tab Shift+Tab Escape Home End PageUp PageDown "
    "ArrowUp ArrowDown ArrowLeft ArrowRight Control+a".split()
)
PLAIN = ("move", "down", "up", "wheel", "back", "close", "open", "stay")
LONGEST_TEXT = 2000
LONGEST_ID = 80
SIZES = ((200, 1600), (200, 1200))  # smallest and largest width and height
FURTHEST = 20_000.0

SENTENCES = {
    403: "This address opens nothing (any more). Take the one that airbot prints.",
    404: "There is nothing at this address.",
    405: "There is nothing at this address.",
    409: "Somebody is at this page already. To take over, end airbot reconnect with "
    "Ctrl-C and start it again.",
}


class Remote:
    """The application; `token` opens it, once."""

    def __init__(self, screen: Screen, host: str, public_url: str = "") -> None:
        self._screen = screen
        self._admission = Admission(host, public_url)
        self.app = new_app(self._admission.is_ours, SENTENCES, logger)
        self.app.route("/", "GET", self._page)
        self.app.route("/open", "POST", self._open)
        self.app.route("/frame", "GET", self._frame)
        self.app.route("/input", "POST", self._input)

    @property
    def token(self) -> str:
        return self._admission.token

    # The page

    def _page(self) -> HTTPResponse:
        """Anybody's: it holds nothing, and to look at it uses nothing up."""
        return page_answer(PAGE.read_text(encoding="utf-8"), LOADS)

    def _open(self) -> HTTPResponse:
        """A key takes over: the address in a history is worth nothing."""
        if not self._admission.is_from_our_page():
            raise Refused(403)
        token = read_json(read_body()).get("token")
        if not isinstance(token, str) or not self._admission.is_token(token):
            raise Refused(403)
        key = self._admission.admit()
        if key is None:
            raise Refused(409)
        logger.info("somebody has opened the page")
        response = json_answer(200, {"key": key})
        response.headers.update(HEADERS)
        return response

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
            return answer(410, sentence, TEXT)
        if frame is None:
            return answer(204)
        about = {"X-Frame": json.dumps(_about(frame))}
        if frame.picture is None or frame.name in kept:
            return answer(204, more=about)
        return answer(200, frame.picture.jpeg, "image/jpeg", about)

    def _input(self) -> HTTPResponse:
        self._check_viewer()
        given = read_json(read_body())
        page, number, acts = given.get("page"), given.get("number"), given.get("acts")
        if not isinstance(page, str) or not isinstance(acts, list) or len(page) > 40:
            raise Refused(400)
        if isinstance(number, bool) or not isinstance(number, int):
            raise Refused(400)
        try:
            self._screen.give(page, number, [_act(act) for act in acts])
        except TooMany:
            raise Refused(429) from None
        return answer(204)

    def _check_viewer(self) -> None:
        if not self._admission.is_from_our_page() or not self._admission.is_viewer():
            raise Refused(403)
        keep_connection()


def _about(frame: Frame) -> dict[str, Any]:
    """What the page is told of a frame; in a header, so in ASCII."""
    picture, scene = frame.picture, frame.scene
    place, question = scene.place, scene.question
    return {
        "number": frame.number,
        "name": frame.name,
        "width": picture.width if picture else 0,
        "height": picture.height if picture else 0,
        "place": place.id if place else "",
        "origin": place.origin if place else "",
        "known": place is None or place.is_known,
        "popup": place is not None and place.is_popup,
        "question": question.id if question else "",
        "wanted": question.origin if question else "",
        "said": scene.said,
    }


# What a person may do


def _act(given: Any) -> Act:
    """One act, checked; anything else than a person can do is refused."""
    if not isinstance(given, dict):
        raise Refused(400)
    kind, text = given.get("kind"), given.get("text", "")
    place = _id(given.get("place", ""))
    x, y = _number(given.get("x", 0)), _number(given.get("y", 0))
    if kind == "size":
        (least_x, most_x), (least_y, most_y) = SIZES
        x, y = min(max(x, least_x), most_x), min(max(y, least_y), most_y)
    elif kind == "key":
        if text not in KEYS:
            raise Refused(400)
    elif kind == "text":
        return Act("text", text=_typed(text), place=place)
    elif kind not in PLAIN:
        raise Refused(400)
    return Act(kind, x, y, text if kind == "key" else "", place)


def _id(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        raise Refused(400)
    return value


def _typed(text: Any) -> str:
    """What can be typed in one line: a pasted line end would press Enter."""
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise Refused(400)
    return "".join(c for c in text if c.isprintable())


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(400)
    if not math.isfinite(value):
        raise Refused(400)
    return max(-FURTHEST, min(FURTHEST, float(value)))


def _whole(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Refused(400)
    return int(text)
