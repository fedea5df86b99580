"""Signed calls of the AI, by their `webhook-id`: the same call counts once."""

from __future__ import annotations

from airbot.models import Answered
from airbot.models import Reply
from airbot.models import Turn
from airbot.storage.database import Database
from airbot.storage.values import from_row


class Calls:
    """What each call led to. A row goes with its reply, or its turn."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, call_id: str) -> Answered | None:
        """What it led to, as that stands now; None for a call that is new."""
        params = {"id": call_id}
        if not self._db.read("SELECT 1 FROM calls WHERE id = :id", params):
            return None
        replies = self._db.read(
            """
            SELECT o.* FROM queue_outbox o JOIN calls c ON c.outbox_id = o.id
            WHERE c.id = :id
            """,
            params,
        )
        turns = self._db.read(
            "SELECT t.* FROM turns t JOIN calls c ON c.turn_id = t.id WHERE c.id = :id",
            params,
        )
        return Answered(
            from_row(Reply, replies[0]) if replies else None,
            from_row(Turn, turns[0]) if turns else None,
        )

    def keep(self, call_id: str, answered: Answered) -> None:
        with self._db.transaction() as tx:
            tx.execute(
                "INSERT INTO calls VALUES (:id, :outbox_id, :turn_id)",
                {
                    "id": call_id,
                    "outbox_id": answered.reply.id if answered.reply else None,
                    "turn_id": answered.turn.id if answered.turn else None,
                },
            )
