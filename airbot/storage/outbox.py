"""The queue of replies, `queue_outbox`, from the AI's answer to the proof at Airbnb.

    pending -> processing -> sent
       ^           |-> pending      nothing was pressed: tried again, later
       |           |-> uncertain    Send was pressed, and nothing is proven yet
       |           |-> failed       refused by Airbnb, or hopeless
       '-----------'-> cancelled    answered by a person, too old, superseded

`send_started_at` is the boundary: committed before the press. A row that died before
it goes back to `pending`; one that died after it is `uncertain`, and only reading the
thread decides.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from datetime import timedelta
from typing import NamedTuple

from airbot.exceptions import QueueFull
from airbot.models import Door
from airbot.models import PressOutcome
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.policy.pace import LIMIT_LOOKED_AT
from airbot.policy.pace import MOST_UNKNOWN
from airbot.policy.pace import MOST_WITHOUT_TURN
from airbot.policy.pace import Full
from airbot.policy.pace import SentWithinHour
from airbot.policy.pace import full_hour
from airbot.policy.pace import longest_wait
from airbot.policy.proof import Before
from airbot.policy.proof import Verdict
from airbot.policy.proof import first_absent
from airbot.policy.rules import Rules
from airbot.policy.states import DONE
from airbot.policy.states import UNSETTLED
from airbot.policy.states import By
from airbot.storage.database import Database
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.database import to_time
from airbot.storage.moves import DUE
from airbot.storage.moves import due_at
from airbot.storage.moves import move_reply
from airbot.storage.moves import move_turn
from airbot.storage.values import from_row

SAME_TEXT_WITHIN = timedelta(minutes=10)


class PutOff(NamedTuple):
    """A reply that is due and does not go now: its hour is `full`, or it is too old."""

    reply_id: str
    reason: str
    full: Full | None = None


class _New(NamedTuple):
    """What a new row says, and how it came."""

    thread_id: str
    message: str
    sender: str
    door: Door


class Outbox:
    """Replies, each one row, and every change of it one commit."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, reply_id: str) -> Reply | None:
        return self._find("id = :value", reply_id)

    def of_turn(self, turn_id: str) -> Reply | None:
        return self._find("turn_id = :value", turn_id)

    def _find(self, where: str, value: str) -> Reply | None:
        sql = f"SELECT * FROM queue_outbox WHERE {where}"
        row = self._db.read_one(sql, {"value": value})
        return from_row(Reply, row) if row else None

    def with_status(self, status: str) -> list[Reply]:
        rows = self._db.read(
            "SELECT * FROM queue_outbox WHERE status = :status ORDER BY rowid",
            {"status": status},
        )
        return [from_row(Reply, row) for row in rows]

    def enqueue(
        self,
        turn: Turn,
        message: str,
        sender: str,
        now: datetime,
        door: Door = Door.INLINE,
    ) -> Reply:
        """Queue the answer to a turn. It has one reply: a second answer is the first.

        The answer to a turn that was closed meanwhile is kept as `cancelled`.
        """
        new = _New(turn.thread_id, message, sender, door)
        return self._db.together(lambda tx: _enqueue(tx, turn, new, now))

    def enqueue_without_turn(
        self,
        thread_id: str,
        message: str,
        sender: str,
        now: datetime,
        door: Door = Door.PLAIN,
    ) -> Reply:
        """Queue a message for a thread in which no turn was ever formed.

        Raises QueueFull.
        """
        new = _New(thread_id, message, sender, door)
        return self._db.together(lambda tx: _enqueue_without_turn(tx, new, now))

    def claim_next(
        self, now: datetime, site_now: datetime | None, rules: Rules
    ) -> Reply | PutOff | None:
        """Take the next reply that is due; None when none is.

        Each conversation has its turn, those that were served last come last, and who
        asked comes before what answers no question: five hundred rows of one guest keep
        nobody waiting. A thread with an unsettled reply waits. What is over its limit
        is put off, what is too old is cancelled before anything is read, and the next
        one is to be asked for. `site_now` is Airbnb's clock; where it is not known,
        the reading before Send judges the age.
        """
        with self._db.transaction() as tx:
            _say_who_waits(tx)
            if (reply := _next_due(tx, now, rules)) is None:
                return None
            if site_now and _is_too_old(tx, reply, site_now, rules):
                return _expire(tx, reply, now, rules)
            beside = _sent_beside(tx, reply, site_now or now)
            full = full_hour(beside, reply.thread_id, rules)
            if full is not None:
                again_at, by = now + LIMIT_LOOKED_AT, By.AIRBOT
                pending = ReplyStatus.PENDING
                move_reply(tx, reply, pending, by, full.reason, now, again_at)
                return PutOff(reply.id, full.reason, full)
            return move_reply(
                tx,
                reply,
                ReplyStatus.PROCESSING,
                By.AIRBOT,
                reply.last_error,
                now,
                claimed_at=to_text(now),
            )

    def next_unsettled(self, now: datetime, rules: Rules) -> Reply | None:
        """An uncertain reply whose thread is due to be read once more."""
        row = self._db.read_one(
            f"""
            SELECT * FROM queue_outbox WHERE status = 'uncertain' AND NOT parked
                AND (next_attempt_at IS NULL OR {DUE})
            ORDER BY next_attempt_at, send_started_at LIMIT 1
            """,
            due_at(now, longest_wait(rules)),
        )
        return from_row(Reply, row) if row else None

    def is_due(self, now: datetime, rules: Rules) -> bool:
        """Is there a row whose time to be tried, or read again, has come?"""
        row = self._db.read_one(
            f"""
            SELECT 1 FROM queue_outbox WHERE NOT parked AND {DUE}
                AND status IN ('pending', 'uncertain')
            """,
            due_at(now, longest_wait(rules)),
        )
        return row is not None

    def start_press(self, reply: Reply, at: datetime) -> Reply | None:
        """The boundary: the attempt, its time and what is known of the conversation.

        Only when this has returned a reply may Send be pressed. `at` is by Airbnb's
        clock, as are the hourly limits, and how long nothing is seen of the reply.
        """
        with self._db.transaction() as tx:
            return move_reply(
                tx,
                reply,
                ReplyStatus.PROCESSING,
                By.AIRBOT,
                reply.last_error,
                at,
                send_started_at=to_text(at),
                attempts=reply.attempts + 1,
                presses=reply.presses + 1,
                known_to=_known_to(tx, reply),
                request=None,
                first_absent_at=None,
                absent_readings=0,
            )

    def press_seen(self, reply: Reply, outcome: PressOutcome, now: datetime) -> Reply:
        """Keep what became of the page's own send request."""
        with self._db.transaction() as tx:
            seen = move_reply(
                tx,
                reply,
                ReplyStatus.PROCESSING,
                By.AIRBOT,
                reply.last_error,
                now,
                request=outcome.in_a_word(),
                named=json.dumps(sorted(reply.named | outcome.named)),
            )
        return seen or reply

    def release(
        self,
        reply: Reply,
        reason: str,
        now: datetime,
        again_at: datetime | None = None,
        counted: bool = False,
    ) -> Reply | None:
        """Nothing was pressed: back to `pending`, to be tried again at `again_at`."""
        attempts = reply.attempts + counted
        with self._db.transaction() as tx:
            to, by = ReplyStatus.PENDING, By.AIRBOT
            return move_reply(
                tx, reply, to, by, reason, now, again_at, attempts=attempts
            )

    def conclude(
        self,
        reply: Reply,
        verdict: Verdict,
        now: datetime,
        again_at: datetime | None,
        read_at: datetime | None = None,
    ) -> Reply | None:
        """Write down what a reading proved; `again_at` is when to look or try again.

        `read_at`: when it was read, by Airbnb's clock. None when somebody else settled
        the reply meanwhile.
        """
        if verdict.status in DONE or verdict.park:
            again_at = None
        first = reply.first_absent_at
        if verdict.absent:
            first = first_absent(reply, read_at or now)
        with self._db.transaction() as tx:
            return move_reply(
                tx,
                reply,
                verdict.status,
                By.AIRBOT,
                verdict.reason,
                now,
                again_at,
                site_message_id=verdict.site_message_id or reply.site_message_id,
                parked=int(verdict.park),
                first_absent_at=to_text(first),
                absent_readings=reply.absent_readings + verdict.absent,
            )

    def fail(self, reply: Reply, reason: str, now: datetime) -> Reply | None:
        """Hopeless, and nothing was pressed."""
        return self.conclude(reply, Verdict(ReplyStatus.FAILED, reason), now, None)

    def recover(self, now: datetime) -> int:
        """Put every row of a life that ended in the middle where it belongs."""
        left = self.with_status(ReplyStatus.PROCESSING)
        with self._db.transaction() as tx:
            for reply in left:
                reason = "airbot ended before Send was pressed"
                if _is_pressed(reply):
                    reason = "airbot ended after Send may have been pressed"
                move_reply(tx, reply, _left_as(reply), By.AIRBOT, reason, now)
        return len(left)

    def set_aside(
        self, reply_id: str, reason: str, now: datetime, wait: timedelta
    ) -> ReplyStatus:
        """A fault of ours was met at this reply: it is tried, or read, again later."""
        with self._db.transaction() as tx:
            (row,) = tx.execute(
                "SELECT * FROM queue_outbox WHERE id = :id", {"id": reply_id}
            )
            reply = from_row(Reply, row)
            if reply.status not in UNSETTLED:
                return reply.status
            # A press is counted already, when it is recorded.
            attempts = reply.attempts + (not _is_pressed(reply))
            to, by, again_at = _left_as(reply), By.AIRBOT, now + wait
            move_reply(tx, reply, to, by, reason, now, again_at, attempts=attempts)
            return to

    def before(self, reply: Reply) -> Before:
        """What was known of the conversation when Send was pressed."""
        params = {"thread_id": reply.thread_id, "id": reply.id, "to": reply.known_to}
        known = self._db.read(
            "SELECT id FROM messages WHERE thread_id = :thread_id AND number <= :to",
            params,
        )
        taken = self._db.read(
            """
            SELECT site_message_id FROM queue_outbox
            WHERE thread_id = :thread_id AND id != :id AND site_message_id IS NOT NULL
            """,
            params,
        )
        return Before(
            frozenset(row["id"] for row in known),
            frozenset(row["site_message_id"] for row in taken),
        )


