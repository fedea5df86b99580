"""Turns: formed from what was read, asked, answered, closed; each with its reason.

`review` is the only place where a turn is formed, replaced or taken over. It asks
`policy.decide_turn` and carries the decision out in the caller's transaction.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from datetime import datetime
from datetime import timedelta

from airbot import policy
from airbot.models import Direction
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Question
from airbot.models import Reply
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.models import fingerprint
from airbot.policy import Case
from airbot.policy import Decision
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.database import to_time

HISTORY = 20  # messages of the thread that the AI is shown


class Turns:
    """The questions to the AI and what became of them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, turn_id: str) -> Turn | None:
        row = self._db.read_one("SELECT * FROM turns WHERE id = :id", {"id": turn_id})
        return turn_from_row(row) if row else None

    def newest(self, thread_id: str) -> Turn | None:
        row = self._db.read_one(
            """
            SELECT * FROM turns WHERE thread_id = :id
            ORDER BY created_at DESC, rowid DESC LIMIT 1
            """,
            {"id": thread_id},
        )
        return turn_from_row(row) if row else None

    def expire(self, now: datetime, site_now: datetime, max_age: timedelta) -> int:
        """Close the turns that became too old while they waited for an answer."""
        with self._db.transaction() as tx:
            rows = tx.execute(
                """
                UPDATE turns SET status = 'expired', reason = :reason, changed_at = :now
                WHERE status IN ('new', 'asked') AND newest_at < :oldest RETURNING id
                """,
                {
                    "reason": policy.too_old(max_age),
                    "now": to_text(now),
                    "oldest": to_text(site_now - max_age),
                },
            )
        return len(rows)

    def claim_next(self, now: datetime, again_at: datetime) -> Turn | None:
        """Take the next turn to ask; it is `asked` and committed before the POST.

        Should we die before an answer comes, it is asked again at `again_at`.
        """
        with self._db.transaction() as tx:
            rows = tx.execute(
                """
                UPDATE turns SET status = 'asked', reason = 'the AI is asked',
                    attempts = attempts + 1, asked_at = :now, changed_at = :now,
                    next_attempt_at = :again_at
                WHERE id = (SELECT id FROM turns WHERE status IN ('new', 'asked')
                            AND (next_attempt_at IS NULL OR next_attempt_at <= :now)
                            ORDER BY first_at LIMIT 1)
                RETURNING *
                """,
                {"now": to_text(now), "again_at": to_text(again_at)},
            )
        return turn_from_row(rows[0]) if rows else None

    def waits_for_answer(self, until: datetime) -> bool:
        """Is any turn with the AI, or to be asked before `until`?"""
        row = self._db.read_one(
            """
            SELECT 1 FROM turns
            WHERE status = 'new' OR status = 'asked'
                AND (asked_at IS NOT NULL OR next_attempt_at <= :until)
            """,
            {"until": to_text(until)},
        )
        return row is not None

    def open_questions(self) -> list[Question]:
        """All turns that wait for an answer, as the AI is told about them."""
        rows = self._db.read(
            "SELECT * FROM turns WHERE status IN ('new', 'asked') ORDER BY first_at"
        )
        return [self.question(turn_from_row(row)) for row in rows]

    def question(self, turn: Turn) -> Question:
        """All that the AI is told about a turn."""
        texts = self._db.read(
            "SELECT * FROM messages WHERE turn_id = :id ORDER BY position",
            {"id": turn.id},
        )
        history = self._db.read(
            """
            SELECT * FROM (SELECT * FROM messages WHERE thread_id = :id
                           AND kind IN ('text', 'media')
                           ORDER BY position DESC LIMIT :limit)
            ORDER BY position
            """,
            {"id": turn.thread_id, "limit": HISTORY},
        )
        (thread,) = self._db.read(
            "SELECT * FROM threads WHERE id = :id", {"id": turn.thread_id}
        )
        return Question(
            turn=turn,
            sender=texts[-1]["sender"] if texts else "",
            listing_id=thread["listing_id"],
            stage=thread["stage"],
            description=thread["description"],
            texts=tuple(message_from_row(row) for row in texts),
            history=tuple(message_from_row(row) for row in history),
        )

    def ask_again(
        self, turn: Turn, reason: str, at: datetime, refused: bool, now: datetime
    ) -> None:
        """The AI did not take it: ask again at `at`, unless the turn was closed."""
        self._change(
            turn.id,
            """
            UPDATE turns SET reason = :reason, next_attempt_at = :at, asked_at = NULL,
                refusals = refusals + :refused, changed_at = :now
            WHERE id = :id AND status = 'asked' RETURNING id
            """,
            {
                "reason": reason,
                "at": to_text(at),
                "refused": int(refused),
                "now": to_text(now),
            },
        )

    def close(
        self, turn_id: str, status: TurnStatus, reason: str, now: datetime
    ) -> bool:
        """Close an open turn; False when something else closed it first."""
        return self._change(
            turn_id,
            """
            UPDATE turns SET status = :status, reason = :reason, changed_at = :now
            WHERE id = :id AND status IN ('new', 'asked') RETURNING id
            """,
            {"status": status, "reason": reason, "now": to_text(now)},
        )

    def _change(self, turn_id: str, sql: str, params: dict[str, object]) -> bool:
        with self._db.transaction() as tx:
            return bool(tx.execute(sql, {"id": turn_id, **params}))


