"""Threads and messages as they were read. What follows from them: readings.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airbot.models import Message
from airbot.models import Thread
from airbot.policy.states import ON_ITS_WAY
from airbot.policy.turns import IN_DOUBT
from airbot.policy.whole import merged
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.moves import UNDER_WAY
from airbot.storage.moves import words

# Nothing of a thread `h` that airbot has still to end; a reply may be without a turn.
AT_REST = f"""
    NOT EXISTS (SELECT 1 FROM turns t LEFT JOIN queue_outbox o ON o.turn_id = t.id
                WHERE t.thread_id = h.id AND {UNDER_WAY})
    AND NOT EXISTS (SELECT 1 FROM queue_outbox o WHERE o.thread_id = h.id
                    AND o.status IN ({words(ON_ITS_WAY)}))
"""
RESTING = f"""
    SELECT h.id FROM threads h
    WHERE h.seen_mark IS NOT NULL AND h.trouble IS NULL
      AND (SELECT m.direction FROM messages m WHERE m.thread_id = h.id
           AND m.kind IN ('text', 'media') ORDER BY m.position DESC LIMIT 1)
          != 'inbound'
      AND {AT_REST}
"""
# SQL: is message `m` media of a guest's, in one of the `:limit` conversations that were
# active last? Found through them: no index holds what is no text.
GUESTS_PHOTOS = """
    m.direction = 'inbound' AND m.kind = 'media' AND m.thread_id IN
        (SELECT id FROM threads ORDER BY activity_at DESC LIMIT :limit)
"""
PRUNED_AT_ONCE = 20  # threads


def persons_answer(m: str) -> str:
    """SQL: is message `m` a person's answer? As Message.is_persons_answer says."""
    return (
        f"({m}.direction = 'outbound' AND {m}.kind IN ('text', 'media')"
        f" AND NOT {m}.scheduled)"
    )


def shown_name(m: str) -> str:
    """SQL: who wrote message `m`, as people and the AI are told.

    Where Airbnb shows no name, `sender` is the account's id: "Hello 473829105!" is no
    greeting.
    """
    return (
        f"IIF({m}.sender != {m}.account_id, {m}.sender,"
        f" IIF({m}.direction = 'inbound', 'Guest', 'Host'))"
    )


def not_ours(m: str) -> str:
    """SQL: is message `m` none that a reply of airbot's has been proven with?"""
    return (
        "NOT EXISTS (SELECT 1 FROM queue_outbox ours"
        f" WHERE ours.site_message_id = {m}.id)"
    )


class Inbox:
    """What has been read of Airbnb's inbox."""

    def __init__(self, db: Database) -> None:
        self._db = db

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
        old = f"""
            SELECT id FROM threads h
            WHERE (h.activity_at IS NULL OR h.activity_at < :before)
              AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.thread_id = h.id
                              AND m.sent_at >= :before)
              AND NOT EXISTS (SELECT 1 FROM queue_outbox o WHERE o.thread_id = h.id
                              AND o.created_at >= :before)
              AND {AT_REST}
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
        for only in ("h.id = :preferred", "1"):
            row = self._db.read_one(
                f"{RESTING} AND {only} ORDER BY h.activity_at DESC LIMIT 1",
                {"preferred": preferred},
            )
            if row:
                return str(row["id"])
        return None


def save_thread(tx: Transaction, thread: Thread) -> None:
    """Store a row of the list; what it does not show stays as it was.

    A row, or a conversation, that does not list our own account this once does not
    make it somebody else's.
    """
    tx.execute(
        """
        INSERT INTO threads (id, title, own_role, hosted, listing_id, stage,
                             description, activity_at, row_names, row_mark)
        VALUES (:id, :title, :own_role, :hosted, :listing_id, :stage,
                :description, :activity_at, :row_names, :row_mark)
        ON CONFLICT (id) DO UPDATE SET
            title = COALESCE(NULLIF(excluded.title, ''), title),
            hosted = IIF(excluded.own_role IS NULL, hosted, excluded.hosted),
            own_role = COALESCE(excluded.own_role, own_role),
            listing_id = COALESCE(excluded.listing_id, listing_id),
            stage = COALESCE(excluded.stage, stage),
            description = COALESCE(excluded.description, description),
            activity_at = COALESCE(excluded.activity_at, activity_at),
            row_names = COALESCE(excluded.row_names, row_names),
            row_mark = COALESCE(excluded.row_mark, row_mark)
        """,
        {
            "id": thread.id,
            "title": thread.title,
            "own_role": thread.own_role,
            "hosted": int(thread.hosted),
            "listing_id": thread.listing_id,
            "stage": thread.stage,
            "description": thread.description,
            "activity_at": to_text(thread.activity_at),
            "row_names": thread.latest_id,
            "row_mark": thread.mark,
        },
    )


def save_messages(
    tx: Transaction,
    thread_id: str,
    messages: Sequence[Message],
    now: datetime,
    newest: str | None = None,
) -> int:
    """Store the messages as they are shown now; how many guest texts are new.

    What is stored and not shown keeps its place among its neighbours; `newest` is the
    last one, by the list's row.
    """
    stored = {
        row["id"]: row["position"]
        for row in tx.execute(
            "SELECT id, position FROM messages WHERE thread_id = :id ORDER BY position",
            {"id": thread_id},
        )
    }
    shown = tuple(message.id for message in messages)
    order = merged(tuple(stored), shown, newest)
    places = {id_: place for place, id_ in enumerate(order)}
    for message in messages:
        _save_message(tx, thread_id, message, places[message.id], now)
    for id_, place in places.items():
        if stored.get(id_, place) != place:
            tx.execute(
                "UPDATE messages SET position = :place WHERE id = :id",
                {"place": place, "id": id_},
            )
    return sum(1 for m in messages if m.is_guest_text and m.id not in stored)


def _save_message(
    tx: Transaction, thread_id: str, message: Message, place: int, now: datetime
) -> None:
    tx.execute(
        """
        INSERT INTO messages (id, thread_id, position, sender, account_id, role,
                              direction, kind, body, sent_at, seen_at, note, scheduled)
        VALUES (:id, :thread_id, :position, :sender, :account_id, :role,
                :direction, :kind, :body, :sent_at, :seen_at, :note, :scheduled)
        ON CONFLICT (id) DO UPDATE SET
            sender = IIF(excluded.sender = account_id, sender, excluded.sender),
            role = excluded.role, direction = excluded.direction,
            kind = excluded.kind, body = excluded.body,
            note = COALESCE(excluded.note, IIF(note = :in_doubt, note, NULL))
        """,
        {
            "id": message.id,
            "thread_id": thread_id,
            "position": place,
            "sender": message.sender,
            "account_id": message.account_id,
            "role": message.role,
            "direction": message.direction,
            "kind": message.kind,
            "body": message.body,
            "sent_at": to_text(message.sent_at),
            "seen_at": to_text(now),
            "note": message.note,
            "scheduled": int(message.scheduled),
            "in_doubt": IN_DOUBT,
        },
    )
