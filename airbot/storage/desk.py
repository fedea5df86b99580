"""What a person at the command line sees and does; beside a running daemon or without.

Each verb looks at the row and changes it in one transaction: what `policy.verbs`
refuses raises VerbRefused with the reason, and nothing is changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta

from airbot import policy
from airbot.exceptions import VerbRefused
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Session
from airbot.models import Turn
from airbot.models import Waiting
from airbot.policy import verbs
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.outbox import reply_from_row
from airbot.storage.turns import turn_from_row

SHORT_ID = 8
FAILED_TURNS_SHOWN = timedelta(days=1)


class Desk:
    """Lists and verbs for people."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # What a person sees

    def counts(self) -> dict[str, dict[str, int]]:
        """How many turns and replies are in which state."""
        return {
            table: {
                row["status"]: row["n"]
                for row in self._db.read(
                    f"SELECT status, COUNT(*) AS n FROM {table} GROUP BY status"
                )
            }
            for table in ("turns", "queue_outbox")
        }

    def cycles(self) -> list[dict[str, object]]:
        """The last SYNC and SEND: when, how long they took, what came of them."""
        return [dict(row) for row in self._db.read("SELECT * FROM cycles ORDER BY job")]

    def messages(self, limit: int) -> list[dict[str, object]]:
        """The newest guest texts, and what became of each and why."""
        rows = self._db.read(
            """
            SELECT m.id, m.thread_id, m.turn_id, m.sender, m.body, m.sent_at,
                   t.status AS turn_status, t.reason AS turn_reason,
                   h.reason AS thread_reason, o.id AS outbox_id,
                   o.status AS reply_status, o.last_error AS reply_reason
            FROM messages m JOIN threads h ON h.id = m.thread_id
            LEFT JOIN turns t ON t.id = m.turn_id
            LEFT JOIN queue_outbox o ON o.turn_id = t.id
            WHERE m.direction = 'inbound' AND m.kind = 'text'
            ORDER BY m.sent_at DESC, m.position DESC LIMIT :limit
            """,
            {"limit": limit},
        )
        return [dict(row) for row in rows]

    def replies(self, limit: int) -> list[dict[str, object]]:
        """The queue, newest first."""
        rows = self._db.read(
            """
            SELECT o.id, o.thread_id, o.turn_id, h.title, o.message, o.status,
                   o.attempts, o.created_at, o.next_attempt_at, o.send_started_at,
                   o.processed_at, o.site_message_id, o.parked, o.last_error
            FROM queue_outbox o LEFT JOIN threads h ON h.id = o.thread_id
            ORDER BY o.rowid DESC LIMIT :limit
            """,
            {"limit": limit},
        )
        return [dict(row) for row in rows]

    def waiting(self, session: Session, now: datetime) -> list[Waiting]:
        """What only a person can settle: the session, parked and failed replies."""
        waiting = []
        if session.person_needed:
            waiting.append(Waiting(session.sentence, "airbot reconnect"))
        replies = self._db.read("""
            SELECT * FROM queue_outbox WHERE status = 'uncertain' AND parked
                OR status = 'failed' ORDER BY created_at
            """)
        waiting += [_waiting_reply(reply_from_row(row)) for row in replies]
        turns = self._db.read(
            "SELECT * FROM turns WHERE status = 'failed' AND changed_at > :since",
            {"since": to_text(now - FAILED_TURNS_SHOWN)},
        )
        return waiting + [_waiting_turn(turn_from_row(row)) for row in turns]

    # What a person does

    def retry_reply(
        self, id_: str, oldest: datetime, old_ok: bool, now: datetime
    ) -> Reply:
        """Put a reply back into the queue, as if it had never been tried."""
        with self._db.transaction() as tx:
            row = _one(tx, "queue_outbox", id_)
            reply = reply_from_row(row)
            turn, lists_texts = _turn_of(tx, reply)
            asked_at = turn.newest_at if turn else reply.created_at
            reason = verbs.why_not_retry_reply(
                reply, turn, lists_texts, asked_at < oldest, old_ok
            )
            _refuse(reason)
            if turn is not None:
                _reopen(tx, turn, now)
            return _update(
                tx,
                reply.id,
                """
                status = 'pending', attempts = 0, presses = 0, next_attempt_at = NULL,
                send_started_at = NULL, anchor_id = NULL, known_ids = NULL,
                request = NULL, parked = 0,
                first_absent_at = NULL, absent_readings = 0, processed_at = NULL,
                old_ok = :old_ok, last_error = 'a person said: retry'
                """,
                {"old_ok": int(old_ok)},
            )

    def cancel_reply(self, id_: str, now: datetime) -> Reply:
        """Take a reply out of the queue."""
        return self._settle(
            id_,
            verbs.why_not_cancel,
            {"status": "cancelled", "reason": "a person said: cancel"},
            now,
        )

    def resolve_reply(self, id_: str, sent: bool, now: datetime) -> Reply:
        """A person's word about an uncertain reply."""
        if not sent:
            params: dict[str, object] = {
                "status": "failed",
                "reason": "a person said: not sent",
            }
            return self._settle(id_, verbs.why_not_resolve, params, now)
        with self._db.transaction() as tx:
            params = {"status": "sent", "reason": "a person said: sent"}
            reply = self._settle(id_, verbs.why_not_resolve, params, now)
            # Known as ours, it is not taken for a person's answer to later texts.
            found = _stands_as(tx, reply)
            return _update(tx, reply.id, "site_message_id = :found", {"found": found})

    def retry_turn(self, id_: str, oldest: datetime, now: datetime) -> Turn:
        """Have the AI asked about a turn, at once."""
        with self._db.transaction() as tx:
            turn = turn_from_row(_one(tx, "turns", id_))
            params = {"id": turn.id, "thread_id": turn.thread_id, "now": to_text(now)}
            reply = tx.execute("SELECT 1 FROM queue_outbox WHERE turn_id = :id", params)
            other = tx.execute(
                """
                SELECT 1 FROM turns WHERE thread_id = :thread_id AND id != :id
                    AND status IN ('new', 'asked')
                """,
                params,
            )
            texts = tx.execute("SELECT 1 FROM messages WHERE turn_id = :id", params)
            _refuse(
                verbs.why_not_retry_turn(turn, bool(texts), bool(reply), bool(other))
            )
            if turn.newest_at < oldest:
                _refuse("it is older than sync.max_age_hours")
            (row,) = tx.execute(
                """
                UPDATE turns SET status = 'new', reason = 'a person said: retry',
                    attempts = 0, refusals = 0, next_attempt_at = NULL,
                    asked_at = NULL, changed_at = :now
                WHERE id = :id RETURNING *
                """,
                params,
            )
            return turn_from_row(row)

    def _settle(
        self,
        id_: str,
        why_not: Callable[[Reply], str | None],
        params: dict[str, object],
        now: datetime,
    ) -> Reply:
        with self._db.transaction() as tx:
            reply = reply_from_row(_one(tx, "queue_outbox", id_))
            _refuse(why_not(reply))
            return _update(
                tx,
                reply.id,
                """
                status = :status, last_error = :reason, processed_at = :now,
                next_attempt_at = NULL, parked = 0
                """,
                {**params, "now": to_text(now)},
            )