def review(
    tx: Transaction,
    thread_id: str,
    now: datetime,
    max_age: timedelta,
    reply: Reply | None = None,
) -> Decision:
    """Decide about a thread's turn and carry it out; `reply` is the one in hand."""
    rows = _messages_with_standing(tx, thread_id)
    case = _case(tx, thread_id, rows, now, max_age, reply)
    if reply is None:
        decision = policy.decide_turn(case)
    else:
        decision = policy.decide_send(reply, case)
    _carry_out(tx, thread_id, case.turn, reply, decision, now)
    return decision


def _messages_with_standing(tx: Transaction, thread_id: str) -> Sequence[sqlite3.Row]:
    return tx.execute(
        """
        SELECT m.*, t.status AS turn_status, o.status AS reply_status,
               o.id AS reply_id
        FROM messages m
        LEFT JOIN turns t ON t.id = m.turn_id
        LEFT JOIN queue_outbox o ON o.turn_id = t.id
        WHERE m.thread_id = :id ORDER BY m.position
        """,
        {"id": thread_id},
    )


def _case(
    tx: Transaction,
    thread_id: str,
    rows: Sequence[sqlite3.Row],
    now: datetime,
    max_age: timedelta,
    reply: Reply | None,
) -> Case:
    in_hand = reply.id if reply else ""
    standing = {row["id"]: _standing(row, in_hand) for row in rows}
    (thread,) = tx.execute("SELECT * FROM threads WHERE id = :id", {"id": thread_id})
    replies = tx.execute(
        "SELECT * FROM queue_outbox WHERE thread_id = :id", {"id": thread_id}
    )
    return Case(
        hosted=bool(thread["hosted"]),
        messages=tuple(message_from_row(row) for row in rows),
        now=now,
        max_age=max_age,
        standing=standing,
        own_replies=frozenset(
            row["site_message_id"] for row in replies if row["site_message_id"]
        ),
        turn=_open_turn(tx, thread_id, in_hand),
        unsettled=any(_is_unsettled(row) for row in replies if row["id"] != in_hand),
        old_ok=any(row["status"] == "pending" and row["old_ok"] for row in replies),
    )


def _is_unsettled(reply: sqlite3.Row) -> bool:
    if reply["status"] == "uncertain":
        return not reply["parked"]
    return bool(reply["status"] == "processing")


def _standing(row: sqlite3.Row, in_hand: str) -> str:
    """How a message stands, by its turn and by the reply to that turn."""
    if row["turn_id"] is None:
        return policy.FRESH
    if row["turn_status"] in ("new", "asked") or row["reply_id"] == in_hand:
        return policy.OPEN
    if row["turn_status"] == "ignored":
        return policy.IGNORED
    return {
        "pending": policy.OPEN,
        "processing": policy.PARKED,
        "uncertain": policy.PARKED,
        "sent": policy.ANSWERED,
    }.get(row["reply_status"], policy.CLOSED)


