"""Taking in a reading: it is stored, and the thread's turn is decided, in one commit.

The messages, the mark that says "this row of the list has been read", and the decision
are written together or not at all: a crash in between would forget a guest. This is the
only place where a turn is formed, replaced or taken over.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from datetime import timedelta

from airbot.models import Direction
from airbot.models import Message
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import TakenIn
from airbot.models import Thread
from airbot.models import Trouble
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.models import fingerprint
from airbot.policy import turns
from airbot.policy import whole
from airbot.policy.proof import normalise
from airbot.policy.rules import Rules
from airbot.policy.states import UNSETTLED
from airbot.policy.states import By
from airbot.policy.turns import Case
from airbot.policy.turns import Decision
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.inbox import not_ours
from airbot.storage.inbox import persons_answer
from airbot.storage.inbox import save_messages
from airbot.storage.inbox import save_thread
from airbot.storage.moves import move_reply
from airbot.storage.moves import move_turn
from airbot.storage.moves import turn_under_way
from airbot.storage.scheduled import with_scheduled
from airbot.storage.troubles import agrees_with_last_look
from airbot.storage.troubles import clear_trouble
from airbot.storage.troubles import known_of
from airbot.storage.troubles import note_trouble
from airbot.storage.troubles import note_vanished
from airbot.storage.values import from_row

LEFT_LOOKED_AT = timedelta(days=1)  # so long a text that is too old gets its reason


class Readings:
    """What was read of a thread, and what follows from it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def take_in(
        self,
        reading: Reading,
        rules: Rules,
        now: datetime,
        row: Thread | None = None,
        mark: str | None = None,
        reply: Reply | None = None,
        claimed: bool = True,
    ) -> TakenIn:
        """Store a reading, decide about the thread's turn, and carry that out.

        One that is not whole is stored and decides nothing. Ages are judged by the
        reading's own time, Airbnb's; `now` is our clock, for the rows. `row` is how the
        list shows the thread now, if that is known, and `mark` its mark, kept where the
        reading was understood. `reply` is the claimed reply that is about to be sent,
        if any: it is dropped where the reading speaks against it; see `decide_send`.
        """
        thread_id = reading.thread.id
        reading = with_scheduled(self._db, reading, rules)
        with self._db.transaction() as tx:
            save_thread(tx, replace(reading.thread, latest_id=None, mark=None))
            if row is not None:
                save_thread(tx, row)
            reading = _with_known_roles(tx, reading, row.latest if row else None)
            known = known_of(tx.execute, thread_id)
            lack = _lacking(tx, reading, known)
            newest = known.row_names
            new_texts = save_messages(tx, thread_id, reading.messages, now, newest)
            if lack is not None:
                new_texts += _save_latest(tx, row, reading.ids, now)
                lacks = note_trouble(tx, thread_id, lack, now)
                return TakenIn(new_texts, lack, False, whole=False, trouble=lacks)
            _know_our_own(tx, thread_id)
            cut = whole.wants_more(reading, known)
            decision = _review(
                tx, thread_id, reading.site_time, rules, now, reply, claimed, cut
            )
            trouble = _note_odd(tx, reading, mark, now)
        may_send = decision.close is None
        return TakenIn(new_texts, decision.reason, may_send, trouble=trouble)

    def lacking(self, reading: Reading, row: Thread | None) -> str | None:
        """What keeps a reading from being whole; None: nothing.

        By all that is stored, and by the list's row, where that is known.
        """
        named = row.latest_id if row else None
        known = known_of(self._db.read, reading.thread.id, named)
        return whole.lacking(reading, known)

    def wants_more(self, reading: Reading) -> bool:
        """Does it begin so late that a longer answer should be asked for?"""
        return whole.wants_more(reading, known_of(self._db.read, reading.thread.id))

    def left(self, site_now: datetime, rules: Rules) -> list[str]:
        """The threads in which a guest text was put off: to be reviewed again.

        A text that came while a reply was on its way is in no turn, and its row of the
        list is marked as seen: when that reply or turn has ended without a reading,
        nothing else would look at it again.
        """
        left = self._db.read(
            f"""
            SELECT DISTINCT m.thread_id FROM messages m INDEXED BY guest_texts_left
            JOIN threads t ON t.id = m.thread_id AND t.hosted AND t.trouble IS NULL
            WHERE m.direction = 'inbound' AND m.kind = 'text' AND m.turn_id IS NULL
              AND m.sent_at >= :since
              AND NOT EXISTS (
                SELECT 1 FROM messages h WHERE h.thread_id = m.thread_id
                  AND h.position > m.position
                  AND {persons_answer("h")} AND {not_ours("h")})
            """,
            {"since": to_text(site_now - rules.max_age - LEFT_LOOKED_AT)},
        )
        return [row["thread_id"] for row in left]

    def review(
        self, thread_id: str, site_now: datetime, rules: Rules, now: datetime
    ) -> None:
        """Decide about a thread again, without a new reading."""
        with self._db.transaction() as tx:
            _review(tx, thread_id, site_now, rules, now)