def _is_pressed(reply: Reply) -> bool:
    return reply.send_started_at is not None


def _left_as(reply: Reply) -> ReplyStatus:
    """The state of a reply after a death: pressed ones are `uncertain`, others wait."""
    return ReplyStatus.UNCERTAIN if _is_pressed(reply) else ReplyStatus.PENDING


def _enqueue(tx: Transaction, turn: Turn, new: _New, now: datetime) -> Reply:
    held = tx.execute("SELECT * FROM queue_outbox WHERE turn_id = :id", {"id": turn.id})
    if held:
        return from_row(Reply, held[0])
    to, reason = TurnStatus.ANSWERED, "the AI answered"
    opened = move_turn(tx, turn.id, to, By.AI, reason, now)
    closed = None if opened else _why_closed(tx, turn.id)
    old_ok = opened is not None and opened.old_ok
    return _insert(tx, new, turn.id, now, closed, old_ok)


def _enqueue_without_turn(tx: Transaction, new: _New, now: datetime) -> Reply:
    held = tx.execute(
        """
        SELECT * FROM queue_outbox WHERE thread_id = :thread_id
            AND turn_id IS NULL AND message = :message AND created_at >= :since
        """,
        {
            "thread_id": new.thread_id,
            "message": new.message,
            "since": to_text(now - SAME_TEXT_WITHIN),
        },
    )
    if held:
        return from_row(Reply, held[0])
    (waiting,) = tx.execute("""
        SELECT COUNT(*) AS n FROM queue_outbox
        WHERE turn_id IS NULL AND status = 'pending'
        """)
    if waiting["n"] >= MOST_WITHOUT_TURN:
        raise QueueFull("too many messages wait already, send this one later")
    if _count_unknown(tx, new.thread_id, now) >= MOST_UNKNOWN:
        raise QueueFull(
            "too many messages to conversations that airbot has not read, send this one"
            " later"
        )
    return _insert(tx, new, None, now, None)


