"""Waiting for a page of Airbnb's: it never comes to rest, so its answers tell."""

from __future__ import annotations

import time
from collections.abc import Callable

from airbot.airbnb import pages
from airbot.airbnb import shapes
from airbot.airbnb.questions import last_answered
from airbot.airbnb.questions import last_list
from airbot.browser import Exchange

LOOK_EVERY_S = 1.0  # for a login or a challenge that has no address of its own
EMPTY_THREAD_S = 3.0  # how long a second answer is waited for


class Loading:
    """Has a page that is being loaded got all that it asks for?"""

    def __init__(
        self,
        asked: Callable[[], list[Exchange]],
        address: Callable[[], str],
        look: Callable[[], None],
    ) -> None:
        self._asked = asked
        self._address = address
        self._look = look
        self._look_at = time.monotonic() + LOOK_EVERY_S
        self._empty: dict[int, float] = {}
        self._no_threads: bool | None = None

    def is_over(self) -> bool:
        if time.monotonic() > self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY_S
            self._look()
        exchanges = self._asked()
        listed = last_list(exchanges)
        if listed is None:
            return False
        if listed.status != 200:
            return True
        shown = pages.shown_thread(self._address())
        if shown is None:
            return self._inbox_is_empty(listed)
        opened = last_answered(exchanges, pages.THREAD_QUERY, shown)
        return opened is not None and (opened.status != 200 or self._is_whole(opened))

    def _inbox_is_empty(self, listed: Exchange) -> bool:
        if self._no_threads is None:
            answer = listed.answer()
            data = pages.parse(answer.text) if answer else None
            self._no_threads = not shapes.lists_threads(data)
        return self._no_threads

    def _is_whole(self, opened: Exchange) -> bool:
        """The first answer of a page load can be empty; another follows."""
        since = self._empty.get(id(opened))
        if since is None:
            answer = opened.answer()
            if answer is None or not shapes.lacks_messages(pages.parse(answer.text)):
                return True
            since = self._empty[id(opened)] = time.monotonic()
        return time.monotonic() - since > EMPTY_THREAD_S
