"""The questions to the AI: asked, answered, closed; each with its reason.

A turn is formed in readings.py.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from airbot.models import Direction
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Question
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.policy.pace import SLOWEST
from airbot.policy.rules import Rules
from airbot.policy.states import By
from airbot.storage.database import Database
from airbot.storage.database import to_text
from airbot.storage.database import to_time
from airbot.storage.inbox import shown_name
from airbot.storage.moves import DUE
from airbot.storage.moves import due_at
from airbot.storage.moves import move_turn
from airbot.storage.moves import turn_from_row

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
            ORDER BY rowid DESC LIMIT 1
            """,
            {"id": thread_id},
        )
        return turn_from_row(row) if row else None

    def expire(self, now: datetime, site_now: datetime, rules: Rules) -> int:
        """Close the turns that became too old while they waited for an answer."""
        oldest = site_now - rules.max_age
        with self._db.transaction() as tx:
            rows = tx.execute(
                """
                SELECT id FROM turns
                WHERE status IN ('new', 'asked') AND newest_at < :oldest
                """,
                {"oldest": to_text(oldest)},
            )
            for row in rows:
                expired, by = TurnStatus.EXPIRED, By.AIRBOT
                move_turn(tx, row["id"], expired, by, rules.too_old, now)
        return len(rows)

    def claim_next(self, now: datetime, again_at: datetime) -> Turn | None:
        """Take the next turn to ask; it is `asked` and committed before the POST.

        Should we die before an answer comes, it is asked again at `again_at`.
        """
        with self._db.transaction() as tx:
            rows = tx.execute(
                f"""
                SELECT * FROM turns WHERE status IN ('new', 'asked')
                    AND (next_attempt_at IS NULL OR {DUE})
                ORDER BY first_at LIMIT 1
                """,
                due_at(now, max(SLOWEST, again_at - now)),
            )
            if not rows:
                return None
            return move_turn(
                tx,
                rows[0]["id"],
                TurnStatus.ASKED,
                By.AIRBOT,
                "the AI is asked",
                now,
                attempts=rows[0]["attempts"] + 1,
                asked_at=to_text(now),
                next_attempt_at=to_text(again_at),
            )

    def waits_for_answer(self, until: datetime) -> bool:
        """Is any turn with the AI, or to be asked before `until`?"""
        row = self._db.read_one(
            f"""
            SELECT 1 FROM turns
            WHERE status = 'new' OR status = 'asked'
                AND (asked_at IS NOT NULL OR {DUE})
            """,
            due_at(until, SLOWEST),
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
            f"SELECT *, {shown_name('m')} AS name FROM messages m"
            " WHERE turn_id = :id ORDER BY position",
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
            sender=texts[-1]["name"] if texts else "",
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
        with self._db.transaction() as tx:
            move_turn(
                tx,
                turn.id,
                TurnStatus.ASKED,
                By.AIRBOT,
                reason,
                now,
                asked_at=None,
                next_attempt_at=to_text(at),
                refusals=turn.refusals + refused,
            )

    def give_up(self, turn_id: str, reason: str, now: datetime) -> Turn | None:
        """The AI refuses it for good; None when something else closed it first."""
        return self._close(turn_id, TurnStatus.FAILED, reason, now)

    def ignore(self, turn_id: str, now: datetime) -> Turn | None:
        """The AI wants no reply; None when something else closed the turn first."""
        reason = "the AI said: no reply"
        return self._close(turn_id, TurnStatus.IGNORED, reason, now)

    def _close(
        self, turn_id: str, to: TurnStatus, reason: str, now: datetime
    ) -> Turn | None:
        with self._db.transaction() as tx:
            return move_turn(tx, turn_id, to, By.AI, reason, now)


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
        scheduled=bool(row["scheduled"]),
    )
