"""How we stand with Airbnb: one row that survives a restart, and the last cycles."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from typing import NamedTuple

from airbot.models import Job
from airbot.models import Session
from airbot.models import SessionState
from airbot.storage.database import Database
from airbot.storage.database import to_text
from airbot.storage.values import from_row

CLOCK_MOVES_S = 2.0  # less is the rounding of a Date header, or NTP at work


class _Measured(NamedTuple):
    """Airbnb's clock minus ours, and when that was measured by both of ours."""

    offset_s: float
    at: datetime
    monotonic: float


class SessionStore:
    """The session's state, whose account it is, and how Airbnb's clock differs."""

    def __init__(
        self, db: Database, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self.monotonic = monotonic
        self._measured: _Measured | None = None

    # Airbnb's clock

    def measured(self, site_time: datetime, now: datetime) -> float:
        """Airbnb's clock was read just now; its clock minus ours, in seconds."""
        offset_s = (site_time - now).total_seconds()
        self._measured = _Measured(offset_s, now, self.monotonic())
        return offset_s

    def keep_clock_offset(self, offset_s: float) -> float:
        """For the commands, which run beside the daemon; what it was before."""
        known = self.get().clock_offset_s
        if abs(offset_s - known) > CLOCK_MOVES_S:
            with self._db.transaction() as tx:
                tx.execute("UPDATE session SET clock_offset_s = :s", {"s": offset_s})
        return known

    def site_now(self, now: datetime) -> datetime | None:
        """Airbnb's time; None where it is not known: ages are judged later then.

        It is not known before the first reading of a process, nor once our own clock
        was put forward or back, or the machine has slept: until the next reading.
        """
        measured = self._measured
        if measured is None:
            return None
        elapsed = timedelta(seconds=self.monotonic() - measured.monotonic)
        if abs(now - measured.at - elapsed) > timedelta(seconds=CLOCK_MOVES_S):
            return None
        return now + timedelta(seconds=measured.offset_s)

    # How we stand with Airbnb

    def get(self) -> Session:
        (row,) = self._db.read("SELECT * FROM session")
        return from_row(Session, row)

    def set_state(
        self,
        state: SessionState,
        sentence: str,
        now: datetime,
        next_try_at: datetime | None = None,
    ) -> bool:
        """Store a state; True when it is another one than before.

        `tries` counts how often the same trouble was met in a row.
        """
        before = self.get()
        changed = before.state != state
        in_a_row = 1 if changed else before.tries + 1
        with self._db.transaction() as tx:
            tx.execute(
                """
                UPDATE session SET state = :state, sentence = :sentence,
                    since = :since, tries = :tries, next_try_at = :next_try_at
                """,
                {
                    "state": state,
                    "sentence": sentence,
                    "since": to_text(now if changed else before.since),
                    "tries": 0 if state == SessionState.OK else in_a_row,
                    "next_try_at": to_text(next_try_at),
                },
            )
        return changed

    def set_account(self, account_id: str | None) -> None:
        with self._db.transaction() as tx:
            tx.execute("UPDATE session SET account_id = :id", {"id": account_id})

    def walk_finished(self) -> bool:
        """Did the last walk down the list reach its end?"""
        (row,) = self._db.read("SELECT walk_finished FROM session")
        return bool(row["walk_finished"])

    def set_walk_finished(self, finished: bool) -> None:
        if finished == self.walk_finished():
            return
        with self._db.transaction() as tx:
            tx.execute("UPDATE session SET walk_finished = :f", {"f": int(finished)})

    def token_key(self) -> bytes:
        """The key of the callback tokens: made with the database, kept with it."""
        (row,) = self._db.read("SELECT token_key FROM session")
        return bytes.fromhex(row["token_key"])

    def begin_cycle(self, job: str, now: datetime) -> None:
        """SYNC or SEND is at work: a long one is not late."""
        with self._db.transaction() as tx:
            tx.execute(
                """
                INSERT INTO cycles (job, started_at, took_ms, outcome, running_since)
                VALUES (:job, :now, 0, 'the first one is under way', :now)
                ON CONFLICT (job) DO UPDATE SET running_since = :now
                """,
                {"job": job, "now": to_text(now)},
            )

    def add_cycle(
        self,
        job: str,
        started_at: datetime,
        took_ms: int,
        outcome: str,
        failed: bool = False,
        next_try_at: datetime | None = None,
    ) -> None:
        """Note the last run of SYNC or SEND, and since when it fails."""
        with self._db.transaction() as tx:
            tx.execute(
                """
                INSERT INTO cycles (job, started_at, took_ms, outcome, failing_since,
                                    tries, next_try_at)
                VALUES (:job, :started_at, :took_ms, :outcome,
                        IIF(:failed, :started_at, NULL), :failed, :next_try_at)
                ON CONFLICT (job) DO UPDATE SET started_at = excluded.started_at,
                    took_ms = excluded.took_ms, outcome = excluded.outcome,
                    failing_since = IIF(:failed, COALESCE(failing_since, :started_at),
                                        NULL),
                    tries = IIF(:failed, tries + 1, 0),
                    next_try_at = excluded.next_try_at,
                    running_since = NULL
                """,
                {
                    "job": job,
                    "started_at": to_text(started_at),
                    "took_ms": took_ms,
                    "outcome": outcome,
                    "failed": int(failed),
                    "next_try_at": to_text(next_try_at),
                },
            )

    def job(self, name: str) -> Job | None:
        """How a job went last; None before its first run."""
        row = self._db.read_one("SELECT * FROM cycles WHERE job = :n", {"n": name})
        return from_row(Job, row) if row else None

    def end_waits(self) -> None:
        """A person was there: every job may try at once."""
        with self._db.transaction() as tx:
            tx.execute("UPDATE cycles SET next_try_at = NULL")
