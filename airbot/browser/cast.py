"""The page as pictures, and a person's hands on it: what `reconnect --remote` shows.

Chromium's own screencast: a picture comes when something changes, and the next one only
when the one before was acknowledged. The newest page is shown: a login in a pop-up is a
page of its own. Everything here belongs inside a `Browser.job`, and fails silently: a
pop-up that has just closed is no error; whether the browser lives is asked elsewhere.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext
    from playwright.sync_api import CDPSession
    from playwright.sync_api import Page

QUALITY = 60
BACK_TIMEOUT_MS = 3_000


@dataclass(frozen=True)
class Picture:
    """What the page looks like: a JPEG, of a page so wide and high in CSS pixels."""

    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Act:
    """One thing that a person does: `move`, `down`, `up`, `wheel`, `key`, `text`,
    `back` or `size`.

    `x`, `y` are CSS pixels of the page; of a wheel how far, of a size how large.
    """

    kind: str
    x: float = 0
    y: float = 0
    text: str = ""


class Cast:
    """Shows the newest page of a browser, for as long as somebody looks."""

    def __init__(
        self, context: BrowserContext, show: Callable[[Picture], None]
    ) -> None:
        self._context = context
        self._show = show
        self._page: Page | None = None
        self._session: CDPSession | None = None
        self._unacknowledged: list[int] = []

    def follow(self) -> bool:
        """Begin, or go over to a page that was opened or closed; False: it is shown."""
        newest = self._context.pages[-1] if self._context.pages else None
        if newest is self._page:
            return False
        self.stop()
        if newest is not None:
            with suppress(Exception):
                self._attach(newest)
        return True

    def _attach(self, page: Page) -> None:
        session = self._context.new_cdp_session(page)
        session.on("Page.screencastFrame", self._on_frame)
        session.send("Page.startScreencast", {"format": "jpeg", "quality": QUALITY})
        self._page, self._session = page, session

    def stop(self) -> None:
        """Nobody looks: no more pictures."""
        session, self._session, self._page = self._session, None, None
        self._unacknowledged.clear()
        if session is not None:
            with suppress(Exception):
                session.detach()

    def go_on(self) -> None:
        """Let the next picture come."""
        taken, self._unacknowledged = self._unacknowledged, []
        for id_ in taken:
            if self._session is not None:
                with suppress(Exception):
                    self._session.send("Page.screencastFrameAck", {"sessionId": id_})

    def look(self) -> None:
        """Show what the page looks like now, whether or not a picture came.

        Chromium leaves out pictures that come too fast, and does not make up for the
        last one of a change: 3 of 60 on a busy machine (2026-11).
        """
        page, session = self._page, self._session
        with suppress(Exception):
            if session is not None and page is not None and page.viewport_size:
                size = page.viewport_size
                asked = {"format": "jpeg", "quality": QUALITY}
                shot = session.send("Page.captureScreenshot", asked)
                jpeg = base64.b64decode(shot["data"])
                self._show(Picture(jpeg, size["width"], size["height"]))

    def _on_frame(self, frame: dict[str, Any]) -> None:
        # A handler only notes things down: what it raised would meet another call.
        with suppress(Exception):
            self._unacknowledged.append(frame["sessionId"])
            size = frame["metadata"]
            width, height = round(size["deviceWidth"]), round(size["deviceHeight"])
            jpeg = base64.b64decode(frame["data"])
            self._show(Picture(jpeg, width, height))

    def apply(self, act: Act) -> None:
        """Do what the person did."""
        if self._page is not None:
            with suppress(Exception):
                _HANDS[act.kind](self._page, act)


def _type(page: Page, act: Act) -> None:
    # Key by key: boxes for one digit each go on by themselves at a key.
    page.keyboard.type(act.text)


def _back(page: Page, act: Act) -> None:
    page.go_back(wait_until="commit", timeout=BACK_TIMEOUT_MS)


def _size(page: Page, act: Act) -> None:
    page.set_viewport_size({"width": round(act.x), "height": round(act.y)})


_HANDS: dict[str, Callable[[Any, Act], None]] = {
    "move": lambda page, act: page.mouse.move(act.x, act.y),
    "down": lambda page, act: page.mouse.down(),
    "up": lambda page, act: page.mouse.up(),
    "wheel": lambda page, act: page.mouse.wheel(act.x, act.y),
    "key": lambda page, act: page.keyboard.press(act.text),
    "text": _type,
    "back": _back,
    "size": _size,
}
