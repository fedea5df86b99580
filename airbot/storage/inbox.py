"""Threads, messages, and the one commit that a reading of a thread is.

A reading is stored whole or not at all: the messages, the mark that says "this row of
the list has been read", and the decision about the thread's turn. A crash in between
would forget a guest.
"""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta

from airbot.models import Reading
from airbot.models import Recorded
from airbot.models import Reply
from airbot.models import Thread
from airbot.models import TurnStatus
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.turns import review

RESTING = """
    SELECT t.id FROM threads t
    WHERE t.seen_mark IS NOT NULL
      AND (SELECT m.direction FROM messages m WHERE m.thread_id = t.id
           AND m.kind IN ('text', 'media') ORDER BY m.position DESC LIMIT 1)
          != 'inbound'
      AND NOT EXISTS (SELECT 1 FROM turns u WHERE u.thread_id = t.id
                      AND u.status IN ('new', 'asked'))
      AND NOT EXISTS (SELECT 1 FROM queue_outbox o WHERE o.thread_id = t.id
                      AND o.status IN ('pending', 'processing', 'uncertain'))
"""
PRUNED_AT_ONCE = 20  # threads
LEFT_LOOKED_AT = timedelta(days=1)  # so long a text that is too old gets its reason


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
    ) -> Recorded:
        """Store a reading and what follows from it for the thread's turn.

        `mark` is the list's row that led here (None keeps the stored one), `reply` the
        claimed reply that is about to be sent, if any: it is dropped where the reading
        speaks against it.
        """
        thread = reading.thread
        with self._db.transaction() as tx:
            _save_thread(tx, thread, mark, to_text(reading.site_time))
            new_texts = _save_messages(tx, thread.id, reading)
            decision = review(tx, thread.id, reading.site_time, max_age, reply)
        return Recorded(
            new_texts=new_texts,
            reason=decision.reason,
            may_send=decision.close is None,
            opened=bool(decision.texts) and decision.status == TurnStatus.NEW,
        )

    def review_left(self, site_now: datetime, max_age: timedelta) -> int:
        """Decide again where a guest text was put off; how many turns that opened.

        A text that came while a reply was on its way is in no turn, and its row of the
        list is marked as seen: when that reply or turn has ended without a reading,
        nothing else would look at it again.
        """
        left = self._db.read(
            """
            SELECT DISTINCT m.thread_id FROM messages m INDEXED BY guest_texts_left
            JOIN threads t ON t.id = m.thread_id AND t.hosted
            WHERE m.direction = 'inbound' AND m.kind = 'text' AND m.turn_id IS NULL
              AND m.sent_at >= :since
              AND NOT EXISTS (
                SELECT 1 FROM messages h WHERE h.thread_id = m.thread_id
                  AND h.direction = 'outbound' AND h.kind = 'text'
                  AND h.position > m.position
                  AND NOT EXISTS (SELECT 1 FROM queue_outbox o
                                  WHERE o.site_message_id = h.id))
            """,
            {"since": to_text(site_now - max_age - LEFT_LOOKED_AT)},
        )
        opened = 0
        for row in left:
            with self._db.transaction() as tx:
                decision = review(tx, row["thread_id"], site_now, max_age)
                opened += bool(decision.texts) and decision.status == TurnStatus.NEW
        return opened

    def seen_marks(self) -> dict[str, str | None]:
        """What the list showed of each thread when it was last read."""
        rows = self._db.read("SELECT id, seen_mark FROM threads")
        return {row["id"]: row["seen_mark"] for row in rows}

    def knows(self, thread_id: str) -> bool:
        """Has the list ever shown this thread?"""
        sql = "SELECT 1 FROM threads WHERE id = :id"
        return self._db.read_one(sql, {"id": thread_id}) is not None

    def prune(self, before: datetime) -> int:
        """Delete whole threads whose last message and last reply are older.

        What is still under way is kept, however old.
        """
        pruned = 0
        while step := self._prune_some(to_text(before)):
            pruned += step
        with self._db.transaction() as tx:
            tx.execute(
                """
                DELETE FROM queue_outbox WHERE turn_id IS NULL
                    AND processed_at < :before AND created_at < :before
                    AND status IN ('sent', 'failed', 'cancelled')
                """,
                {"before": to_text(before)},
            )
        return pruned

    def _prune_some(self, before: str | None) -> int:
        """A few threads in a commit of their own: nobody waits long for the lock."""
        old = """
            SELECT id FROM threads t
            WHERE (t.activity_at IS NULL OR t.activity_at < :before)
              AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.thread_id = t.id
                              AND m.sent_at >= :before)
              AND NOT EXISTS (SELECT 1 FROM turns u WHERE u.thread_id = t.id
                              AND u.status IN ('new', 'asked'))
              AND NOT EXISTS (SELECT 1 FROM queue_outbox o WHERE o.thread_id = t.id
                              AND (o.created_at >= :before OR o.status IN
                                   ('pending', 'processing', 'uncertain')))
            LIMIT :most
        """
        with self._db.transaction() as tx:
            ids = tx.execute(old, {"before": before, "most": PRUNED_AT_ONCE})
            for (id_,) in ids:
                for table in ("queue_outbox", "messages", "turns"):
                    tx.execute(
                        f"DELETE FROM {table} WHERE thread_id = :id", {"id": id_}
                    )
                tx.execute("DELETE FROM threads WHERE id = :id", {"id": id_})
        return len(ids)

    def resting_thread(self, preferred: str | None) -> str | None:
        """A thread with nothing unanswered: an open one marks itself read."""
        for only in ("t.id = :preferred", "1"):
            row = self._db.read_one(
                f"{RESTING} AND {only} ORDER BY t.activity_at DESC LIMIT 1",
                {"preferred": preferred},
            )
            if row:
                return str(row["id"])
        return None


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


def _save_messages(tx: Transaction, thread_id: str, reading: Reading) -> int:
    """Store the messages as they are shown now; how many guest texts are new."""
    known = _known_positions(tx, thread_id)
    first = _first_position(known, reading)
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
    return sum(1 for m in reading.messages if m.is_guest_text and m.id not in known)


def _known_positions(tx: Transaction, thread_id: str) -> dict[str, int]:
    rows = tx.execute(
        "SELECT id, position FROM messages WHERE thread_id = :id", {"id": thread_id}
    )
    return {row["id"]: row["position"] for row in rows}


def _first_position(known: dict[str, int], reading: Reading) -> int:
    """Where a reading begins: after all that is stored and no longer shown."""
    shown = {message.id for message in reading.messages}
    older = [position for id_, position in known.items() if id_ not in shown]
    return max(older, default=-1) + 1
