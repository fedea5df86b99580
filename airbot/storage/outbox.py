"""The queue of replies, `queue_outbox`, from the AI's answer to the proof at Airbnb.

    pending -> processing -> sent
       ^           |-> pending      nothing was pressed: tried again, later
       |           |-> uncertain    Send was pressed, and nothing is proven yet
       |           |-> failed       refused by Airbnb, or hopeless
       '-----------'-> cancelled    answered by a person, too old, superseded

`send_started_at` is the boundary: committed before the press. A row that died before
it goes back to `pending`; one that died after it is `uncertain`, and only reading the
thread decides.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import uuid
from datetime import datetime
from datetime import timedelta
from typing import NamedTuple

from airbot.models import PressOutcome
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.policy import Verdict
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.database import to_time
from airbot.storage.database import to_time_or_none

LIMIT_LOOKED_AT = timedelta(minutes=1)  # how often a row over its limit is tried
EVERYWHERE = ""
SAME_TEXT_WITHIN = timedelta(minutes=10)


logger = logging.getLogger(__name__)


class _Window(NamedTuple):
    """An hour in which enough was sent, in one conversation or everywhere."""

    where: str
    reason: str


class Outbox:
    """Replies, each one row, and every change of it one commit."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._full: set[str] = set()  # windows that were said to be full

    def get(self, reply_id: str) -> Reply | None:
        row = self._db.read_one(
            "SELECT * FROM queue_outbox WHERE id = :id", {"id": reply_id}
        )
        return reply_from_row(row) if row else None

    def with_status(self, status: str) -> list[Reply]:
        rows = self._db.read(
            "SELECT * FROM queue_outbox WHERE status = :status ORDER BY created_at",
            {"status": status},
        )
        return [reply_from_row(row) for row in rows]

    def of_turn(self, turn_id: str) -> Reply | None:
        row = self._db.read_one(
            "SELECT * FROM queue_outbox WHERE turn_id = :id", {"id": turn_id}
        )
        return reply_from_row(row) if row else None

    def enqueue(self, turn: Turn, message: str, sender: str, now: datetime) -> Reply:
        """Queue the answer to a turn. It has one reply: a second answer is the first.

        The answer to a turn that was closed meanwhile is kept as `cancelled`.
        """
        return self._db.together(lambda tx: _enqueue(tx, turn, message, sender, now))

    def enqueue_without_turn(
        self, thread_id: str, message: str, sender: str, now: datetime
    ) -> Reply:
        """Queue a message for a thread in which no turn was ever formed."""
        return self._db.together(
            lambda tx: _enqueue_without_turn(tx, thread_id, message, sender, now)
        )

    def claim_next(
        self, now: datetime, per_thread_hour: int, per_hour: int
    ) -> Reply | None:
        """Take the oldest reply that is due; None when nothing is, or may be, sent.

        A thread with an unsettled reply waits, and so does one over its limit.
        """
        with self._db.transaction() as tx:
            _say_who_waits(tx)
            for row in _due(tx, now):
                full = _full_window(tx, row, now, per_thread_hour, per_hour)
                if full is not None:
                    _wait(tx, row["id"], full.reason, now + LIMIT_LOOKED_AT)
                    self._tell_once(full, row["id"])
                    continue
                self._full -= {row["thread_id"], EVERYWHERE}
                claimed = tx.execute(
                    """
                    UPDATE queue_outbox SET status = 'processing', claimed_at = :now,
                        next_attempt_at = NULL
                    WHERE id = :id AND status = 'pending' RETURNING *
                    """,
                    {"id": row["id"], "now": to_text(now)},
                )
                return reply_from_row(claimed[0])
        return None

    def _tell_once(self, full: _Window, reply_id: str) -> None:
        """An AI that runs wild is an error, once: not each time that we look."""
        if full.where not in self._full:
            self._full.add(full.where)
            logger.error("reply %s %s", reply_id[:8], full.reason)

    def next_unsettled(self, now: datetime) -> Reply | None:
        """An uncertain reply whose thread is due to be read once more."""
        row = self._db.read_one(
            """
            SELECT * FROM queue_outbox WHERE status = 'uncertain' AND NOT parked
                AND (next_attempt_at IS NULL OR next_attempt_at <= :now)
            ORDER BY send_started_at LIMIT 1
            """,
            {"now": to_text(now)},
        )
        return reply_from_row(row) if row else None

    def is_due(self, now: datetime) -> bool:
        """Is there a row whose time to be tried, or read again, has come?"""
        row = self._db.read_one(
            """
            SELECT 1 FROM queue_outbox WHERE next_attempt_at <= :now AND NOT parked
                AND status IN ('pending', 'uncertain')
            """,
            {"now": to_text(now)},
        )
        return row is not None

    def start_press(self, reply: Reply, anchor_id: str | None, now: datetime) -> Reply:
        """The boundary: the attempt, its time and the messages before it.

        Only when this has returned may Send be pressed.
        """
        return self._change(
            reply,
            """
            UPDATE queue_outbox SET status = 'processing', send_started_at = :now,
                attempts = attempts + 1, presses = presses + 1,
                anchor_id = :anchor_id,
                anchor_position = (SELECT position FROM messages WHERE id = :anchor_id),
                known_ids = COALESCE(
                    known_ids,
                    (SELECT json_group_array(m.id) FROM messages m
                     WHERE m.thread_id = queue_outbox.thread_id)
                ),
                request = NULL, first_absent_at = NULL, absent_readings = 0
            WHERE id = :id RETURNING *
            """,
            {"anchor_id": anchor_id, "now": to_text(now)},
        )

    def press_seen(self, reply: Reply, outcome: PressOutcome) -> Reply:
        """Keep what became of the page's own send request."""
        return self._change(
            reply,
            "UPDATE queue_outbox SET request = :seen WHERE id = :id RETURNING *",
            {"seen": outcome.in_a_word()},
        )

    def release(
        self,
        reply: Reply,
        reason: str,
        again_at: datetime | None = None,
        counted: bool = False,
    ) -> None:
        """Nothing was pressed: back to `pending`, to be tried again at `again_at`.

        A row that was settled meanwhile, or pressed, stays as it is.
        """
        with self._db.transaction() as tx:
            tx.execute(
                """
                UPDATE queue_outbox SET status = 'pending', last_error = :reason,
                    attempts = attempts + :counted, next_attempt_at = :again_at
                WHERE id = :id AND status = 'processing' AND presses = :presses
                """,
                {
                    "id": reply.id,
                    "presses": reply.presses,
                    "reason": reason,
                    "again_at": to_text(again_at),
                    "counted": int(counted),
                },
            )

    def conclude(
        self, reply: Reply, verdict: Verdict, now: datetime, again_at: datetime | None
    ) -> Reply:
        """Write down what a reading proved; `again_at` is when to look or try again."""
        done = verdict.status in ("sent", "failed", "cancelled")
        return self._change(
            reply,
            """
            UPDATE queue_outbox SET status = :status, last_error = :reason,
                site_message_id = COALESCE(:site_message_id, site_message_id),
                processed_at = :processed_at, next_attempt_at = :again_at,
                parked = :parked,
                first_absent_at = CASE WHEN :absent
                    THEN COALESCE(first_absent_at, :now) ELSE first_absent_at END,
                absent_readings = absent_readings + :absent,
                readings = json_insert(readings, '$[#]', json(:reading))
            WHERE id = :id RETURNING *
            """,
            {
                "status": verdict.status,
                "reason": verdict.reason,
                "site_message_id": verdict.site_message_id,
                "processed_at": to_text(now) if done else None,
                "again_at": None if done or verdict.park else to_text(again_at),
                "parked": int(verdict.park),
                "absent": int(verdict.absent),
                "now": to_text(now),
                "reading": json.dumps({"at": to_text(now), "said": verdict.reason}),
            },
        )

    def fail(self, reply: Reply, reason: str, now: datetime) -> Reply:
        """Hopeless, and nothing was pressed."""
        verdict = Verdict(ReplyStatus.FAILED, reason)
        return self.conclude(reply, verdict, now, None)

    def recover(self) -> int:
        """Put every row of a life that ended in the middle where it belongs."""
        with self._db.transaction() as tx:
            before = tx.execute("""
                UPDATE queue_outbox SET status = 'pending',
                    last_error = 'airbot ended before Send was pressed'
                WHERE status = 'processing' AND send_started_at IS NULL RETURNING id
                """)
            after = tx.execute("""
                UPDATE queue_outbox SET status = 'uncertain',
                    last_error = 'airbot ended after Send may have been pressed'
                WHERE status = 'processing' RETURNING id
                """)
        return len(before) + len(after)

    def taken(self, reply: Reply) -> frozenset[str]:
        """Site ids in this thread that prove other replies already."""
        rows = self._db.read(
            """
            SELECT site_message_id FROM queue_outbox
            WHERE thread_id = :thread_id AND id != :id AND site_message_id IS NOT NULL
            """,
            {"thread_id": reply.thread_id, "id": reply.id},
        )
        return frozenset(row["site_message_id"] for row in rows)

    def counts(self) -> dict[str, int]:
        rows = self._db.read(
            "SELECT status, COUNT(*) AS n FROM queue_outbox GROUP BY status"
        )
        return {row["status"]: row["n"] for row in rows}

    def _change(self, reply: Reply, sql: str, params: dict[str, object]) -> Reply:
        with self._db.transaction() as tx:
            (row,) = tx.execute(sql, {"id": reply.id, **params})
        return reply_from_row(row)