def _know_our_own(tx: Transaction, thread_id: str) -> None:
    """Find the message of a reply that a person called sent before it was read.

    Not known as ours, it would be taken for a person's answer to later texts.
    """
    rows = tx.execute(
        """
        SELECT * FROM queue_outbox WHERE thread_id = :id AND status = 'sent'
            AND site_message_id IS NULL AND send_started_at IS NOT NULL
        """,
        {"id": thread_id},
    )
    for reply in (from_row(Reply, row) for row in rows):
        tx.execute(
            "UPDATE queue_outbox SET site_message_id = :found WHERE id = :id",
            {"found": stands_as(tx, reply), "id": reply.id},
        )


def stands_as(tx: Transaction, reply: Reply) -> str | None:
    """A message that is new since the press, and that is the reply."""
    rows = tx.execute(
        f"""
        SELECT m.id, m.body FROM messages m
        WHERE m.thread_id = :thread_id AND m.number > :known_to
            AND m.direction = 'outbound' AND m.kind = 'text' AND {not_ours("m")}
        ORDER BY m.position
        """,
        {"thread_id": reply.thread_id, "known_to": reply.known_to or 0},
    )
    wanted = normalise(reply.message)
    same = (
        row["id"]
        for row in rows
        if row["id"] in reply.named or normalise(row["body"]) == wanted
    )
    return next(same, None)


def _lacking(tx: Transaction, reading: Reading, known: whole.Known) -> str | None:
    """What keeps a reading from being whole; two looks that agree settle most of it."""
    lack = whole.lacking(reading, known)
    if lack is None or not reading.fresh or whole.newest_odd(reading):
        return lack
    if not agrees_with_last_look(tx, reading):
        return lack
    note_vanished(tx, reading.thread.id, whole.vanished(reading, known))
    return None


def _with_known_roles(
    tx: Transaction, reading: Reading, latest: Message | None
) -> Reading:
    """An account that is listed no more keeps the role of its stored messages.

    `latest` is the newest message as the list's row shows it: its sender may be listed
    there.
    """
    messages = (_with_role_of(latest, message) for message in reading.messages)
    id_ = reading.thread.id
    return replace(
        reading, messages=tuple(_with_known_role(tx, id_, m) for m in messages)
    )


def _with_role_of(latest: Message | None, message: Message) -> Message:
    if message.role != turns.UNLISTED or latest is None:
        return message
    if latest.account_id != message.account_id or latest.role == turns.UNLISTED:
        return message
    role, direction, sender = latest.role, latest.direction, latest.sender
    return replace(message, role=role, direction=direction, sender=sender, note=None)


def _with_known_role(tx: Transaction, thread_id: str, message: Message) -> Message:
    if message.role != turns.UNLISTED:
        return message
    known = tx.execute(
        """
        SELECT role, direction FROM messages
        WHERE thread_id = :thread_id AND account_id = :account_id AND role != :unlisted
        ORDER BY number DESC LIMIT 1
        """,
        {
            "thread_id": thread_id,
            "account_id": message.account_id,
            "unlisted": turns.UNLISTED,
        },
    )
    if not known:
        return message
    role, direction = known[0]["role"], Direction(known[0]["direction"])
    return replace(message, role=role, direction=direction, note=None)


def _save_latest(
    tx: Transaction, row: Thread | None, shown: Sequence[str], now: datetime
) -> int:
    """What the row shows, where the conversation does not hold it yet."""
    if row is None or row.latest is None or row.latest.id in shown:
        return 0
    latest = _with_known_role(tx, row.id, row.latest)
    return save_messages(tx, row.id, (latest,), now)


def _note_odd(
    tx: Transaction, reading: Reading, mark: str | None, now: datetime
) -> Trouble | None:
    """The mark is kept where all of it was understood: else it is read again."""
    thread_id = reading.thread.id
    if reading.odd:
        sentence = f"a message of it is not understood ({reading.odd[0].path})"
        return note_trouble(tx, thread_id, sentence, now)
    clear_trouble(tx, thread_id)
    if mark is not None:
        tx.execute(
            "UPDATE threads SET seen_mark = :mark WHERE id = :id",
            {"mark": mark, "id": thread_id},
        )
    return None


def _review(
    tx: Transaction,
    thread_id: str,
    site_now: datetime,
    rules: Rules,
    now: datetime,
    reply: Reply | None = None,
    claimed: bool = True,
    cut: bool = False,
) -> Decision:
    """Decide about a thread's turn and carry it out; `reply` is the one in hand."""
    rows = _messages_with_standing(tx, thread_id)
    case = replace(_case(tx, thread_id, rows, site_now, rules, reply), cut=cut)
    if reply is None:
        decision = turns.decide_turn(case)
    else:
        decision = turns.decide_send(reply, case, claimed)
    _carry_out(tx, thread_id, case.turn, reply, decision, now)
    return decision


