"""Which pages a person's browser has, and where they go: before one that no click has
opened is shown, it is closed; before a host is asked that nobody knows, he is.

Chromium pauses every document before its request leaves: of clicks, forms, redirects,
refreshes and scripts, and of a page that has just been opened. For that the session is
the browser's own: a page's comes too late for the page's first request, and
Playwright's own routes do not see where a redirect leads (tried 2026-11, Chromium 156,
full and headless shell). Documents of frames go on: checks for humans are such.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import urlsplit

from airbot.addresses import open_part
from airbot.browser.errors import suppress_playwright

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

DOCUMENTS = {"patterns": [{"urlPattern": "*", "resourceType": "Document"}]}
CLICK_COUNTS_S = 5.0  # as long as Chromium takes it for what opened a page


@dataclass(frozen=True)
class Opening:
    """May this be opened: `https://example.org`?"""

    id: str
    origin: str


class Guard:
    """The pages by their targets; what is paused, and what a person has allowed."""

    def __init__(
        self, context: BrowserContext, first: str, knows: Callable[[str], bool]
    ) -> None:
        """`first` is the target that stays; all others go."""
        self._knows = knows
        self._shown = [first]  # the last one is in front
        self._unwanted: set[str] = set()
        self._pages = {first}  # all of them, by their targets
        self._runs = {first}  # pages whose script runs, or that ask for a document
        self._clicked_at: float | None = None  # no page has been opened since
        self._allowed: set[str] = set()
        self._refused: set[str] = set()
        self._paused: dict[str, Opening] = {}  # by the page's target
        assert context.browser is not None
        session = self._session = context.browser.new_browser_cdp_session()
        session.on("Target.targetCreated", self._on_created)
        session.on("Target.targetDestroyed", self._on_destroyed)
        session.on("Fetch.requestPaused", self._on_paused)
        session.send("Target.setDiscoverTargets", {"discover": True})
        session.send("Fetch.enable", DOCUMENTS)

    # Pages

    @property
    def front(self) -> str:
        return self._shown[-1] if self._shown else ""

    @property
    def has_popup(self) -> bool:
        return len(self._shown) > 1

    def clicked(self) -> None:
        """He may have meant just that: a new page, or what he refused before."""
        self._clicked_at = time.monotonic()
        self._refused.clear()

    def close_front(self) -> None:
        """The one below is shown then. The first one stays."""
        if self.has_popup:
            self._close(self._shown.pop())

    def sweep(self, running: Iterable[str]) -> None:
        """Close the pages that no click has opened, of those that run.

        One that is closed while its opener still makes it hangs the opener (2026-11).
        """
        for target in self._unwanted & (self._runs | set(running)):
            self._unwanted.discard(target)
            self._close(target)

    def _close(self, target: str) -> None:
        with suppress_playwright():  # it may just have gone
            self._session.send("Target.closeTarget", {"targetId": target})

    def _on_created(self, event: dict[str, Any]) -> None:
        info = event["targetInfo"]
        target = info["targetId"]
        if info["type"] != "page" or target in self._pages:
            return
        self._pages.add(target)
        clicked_at, self._clicked_at = self._clicked_at, None
        if clicked_at and time.monotonic() - clicked_at < CLICK_COUNTS_S:
            self._shown.append(target)
        else:
            self._unwanted.add(target)

    def _on_destroyed(self, event: dict[str, Any]) -> None:
        target = event["targetId"]
        self._paused.pop(target, None)
        self._shown = [shown for shown in self._shown if shown != target]
        for targets in (self._pages, self._runs, self._unwanted):
            targets.discard(target)

    # Hosts

    def is_known(self, origin: str) -> bool:
        return self._knows(origin)

    def may_show(self, origin: str) -> bool:
        return origin in self._allowed or self._knows(origin)

    @property
    def question(self) -> Opening | None:
        """What is stopped in the page in front, and waits for a person's word."""
        return self._paused.get(self.front)

    def allow(self, origin: str) -> None:
        self._allowed.add(origin)

    def open_anyway(self) -> None:
        stopped = self._paused.pop(self.front)
        self.allow(stopped.origin)
        self._send("Fetch.continueRequest", stopped.id)

    def refuse(self) -> None:
        """The page stays as it is; it need not try again by itself."""
        stopped = self._paused.pop(self.front)
        self._refused.add(stopped.origin)
        self._stop(stopped.id)

    def _on_paused(self, event: dict[str, Any]) -> None:
        # What fails here leaves the request paused: nothing leaves.
        with suppress_playwright():
            id_, target = event["requestId"], event["frameId"]
            origin = origin_of(event["request"]["url"])
            if target in self._pages:
                self._runs.add(target)
            if target in self._unwanted:
                return  # until it is swept away
            if self.may_show(origin) or target not in self._pages:
                self._paused.pop(target, None)  # it goes here instead
                self._send("Fetch.continueRequest", id_)
                return
            if origin in self._refused:
                self._stop(id_)
            else:
                self._paused[target] = Opening(id_, origin)

    def _stop(self, request: str) -> None:
        self._send("Fetch.failRequest", request, errorReason="Aborted")

    def _send(self, what: str, request: str, **more: str) -> None:
        with suppress_playwright():  # the page may have gone, and the request with it
            self._session.send(what, {"requestId": request, **more})


def origin_of(url: str) -> str:
    """`https://example.org`, or `blob:` and the like where there is no host."""
    scheme, netloc = urlsplit(url)[:2]
    return open_part(url) if scheme in ("http", "https") and netloc else f"{scheme}:"