def _count_unknown(tx: Transaction, thread_id: str, now: datetime) -> int:
    """Rows of the last hour for conversations that nobody knows, where this is one."""
    (found,) = tx.execute(
        """
        SELECT COUNT(*) AS n FROM queue_outbox o
        WHERE status IN ('pending', 'processing', 'failed') AND created_at >= :since
            AND turn_id IS NULL
            AND NOT EXISTS (SELECT 1 FROM threads h WHERE h.id = o.thread_id)
            AND NOT EXISTS (SELECT 1 FROM threads h WHERE h.id = :thread_id)
        """,
        {"thread_id": thread_id, "since": to_text(now - timedelta(hours=1))},
    )
    return int(found["n"])


def _why_closed(tx: Transaction, turn_id: str) -> str:
    (row,) = tx.execute("SELECT * FROM turns WHERE id = :id", {"id": turn_id})
    return f"came when the turn was {row['status']} already: {row['reason']}"


def _insert(
    tx: Transaction,
    new: _New,
    turn_id: str | None,
    now: datetime,
    cancelled: str | None,
    old_ok: bool = False,
) -> Reply:
    (row,) = tx.execute(
        """
        INSERT INTO queue_outbox (id, thread_id, turn_id, message, sender, door,
                                  status, created_at, processed_at, last_error, old_ok)
        VALUES (:id, :thread_id, :turn_id, :message, :sender, :door,
                :status, :now, :processed_at, :reason, :old_ok)
        RETURNING *
        """,
        {
            "id": str(uuid.uuid4()),
            **new._asdict(),
            "turn_id": turn_id,
            "status": "cancelled" if cancelled else "pending",
            "now": to_text(now),
            "processed_at": to_text(now) if cancelled else None,
            "reason": cancelled,
            "old_ok": int(old_ok),
        },
    )
    return from_row(Reply, row)


