"""What a person at the command line does; beside a running daemon or without.

Each verb looks at the row and changes it in one transaction: what `policy.verbs`
refuses raises VerbRefused with the reason, and nothing is changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from airbot.exceptions import VerbRefused
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.policy import verbs
from airbot.policy.states import By
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.moves import move_reply
from airbot.storage.moves import move_turn
from airbot.storage.moves import turn_under_way
from airbot.storage.readings import stands_as
from airbot.storage.values import from_row

RETRY = "you said: retry"
DONE = "you said: nothing is to be answered"


class Verbs:
    """The verbs."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def retry_reply(
        self, id_: str, oldest: datetime, old_ok: bool, now: datetime
    ) -> Reply:
        """Put a reply back into the queue, as if it had never been tried."""
        with self._db.transaction() as tx:
            row = _one(tx, "queue_outbox", id_)
            reply = from_row(Reply, row)
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
                known_to=None,
                named="[]",
                request=None,
                parked=0,
                first_absent_at=None,
                absent_readings=0,
                old_ok=int(old_ok),
            )

    def cancel_reply(self, id_: str, now: datetime) -> Reply:
        """Take a reply out of the queue."""
        reason = "you cancelled it"
        to = ReplyStatus.CANCELLED
        return self._settle(id_, verbs.why_not_cancel, to, reason, now)

    def resolve_reply(self, id_: str, sent: bool, now: datetime) -> Reply:
        """A person's word about an uncertain reply."""
        to, reason = ReplyStatus.FAILED, "you said: not sent"
        if sent:
            to, reason = ReplyStatus.SENT, "you said: sent"
        return self._settle(id_, verbs.why_not_resolve, to, reason, now)

    def retry_turn(
        self, id_: str, oldest: datetime, now: datetime, old_ok: bool = False
    ) -> Turn:
        """Have the AI asked about a turn, at once."""
        with self._db.transaction() as tx:
            turn = from_row(Turn, _one(tx, "turns", id_))
            params = {"id": turn.id}
            reply = tx.execute("SELECT 1 FROM queue_outbox WHERE turn_id = :id", params)
            texts = tx.execute("SELECT 1 FROM messages WHERE turn_id = :id", params)
            other = _other_under_way(tx, turn)
            is_old = turn.newest_at < oldest and not old_ok
            _refuse(
                verbs.why_not_retry_turn(turn, bool(texts), bool(reply), other, is_old)
            )
            asked = move_turn(
                tx,
                turn.id,
                TurnStatus.NEW,
                By.PERSON,
                RETRY,
                now,
                attempts=0,
                refusals=0,
                silences=0,
                next_attempt_at=None,
                asked_at=None,
                old_ok=int(old_ok),
            )
            assert asked is not None  # its state was looked at in this transaction
            return asked

    def done(self, name: str, thread_id: str | None, now: datetime) -> str:
        """A person says that nothing is to be answered in a conversation; its id.

        `name`: the id of a turn or reply of it, unless it is `thread_id` in some form.
        """
        with self._db.transaction() as tx:
            thread_id = _thread_named(tx, name, thread_id)
            params = {"id": thread_id}
            left = "SELECT * FROM queue_outbox WHERE thread_id = :id AND status IN"
            unsettled = tx.execute(f"{left} ('processing', 'uncertain')", params)
            for row in unsettled:
                _refuse(verbs.why_not_done(from_row(Reply, row)))
            for row in tx.execute(f"{left} ('pending', 'failed')", params):
                reply, to = from_row(Reply, row), ReplyStatus.CANCELLED
                _moved(tx, reply, to, DONE, now, parked=0)
            for row in tx.execute(
                """
                SELECT t.id FROM turns t LEFT JOIN queue_outbox o ON o.turn_id = t.id
                WHERE t.thread_id = :id AND (t.status IN ('new', 'asked', 'failed',
                    'expired') OR t.status = 'answered' AND o.status = 'cancelled')
                """,
                params,
            ):
                move_turn(tx, row["id"], TurnStatus.IGNORED, By.PERSON, DONE, now)
            return thread_id

    def _settle(
        self,
        id_: str,
        why_not: Callable[[Reply], str | None],
        to: ReplyStatus,
        reason: str,
        now: datetime,
    ) -> Reply:
        with self._db.transaction() as tx:
            reply = from_row(Reply, _one(tx, "queue_outbox", id_))
            _refuse(why_not(reply))
            # Known as ours, it is not taken for a person's answer to later texts.
            found = stands_as(tx, reply) if to == ReplyStatus.SENT else None
            return _moved(tx, reply, to, reason, now, parked=0, site_message_id=found)


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


def _thread_named(tx: Transaction, name: str, thread_id: str | None) -> str:
    """Raises VerbRefused for what names no conversation."""
    if tx.execute("SELECT 1 FROM threads WHERE id = :id", {"id": thread_id}):
        return str(thread_id)
    for table in ("turns", "queue_outbox"):
        with suppress(VerbRefused):
            return str(_one(tx, table, name)["thread_id"])
    raise VerbRefused(f"there is no conversation, turn or reply {name}")


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise VerbRefused(reason)


def _turn_of(tx: Transaction, reply: Reply) -> tuple[Turn | None, bool]:
    if reply.turn_id is None:
        return None, False
    params = {"id": reply.turn_id}
    (turn,) = tx.execute("SELECT * FROM turns WHERE id = :id", params)
    texts = tx.execute("SELECT 1 FROM messages WHERE turn_id = :id LIMIT 1", params)
    return from_row(Turn, turn), bool(texts)


def _other_under_way(tx: Transaction, turn: Turn | None) -> bool:
    """Is another turn of the conversation under way?"""
    if turn is None:
        return False
    under_way = turn_under_way(tx, turn.thread_id)
    return under_way is not None and under_way.id != turn.id


def _reopen(tx: Transaction, turn: Turn, now: datetime) -> None:
    move_turn(tx, turn.id, TurnStatus.ANSWERED, By.PERSON, RETRY, now)


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
