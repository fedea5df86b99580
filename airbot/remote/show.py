"""The browser's side: pictures out, acts in, in the thread that owns the browser."""

from __future__ import annotations

import time

from airbot.browser import Act
from airbot.browser import Browser
from airbot.browser import Cast
from airbot.remote.screen import Screen

DESK = (1280, 720)  # what airbot reads the inbox in
JOB_DEADLINE_S = 30.0
ROUND_S = 0.01
IDLE_ROUND_S = 0.25


class Show:
    """Shows the browser on a screen for as long as somebody looks at it."""

    def __init__(self, browser: Browser, screen: Screen) -> None:
        self._browser = browser
        self._screen = screen
        self._cast: Cast | None = None
        self._wanted: Act | None = None  # the size that the viewer has asked for
        self._in_force: Act | None = None

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
        if cast.follow():
            self._in_force = None  # another page has another size
        for act in self._screen.take():
            if act.kind == "size":
                self._wanted = act
            else:
                cast.apply(act)
        if self._wanted is not None and self._wanted is not self._in_force:
            cast.apply(self._wanted)
            self._in_force = self._wanted
        cast.go_on()
        self._browser.tab.wait(ROUND_S)

    def _open(self) -> Cast:
        if self._cast is None:
            self._cast = self._browser.cast(self._screen.show)
        return self._cast

    def desk_size(self) -> None:
        """On a phone's width Airbnb shows another page than the one airbot reads."""
        if self._in_force is not None:
            with self._browser.job("resizing the page", JOB_DEADLINE_S):
                self._browser.tab.resize(*DESK)
            self._in_force = None
