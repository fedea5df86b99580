"""What the server's threads and the browser's thread share: pictures out, acts in."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass

from airbot.browser import Act
from airbot.browser import Opening
from airbot.browser import Picture
from airbot.browser import Place

MOST_ACTS = 1000  # that wait; a person does not come near
GONE_AFTER_S = 4.0  # between two questions for a picture
KNOWN_EVERY_S = 2.0


class TooMany(Exception):
    """More acts wait than a person can have done."""


@dataclass(frozen=True)
class Scene:
    """What stands around the picture: whose page it is, what is asked, what is said."""

    place: Place | None = None
    question: Opening | None = None
    said: str = ""


@dataclass(frozen=True)
class Frame:
    """A picture, its number, and a name by which a viewer knows it again.

    There is none, and no name, while nothing of the place has been seen.
    """

    number: int
    name: str
    picture: Picture | None
    scene: Scene


class Screen:
    """One viewer's screen; every method may be called from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame = Frame(0, "", None, Scene())
        self._picture: Picture | None = None
        self._answered = self._frame  # the last one that went out
        self._acts: list[Act] = []
        self._given: tuple[str, int] = ("", 0)
        self._waiting = 0
        self._asked = 0  # questions for a frame: the newest is answered
        self._seen_at = time.monotonic()
        self._answered_at = 0.0
        self._watched = False
        self.ended: str | None = None  # the last sentence to the viewer
        self.told = threading.Event()  # has he got it?

    # The browser's side

    def show(self, picture: Picture) -> None:
        with self._changed:
            self._picture = picture
            self._change(self._frame.scene)

    def tell(self, scene: Scene) -> None:
        """What stands around the picture from now on."""
        with self._changed:
            self._change(scene)

    def _change(self, scene: Scene) -> None:
        picture = self._picture
        if picture and picture.place != (scene.place.id if scene.place else ""):
            picture = None  # never under another page's name
        name = hashlib.sha256(picture.jpeg).hexdigest()[:16] if picture else ""
        before = self._frame
        if (before.name, before.scene) == (name, scene):
            return
        self._frame = Frame(before.number + 1, name, picture, scene)
        self._changed.notify_all()

    def take(self) -> list[Act]:
        """What the viewer has done since, in its order."""
        with self._changed:
            acts, self._acts = self._acts, []
            return acts

    @property
    def is_watched(self) -> bool:
        return self._watched and self.away_s() < GONE_AFTER_S

    def away_s(self) -> float:
        """For how long nobody has looked, in seconds."""
        with self._changed:
            return 0.0 if self._waiting else time.monotonic() - self._seen_at

    def end(self, sentence: str) -> None:
        """Say goodbye, and wait for whoever looks to hear it."""
        with self._changed:
            self.ended = sentence
            self._changed.notify_all()
        if self.is_watched:
            self.told.wait(GONE_AFTER_S)

    # The viewer's side

    def wait_for(
        self, after: int, kept: frozenset[str], timeout_s: float
    ) -> Frame | None:
        """The newest frame, once there is one behind `after`; None: nothing new.

        One whose picture the viewer has `kept`, by its name, can wait: a caret blinks.
        A viewer who asks again has given the question before up: it ends at once.
        """
        with self._changed:
            self._watched, self._waiting = True, self._waiting + 1
            self._asked += 1
            self._changed.notify_all()
            try:
                return self._next(after, kept, time.monotonic() + timeout_s)
            finally:
                self._waiting -= 1
                self._seen_at = self._answered_at = time.monotonic()

    def _next(self, after: int, kept: frozenset[str], end: float) -> Frame | None:
        asked = self._asked
        while self.ended is None and asked == self._asked:
            frame, now, due = self._frame, time.monotonic(), end
            if frame.number > after:
                due = self._answered_at + KNOWN_EVERY_S if self._waits(kept) else now
                if due <= now:
                    self._answered = frame
                    return frame
            if now >= end:
                break
            self._changed.wait(min(due, end) - now)
        return None

    def _waits(self, kept: frozenset[str]) -> bool:
        return self._frame.name in kept and self._frame.scene == self._answered.scene

    def give(self, page: str, number: int, acts: list[Act]) -> None:
        """What a viewer's page has sent; the same again, after a lost answer, is once.

        Raises TooMany.
        """
        with self._changed:
            if page == self._given[0] and number <= self._given[1]:
                return
            if len(self._acts) + len(acts) > MOST_ACTS:
                raise TooMany
            self._given = (page, number)
            self._acts += acts
            self._answered_at = 0.0  # what comes of it is shown at once
            self._changed.notify_all()
