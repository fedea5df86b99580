"""What a person at the command line sees and does; beside a running daemon or without.

Each verb looks at the row and changes it in one transaction: what `policy.verbs`
refuses raises VerbRefused with the reason, and nothing is changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta

from airbot.exceptions import VerbRefused
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Session
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.models import Waiting
from airbot.policy import verbs
from airbot.policy.proof import normalise
from airbot.policy.states import By
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.moves import move_reply
from airbot.storage.moves import move_turn
from airbot.storage.moves import reply_from_row
from airbot.storage.moves import turn_from_row
from airbot.storage.moves import turn_under_way

SHORT_ID = 8
RETRY = "a person said: retry"
FAILED_TURNS_SHOWN = timedelta(days=1)


class Desk:
    """Lists and verbs for people."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # What a person sees

    def counts(self) -> dict[str, dict[str, int]]:
        """How many turns and replies are in which state."""
        return {
            table: {
                row["status"]: row["n"]
                for row in self._db.read(
                    f"SELECT status, COUNT(*) AS n FROM {table} GROUP BY status"
                )
            }
            for table in ("turns", "queue_outbox")
        }

    def cycles(self) -> list[dict[str, object]]:
        """The last SYNC and SEND: when, how long they took, what came of them."""
        return [dict(row) for row in self._db.read("SELECT * FROM cycles ORDER BY job")]

    def messages(self, limit: int) -> list[dict[str, object]]:
        """The newest guest texts, and what became of each and why."""
        rows = self._db.read(
            """
            SELECT m.id, m.thread_id, m.turn_id, m.sender, m.body, m.sent_at,
                   t.status AS turn_status, t.reason AS turn_reason,
                   h.reason AS thread_reason, o.id AS outbox_id,
                   o.status AS reply_status, o.last_error AS reply_reason
            FROM messages m JOIN threads h ON h.id = m.thread_id
            LEFT JOIN turns t ON t.id = m.turn_id
            LEFT JOIN queue_outbox o ON o.turn_id = t.id
            WHERE m.direction = 'inbound' AND m.kind = 'text'
            ORDER BY m.sent_at DESC, m.position DESC LIMIT :limit
            """,
            {"limit": limit},
        )
        return [dict(row) for row in rows]

    def replies(self, limit: int) -> list[dict[str, object]]:
        """The queue, newest first."""
        rows = self._db.read(
            """
            SELECT o.id, o.thread_id, o.turn_id, h.title, o.message, o.status,
                   o.attempts, o.created_at, o.next_attempt_at, o.send_started_at,
                   o.processed_at, o.site_message_id, o.parked, o.last_error
            FROM queue_outbox o LEFT JOIN threads h ON h.id = o.thread_id
            ORDER BY o.rowid DESC LIMIT :limit
            """,
            {"limit": limit},
        )
        return [dict(row) for row in rows]

    def waiting(self, session: Session, now: datetime) -> list[Waiting]:
        """What only a person can settle: the session, parked and failed replies."""
        waiting = []
        if session.person_needed:
            waiting.append(Waiting(session.sentence, "airbot reconnect"))
        replies = self._db.read("""
            SELECT * FROM queue_outbox WHERE status = 'uncertain' AND parked
                OR status = 'failed' ORDER BY created_at
            """)
        waiting += [_waiting_reply(reply_from_row(row)) for row in replies]
        turns = self._db.read(
            "SELECT * FROM turns WHERE status = 'failed' AND changed_at > :since",
            {"since": to_text(now - FAILED_TURNS_SHOWN)},
        )
        return waiting + [_waiting_turn(turn_from_row(row)) for row in turns]

    # What a person does

    def retry_reply(
        self, id_: str, oldest: datetime, old_ok: bool, now: datetime
    ) -> Reply:
        """Put a reply back into the queue, as if it had never been tried."""
        with self._db.transaction() as tx:
            row = _one(tx, "queue_outbox", id_)
            reply = reply_from_row(row)
            turn, lists_texts = _turn_of(tx, reply)
            asked_at = turn.newest_at if turn else reply.created_at
            other = _other_under_way(tx, turn)
            is_old = asked_at < oldest and not old_ok
            _refuse(verbs.why_not_retry_reply(reply, turn, lists_texts, other, is_old))
            if turn is not None:
                _reopen(tx, turn, now)
            return _moved(
                tx,
                reply,
                ReplyStatus.PENDING,
                RETRY,
                now,
                attempts=0,
                presses=0,
                send_started_at=None,
                anchor_id=None,
                known_ids=None,
                request=None,
                parked=0,
                first_absent_at=None,
                absent_readings=0,
                old_ok=int(old_ok),
            )

    def cancel_reply(self, id_: str, now: datetime) -> Reply:
        """Take a reply out of the queue."""
        reason = "a person said: cancel"
        to = ReplyStatus.CANCELLED
        return self._settle(id_, verbs.why_not_cancel, to, reason, now)

    def resolve_reply(self, id_: str, sent: bool, now: datetime) -> Reply:
        """A person's word about an uncertain reply."""
        to, reason = ReplyStatus.FAILED, "a person said: not sent"
        if sent:
            to, reason = ReplyStatus.SENT, "a person said: sent"
        return self._settle(id_, verbs.why_not_resolve, to, reason, now)

    def retry_turn(self, id_: str, oldest: datetime, now: datetime) -> Turn:
        """Have the AI asked about a turn, at once."""
        with self._db.transaction() as tx:
            turn = turn_from_row(_one(tx, "turns", id_))
            params = {"id": turn.id}
            reply = tx.execute("SELECT 1 FROM queue_outbox WHERE turn_id = :id", params)
            texts = tx.execute("SELECT 1 FROM messages WHERE turn_id = :id", params)
            other = _other_under_way(tx, turn)
            _refuse(verbs.why_not_retry_turn(turn, bool(texts), bool(reply), other))
            if turn.newest_at < oldest:
                _refuse("it is older than sync.max_age_hours")
            asked = move_turn(
                tx,
                turn.id,
                TurnStatus.NEW,
                By.PERSON,
                RETRY,
                now,
                attempts=0,
                refusals=0,
                next_attempt_at=None,
                asked_at=None,
            )
            assert asked is not None  # its state was looked at in this transaction
            return asked

    def _settle(
        self,
        id_: str,
        why_not: Callable[[Reply], str | None],
        to: ReplyStatus,
        reason: str,
        now: datetime,
    ) -> Reply:
        with self._db.transaction() as tx:
            reply = reply_from_row(_one(tx, "queue_outbox", id_))
            _refuse(why_not(reply))
            # Known as ours, it is not taken for a person's answer to later texts.
            found = _stands_as(tx, reply) if to == ReplyStatus.SENT else None
            return _moved(tx, reply, to, reason, now, parked=0, site_message_id=found)


