"""The page as pictures, and a person's hands on it: what `reconnect --remote` shows.

Chromium's own screencast: a picture comes when something changes, and the next one only
when the one before was acknowledged. The page in front is shown: a login in a pop-up is
a page of its own, and is let in where a person's click has opened it. Each picture
names the place that it shows; an act names the place that the person saw, and is done
there or not at all.

Everything here belongs inside a `Browser.job`, and fails silently: a pop-up that has
just closed is no error; whether the browser lives is asked elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

from airbot.browser.errors import suppress_playwright
from airbot.browser.guard import Guard
from airbot.browser.guard import Opening
from airbot.browser.guard import origin_of

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext
    from playwright.sync_api import CDPSession
    from playwright.sync_api import Page

JPEG = {"format": "jpeg", "quality": 60}
BACK_TIMEOUT_MS = 3_000
EMPTY = "about:"


@dataclass(frozen=True)
class Picture:
    """What the page looks like: a JPEG, of a page so wide and high in CSS pixels.

    `place` is the id of the place that it shows.
    """

    jpeg: bytes
    width: int
    height: int
    place: str = ""


@dataclass(frozen=True)
class Place:
    """Which page is in front, and of whom: `https://example.org`.

    `is_known`: one that a login is expected to lead to. `is_shown`, `takes_acts`: what
    a person may see of it, and do there.
    """

    id: str
    origin: str
    is_known: bool
    is_popup: bool
    is_shown: bool
    takes_acts: bool


@dataclass(frozen=True)
class Act:
    """One thing that a person does: `move`, `down`, `up`, `wheel`, `key`, `text`,
    `back`, `close`, `size`, or `open` and `stay`, the answers to a question.

    `x`, `y` are CSS pixels of the page; of a wheel how far, of a size how large.
    `place` is what he saw, of an answer the question's id.
    """

    kind: str
    x: float = 0
    y: float = 0
    text: str = ""
    place: str = ""


class Cast:
    """Shows the page in front of a browser, for as long as somebody looks."""

    def __init__(
        self,
        context: BrowserContext,
        page: Page,
        show: Callable[[Picture], None],
        knows: Callable[[str], bool],
    ) -> None:
        self.place: Place | None = None
        self._context = context
        self._show = show
        self._targets: dict[Page, str] = {}
        self._guard = Guard(context, self._target_of(page), knows)
        self._target = ""  # in front
        self._page: Page | None = None
        self._session: CDPSession | None = None
        self._rolls = False
        self._unacknowledged: list[int] = []

    # What is shown

    def follow(self) -> bool:
        """Look which place is in front; True: it is another, and is shown from now."""
        self._guard.sweep(self._known_pages())
        before, self._target = self._target, self._guard.front
        if before != self._target:
            self._leave()
        attached = self._session is None and self._attach()
        place = self._where()
        if place == self.place and not attached:
            return False
        self.place = place
        self._begin()
        return True

    def _known_pages(self) -> Iterator[str]:
        pages = self._context.pages
        self._targets = {p: t for p, t in self._targets.items() if p in pages}
        for page in pages:
            with suppress_playwright():  # it may just have gone
                yield self._target_of(page)

    def _target_of(self, page: Page) -> str:
        if page not in self._targets:
            session = self._context.new_cdp_session(page)
            info = session.send("Target.getTargetInfo")["targetInfo"]
            session.detach()
            self._targets[page] = info["targetId"]
        return self._targets[page]

    def _attach(self) -> bool:
        """False: the page has no answer yet to its first question, or has gone."""
        with suppress_playwright():
            for page, target in self._targets.items():
                if target == self._target:
                    session = self._context.new_cdp_session(page)
                    session.on("Page.screencastFrame", self._on_frame)
                    self._page, self._session = page, session
                    return True
        return False

    def _where(self) -> Place | None:
        """By Chromium's own history: what it has begun to show, not what it loads."""
        if not self._target:
            return None
        if self._session is None:
            return self._place(EMPTY)
        with suppress_playwright():
            history = self._session.send("Page.getNavigationHistory")
            entries = history["entries"]
            url = entries[history["currentIndex"]]["url"] if entries else ""
            return self._place(origin_of(url or EMPTY))
        self._leave()  # it has crashed, or is going: the next look attaches anew
        return None

    def _place(self, origin: str) -> Place:
        id_ = hashlib.sha256(f"{self._target} {origin}".encode()).hexdigest()[:16]
        may_show = self._guard.may_show(origin)
        return Place(
            id_,
            origin,
            is_known=self._guard.is_known(origin),
            is_popup=self._guard.has_popup,
            is_shown=may_show or origin == EMPTY,
            takes_acts=may_show,
        )

    @property
    def question(self) -> Opening | None:
        """What a person is to say before the page in front goes on, or is shown."""
        place = self.place
        if stopped := self._guard.question:
            return stopped
        if place is None or place.is_shown:
            return None
        return Opening(place.id, place.origin)

    # Pictures

    def _begin(self) -> None:
        """Pictures of this place from now on, and none of the one before."""
        session, self._rolls = self._session, False
        with suppress_playwright():
            if session is not None:
                session.send("Page.stopScreencast")
                self._unacknowledged.clear()
                if self.place is not None and self.place.is_shown:
                    self._rolls = True
                    self.look()
                    session.send("Page.startScreencast", JPEG)

    def stop(self) -> None:
        """Nobody looks: no more pictures."""
        self._leave()
        self._target = ""

    def _leave(self) -> None:
        session, self._session, self._page = self._session, None, None
        self._rolls = False
        self._unacknowledged.clear()
        if session is not None:
            with suppress_playwright():
                session.detach()

    def go_on(self) -> None:
        """Let the next picture come."""
        taken, self._unacknowledged = self._unacknowledged, []
        for id_ in taken:
            if self._session is not None:
                with suppress_playwright():
                    self._session.send("Page.screencastFrameAck", {"sessionId": id_})

    def look(self) -> None:
        """Show what the page looks like now, whether or not a picture came.

        Chromium leaves out pictures that come too fast, and does not make up for the
        last one of a change: 3 of 60 on a busy machine (2026-11).
        """
        place, page, session = self.place, self._page, self._session
        with suppress_playwright():
            if session is None or page is None or not self._rolls:
                return
            if size := page.viewport_size:
                shot = session.send("Page.captureScreenshot", JPEG)
                if self._where() == place:
                    self._give(shot["data"], size["width"], size["height"])

    def _on_frame(self, frame: dict[str, Any]) -> None:
        # A handler only notes things down: what it raised would meet another call.
        with suppress_playwright():
            self._unacknowledged.append(frame["sessionId"])
            size = frame["metadata"]
            if self._rolls:
                self._give(frame["data"], size["deviceWidth"], size["deviceHeight"])

    def _give(self, data: str, width: float, height: float) -> None:
        if self.place is not None and self.place.is_shown:
            jpeg = base64.b64decode(data)
            self._show(Picture(jpeg, round(width), round(height), self.place.id))

    # Hands

    def apply(self, act: Act) -> bool:
        """Do what the person did; False: what he saw is not in front any more.

        Of a text that is typed the rest stays away then.
        """
        if act.kind in ("open", "stay"):
            return self._answer(act)
        if act.kind == "size":
            return self._do(act)
        return all(self._is_for(act) and self._do(part) for part in _parts(act))

    def _is_for(self, act: Act) -> bool:
        self.follow()
        place = self.place
        if place is None or place.id != act.place:
            return False
        return place.takes_acts or act.kind in ("back", "close")

    def _do(self, act: Act) -> bool:
        if act.kind in ("down", "up") or (act.kind, act.text) == ("key", "Enter"):
            self._guard.clicked()
        if act.kind == "close":
            self._guard.close_front()
        elif self._page is not None:
            with suppress_playwright():
                _HANDS[act.kind](self._page, act)
        return True

    def _answer(self, act: Act) -> bool:
        self.follow()
        question, place = self.question, self.place
        if question is None or question.id != act.place or place is None:
            return False
        stopped = self._guard.question is not None
        if act.kind == "stay":
            self._stay(stopped, place)
        elif stopped:
            self._guard.open_anyway()
        else:
            self._guard.allow(question.origin)
        return True

    def _stay(self, stopped: bool, place: Place) -> None:
        if stopped:
            self._guard.refuse()
        if place.is_popup and not (stopped and place.takes_acts):
            self._guard.close_front()  # there is nothing else in it
        elif not stopped:
            self._do(Act("back"))


def _parts(act: Act) -> Iterator[Act]:
    """A text key by key: boxes for one digit each go on by themselves at a key."""
    if act.kind != "text":
        yield act
    for character in act.text if act.kind == "text" else "":
        yield replace(act, text=character)


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
    "text": lambda page, act: page.keyboard.type(act.text),
    "back": _back,
    "size": _size,
}