def _enqueue(
    tx: Transaction, turn: Turn, message: str, sender: str, now: datetime
) -> Reply:
    held = tx.execute("SELECT * FROM queue_outbox WHERE turn_id = :id", {"id": turn.id})
    if held:
        return reply_from_row(held[0])
    opened = tx.execute(
        """
        UPDATE turns SET status = 'answered', reason = 'the AI answered',
            changed_at = :now
        WHERE id = :id AND status IN ('new', 'asked') RETURNING id
        """,
        {"id": turn.id, "now": to_text(now)},
    )
    reason = None if opened else _why_closed(tx, turn.id)
    return _insert(tx, turn.thread_id, turn.id, message, sender, now, reason)


def _enqueue_without_turn(
    tx: Transaction, thread_id: str, message: str, sender: str, now: datetime
) -> Reply:
    held = tx.execute(
        """
        SELECT * FROM queue_outbox WHERE thread_id = :thread_id
            AND turn_id IS NULL AND message = :message AND created_at >= :since
        """,
        {
            "thread_id": thread_id,
            "message": message,
            "since": to_text(now - SAME_TEXT_WITHIN),
        },
    )
    if held:
        return reply_from_row(held[0])
    return _insert(tx, thread_id, None, message, sender, now, None)


def _why_closed(tx: Transaction, turn_id: str) -> str:
    (row,) = tx.execute("SELECT * FROM turns WHERE id = :id", {"id": turn_id})
    return f"came when the turn was {row['status']} already: {row['reason']}"


