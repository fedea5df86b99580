"""When airbot ran, and how: what `airbot status` says first."""

from __future__ import annotations

from datetime import datetime

from airbot.storage.database import Database
from airbot.storage.database import to_text

KEPT = 8  # enough to tell how often a cron job comes


class Runs:
    """The last lives of the program."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def begin(self, mode: str, version: str, settings: str, now: datetime) -> int:
        """Note a life that begins; its number. The first of all is remembered."""
        params = {
            "mode": mode,
            "version": version,
            "settings": settings,
            "now": to_text(now),
            "kept": KEPT,
        }
        with self._db.transaction() as tx:
            (row,) = tx.execute(
                """
                INSERT INTO runs (mode, version, settings, started_at)
                VALUES (:mode, :version, :settings, :now) RETURNING number
                """,
                params,
            )
            tx.execute(
                "DELETE FROM runs WHERE number <= :n", {"n": row["number"] - KEPT}
            )
            tx.execute(
                "UPDATE session SET began_at = COALESCE(began_at, :now)",
                {"now": params["now"]},
            )
            tx.execute("UPDATE cycles SET running_since = NULL")  # of a life killed
        return int(row["number"])

    def crowded(self, at: datetime) -> None:
        """All connections of the webhook were taken, in the life that runs now."""
        with self._db.transaction() as tx:
            tx.execute(
                """
                UPDATE runs SET crowded_at = :at
                WHERE number = (SELECT MAX(number) FROM runs)
                """,
                {"at": to_text(at)},
            )

    def end(self, number: int, now: datetime) -> None:
        with self._db.transaction() as tx:
            tx.execute(
                "UPDATE runs SET ended_at = :now WHERE number = :number",
                {"number": number, "now": to_text(now)},
            )