def _open_turn(tx: Transaction, thread_id: str, in_hand: str) -> Turn | None:
    """The turn under way: still without an answer, or its answer not yet claimed."""
    rows = tx.execute(
        """
        SELECT t.* FROM turns t LEFT JOIN queue_outbox o ON o.turn_id = t.id
        WHERE t.thread_id = :id
          AND (t.status IN ('new', 'asked')
               OR t.status = 'answered' AND (o.status = 'pending' OR o.id = :in_hand))
        ORDER BY t.created_at DESC LIMIT 1
        """,
        {"id": thread_id, "in_hand": in_hand},
    )
    return turn_from_row(rows[0]) if rows else None


def _carry_out(
    tx: Transaction,
    thread_id: str,
    turn: Turn | None,
    reply: Reply | None,
    decision: Decision,
    now: datetime,
) -> None:
    tx.execute(
        "UPDATE threads SET reason = :reason WHERE id = :id",
        {"id": thread_id, "reason": decision.reason},
    )
    if decision.close is not None:
        if turn is not None and (reply is None or reply.turn_id == turn.id):
            _close(tx, turn, decision, now)
        if reply is not None:
            _drop_reply(tx, reply.id, decision, now)
    if decision.texts:
        _open(tx, thread_id, decision, now)


def _close(tx: Transaction, turn: Turn, decision: Decision, now: datetime) -> None:
    params = {
        "id": turn.id,
        "status": decision.close,
        "reason": decision.reason,
        "now": to_text(now),
    }
    tx.execute(
        """
        UPDATE turns SET status = :status, reason = :reason, changed_at = :now
        WHERE id = :id
        """,
        params,
    )
    tx.execute(
        """
        UPDATE queue_outbox SET status = 'cancelled', last_error = :reason,
            processed_at = :now, next_attempt_at = NULL
        WHERE turn_id = :id AND status = 'pending'
        """,
        params,
    )


def _drop_reply(
    tx: Transaction, reply_id: str, decision: Decision, now: datetime
) -> None:
    status = "failed" if decision.close == TurnStatus.FAILED else "cancelled"
    tx.execute(
        """
        UPDATE queue_outbox SET status = :status, last_error = :reason,
            processed_at = :now, next_attempt_at = NULL
        WHERE id = :id AND status = 'processing'
        """,
        {
            "id": reply_id,
            "status": status,
            "reason": decision.reason,
            "now": to_text(now),
        },
    )


def _open(tx: Transaction, thread_id: str, decision: Decision, now: datetime) -> None:
    turn_id = str(uuid.uuid4())
    texts = decision.texts
    tx.execute(
        """
        INSERT INTO turns (id, thread_id, status, reason, fingerprint, supersedes,
                           first_at, newest_at, created_at, changed_at)
        VALUES (:id, :thread_id, :status, :reason, :fingerprint, :supersedes,
                :first_at, :newest_at, :now, :now)
        """,
        {
            "id": turn_id,
            "thread_id": thread_id,
            "status": decision.status,
            "reason": decision.reason,
            "fingerprint": fingerprint(texts),
            "supersedes": decision.supersedes,
            "first_at": to_text(texts[0].sent_at),
            "newest_at": to_text(texts[-1].sent_at),
            "now": to_text(now),
        },
    )
    for text in texts:
        tx.execute(
            "UPDATE messages SET turn_id = :turn_id WHERE id = :id",
            {"turn_id": turn_id, "id": text.id},
        )


def turn_from_row(row: sqlite3.Row) -> Turn:
    return Turn(
        id=row["id"],
        thread_id=row["thread_id"],
        status=TurnStatus(row["status"]),
        fingerprint=row["fingerprint"],
        supersedes=row["supersedes"],
        first_at=to_time(row["first_at"]),
        newest_at=to_time(row["newest_at"]),
        attempts=row["attempts"],
        refusals=row["refusals"],
        reason=row["reason"],
    )


def message_from_row(row: sqlite3.Row) -> Message:
    return Message(
        id=row["id"],
        account_id=row["account_id"],
        sender=row["sender"],
        role=row["role"],
        direction=Direction(row["direction"]),
        kind=Kind(row["kind"]),
        body=row["body"],
        sent_at=to_time(row["sent_at"]),
        note=row["note"],
    )
