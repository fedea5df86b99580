"""The questions to the AI: asked, answered, closed; each with its reason.

A turn is formed in readings.py.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from datetime import timedelta

from airbot.models import Message
from airbot.models import Question
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.policy.pace import SLOWEST
from airbot.policy.rules import Rules
from airbot.policy.states import By
from airbot.storage.ai import let_ask
from airbot.storage.ai import others_wait
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.inbox import shown_name
from airbot.storage.moves import DUE
from airbot.storage.moves import due_at
from airbot.storage.moves import move_turn
from airbot.storage.values import from_row

IN_HAND = "(SELECT value FROM json_each(:in_hand))"
MOST_SILENCES = 5
HISTORY = 20  # messages of the thread that the AI is shown


class Turns:
    """The questions to the AI and what became of them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, turn_id: str) -> Turn | None:
        row = self._db.read_one("SELECT * FROM turns WHERE id = :id", {"id": turn_id})
        return from_row(Turn, row) if row else None

    def newest(self, thread_id: str) -> Turn | None:
        row = self._db.read_one(
            """
            SELECT * FROM turns WHERE thread_id = :id
            ORDER BY rowid DESC LIMIT 1
            """,
            {"id": thread_id},
        )
        return from_row(Turn, row) if row else None

    def expire(self, now: datetime, site_now: datetime, rules: Rules) -> int:
        """Close the turns that became too old while they waited for an answer."""
        old = """
            SELECT id FROM turns
            WHERE status IN ('new', 'asked') AND newest_at < :oldest AND NOT old_ok
            """
        params = {"oldest": to_text(site_now - rules.max_age)}
        if not self._db.read(old, params):
            return 0  # four threads ask every five seconds: as a rule nothing is old
        with self._db.transaction() as tx:
            rows = tx.execute(old, params)
            for row in rows:
                expired, by = TurnStatus.EXPIRED, By.AIRBOT
                move_turn(tx, row["id"], expired, by, rules.too_old, now)
        return len(rows)

    def expire_left(
        self, turn_id: str | None, site_now: datetime, rules: Rules, now: datetime
    ) -> None:
        """A reply never arrived, and no later turn took its texts over: too old.

        Closed as that, it is among the guests who were not answered in time.
        """
        turn = self.get(turn_id) if turn_id else None
        if turn is None or not rules.is_too_old(turn.newest_at, site_now):
            return
        with self._db.transaction() as tx:
            left = "SELECT 1 FROM messages WHERE turn_id = :id LIMIT 1"
            if turn.status == TurnStatus.ANSWERED and tx.execute(left, {"id": turn.id}):
                expired, by = TurnStatus.EXPIRED, By.AIRBOT
                move_turn(tx, turn.id, expired, by, rules.too_old, now)

    def claim_next(
        self,
        now: datetime,
        again_at: datetime,
        probe_at: datetime | None = None,
        most_silences: int = MOST_SILENCES,
        in_hand: Collection[str] = (),
    ) -> Turn | None:
        """Take the next turn to ask; it is `asked` and committed before the POST.

        Should we die before an answer comes, it is asked again at `again_at`. While
        the AI is closed to all, one is asked for them, and the next at `probe_at`.
        `in_hand` are with the AI at this moment, however our clock was moved.
        """
        with self._db.transaction() as tx:
            if not let_ask(tx, now):
                return None
            rows = tx.execute(
                f"""
                SELECT * FROM turns WHERE status IN ('new', 'asked')
                    AND (next_attempt_at IS NULL OR {DUE})
                    AND silences < :most AND id NOT IN {IN_HAND}
                ORDER BY first_at LIMIT 1
                """,
                {
                    **due_at(now, max(SLOWEST, again_at - now)),
                    "most": most_silences,
                    "in_hand": json.dumps(list(in_hand)),
                },
            )
            if not rows:
                return None
            others_wait(tx, probe_at or again_at)
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
                taken_as=None,
            )

    def taken(self, turn: Turn, shape: str) -> None:
        """The AI has it; `shape` is what its 2xx held, should no answer follow."""
        with self._db.transaction() as tx:
            tx.execute(
                "UPDATE turns SET taken_as = :shape WHERE id = :id",
                {"id": turn.id, "shape": shape},
            )

    def silent(
        self, now: datetime, longest: timedelta, most: int, in_hand: Collection[str]
    ) -> list[Turn]:
        """The turns that were taken, and to which no answer came in time.

        Each is counted, and due again at once until there were `most` such rounds;
        then it is asked no more, and an answer is taken still.
        """
        due = f"""
            SELECT * FROM turns WHERE status = 'asked' AND taken_as NOTNULL
                AND asked_at NOTNULL AND {DUE} AND id NOT IN {IN_HAND}
            """
        params = {
            **due_at(now, max(SLOWEST, longest)),
            "in_hand": json.dumps(list(in_hand)),
        }
        if not self._db.read(due, params):
            return []
        with self._db.transaction() as tx:
            rows = tx.execute(due, params)
            return [
                _silent(tx, from_row(Turn, row), longest, most, now) for row in rows
            ]

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
        return [self.question(from_row(Turn, row)) for row in rows]

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
            texts=tuple(from_row(Message, row) for row in texts),
            history=tuple(from_row(Message, row) for row in history),
        )

    def ask_again(
        self, turn: Turn, reason: str, at: datetime, refused: bool, now: datetime
    ) -> None:
        """The AI did not take it: ask again at `at`, unless the turn was closed.

        `refused`: for its own sake; that is counted.
        """
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


def _silent(
    tx: Transaction, turn: Turn, within: timedelta, most: int, now: datetime
) -> Turn:
    over = turn.silences + 1 >= most
    reason = f"no answer came in {within.total_seconds():g} s; {turn.taken_as}"
    moved = move_turn(
        tx,
        turn.id,
        TurnStatus.ASKED,
        By.AIRBOT,
        f"{reason}; asked no more" if over else reason,
        now,
        silences=turn.silences + 1,
        asked_at=None,
        next_attempt_at=None if over else to_text(now),
    )
    return moved or turn