def _insert(
    tx: Transaction,
    thread_id: str,
    turn_id: str | None,
    message: str,
    sender: str,
    now: datetime,
    cancelled: str | None,
) -> Reply:
    (row,) = tx.execute(
        """
        INSERT INTO queue_outbox (id, thread_id, turn_id, message, sender, status,
                                  created_at, processed_at, last_error)
        VALUES (:id, :thread_id, :turn_id, :message, :sender, :status,
                :now, :processed_at, :reason)
        RETURNING *
        """,
        {
            "id": str(uuid.uuid4()),
            "thread_id": thread_id,
            "turn_id": turn_id,
            "message": message,
            "sender": sender,
            "status": "cancelled" if cancelled else "pending",
            "now": to_text(now),
            "processed_at": to_text(now) if cancelled else None,
            "reason": cancelled,
        },
    )
    return reply_from_row(row)


def _due(tx: Transaction, now: datetime) -> list[sqlite3.Row]:
    return tx.execute(
        """
        SELECT * FROM queue_outbox o WHERE status = 'pending'
            AND (next_attempt_at IS NULL OR next_attempt_at <= :now)
            AND NOT EXISTS (SELECT 1 FROM queue_outbox u
                            WHERE u.thread_id = o.thread_id
                              AND u.status IN ('processing', 'uncertain'))
        ORDER BY created_at, rowid LIMIT 100
        """,
        {"now": to_text(now)},
    )


def _say_who_waits(tx: Transaction) -> None:
    """A reply behind an unsettled one of its thread has a reason in words, too."""
    tx.execute("""
        UPDATE queue_outbox AS o
        SET last_error = 'waits until an earlier reply of the conversation is settled'
        WHERE status = 'pending' AND last_error IS NULL
            AND EXISTS (SELECT 1 FROM queue_outbox u WHERE u.thread_id = o.thread_id
                        AND u.status IN ('processing', 'uncertain'))
        """)


def _full_window(
    tx: Transaction,
    row: sqlite3.Row,
    now: datetime,
    per_thread_hour: int,
    per_hour: int,
) -> _Window | None:
    # By the row: one that is pressed a second time counts once.
    (sent,) = tx.execute(
        """
        SELECT COUNT(*) AS all_threads,
               COALESCE(SUM(thread_id = :thread_id), 0) AS this_thread
        FROM queue_outbox WHERE send_started_at > :since AND id != :id
        """,
        {
            "id": row["id"],
            "thread_id": row["thread_id"],
            "since": to_text(now - timedelta(hours=1)),
        },
    )
    if sent["this_thread"] >= per_thread_hour:
        reason = f"waits: {per_thread_hour} replies an hour in one conversation"
        return _Window(row["thread_id"], reason)
    if sent["all_threads"] >= per_hour:
        return _Window(EVERYWHERE, f"waits: {per_hour} replies an hour")
    return None


def _wait(tx: Transaction, reply_id: str, reason: str, until: datetime) -> None:
    tx.execute(
        """
        UPDATE queue_outbox SET last_error = :reason, next_attempt_at = :until
        WHERE id = :id
        """,
        {"id": reply_id, "reason": reason, "until": to_text(until)},
    )


def reply_from_row(row: sqlite3.Row) -> Reply:
    return Reply(
        id=row["id"],
        thread_id=row["thread_id"],
        turn_id=row["turn_id"],
        message=row["message"],
        sender=row["sender"],
        status=ReplyStatus(row["status"]),
        attempts=row["attempts"],
        created_at=to_time(row["created_at"]),
        presses=row["presses"],
        claimed_at=to_time_or_none(row["claimed_at"]),
        send_started_at=to_time_or_none(row["send_started_at"]),
        anchor_id=row["anchor_id"],
        known_ids=frozenset(json.loads(row["known_ids"] or "[]")),
        request=row["request"],
        first_absent_at=to_time_or_none(row["first_absent_at"]),
        absent_readings=row["absent_readings"],
        parked=bool(row["parked"]),
        old_ok=bool(row["old_ok"]),
        site_message_id=row["site_message_id"],
        last_error=row["last_error"],
    )
