"""Conversations that cannot be read, or not whole: named, counted, and read again.

The trouble of a conversation stands in its own row and keeps nobody else waiting. Its
mark is not kept, so that every cycle reads it again, after a while ever more slowly.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from collections.abc import Sequence
from datetime import datetime

from airbot.models import Reading
from airbot.models import Thread
from airbot.models import Trouble
from airbot.policy import whole
from airbot.policy.pace import is_due
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.database import to_time
from airbot.storage.database import to_time_or_none
from airbot.storage.inbox import save_messages
from airbot.storage.inbox import save_thread
from airbot.storage.view import Params

Read = Callable[[str, Params], list[sqlite3.Row]]


class Troubles:
    """What is wrong with single conversations."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> list[Trouble]:
        """The oldest first."""
        rows = self._db.read("""
            SELECT * FROM threads WHERE trouble IS NOT NULL ORDER BY trouble_since
            """)
        return [trouble_from_row(row) for row in rows]

    def rests(self, thread_id: str, row_mark: str | None, now: datetime) -> bool:
        """Is it too early to read it again? Not when its row of the list is new."""
        row = self._row(thread_id)
        if row is None or row["trouble"] is None or row["row_mark"] != row_mark:
            return False
        return not is_due(to_time(row["read_again_at"]), now, whole.SLOWEST)

    def wants_look(self, thread_id: str, site_now: datetime | None) -> bool:
        """Is it time for a freshly loaded page, of which two must agree?

        They are an hour apart by Airbnb's clock, wherever ours is put meanwhile.
        """
        row = self._row(thread_id)
        if row is None or row["trouble"] is None:
            return False
        looked_at = to_time_or_none(row["looked_at"])
        if looked_at is None:
            return bool(row["trouble_times"] >= whole.SAID_AFTER)
        if site_now is None:
            return False
        return site_now - looked_at >= whole.LOOKS_APART or looked_at > site_now

    def not_read(self, thread: Thread, sentence: str, now: datetime) -> Trouble:
        """A conversation failed: keep what its row shows, and read it again."""
        with self._db.transaction() as tx:
            save_thread(tx, thread)
            if thread.latest is not None:
                save_messages(tx, thread.id, (thread.latest,), now)
            return note_trouble(tx, thread.id, sentence, now)

    def again(self, thread_id: str, sentence: str, now: datetime) -> Trouble:
        """One that is in trouble already failed once more."""
        with self._db.transaction() as tx:
            return note_trouble(tx, thread_id, sentence, now)

    def _row(self, thread_id: str) -> sqlite3.Row | None:
        return self._db.read_one(
            "SELECT * FROM threads WHERE id = :id", {"id": thread_id}
        )


def note_trouble(
    tx: Transaction, thread_id: str, sentence: str, now: datetime
) -> Trouble:
    """Once more the same conversation could not be read, or not whole."""
    (row,) = tx.execute("SELECT * FROM threads WHERE id = :id", {"id": thread_id})
    times = row["trouble_times"] + 1
    again_at = now + whole.read_again_after(times)
    (noted,) = tx.execute(
        """
        UPDATE threads SET trouble = :sentence, reason = :sentence,
            trouble_since = COALESCE(trouble_since, :now), trouble_times = :times,
            read_again_at = :again_at
        WHERE id = :id RETURNING *
        """,
        {
            "id": thread_id,
            "sentence": sentence,
            "now": to_text(now),
            "times": times,
            "again_at": to_text(again_at),
        },
    )
    return trouble_from_row(noted)


def clear_trouble(tx: Transaction, thread_id: str) -> None:
    tx.execute(
        """
        UPDATE threads SET trouble = NULL, trouble_since = NULL, trouble_times = 0,
            read_again_at = NULL, looked_at = NULL, looked = NULL
        WHERE id = :id AND trouble IS NOT NULL
        """,
        {"id": thread_id},
    )


def known_of(read: Read, thread_id: str, row_names: str | None = None) -> whole.Known:
    """What is known of a conversation, for `whole.lacking`.

    `row_names`: the newest message by a row that is not stored yet.
    """
    rows = read(
        """
        SELECT id FROM messages WHERE thread_id = :id AND kind != 'deleted'
        ORDER BY position
        """,
        {"id": thread_id},
    )
    threads = read("SELECT * FROM threads WHERE id = :id", {"id": thread_id})
    named = row_names or (threads[0]["row_names"] if threads else None)
    if threads and named == threads[0]["row_lacks"]:
        named = None
    return whole.Known(tuple(row["id"] for row in rows), named)


def agrees_with_last_look(tx: Transaction, reading: Reading) -> bool:
    """Do two freshly loaded pages, well apart, show the same? Else note this one."""
    thread_id, shown = reading.thread.id, _hashed(reading.ids)
    now = reading.site_time
    (row,) = tx.execute("SELECT * FROM threads WHERE id = :id", {"id": thread_id})
    looked_at = to_time_or_none(row["looked_at"])
    if whole.agree(looked_at, row["looked"], now, shown):
        return True
    if looked_at is None or row["looked"] != shown or looked_at > now:
        tx.execute(
            "UPDATE threads SET looked_at = :now, looked = :shown WHERE id = :id",
            {"now": to_text(now), "shown": shown, "id": thread_id},
        )
    return False


def note_vanished(tx: Transaction, thread_id: str, ids: Sequence[str]) -> None:
    """Treat messages that Airbnb shows no more as unsent, until it does again."""
    for id_ in ids:
        tx.execute(
            """
            UPDATE messages SET kind = 'deleted', body = NULL, note = 'vanished'
            WHERE id = :id
            """,
            {"id": id_},
        )
    tx.execute(
        "UPDATE threads SET row_lacks = row_names WHERE id = :id AND row_names IN"
        " (SELECT value FROM json_each(:ids))",
        {"id": thread_id, "ids": json.dumps(ids)},
    )


def _hashed(ids: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def trouble_from_row(row: sqlite3.Row) -> Trouble:
    return Trouble(
        thread_id=row["id"],
        title=row["title"],
        sentence=row["trouble"],
        since=to_time(row["trouble_since"]),
        times=row["trouble_times"],
        read_again_at=to_time(row["read_again_at"]),
    )
