"""The one way in which a reply or a turn changes its state.

A change is made by somebody, to a state, for a reason, and only from the states that
`policy/states.py` names. A reply has a revision besides: whoever has read it at an
older one has lost, so that a person's word is never overwritten by a reading that was
under way.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from datetime import timedelta

from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.policy.pace import latest_wait
from airbot.policy.states import DONE
from airbot.policy.states import ON_ITS_WAY
from airbot.policy.states import OPEN_TURNS
from airbot.policy.states import REPLY_MOVES
from airbot.policy.states import TURN_MOVES
from airbot.policy.states import By
from airbot.policy.states import sources
from airbot.storage.database import Transaction
from airbot.storage.database import to_text
from airbot.storage.values import from_row


def words(states: Iterable[str]) -> str:
    """States as SQL lists them: `'new', 'asked'`."""
    return ", ".join(f"'{state}'" for state in states)


# Of a turn `t` and its reply `o`: see policy.states.is_under_way.
UNDER_WAY = (
    f"(t.status IN ({words(OPEN_TURNS)})"
    f" OR t.status = 'answered' AND o.status IN ({words(ON_ITS_WAY)}))"
)


# Has a row's waiting time come? Its parameters: due_at.
DUE = "(next_attempt_at <= :now OR next_attempt_at > :never)"


def due_at(now: datetime, longest: timedelta) -> dict[str, str | None]:
    """The parameters of DUE; a time behind `never` was stored by a wrong clock
    (see policy.pace.is_due)."""
    return {"now": to_text(now), "never": to_text(latest_wait(now, longest))}


def move_reply(
    tx: Transaction,
    reply: Reply,
    to: ReplyStatus,
    by: By,
    reason: str | None,
    now: datetime,
    again_at: datetime | None = None,
    **columns: object,
) -> Reply | None:
    """The reply as it is then; None when it is no more as `reply` shows it.

    `again_at`: when it is tried, or read, again. `columns` are set besides.
    Raises ValueError for a change that nobody may make.
    """
    if reply.status not in sources(REPLY_MOVES, by, to):
        raise ValueError(f"a {reply.status} reply never becomes {to} by {by}")
    changes = {
        **columns,
        "status": to,
        "last_error": reason,
        "next_attempt_at": to_text(again_at),
        "processed_at": to_text(now) if to in DONE else None,
    }
    moved = tx.execute(
        f"""
        UPDATE queue_outbox SET revision = revision + 1, {_assigned(changes)}
        WHERE id = :id AND revision = :revision RETURNING *
        """,
        {**changes, "id": reply.id, "revision": reply.revision},
    )
    return from_row(Reply, moved[0]) if moved else None


def move_turn(
    tx: Transaction,
    turn_id: str,
    to: TurnStatus,
    by: By,
    reason: str,
    now: datetime,
    **columns: object,
) -> Turn | None:
    """The turn as it is then; None when it is in none of the states for that."""
    changes = {
        **columns,
        "status": to,
        "reason": reason,
        "changed_at": to_text(now),
    }
    moved = tx.execute(
        f"""
        UPDATE turns SET {_assigned(changes)}
        WHERE id = :id AND status IN ({words(sources(TURN_MOVES, by, to))})
        RETURNING *
        """,
        {**changes, "id": turn_id},
    )
    return from_row(Turn, moved[0]) if moved else None


def turn_under_way(tx: Transaction, thread_id: str) -> Turn | None:
    """The one turn of a conversation that airbot has still to end."""
    rows = tx.execute(
        f"""
        SELECT t.* FROM turns t LEFT JOIN queue_outbox o ON o.turn_id = t.id
        WHERE t.thread_id = :id AND {UNDER_WAY} ORDER BY t.rowid DESC LIMIT 1
        """,
        {"id": thread_id},
    )
    return from_row(Turn, rows[0]) if rows else None


def _assigned(columns: Iterable[str]) -> str:
    return ", ".join(f"{column} = :{column}" for column in columns)