def _waiting_reply(reply: Reply) -> Waiting:
    id_ = reply.id[:SHORT_ID]
    verb = f"retry {id_} (or cancel {id_})"
    if reply.status == ReplyStatus.UNCERTAIN:
        verb = f"resolve {id_} --sent (or --not-sent)"
    what = f"reply {id_} is {reply.status}: {reply.last_error}"
    return Waiting(what, f"airbot outbox {verb}")


def _waiting_turn(turn: Turn) -> Waiting:
    id_ = turn.id[:SHORT_ID]
    what = f"turn {id_} is {turn.status}: {turn.reason}"
    return Waiting(what, f"airbot messages retry {id_}")


def _one(tx: Transaction, table: str, id_: str) -> sqlite3.Row:
    """The row whose id begins so, as git does it."""
    noun = {"queue_outbox": "reply", "turns": "turn"}[table]
    rows = tx.execute(
        f"SELECT * FROM {table} WHERE id >= :id AND id < :id || 'g' LIMIT 2",
        {"id": id_.lower()},  # hexadecimal digits and "-", which come before "g"
    )
    if not rows or not id_:
        raise VerbRefused(f"there is no {noun} {id_}")
    if len(rows) > 1:
        raise VerbRefused(f"more than one {noun} begins with {id_}")
    return rows[0]


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise VerbRefused(reason)


def _turn_of(tx: Transaction, reply: Reply) -> tuple[Turn | None, bool]:
    if reply.turn_id is None:
        return None, False
    params = {"id": reply.turn_id}
    (turn,) = tx.execute("SELECT * FROM turns WHERE id = :id", params)
    texts = tx.execute("SELECT 1 FROM messages WHERE turn_id = :id LIMIT 1", params)
    return turn_from_row(turn), bool(texts)


def _other_under_way(tx: Transaction, turn: Turn | None) -> bool:
    """Is another turn of the conversation under way?"""
    if turn is None:
        return False
    under_way = turn_under_way(tx, turn.thread_id)
    return under_way is not None and under_way.id != turn.id


def _reopen(tx: Transaction, turn: Turn, now: datetime) -> None:
    move_turn(tx, turn.id, TurnStatus.ANSWERED, By.PERSON, RETRY, now)


def _stands_as(tx: Transaction, reply: Reply) -> str | None:
    """A message that is new since the press and says what the reply says."""
    rows = tx.execute(
        """
        SELECT m.id, m.body FROM messages m
        JOIN queue_outbox o ON o.id = :id AND o.thread_id = m.thread_id
        WHERE m.direction = 'outbound' AND m.kind = 'text'
            AND m.id NOT IN (SELECT value FROM json_each(COALESCE(o.known_ids, '[]')))
            AND m.id NOT IN (SELECT site_message_id FROM queue_outbox
                             WHERE site_message_id IS NOT NULL)
        ORDER BY m.position
        """,
        {"id": reply.id},
    )
    wanted = normalise(reply.message)
    same = (row["id"] for row in rows if normalise(row["body"]) == wanted)
    return next(same, None)


def _moved(
    tx: Transaction,
    reply: Reply,
    to: ReplyStatus,
    reason: str,
    now: datetime,
    **columns: object,
) -> Reply:
    moved = move_reply(tx, reply, to, By.PERSON, reason, now, None, **columns)
    assert moved is not None  # it was read in this transaction
    return moved
