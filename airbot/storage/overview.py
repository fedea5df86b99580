"""What people are shown, as plain values; the commands put them into words or JSON.

All of it can be had from a database that is only looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
from datetime import timedelta

from airbot.models import AIHealth
from airbot.models import Door
from airbot.models import Job
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Run
from airbot.models import Session
from airbot.models import Trouble
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.models import Waiting
from airbot.models import short_id
from airbot.policy.whole import SAID_AFTER
from airbot.storage.database import to_text
from airbot.storage.database import to_time
from airbot.storage.database import to_time_or_none
from airbot.storage.inbox import GUESTS_PHOTOS
from airbot.storage.inbox import not_ours
from airbot.storage.inbox import persons_answer
from airbot.storage.inbox import shown_name
from airbot.storage.moves import UNDER_WAY
from airbot.storage.troubles import trouble_from_row
from airbot.storage.values import from_row
from airbot.storage.view import Readable

MISSED_FOR = timedelta(days=7)
# Of a turn `t` and its reply `o`: a person has answered since, or a later turn has the
# texts. Nothing waits for a person there any more.
SETTLED = f"""(
    EXISTS (SELECT 1 FROM messages h
            WHERE h.thread_id = COALESCE(t.thread_id, o.thread_id)
              AND h.sent_at > COALESCE(t.newest_at, o.created_at)
              AND {persons_answer("h")} AND {not_ours("h")})
    OR t.id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.turn_id = t.id))"""
Counts = Mapping[str, int]  # by status


@dataclass(frozen=True)
class Waits:
    """A guest who waits for an answer, whether a person is needed for it or not."""

    who: str
    since: datetime


@dataclass(frozen=True)
class Overview:
    """How we stand with Airbnb, what is under way, and what waits for a person."""

    session: Session
    cycles: Mapping[str, Job]  # by job
    ai: AIHealth
    runs: tuple[Run, ...]  # newest first
    turns: Counts
    replies: Counts
    waiting: tuple[Waiting, ...]
    longest: Waits | None  # the guest who waits longest


@dataclass(frozen=True)
class MessageLine:
    """A guest text, what became of it and why."""

    id: str
    thread_id: str
    turn_id: str | None
    sender: str
    body: str | None = field(repr=False)
    sent_at: datetime
    scheduled: bool  # a text of the host's side that the clock sent
    turn_status: TurnStatus | None
    turn_reason: str | None
    thread_reason: str | None
    outbox_id: str | None
    reply_status: ReplyStatus | None
    reply_reason: str | None


@dataclass(frozen=True)
class OutboxLine:
    """A reply, what became of it and why; `title` names the conversation."""

    id: str
    thread_id: str
    turn_id: str | None
    title: str | None
    message: str = field(repr=False)
    status: ReplyStatus
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    send_started_at: datetime | None
    processed_at: datetime | None
    site_message_id: str | None
    parked: bool
    door: Door | None  # what it came in with
    last_error: str | None


class Shown:
    """The values above, as of now."""

    def __init__(self, db: Readable) -> None:
        self._db = db

    def overview(self, now: datetime) -> Overview:
        (row,) = self._db.read("SELECT * FROM session")
        session = from_row(Session, row)
        runs = self._db.read("SELECT * FROM runs ORDER BY number DESC")
        waiting = tuple(self.waiting(session, now))
        return Overview(
            session=session,
            cycles=self._cycles(),
            ai=self._ai(),
            runs=tuple(from_row(Run, run) for run in runs),
            turns=self._counts("turns"),
            replies=self.reply_counts(),
            waiting=waiting,
            longest=self._longest(waiting),
        )

    def _ai(self) -> AIHealth:
        """The next try is that of all turns, or else of the one that is due first."""
        (row,) = self._db.read("SELECT * FROM ai")
        health = from_row(AIHealth, row)
        if health.failing_since is None or health.next_try_at is not None:
            return health
        (due,) = self._db.read("""
            SELECT MIN(next_attempt_at) AS at FROM turns
            WHERE status IN ('new', 'asked') AND asked_at IS NULL
            """)
        return replace(health, next_try_at=to_time_or_none(due["at"]))

    def _longest(self, waiting: Iterable[Waiting]) -> Waits | None:
        rows = self._db.read(f"""
            SELECT h.title, t.first_at FROM turns t JOIN threads h ON h.id = t.thread_id
            LEFT JOIN queue_outbox o ON o.turn_id = t.id
            WHERE {UNDER_WAY} ORDER BY t.first_at LIMIT 1
            """)
        waits = [Waits(row["title"], to_time(row["first_at"])) for row in rows]
        waits += [Waits(item.who or "", item.since) for item in waiting if item.since]
        return min(waits, key=lambda one: one.since, default=None)

    def reply_counts(self) -> Counts:
        return self._counts("queue_outbox")

    def waiting(self, session: Session, now: datetime) -> list[Waiting]:
        """What only a person can settle, and has not settled yet."""
        week = session.site_time(now) - MISSED_FOR
        return [
            *self._waiting_session(session),
            *map(_waiting_trouble, self._troubles()),
            *_waiting_replies(self._replies_left(week)),
            *map(_waiting_turn, self._turns_left()),
            *map(_missed, self._turns_missed(week)),
        ]

    def _waiting_session(self, session: Session) -> Iterator[Waiting]:
        if session.person_needed:
            yield Waiting(session.sentence, "airbot reconnect")
        send = self._cycles().get("send")
        if send is not None and send.next_try_at is not None:
            yield Waiting(f"replies wait: {send.outcome}", "airbot reconnect")

    def _troubles(self) -> list[Trouble]:
        """Conversations that could not be read, or not whole, time and again."""
        rows = self._db.read(
            """
            SELECT * FROM threads WHERE trouble IS NOT NULL AND trouble_times >= :often
            ORDER BY trouble_since
            """,
            {"often": SAID_AFTER},
        )
        return [trouble_from_row(row) for row in rows]

    def _replies_left(self, week: datetime) -> list[sqlite3.Row]:
        """Replies for a person to look at; to unknown conversations for a week."""
        return self._db.read(
            f"""
            SELECT o.*, h.title, COALESCE(t.first_at, o.created_at) AS asked_first
            FROM queue_outbox o LEFT JOIN turns t ON t.id = o.turn_id
            LEFT JOIN threads h ON h.id = o.thread_id
            WHERE o.status = 'uncertain' AND o.parked
                OR o.status = 'failed' AND NOT {SETTLED}
                    AND (h.id IS NOT NULL OR o.created_at >= :week)
            ORDER BY o.rowid
            """,
            {"week": to_text(week)},
        )

    def _turns_left(self) -> list[sqlite3.Row]:
        """Those that failed, and those that are asked no more: the AI is silent."""
        return self._db.read(f"""
            SELECT t.*, h.title FROM turns t JOIN threads h ON h.id = t.thread_id
            LEFT JOIN queue_outbox o ON o.turn_id = t.id
            WHERE t.status = 'failed' AND o.id IS NULL AND NOT {SETTLED}
                OR t.status = 'asked' AND t.silences > 0 AND t.asked_at IS NULL
                    AND t.next_attempt_at IS NULL
            ORDER BY t.rowid
            """)

    def _turns_missed(self, week: datetime) -> list[sqlite3.Row]:
        """Not answered in time, while airbot was there; what it found old is history.

        After a week nobody waits for that answer any more.
        """
        return self._db.read(
            f"""
            SELECT t.*, h.title, o.id AS reply_id
            FROM turns t JOIN threads h ON h.id = t.thread_id AND h.hosted
            LEFT JOIN queue_outbox o ON o.turn_id = t.id
            WHERE t.status = 'expired' AND t.newest_at >= :week
                AND (t.changed_at > t.created_at
                     OR t.newest_at >= (SELECT began_at FROM session))
                AND NOT {SETTLED}
            ORDER BY t.rowid
            """,
            {"week": to_text(week)},
        )

    def messages(self, limit: int) -> list[MessageLine]:
        """The newest texts and photos of guests, and what became of each and why.

        Among them what the clock sent: it was no answer to them.
        """
        guests = "m.direction = 'inbound' AND m.kind = 'text'"
        lines = [
            line
            for which in (guests, GUESTS_PHOTOS, "m.scheduled")
            for line in self._newest(which, limit)
        ]
        return sorted(lines, key=lambda line: line.sent_at, reverse=True)[:limit]

    def _newest(self, which: str, limit: int) -> list[MessageLine]:
        rows = self._db.read(
            f"""
            SELECT m.id, m.thread_id, m.turn_id, m.sent_at,
                   {shown_name("m")} AS sender,
                   IIF(m.kind = 'media', '[photo]', m.body) AS body,
                   m.scheduled, t.status AS turn_status, t.reason AS turn_reason,
                   IIF(m.kind = 'media', 'no text', h.reason) AS thread_reason,
                   o.id AS outbox_id,
                   o.status AS reply_status, o.last_error AS reply_reason
            FROM messages m JOIN threads h ON h.id = m.thread_id
            LEFT JOIN turns t ON t.id = m.turn_id
            LEFT JOIN queue_outbox o ON o.turn_id = t.id
            WHERE {which} ORDER BY m.sent_at DESC, m.position DESC LIMIT :limit
            """,
            {"limit": limit},
        )
        return [from_row(MessageLine, row) for row in rows]

    def replies(self, limit: int) -> list[OutboxLine]:
        """The queue, newest first."""
        rows = self._db.read(
            """
            SELECT o.id, o.thread_id, o.turn_id, h.title, o.message, o.status,
                   o.attempts, o.created_at, o.next_attempt_at, o.send_started_at,
                   o.processed_at, o.site_message_id, o.parked, o.door, o.last_error
            FROM queue_outbox o LEFT JOIN threads h ON h.id = o.thread_id
            ORDER BY o.rowid DESC LIMIT :limit
            """,
            {"limit": limit},
        )
        return [from_row(OutboxLine, row) for row in rows]

    def _cycles(self) -> dict[str, Job]:
        rows = self._db.read("SELECT * FROM cycles ORDER BY job")
        return {row["job"]: from_row(Job, row) for row in rows}

    def _counts(self, table: str) -> Counts:
        rows = self._db.read(
            f"SELECT status, COUNT(*) AS n FROM {table} GROUP BY status"
        )
        return {row["status"]: row["n"] for row in rows}


def in_words(counts: Counts, none: str) -> str:
    return ", ".join(f"{n} {status}" for status, n in sorted(counts.items())) or none


def _waiting_trouble(trouble: Trouble) -> Waiting:
    what = f"conversation {trouble.thread_id} cannot be read: {trouble.sentence}"
    return Waiting(what, "look at it in Airbnb's inbox", trouble.title)


def _waiting_replies(rows: list[sqlite3.Row]) -> Iterator[Waiting]:
    """Failed replies to unknown conversations, of a script say, are one line."""
    unknown = [r for r in rows if r["title"] is None and r["status"] == "failed"]
    if len(unknown) > 1:
        rows = [row for row in rows if row not in unknown]
        what = f"{len(unknown)} replies to conversations that Airbnb does not show"
        yield Waiting(f"{what} have failed", "airbot outbox")
    yield from map(_waiting_reply, rows)


def _waiting_reply(row: sqlite3.Row) -> Waiting:
    reply = from_row(Reply, row)
    id_ = reply.short_id
    verb = f"retry {id_} (or cancel {id_})"
    if reply.status == ReplyStatus.UNCERTAIN:
        verb = f"resolve {id_} --sent (or --not-sent)"
    what = f"reply {id_} is {reply.status}: {reply.last_error}"
    since = to_time(row["asked_first"])
    return Waiting(what, f"airbot outbox {verb}", row["title"], since)


def _waiting_turn(row: sqlite3.Row) -> Waiting:
    turn = from_row(Turn, row)
    id_ = turn.short_id
    what = f"turn {id_} is {turn.status}: {turn.reason}"
    command = f"airbot messages retry {id_} (or done {id_})"
    return Waiting(what, command, row["title"], turn.first_at)


def _missed(row: sqlite3.Row) -> Waiting:
    turn = from_row(Turn, row)
    id_ = turn.short_id
    command = f"airbot messages retry {id_} --old (or done {id_})"
    if row["reply_id"]:
        command = f"airbot outbox retry {short_id(row['reply_id'])} --old"
        command += f" (or messages done {id_})"
    what = f"turn {id_} was not answered in time: {turn.reason}"
    return Waiting(what, command, row["title"], turn.first_at, missed=True)
