"""SYNC: read the list, read the threads that changed, store both and what follows.

The list is asked again in the page that is open; the page is loaded anew only every
`full_load_min` minutes and where there is none. A walk down the list stops early, at a
page whose last row is as it was, only if the previous walk was finished. A full load
walks to `max_age_hours`.

What is wrong with one conversation keeps no other waiting: it is noted with its reason,
its mark is not kept, and it is read again at every cycle.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime

from airbot.airbnb import Airbnb
from airbot.config import Config
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import ThreadError
from airbot.exceptions import ThreadTroubled
from airbot.exceptions import one_conversation
from airbot.models import InboxPage
from airbot.models import Message
from airbot.models import Reading
from airbot.models import Thread
from airbot.models import Trouble
from airbot.models import utcnow
from airbot.policy import scheduled
from airbot.policy import whole
from airbot.policy.blame import Blame
from airbot.policy.pace import is_due
from airbot.policy.rules import Rules
from airbot.storage import Storage

logger = logging.getLogger(__name__)

MAX_PAGES = 200
CLOCK_WARNING_S = 300.0
CLOCK_CHANGED_S = 60.0


@dataclass
class SyncResult:
    """One walk down the list, counted."""

    threads: int = 0
    changed: int = 0
    new_texts: int = 0
    troubled: int = 0  # conversations that could not be read, or not whole
    odd: int = 0  # rows of the list that are not understood

    @property
    def is_news(self) -> bool:
        return bool(self.changed or self.new_texts)

    def __str__(self) -> str:
        troubled = f", {self.troubled} not read whole" if self.troubled else ""
        odd = f", {counted(self.odd, 'row')} not understood" if self.odd else ""
        return (
            f"{counted(self.threads, 'thread')}, {self.changed} changed, "
            f"{counted(self.new_texts, 'new message')}{troubled}{odd}"
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
        self._blame = Blame()
        self._full_every_s = config.sync.full_load_min * 60.0
        self._full_at = 0.0  # monotonic; the first one is full
        self._odd_said: set[str] = set()
        self._rows: list[str] = []  # the conversations of the page that is walked

    def run(self, between_threads: Callable[[], None] = lambda: None) -> SyncResult:
        """Read what is new. `between_threads` is called after each thread."""
        result = SyncResult()
        seen = self._storage.inbox.seen_marks()
        met: set[str] = set()  # priority rows come again on every page
        read: set[str] = set()
        finished = self._storage.session.walk_finished()
        full = not finished or time.monotonic() >= self._full_at
        for page in self._pages(full):
            fresh = [t for t in page.threads if t.id not in met]
            odd = {row.id for row in page.odd}
            changed = [t for t in fresh if t.id in odd or _is_new(t, seen)]
            met.update(thread.id for thread in fresh)
            read.update(thread.id for thread in changed)
            result.threads += len(fresh)
            result.changed += len(changed)
            self._note_odd(page, result)
            self._rows = [thread.id for thread in page.threads]
            if changed:
                self._storage.session.set_walk_finished(False)
            for thread in changed:
                self._read(thread, page, result)
                between_threads()
            if self._is_far_enough(page, changed, full):
                break
        self._storage.session.set_walk_finished(True)
        self._review_left()
        for trouble in self._storage.troubles.all():
            if trouble.thread_id not in read:
                self._read_again(trouble, result)
                between_threads()
        if full:
            self._full_at = time.monotonic() + self._full_every_s
        self._rest()
        return result

    def _review_left(self) -> None:
        now, readings = self._now(), self._storage.readings
        site_now = self._storage.session.site_now(now)
        if site_now is None:
            return  # the clock was moved while the list was read: the next time
        for id_ in readings.left(site_now, self._rules):
            try:
                with one_conversation():
                    readings.review(id_, site_now, self._rules, now)
            except ThreadError as e:
                _tell_trouble(self._storage.troubles.again(id_, str(e), now))

    # The list

    def _pages(self, full: bool) -> Iterator[InboxPage]:
        if full or self._site.standing is None:
            page = self._site.open_inbox(self._resting_thread())
        else:
            page = self._site.read_inbox()
        self._check_account(page.account_id)
        self._check_clock(page)
        self._close_missed(page.site_time)
        yield page
        for _ in range(MAX_PAGES):
            if page.next_cursor is None:
                return
            page = self._site.read_inbox(page.next_cursor)
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

    def _close_missed(self, site_now: datetime) -> None:
        """After an outage in one line, before the conversations are read one by one."""
        if missed := self._storage.turns.expire(self._now(), site_now, self._rules):
            logger.error("%s", self._rules.missed(missed))

    def _check_clock(self, page: InboxPage) -> None:
        session = self._storage.session
        offset = session.measured(page.site_time, self._now())
        known = session.keep_clock_offset(offset)
        if _is_news(offset, known):
            minutes = abs(offset) / 60
            logger.warning("this machine's clock is off by %.0f minutes", minutes)

    def _is_far_enough(
        self, page: InboxPage, changed: list[Thread], full: bool
    ) -> bool:
        if not page.threads:
            return not page.odd
        last = page.threads[-1]
        if self._is_old(last, page.site_time):
            return True
        return not full and last not in changed

    def _is_old(self, thread: Thread, site_time: datetime) -> bool:
        times = [thread.activity_at, thread.latest.sent_at if thread.latest else None]
        newest = max((at for at in times if at), default=site_time)
        return self._rules.is_too_old(newest, site_time)

    def _note_odd(self, page: InboxPage, result: SyncResult) -> None:
        """Rows that were set aside: counted in every line, and said once each."""
        result.odd += len(page.odd)
        for odd in page.odd:
            if odd.path not in self._odd_said:
                self._odd_said.add(odd.path)
                logger.warning("a row of the list is not understood: %s", odd.path)

    # One conversation

    def _read(self, thread: Thread, page: InboxPage, result: SyncResult) -> None:
        """Store a changed thread; what is wrong with it is noted in its place."""
        troubles, now = self._storage.troubles, self._now()
        if troubles.rests(thread.id, thread.mark, now):
            result.troubled += 1
            return
        try:
            with one_conversation():
                self._take_in(self._reading_of(thread, page), thread, result)
        except ThreadError as e:
            result.troubled += 1
            _tell_trouble(troubles.not_read(thread, str(e), now))

    def _read_again(self, trouble: Trouble, result: SyncResult) -> None:
        """A conversation in trouble that the walk has not read."""
        id_, now = trouble.thread_id, self._now()
        if not is_due(trouble.read_again_at, now, whole.SLOWEST):
            return
        try:
            with one_conversation():
                self._take_in(self._reading(id_), None, result)
        except ThreadError as e:
            result.troubled += 1
            _tell_trouble(self._storage.troubles.again(id_, str(e), now))

    def _reading_of(self, thread: Thread, page: InboxPage) -> Reading:
        """The whole of it, or of an old one its row alone.

        Whether a text of the host's side is one that the clock sends is told by what
        stood above it: where it may be, the whole is read, once.
        """
        latest, at = thread.latest, page.site_time
        young = not self._is_old(thread, at)
        if latest is None or young or _may_be_scheduled(latest):
            return self._reading(thread.id, thread)
        return Reading(thread, page.account_id, (latest,), True, at, from_start=False)

    def _reading(self, thread_id: str, row: Thread | None = None) -> Reading:
        try:
            reading = self._asked(thread_id, row)
        except ThreadTroubled as e:
            rest, works = self._resting_thread(), self._site.works
            others = [rest, *self._rows] if rest else self._rows
            if self._blame.is_the_sites(e.step, thread_id, others, works):
                raise e.site_error from None
            raise
        self._blame.worked("read", thread_id)
        # A page that had to be loaded anew may be another account's.
        self._check_account(reading.account_id)
        return reading

    def _asked(self, thread_id: str, row: Thread | None) -> Reading:
        """As the page has it; what is not whole, now and then from a new page."""
        site, readings = self._site, self._storage.readings
        reading = site.read_thread(thread_id)
        if self._wants_look(thread_id) and readings.lacking(reading, row):
            reading = site.look_anew(thread_id, self._resting_thread())
        if readings.wants_more(reading):
            fresh = reading.fresh
            more = site.read_thread(thread_id, fresh, more=True)
            reading = replace(more, fresh=fresh)
        return reading

    def _wants_look(self, thread_id: str) -> bool:
        site_now = self._storage.session.site_now(self._now())
        return self._storage.troubles.wants_look(thread_id, site_now)

    def _take_in(
        self, reading: Reading, row: Thread | None, result: SyncResult
    ) -> None:
        taken = self._storage.readings.take_in(
            reading, self._rules, self._now(), row, row.mark if row else None
        )
        result.new_texts += taken.new_texts
        if taken.trouble is not None:
            result.troubled += 1
            _tell_trouble(taken.trouble)

    # Where the page stands

    def _rest(self) -> None:
        """Move the page to a conversation without unanswered texts: an open one marks
        itself read."""
        standing = self._site.standing
        rest = self._resting_thread()
        if rest is not None and standing != rest:
            self._site.open_inbox(rest)

    def _resting_thread(self) -> str | None:
        return self._storage.inbox.resting_thread(self._site.standing)


def _is_news(offset: float, known: float) -> bool:
    """Does our clock differ from Airbnb's by another amount than was last said?"""
    was_right = abs(known) <= CLOCK_WARNING_S
    changed = was_right or abs(offset - known) > CLOCK_CHANGED_S
    return changed and abs(offset) > CLOCK_WARNING_S


def _is_new(thread: Thread, seen: Mapping[str, str | None]) -> bool:
    return thread.mark is not None and thread.mark != seen.get(thread.id)


def _may_be_scheduled(latest: Message) -> bool:
    return latest.is_host_text and scheduled.is_long_enough(latest.body or "")


def _tell_trouble(trouble: Trouble) -> None:
    """Said after the third time: most of it passes by itself."""
    if trouble.times == whole.SAID_AFTER:
        logger.warning(
            "conversation %s: %s, %d times in a row; it is read again",
            trouble.thread_id,
            trouble.sentence,
            trouble.times,
        )


def counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
