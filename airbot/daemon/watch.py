"""The main thread's rounds: is all alive, what is to be repeated, what to show."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from airbot.daemon.notify import Notifier
from airbot.daemon.parts import Parts
from airbot.exceptions import DatabaseGone
from airbot.exceptions import StorageError
from airbot.models import utcnow
from airbot.policy.rules import Rules

logger = logging.getLogger("airbot.daemon")

ROUND_S = 5.0
MOST_SAID = 10
REPEAT_S = 3600.0
PRUNE_S = 86_400.0
CROWD_NOTED = timedelta(minutes=1)
# A browser job has a deadline of a minute, and ending a hung browser takes seconds.
BROWSER_STALE_S = 120.0
SCHEDULER_STALE_S = 60.0
CLOCK_JUMP_S = 2.0


class Watch:
    """Makes its rounds every few seconds; `beat` is a scheduler job's sign of life."""

    def __init__(
        self, parts: Parts, notifier: Notifier, now: Callable[[], datetime] = utcnow
    ) -> None:
        self._parts = parts
        self._notifier = notifier
        self._now = now
        self._rules = Rules.of(parts.config)
        self._beat_at = time.monotonic()
        self._round_at = 0.0
        self._repeat_at = 0.0  # a restart says at once what it waits for
        self._prune_at = 0.0
        self._crowded_until = datetime.min.replace(tzinfo=UTC)
        self._clock_ahead = self._clock_minus_monotonic()
        self.is_lost = False  # the database is not where it was opened

    def clock_was_moved(self) -> bool:
        """Has the wall clock jumped against the monotonic one since the last look?"""
        before, self._clock_ahead = self._clock_ahead, self._clock_minus_monotonic()
        return abs(self._clock_ahead - before) > CLOCK_JUMP_S

    def _clock_minus_monotonic(self) -> float:
        return self._now().timestamp() - time.monotonic()

    def beat(self) -> None:
        self._beat_at = time.monotonic()

    def round(self) -> bool:
        """Make a round if one is due; True when one was made."""
        if time.monotonic() < self._round_at:
            return False
        self._round_at = time.monotonic() + ROUND_S
        try:
            self._parts.storage.check_place()
            self._notifier.tell(f"STATUS={self._status()}")
            if self._parts.storage.outbox.is_due(self._now(), self._rules):
                self._parts.send_wanted.set()
            self._note_crowd()
            self._repeat()
            self._prune()
        except DatabaseGone as e:
            self.is_lost = True
            logger.error("%s; airbot ends, and makes a new one when it is started", e)
            return True
        except StorageError as e:
            # No WATCHDOG=1 without a database: a restart may bring it back.
            self._notifier.tell(f"STATUS={e}")
            logger.error("%s", e)
            return True
        if trouble := self._what_hangs():
            logger.error("%s hangs", trouble)
        else:
            self._notifier.tell("WATCHDOG=1")
        return True

    def _what_hangs(self) -> str | None:
        now = time.monotonic()
        if now - self._beat_at > SCHEDULER_STALE_S:
            return "the scheduler"
        busy = self._parts.gate.busy
        if busy and now - self._parts.browser.stepped_at > BROWSER_STALE_S:
            return "the browser's thread"
        return None

    def _note_crowd(self) -> None:
        """For `airbot status`, once for each minute in which it was so."""
        full_at = self._parts.server.full_at
        if full_at is None or full_at < self._crowded_until:
            return
        self._crowded_until = full_at + CROWD_NOTED
        self._parts.storage.runs.crowded(full_at)

    def _status(self) -> str:
        session = self._parts.storage.session.get()
        pending = self._parts.storage.shown.reply_counts().get("pending", 0)
        return f"{session.in_words()}; {pending} replies pending"

    def _prune(self) -> None:
        """Once a day: forget what is older than storage.keep_days, by Airbnb's clock.

        Ours would forget everything where it is two years ahead.
        """
        site_now = self._parts.storage.session.site_now(self._now())
        if site_now is None or time.monotonic() < self._prune_at:
            return
        self._prune_at = time.monotonic() + PRUNE_S
        keep = timedelta(days=self._parts.config.storage.keep_days)
        if pruned := self._parts.storage.prune(site_now - keep):
            logger.info("%d old conversations were forgotten", pruned)

    def _repeat(self) -> None:
        """While something waits for a person, one line an hour says so again."""
        if time.monotonic() < self._repeat_at:
            return
        self._repeat_at = time.monotonic() + REPEAT_S
        session, now = self._parts.storage.session.get(), self._now()
        waiting = self._parts.storage.shown.waiting(session, now)
        rest = [item for item in waiting if not item.missed]
        for item in rest[:MOST_SAID]:
            logger.error("waits for a person: %s; %s", item.what, item.command)
        if len(rest) > MOST_SAID:
            more = len(rest) - MOST_SAID
            logger.error("%d more wait for a person; airbot status", more)
        if missed := len(waiting) - len(rest):
            logger.error(
                "waits for a person: not answered in time: %d; airbot status", missed
            )
