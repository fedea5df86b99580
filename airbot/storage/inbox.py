"""Threads, messages, and the one commit that a reading of a thread is.

A reading is stored whole or not at all: the messages, the mark that says "this row of
the list has been read", and the decision about the thread's turn. A crash in between
would forget a guest.
"""

from __future__ import annotations

from datetime import timedelta

from airbot.models import Reading
from airbot.models import Reply
from airbot.models import Thread
from airbot.policy import Decision
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.turns import review


class Inbox:
    """What has been read of Airbnb's inbox."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def record(
        self,
        reading: Reading,
        max_age: timedelta,
        mark: str | None = None,
        reply: Reply | None = None,
    ) -> Decision:
        """Store a reading and what follows from it for the thread's turn.

        `mark` is the list's row that led here (None keeps the stored one), `reply` the
        claimed reply that is about to be sent, if any.
        """
        thread = reading.thread
        with self._db.transaction() as tx:
            _save_thread(tx, thread, mark, to_text(reading.site_time))
            _save_messages(tx, thread.id, reading)
            return review(tx, thread.id, reading.site_time, max_age, reply)

    def review(self, thread_id: str, reading: Reading, max_age: timedelta) -> Decision:
        """Decide about a thread anew, after one of its replies has been settled."""
        with self._db.transaction() as tx:
            return review(tx, thread_id, reading.site_time, max_age)

    def seen_marks(self) -> dict[str, str | None]:
        """What the list showed of each thread when it was last read."""
        rows = self._db.read("SELECT id, seen_mark FROM threads")
        return {row["id"]: row["seen_mark"] for row in rows}

    def count_messages(self, thread_id: str) -> int:
        """How many guest texts of a thread are known."""
        (row,) = self._db.read(
            """
            SELECT COUNT(*) AS n FROM messages
            WHERE thread_id = :id AND direction = 'inbound' AND kind = 'text'
            """,
            {"id": thread_id},
        )
        return int(row["n"])

    def resting_thread(self) -> str | None:
        """A thread with nothing unanswered: an open one marks itself read."""
        row = self._db.read_one(
            """
            SELECT t.id FROM threads t
            WHERE t.seen_mark IS NOT NULL AND t.hosted
              AND (SELECT m.direction FROM messages m WHERE m.thread_id = t.id
                   AND m.kind != 'notice' ORDER BY m.position DESC LIMIT 1)
                  != 'inbound'
              AND NOT EXISTS (SELECT 1 FROM turns u WHERE u.thread_id = t.id
                              AND u.status IN ('new', 'asked'))
            ORDER BY t.activity_at DESC LIMIT 1
            """
        )
        return row["id"] if row else None


def _save_thread(
    tx: Transaction, thread: Thread, mark: str | None, read_at: str | None
) -> None:
    tx.execute(
        """
        INSERT INTO threads (id, title, type, own_role, hosted, listing_id, stage,
                             description, activity_at, seen_mark, read_at)
        VALUES (:id, :title, :type, :own_role, :hosted, :listing_id, :stage,
                :description, :activity_at, :mark, :read_at)
        ON CONFLICT (id) DO UPDATE SET
            title = excluded.title, type = excluded.type,
            own_role = excluded.own_role, hosted = excluded.hosted,
            listing_id = COALESCE(excluded.listing_id, listing_id),
            stage = COALESCE(excluded.stage, stage),
            description = COALESCE(excluded.description, description),
            activity_at = COALESCE(excluded.activity_at, activity_at),
            seen_mark = COALESCE(excluded.seen_mark, seen_mark),
            read_at = excluded.read_at
        """,
        {
            "id": thread.id,
            "title": thread.title,
            "type": thread.type,
            "own_role": thread.own_role,
            "hosted": int(thread.hosted),
            "listing_id": thread.listing_id,
            "stage": thread.stage,
            "description": thread.description,
            "activity_at": to_text(thread.activity_at),
            "mark": mark,
            "read_at": read_at,
        },
    )


def _save_messages(tx: Transaction, thread_id: str, reading: Reading) -> None:
    first = _first_position(tx, thread_id, [m.id for m in reading.messages])
    for index, message in enumerate(reading.messages):
        tx.execute(
            """
            INSERT INTO messages (id, thread_id, position, sender, account_id, role,
                                  direction, kind, body, sent_at, seen_at, note)
            VALUES (:id, :thread_id, :position, :sender, :account_id, :role,
                    :direction, :kind, :body, :sent_at, :seen_at, :note)
            ON CONFLICT (id) DO UPDATE SET
                position = excluded.position, role = excluded.role,
                direction = excluded.direction, kind = excluded.kind,
                body = excluded.body, note = excluded.note
            """,
            {
                "id": message.id,
                "thread_id": thread_id,
                "position": first + index,
                "sender": message.sender,
                "account_id": message.account_id,
                "role": message.role,
                "direction": message.direction,
                "kind": message.kind,
                "body": message.body,
                "sent_at": to_text(message.sent_at),
                "seen_at": to_text(reading.site_time),
                "note": message.note,
            },
        )


def _first_position(tx: Transaction, thread_id: str, ids: list[str]) -> int:
    """Where a reading begins: after all that is stored and no longer shown."""
    rows = tx.execute(
        "SELECT id, position FROM messages WHERE thread_id = :id", {"id": thread_id}
    )
    shown = set(ids)
    older = [row["position"] for row in rows if row["id"] not in shown]
    return max(older, default=-1) + 1
