"""The browser's side: pictures out, acts in, in the thread that owns the browser."""

from __future__ import annotations

import time
from collections.abc import Callable

from airbot.browser import Act
from airbot.browser import Browser
from airbot.browser import Cast
from airbot.remote.screen import Scene
from airbot.remote.screen import Screen

DESK = (1280, 720)  # what airbot reads the inbox in
JOB_DEADLINE_S = 30.0
ROUND_S = 0.01
IDLE_ROUND_S = 0.25
DROPPED = "The page has changed; what you typed last was not passed on."
SAID_S = 8.0
# Without these it is no loss that one was not passed on.
SENT = ("down", "key", "text", "back", "close", "open")
LOOKS_S = (0.4, 1.5, 4.0)  # after the last act


class Show:
    """Shows the browser on a screen for as long as somebody looks at it."""

    def __init__(
        self, browser: Browser, screen: Screen, knows: Callable[[str], bool]
    ) -> None:
        """`knows`: is an address one that the viewer expects to come by?"""
        self._browser = browser
        self._screen = screen
        self._knows = knows
        self._dropped_at: float | None = None
        self._cast: Cast | None = None
        self._wanted: Act | None = None  # the size that the viewer has asked for
        self._in_force: Act | None = None
        self._looks: list[float] = []  # when to look whether a picture was left out

    def run(self, seconds: float) -> None:
        """Raises SiteUnavailable when the browser died or hung."""
        with self._browser.job("showing the page", JOB_DEADLINE_S):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                self._round()

    def _round(self) -> None:
        cast = self._open()
        if not self._screen.is_watched:
            cast.stop()
            self._browser.tab.wait(IDLE_ROUND_S)
            return
        is_new = cast.follow()
        if is_new:
            self._in_force = None  # another page has another size
        acts = self._screen.take()
        for act in acts:
            self._pass_on(cast, act)
        if self._wanted is not None and self._wanted is not self._in_force:
            cast.apply(self._wanted)
            self._in_force = self._wanted
        self._screen.tell(Scene(cast.place, cast.question, self._said()))
        if is_new or acts:
            self._looks = [time.monotonic() + after_s for after_s in LOOKS_S]
        cast.go_on()
        if self._looks and self._looks[0] <= time.monotonic():
            del self._looks[0]
            cast.look()
        self._browser.tab.wait(ROUND_S)

    def _pass_on(self, cast: Cast, act: Act) -> None:
        if act.kind == "size":
            self._wanted = act
        elif cast.apply(act):
            self._dropped_at = None if act.kind in SENT else self._dropped_at
        elif act.kind in SENT:
            self._dropped_at = time.monotonic()

    def _said(self) -> str:
        at = self._dropped_at
        return DROPPED if at and time.monotonic() - at < SAID_S else ""

    def _open(self) -> Cast:
        if self._cast is None:
            self._cast = self._browser.cast(self._screen.show, self._knows)
        return self._cast

    def desk_size(self) -> None:
        """On a phone's width Airbnb shows another page than the one airbot reads."""
        if self._in_force is not None:
            with self._browser.job("resizing the page", JOB_DEADLINE_S):
                self._browser.tab.resize(*DESK)
            self._in_force = None