def _waiting_reply(reply: Reply) -> Waiting:
    id_ = reply.id[:SHORT_ID]
    verb = f"retry {id_} (or cancel {id_})"
    if reply.status == ReplyStatus.UNCERTAIN:
        verb = f"resolve {id_} --sent (or --not-sent)"
    what = f"reply {id_} is {reply.status}: {reply.last_error}"
    return Waiting(what, f"airbot outbox {verb}")


def _waiting_turn(turn: Turn) -> Waiting:
    id_ = turn.id[:SHORT_ID]
    what = f"turn {id_} is {turn.status}: {turn.reason}"
    return Waiting(what, f"airbot messages retry {id_}")


def _one(tx: Transaction, table: str, id_: str) -> sqlite3.Row:
    """The row whose id begins so, as git does it."""
    noun = {"queue_outbox": "reply", "turns": "turn"}[table]
    rows = tx.execute(
        f"SELECT * FROM {table} WHERE id >= :id AND id < :id || 'g' LIMIT 2",
        {"id": id_.lower()},  # hexadecimal digits and "-", which come before "g"
    )
    if not rows or not id_:
        raise VerbRefused(f"there is no {noun} {id_}")
    if len(rows) > 1:
        raise VerbRefused(f"more than one {noun} begins with {id_}")
    return rows[0]


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise VerbRefused(reason)


def _turn_of(tx: Transaction, reply: Reply) -> tuple[Turn | None, bool]:
    if reply.turn_id is None:
        return None, False
    params = {"id": reply.turn_id}
    (turn,) = tx.execute("SELECT * FROM turns WHERE id = :id", params)
    texts = tx.execute("SELECT 1 FROM messages WHERE turn_id = :id LIMIT 1", params)
    return turn_from_row(turn), bool(texts)


def _reopen(tx: Transaction, turn: Turn, now: datetime) -> None:
    tx.execute(
        """
        UPDATE turns SET status = 'answered', reason = 'a person said: retry',
            changed_at = :now WHERE id = :id
        """,
        {"id": turn.id, "now": to_text(now)},
    )


def _stands_as(tx: Transaction, reply: Reply) -> str | None:
    """A message that is new since the press and says what the reply says."""
    rows = tx.execute(
        """
        SELECT m.id, m.body FROM messages m
        JOIN queue_outbox o ON o.id = :id AND o.thread_id = m.thread_id
        WHERE m.direction = 'outbound' AND m.kind = 'text'
            AND m.id NOT IN (SELECT value FROM json_each(COALESCE(o.known_ids, '[]')))
            AND m.id NOT IN (SELECT site_message_id FROM queue_outbox
                             WHERE site_message_id IS NOT NULL)
        ORDER BY m.position
        """,
        {"id": reply.id},
    )
    wanted = policy.normalise(reply.message)
    same = (row["id"] for row in rows if policy.normalise(row["body"]) == wanted)
    return next(same, None)


def _update(
    tx: Transaction, id_: str, changes: str, params: dict[str, object]
) -> Reply:
    (row,) = tx.execute(
        f"UPDATE queue_outbox SET {changes} WHERE id = :id RETURNING *",
        {"id": id_, **params},
    )
    return reply_from_row(row)