def _messages_with_standing(tx: Transaction, thread_id: str) -> Sequence[sqlite3.Row]:
    return tx.execute(
        """
        SELECT m.*, t.status AS turn_status, o.status AS reply_status,
               o.id AS reply_id
        FROM messages m
        LEFT JOIN turns t ON t.id = m.turn_id
        LEFT JOIN queue_outbox o ON o.turn_id = t.id
        WHERE m.thread_id = :id ORDER BY m.position
        """,
        {"id": thread_id},
    )


def _case(
    tx: Transaction,
    thread_id: str,
    rows: Sequence[sqlite3.Row],
    site_now: datetime,
    rules: Rules,
    reply: Reply | None,
) -> Case:
    in_hand = reply.id if reply else ""
    turn = _turn_of(tx, thread_id, reply)
    standing = {row["id"]: _standing(row, in_hand) for row in rows}
    (thread,) = tx.execute("SELECT * FROM threads WHERE id = :id", {"id": thread_id})
    replies = tx.execute(
        "SELECT * FROM queue_outbox WHERE thread_id = :id", {"id": thread_id}
    )
    return Case(
        hosted=bool(thread["hosted"]),
        messages=tuple(_as_counted(from_row(Message, row), rules) for row in rows),
        now=site_now,
        rules=rules,
        standing=standing,
        own_replies=frozenset(
            row["site_message_id"] for row in replies if row["site_message_id"]
        ),
        turn=turn,
        unsettled=any(
            row["status"] in UNSETTLED for row in replies if row["id"] != in_hand
        ),
        old_ok=any(row["status"] == "pending" and row["old_ok"] for row in replies)
        or (turn is not None and turn.old_ok),
    )


def _as_counted(message: Message, rules: Rules) -> Message:
    """Where the host wants it so, a scheduled text counts as a person's."""
    return replace(message, scheduled=message.scheduled and rules.ignores_scheduled)


def _standing(row: sqlite3.Row, in_hand: str) -> str:
    turn, reply = row["turn_status"], row["reply_status"]
    return turns.standing(
        TurnStatus(turn) if turn else None,
        ReplyStatus(reply) if reply else None,
        row["reply_id"] == in_hand,
    )


def _turn_of(tx: Transaction, thread_id: str, reply: Reply | None) -> Turn | None:
    """The turn under way; a reply in hand is judged by its own."""
    if reply is None:
        return turn_under_way(tx, thread_id)
    rows = tx.execute("SELECT * FROM turns WHERE id = :id", {"id": reply.turn_id})
    return from_row(Turn, rows[0]) if rows else None


def _carry_out(
    tx: Transaction,
    thread_id: str,
    turn: Turn | None,
    reply: Reply | None,
    decision: Decision,
    now: datetime,
) -> None:
    tx.execute(
        "UPDATE threads SET reason = :reason WHERE id = :id",
        {"id": thread_id, "reason": decision.reason},
    )
    if decision.close is not None:
        if turn is not None:
            to, by = decision.close, By.AIRBOT
            move_turn(tx, turn.id, to, by, decision.reason, now)
        if dropped := reply or _queued(tx, turn):
            _drop_reply(tx, dropped, decision, now)
    if decision.texts:
        _open(tx, thread_id, decision, now)


def _queued(tx: Transaction, turn: Turn | None) -> Reply | None:
    """The reply to a turn, while it only waits to be sent."""
    rows = tx.execute(
        "SELECT * FROM queue_outbox WHERE turn_id = :id AND status = 'pending'",
        {"id": turn.id if turn else None},
    )
    return from_row(Reply, rows[0]) if rows else None


def _drop_reply(
    tx: Transaction, reply: Reply, decision: Decision, now: datetime
) -> None:
    refused = (
        decision.close == TurnStatus.FAILED and reply.status != ReplyStatus.PENDING
    )
    to = ReplyStatus.FAILED if refused else ReplyStatus.CANCELLED
    move_reply(tx, reply, to, By.AIRBOT, decision.reason, now)


def _open(tx: Transaction, thread_id: str, decision: Decision, now: datetime) -> None:
    turn_id = str(uuid.uuid4())
    texts = decision.texts
    tx.execute(
        """
        INSERT INTO turns (id, thread_id, status, reason, fingerprint, supersedes,
                           first_at, newest_at, created_at, changed_at)
        VALUES (:id, :thread_id, :status, :reason, :fingerprint, :supersedes,
                :first_at, :newest_at, :now, :now)
        """,
        {
            "id": turn_id,
            "thread_id": thread_id,
            "status": decision.status,
            "reason": decision.reason,
            "fingerprint": fingerprint(texts),
            "supersedes": decision.supersedes,
            "first_at": to_text(texts[0].sent_at),
            "newest_at": to_text(texts[-1].sent_at),
            "now": to_text(now),
        },
    )
    for text in texts:
        tx.execute(
            "UPDATE messages SET turn_id = :turn_id WHERE id = :id",
            {"turn_id": turn_id, "id": text.id},
        )
