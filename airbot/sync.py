"""SYNC: read the list, read the threads that changed, store both and what follows.

The list is asked again in the page that is open; the page is loaded anew only every
`full_load_min` minutes and where there is none. A walk down the list stops early, at a
page whose last row is as it was, only if the previous walk was finished. A full load
walks to `max_age_hours`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from airbot.airbnb import Airbnb
from airbot.config import Config
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import ThreadNotShown
from airbot.models import InboxPage
from airbot.models import Reading
from airbot.models import Thread
from airbot.models import utcnow
from airbot.policy.rules import Rules
from airbot.storage import Storage

logger = logging.getLogger(__name__)

MAX_PAGES = 200
CLOCK_WARNING_S = 300.0


@dataclass
class SyncResult:
    """One walk down the list, counted."""

    threads: int = 0
    changed: int = 0
    new_texts: int = 0

    def __str__(self) -> str:
        return (
            f"{_count(self.threads, 'thread')}, {self.changed} changed, "
            f"{_count(self.new_texts, 'new message')}"
        )


class Syncer:
    """Reads the host's inbox into the database."""

    def __init__(
        self,
        storage: Storage,
        site: Airbnb,
        config: Config,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._storage = storage
        self._site = site
        self._now = now
        self._rules = Rules.of(config)
        self._full_every_s = config.sync.full_load_min * 60.0
        self._full_at = 0.0  # monotonic; the first one is full

    def run(self, between_threads: Callable[[], None] = lambda: None) -> SyncResult:
        """Read what is new. `between_threads` is called after each thread."""
        result = SyncResult()
        self._review_left()
        seen = self._storage.inbox.seen_marks()
        met: set[str] = set()  # priority rows come again on every page
        finished = self._storage.session.walk_finished()
        full = not finished or time.monotonic() >= self._full_at
        for page in self._pages(full):
            fresh = [t for t in page.threads if t.id not in met]
            changed = [t for t in fresh if t.mark and t.mark != seen.get(t.id)]
            met.update(thread.id for thread in fresh)
            result.threads += len(fresh)
            result.changed += len(changed)
            if changed:
                self._storage.session.set_walk_finished(False)
            for thread in changed:
                self._read(thread, page, result)
                between_threads()
            if self._is_far_enough(page, changed, full):
                break
        self._storage.session.set_walk_finished(True)
        if full:
            self._full_at = time.monotonic() + self._full_every_s
        self._rest()
        return result

    def _review_left(self) -> None:
        now = self._now()
        site_now = self._storage.session.get().site_time(now)
        self._storage.readings.review_left(site_now, self._rules, now)

    def _pages(self, full: bool) -> Iterator[InboxPage]:
        if full or self._site.standing is None:
            page = self._site.open_inbox(self._resting_thread())
        else:
            page = self._site.ask_inbox()
        self._check_account(page.account_id)
        self._check_clock(page)
        yield page
        for _ in range(MAX_PAGES):
            if page.next_cursor is None:
                return
            page = self._site.ask_inbox(page.next_cursor)
            self._check_account(page.account_id)
            yield page
        raise SiteChanged("an end of the list")

    def _check_account(self, account_id: str) -> None:
        """What was read as one account is never mixed with another's."""
        known = self._storage.session.get().account_id
        if known is None:
            self._storage.session.set_account(account_id)
        elif known != account_id:
            raise LoginRequired("the browser is logged in as another Airbnb account")

    def _check_clock(self, page: InboxPage) -> None:
        offset = (page.site_time - self._now()).total_seconds()
        known = self._storage.session.get().clock_offset_s
        if abs(offset - known) > 2:
            self._storage.session.set_clock_offset(offset)
            if abs(offset) > CLOCK_WARNING_S:
                minutes = abs(offset) / 60
                logger.warning("this machine's clock is off by %.0f minutes", minutes)

    def _is_far_enough(
        self, page: InboxPage, changed: list[Thread], full: bool
    ) -> bool:
        if not page.threads:
            return True
        last = page.threads[-1]
        if self._is_old(last, page.site_time):
            return True
        return not full and last not in changed

    def _is_old(self, thread: Thread, site_time: datetime) -> bool:
        times = [thread.activity_at, thread.latest.sent_at if thread.latest else None]
        newest = max((at for at in times if at), default=site_time)
        return self._rules.is_too_old(newest, site_time)

    def _read(self, thread: Thread, page: InboxPage, result: SyncResult) -> None:
        """Store a changed thread: whole, or by its row alone when it is old."""
        if self._is_old(thread, page.site_time):
            messages = (thread.latest,) if thread.latest else ()
            reading = Reading(thread, page.account_id, messages, True, page.site_time)
        else:
            try:
                reading = self._site.ask_thread(thread.id)
            except ThreadNotShown as e:
                logger.warning("thread %s: %s", thread.id, e)
                return
            # A page that had to be loaded anew may be another account's.
            self._check_account(reading.account_id)
        taken = self._storage.readings.take_in(
            reading, self._rules, self._now(), thread.mark
        )
        result.new_texts += taken.new_texts

    def _rest(self) -> None:
        """Leave an open page where no guest waits: it marks what it shows as read."""
        standing = self._site.standing
        rest = self._resting_thread()
        if rest is not None and standing != rest:
            self._site.open_inbox(rest)

    def _resting_thread(self) -> str | None:
        return self._storage.inbox.resting_thread(self._site.standing)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
