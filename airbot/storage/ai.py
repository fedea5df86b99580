"""How the AI stands to us: one row, for `airbot status` and for who asks next."""

from __future__ import annotations

from datetime import datetime

from airbot.models import AIHealth
from airbot.models import AITrouble
from airbot.policy.pace import SLOWEST
from airbot.policy.pace import is_due
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.values import from_row

# It was reached, and what it said was no answer.
UNANSWERING = (AITrouble.SILENT, AITrouble.UNUSABLE)


class AIStore:
    """Its last answer, and since when and why it gives none."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self) -> AIHealth:
        (row,) = self._db.read("SELECT * FROM ai")
        return from_row(AIHealth, row)

    def answered(self, now: datetime) -> None:
        """An answer has come, whichever way."""
        with self._db.transaction() as tx:
            tx.execute(
                """
                UPDATE ai SET answered_at = :now, failing_since = NULL, kind = NULL,
                    trouble = NULL, next_try_at = NULL
                """,
                {"now": to_text(now)},
            )

    def reached(self) -> None:
        """It takes questions; whether it answers them is not known yet."""
        before = self.get()
        if before.kind is None:
            return
        stays = before.kind in UNANSWERING
        with self._db.transaction() as tx:
            tx.execute(
                """
                UPDATE ai SET next_try_at = NULL,
                    failing_since = IIF(:stays, failing_since, NULL),
                    kind = IIF(:stays, kind, NULL), trouble = IIF(:stays, trouble, NULL)
                """,
                {"stays": int(stays)},
            )

    def failed(
        self,
        kind: AITrouble,
        trouble: str,
        now: datetime,
        nobody_before: datetime | None = None,
    ) -> bool:
        """A call has failed, or led to no answer; True when that is news.

        `nobody_before`: until then no turn is asked at all.
        """
        before = self.get()
        with self._db.transaction() as tx:
            tx.execute(
                """
                UPDATE ai SET failing_since = COALESCE(failing_since, :now),
                    kind = :kind, trouble = :trouble,
                    next_try_at = IIF(:open, NULL, COALESCE(:at, next_try_at))
                """,
                {
                    "open": int(kind in UNANSWERING),
                    "now": to_text(now),
                    "kind": kind,
                    "trouble": trouble,
                    "at": to_text(nobody_before),
                },
            )
        return before.trouble != trouble


def let_ask(tx: Transaction, now: datetime) -> bool:
    """May a turn be asked now? While all of them wait, one may, now and then."""
    (row,) = tx.execute("SELECT * FROM ai")
    return is_due(from_row(AIHealth, row).next_try_at, now, SLOWEST)


def others_wait(tx: Transaction, until: datetime) -> None:
    """One is asked for all that wait: it tries whether the AI is open again."""
    tx.execute(
        "UPDATE ai SET next_try_at = :at WHERE next_try_at NOTNULL",
        {"at": to_text(until)},
    )
