"""The session's gate: SYNC and SEND run only while Airbnb may be asked.

    login, captcha   shut until `airbot reconnect`, also over a restart
    unavailable      opens again after a backoff, or when Airbnb said so (Retry-After)
    unknown          opens after 15 minutes and after 1 hour; then a person must look

Nothing that is queued is lost while it is shut: the webhook stays open.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta

from airbot import policy
from airbot.browser import Browser
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import StorageError
from airbot.models import SessionState
from airbot.models import utcnow
from airbot.storage import Storage

logger = logging.getLogger("airbot.session")

UNKNOWN_WAITS = (timedelta(minutes=15), timedelta(hours=1))
RETRY_AFTER_CAP_S = 1800.0
WELL = "Airbnb answers"
WHAT_TO_DO = {
    SessionState.LOGIN: "airbot is paused until a person runs: airbot reconnect",
    SessionState.CAPTCHA: "airbot is paused until a person runs: airbot reconnect",
    SessionState.UNKNOWN: "airbot does nothing there until it understands the page",
    SessionState.UNAVAILABLE: "airbot tries again later",
}


class Stopped(Exception):
    """A job ends early because the program does."""


class Gate:
    """Runs jobs against Airbnb, and keeps how we stand with it."""

    def __init__(
        self,
        storage: Storage,
        browser: Browser,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._storage = storage
        self._browser = browser
        self._now = now
        self.busy = False  # is a job at work in the browser's thread?

    def is_open(self, patient: bool = True) -> bool:
        """May Airbnb be asked now? An impatient person's own run need not wait."""
        session = self._storage.session.get()
        if session.person_needed:
            return False
        if session.state == SessionState.OK or not patient:
            return True
        return session.next_try_at is not None and session.next_try_at <= self._now()

    def run(self, name: str, job: Callable[[], object], patient: bool = True) -> bool:
        """Run a job if the gate is open; False when it was shut, or the job failed."""
        self.busy = True
        try:
            return self.is_open(patient) and self._run(name, job)
        except StorageError as e:
            room = logging.getLogger(f"airbot.{name}")
            room.error("%s; nothing is sent that cannot be recorded", e)
        except Stopped:
            pass
        finally:
            self.busy = False
        return False

    def _run(self, name: str, job: Callable[[], object]) -> bool:
        started_at, clock = self._now(), time.monotonic()
        try:
            done = job()
            outcome, failed = str(done), False
            if done:  # a SEND without a reply has asked Airbnb nothing
                self._well()
        except SiteError as e:
            outcome, failed = str(e), True
            self._trouble(e)
        self._note(name, started_at, time.monotonic() - clock, outcome, failed)
        return not failed

    def _note(
        self, name: str, at: datetime, took_s: float, outcome: str, failed: bool
    ) -> None:
        took_ms = round(took_s * 1000)
        self._storage.session.add_cycle(name, at, took_ms, outcome)
        if not failed and not outcome.startswith("0 replies"):
            logging.getLogger(f"airbot.{name}").info("%s (%d ms)", outcome, took_ms)

    def _well(self) -> None:
        session = self._storage.session.get()
        if session.state == SessionState.OK and session.sentence == WELL:
            return
        if self._storage.session.set_state(SessionState.OK, WELL, self._now()):
            logger.info("Airbnb answers again")

    def _trouble(self, e: SiteError) -> None:
        """Store what is wrong, say it once, and free the profile where it pauses us."""
        state = SessionState(e.state)
        now = self._now()
        tries = self._tries(state)
        changed = self._storage.session.set_state(
            state, str(e), now, _next_try(e, state, tries, now)
        )
        if changed or self._storage.session.get().person_needed:
            logger.error("%s; %s", e, WHAT_TO_DO[state])
        else:
            logger.warning("%s, for the %d. time in a row", e, tries + 1)
        # The profile is free for a person, and a page left open would go on asking.
        self._browser.close()

    def _tries(self, state: SessionState) -> int:
        session = self._storage.session.get()
        return session.tries if session.state == state else 0


def _next_try(
    e: SiteError, state: SessionState, tries: int, now: datetime
) -> datetime | None:
    if state == SessionState.UNKNOWN and tries < len(UNKNOWN_WAITS):
        return now + UNKNOWN_WAITS[tries]
    if state != SessionState.UNAVAILABLE:
        return None
    wait = policy.backoff_s(tries + 1) * random.uniform(1.0, 1.3)
    if isinstance(e, SiteUnavailable) and e.retry_after_s:
        wait = max(wait, min(e.retry_after_s, RETRY_AFTER_CAP_S))
    return now + timedelta(seconds=wait)
