"""The session's gate: SYNC and SEND run only while Airbnb may be asked.

    login, captcha   shut until `airbot reconnect`, also over a restart
    unavailable      opens again after a backoff, or when Airbnb said so (Retry-After)
    unknown          opens after 15 minutes, then once an hour for as long as it lasts

Nothing that is queued is lost while it is shut: the webhook stays open. A dialog that
lies over the page keeps SEND alone waiting, in the same steps.
"""

from __future__ import annotations

import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta

from airbot.browser import Browser
from airbot.daemon.hours import Hours
from airbot.exceptions import AirbotError
from airbot.exceptions import AlreadyRunning
from airbot.exceptions import DialogShown
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import StorageError
from airbot.exceptions import where_it_failed
from airbot.models import Session
from airbot.models import SessionState
from airbot.models import utcnow
from airbot.policy.pace import backoff_s
from airbot.policy.pace import is_due
from airbot.storage import Storage
from airbot.sync import SyncResult

logger = logging.getLogger("airbot.session")

UNKNOWN_FIRST = timedelta(minutes=15)
LONGEST_WAIT = timedelta(hours=1)
RETRY_AFTER_CAP_S = 1800.0
WELL = "Airbnb answers"
PAUSED = "airbot is paused until a person runs: airbot reconnect"


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
        self._hours = Hours()
        self.busy = False  # is a job at work in the browser's thread?
        # Failed in a row, by job: SYNC may go well where SEND does not.
        self._in_a_row: dict[tuple[str, SessionState], int] = defaultdict(int)

    def is_open(self, patient: bool = True) -> bool:
        """May Airbnb be asked now? An impatient person's own run need not wait."""
        session = self._storage.session.get()
        if session.person_needed:
            return False
        if session.state == SessionState.OK or not patient:
            return True
        return is_due(session.next_try_at, self._now(), LONGEST_WAIT)

    def _waits_alone(self, name: str, patient: bool) -> bool:
        job = self._storage.session.job(name) if patient else None
        return job is not None and not is_due(
            job.next_try_at, self._now(), LONGEST_WAIT
        )

    def run(self, name: str, job: Callable[[], object], patient: bool = True) -> bool:
        """Run a job if the gate is open; False when it was shut, or the job failed."""
        was_busy, self.busy = self.busy, True  # a SEND may run inside of a SYNC
        try:
            if not self.is_open(patient) or self._waits_alone(name, patient):
                return False
            return self._run(name, job)
        except AlreadyRunning as e:  # another Chromium: it may go again
            if not patient:
                raise
            self._trouble(name, SiteUnavailable(str(e)))
        except StorageError as e:
            room = logging.getLogger(f"airbot.{name}")
            room.error("%s; nothing is sent that cannot be recorded", e)
        except Stopped:
            pass
        finally:
            self.busy = was_busy
        return False

    def _run(self, name: str, job: Callable[[], object]) -> bool:
        started_at, clock = self._now(), time.monotonic()
        self._storage.session.begin_cycle(name, started_at)
        done, outcome, failed, again_at = None, "", True, None
        try:
            done = job()
            outcome, failed = str(done), False
            if done:  # a SEND without a reply has asked Airbnb nothing
                self._is_well(name)
        except DialogShown as e:
            outcome, again_at = str(e), self._wait_alone(name, e)
        except SiteError as e:
            outcome = str(e)
            self._trouble(name, e)
        except (AirbotError, Stopped):
            raise
        except Exception as e:  # nobody foresaw it: it must not end the program
            outcome = f"airbot failed, {where_it_failed(e)}"
            logger.error("%s: %s", name, outcome)
        took_ms = round((time.monotonic() - clock) * 1000)
        self._storage.session.add_cycle(
            name, started_at, took_ms, outcome, failed, again_at
        )
        if not failed and not outcome.startswith("0 replies"):
            self._tell(name, done, took_ms)
        return not failed

    def _tell(self, name: str, done: object, took_ms: int) -> None:
        """What a job did. Readings without news are told by the hour.

        Not so the first one: after a start it says that reading works.
        """
        room, level = logging.getLogger(f"airbot.{name}"), logging.INFO
        if isinstance(done, SyncResult):
            if not (done.is_news or self._hours.are_new):
                level = logging.DEBUG
            if hour := self._hours.add(done, took_ms):
                room.info("%s", hour)
        room.log(level, "%s (%d ms)", done, took_ms)

    def _wait_alone(self, name: str, e: DialogShown) -> datetime:
        """This job waits; the session is as it was. A person is told once."""
        job = self._storage.session.job(name)
        tries = job.tries if job and job.failing_since else 0
        wait = LONGEST_WAIT if tries else UNKNOWN_FIRST
        if not tries:
            words = _in_words(wait)
            logger.error(
                "%s; %s waits: a person must look. Again in %s", e, name, words
            )
        return self._now() + wait

    def _is_well(self, name: str) -> None:
        for state in SessionState:
            self._in_a_row.pop((name, state), None)
        self._well()

    def _well(self) -> None:
        session = self._storage.session.get()
        if session.person_needed:  # met inside of this job: only a person ends it
            return
        if session.state == SessionState.OK and session.sentence == WELL:
            return
        if self._storage.session.set_state(SessionState.OK, WELL, self._now()):
            logger.info("Airbnb answers again")

    def _trouble(self, name: str, e: SiteError) -> None:
        """Store what is wrong, say it, and free the profile where it pauses us."""
        session, now = self._storage.session.get(), self._now()
        if not session.person_needed and not _is_early(session, e, now):
            self._store(name, e, session, now)
        # The profile is free for a person, and a page left open would go on asking.
        self._browser.close()

    def _store(self, name: str, e: SiteError, before: Session, now: datetime) -> None:
        state = SessionState(e.state)
        if before.state == SessionState.OK and before.sentence != WELL:
            self._in_a_row.clear()  # a person was there
        tries = max(
            before.tries if before.state == state else 0, self._in_a_row[name, state]
        )
        self._in_a_row[name, state] = tries + 1
        again_at = _next_try(e, state, tries, now)
        changed = self._storage.session.set_state(state, str(e), now, again_at)
        if again_at is None:
            self._in_a_row.clear()
            logger.error("%s; %s", e, PAUSED)
        elif changed:
            logger.error("%s; airbot tries again in %s", e, _in_words(again_at - now))
        else:
            wait = _in_words(again_at - now)
            logger.warning("%s, again; airbot tries again in %s", e, wait)


def _is_early(session: Session, e: SiteError, now: datetime) -> bool:
    """Was an unknown page tried by hand, before its time? That is none of its tries."""
    if session.state != SessionState.UNKNOWN or e.state != session.state:
        return False
    return not is_due(session.next_try_at, now, LONGEST_WAIT)


def _in_words(wait: timedelta) -> str:
    seconds = round(wait.total_seconds())
    return f"{seconds} seconds" if seconds < 120 else f"{round(seconds / 60)} minutes"


def _next_try(
    e: SiteError, state: SessionState, tries: int, now: datetime
) -> datetime | None:
    if state == SessionState.UNKNOWN:
        return now + (LONGEST_WAIT if tries else UNKNOWN_FIRST)
    if state != SessionState.UNAVAILABLE:
        return None
    wait = backoff_s(tries + 1) * random.uniform(1.0, 1.3)
    if isinstance(e, SiteUnavailable) and e.retry_after_s:
        wait = max(wait, min(e.retry_after_s, RETRY_AFTER_CAP_S))
    return now + timedelta(seconds=wait)