def _next_due(tx: Transaction, now: datetime, rules: Rules) -> Reply | None:
    rows = tx.execute(
        f"""
        SELECT * FROM queue_outbox o WHERE status = 'pending'
            AND (next_attempt_at IS NULL OR {DUE})
            AND NOT EXISTS (SELECT 1 FROM queue_outbox u
                            WHERE u.thread_id = o.thread_id
                              AND u.status IN ('processing', 'uncertain'))
            AND NOT EXISTS (SELECT 1 FROM queue_outbox e
                            WHERE e.thread_id = o.thread_id AND e.status = 'pending'
                              AND e.rowid < o.rowid)
        ORDER BY turn_id IS NULL,
                 (SELECT MAX(s.send_started_at) FROM queue_outbox s
                  WHERE s.thread_id = o.thread_id),
                 rowid
        LIMIT 1
        """,
        due_at(now, longest_wait(rules)),
    )
    return from_row(Reply, rows[0]) if rows else None


def _is_too_old(
    tx: Transaction, reply: Reply, site_now: datetime, rules: Rules
) -> bool:
    if reply.old_ok:
        return False
    if reply.turn_id is None:
        return rules.is_too_old(reply.created_at, site_now)
    (turn,) = tx.execute(
        "SELECT newest_at FROM turns WHERE id = :id", {"id": reply.turn_id}
    )
    return rules.is_too_old(to_time(turn["newest_at"]), site_now)


def _expire(tx: Transaction, reply: Reply, now: datetime, rules: Rules) -> PutOff:
    reason, by = rules.too_old, By.AIRBOT
    if reply.turn_id is not None:
        move_turn(tx, reply.turn_id, TurnStatus.EXPIRED, by, reason, now)
    move_reply(tx, reply, ReplyStatus.CANCELLED, by, reason, now)
    return PutOff(reply.id, reason)


def _say_who_waits(tx: Transaction) -> None:
    """Write down why a reply waits behind an unsettled one of its conversation."""
    tx.execute("""
        UPDATE queue_outbox AS o
        SET last_error = 'waits until an earlier reply of the conversation is settled'
        WHERE status = 'pending' AND last_error IS NULL
            AND EXISTS (SELECT 1 FROM queue_outbox u WHERE u.thread_id = o.thread_id
                        AND u.status IN ('processing', 'uncertain'))
        """)


def _sent_beside(tx: Transaction, reply: Reply, now: datetime) -> SentWithinHour:
    # By the row: one that is pressed a second time counts once.
    (sent,) = tx.execute(
        """
        SELECT COUNT(*) AS in_all,
               COALESCE(SUM(thread_id = :thread_id), 0) AS in_thread
        FROM queue_outbox
        WHERE send_started_at > :since AND send_started_at <= :now AND id != :id
        """,
        {
            "now": to_text(now),
            "id": reply.id,
            "thread_id": reply.thread_id,
            "since": to_text(now - timedelta(hours=1)),
        },
    )
    return SentWithinHour(sent["in_thread"], sent["in_all"])


def _known_to(tx: Transaction, reply: Reply) -> int:
    """The newest message that was stored before the first press."""
    if reply.known_to is not None:
        return reply.known_to
    (row,) = tx.execute("SELECT COALESCE(MAX(number), 0) AS newest FROM messages")
    return int(row["newest"])
