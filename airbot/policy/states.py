"""Which state may become which, and by whose hand; and what is under way.

A reply and a turn change only by these two tables: `storage/moves.py` asks them in the
transaction of every change. What a table does not name is a fault of the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from airbot.models import ReplyStatus as R
from airbot.models import TurnStatus as T

Status = TypeVar("Status", R, T)


class By(StrEnum):
    """Whose doing a change is."""

    AIRBOT = "airbot"  # what a reading, a clock or a limit says
    AI = "ai"
    PERSON = "person"


# (by whom, to which state): from which states.
REPLY_MOVES: Mapping[tuple[By, R], frozenset[R]] = {
    # Waits for a limit; nothing was pressed; proven absent: pressed once more.
    (By.AIRBOT, R.PENDING): frozenset({R.PENDING, R.PROCESSING, R.UNCERTAIN}),
    (By.AIRBOT, R.PROCESSING): frozenset({R.PENDING, R.PROCESSING}),
    (By.AIRBOT, R.UNCERTAIN): frozenset({R.PROCESSING, R.UNCERTAIN}),
    (By.AIRBOT, R.SENT): frozenset({R.PROCESSING, R.UNCERTAIN}),
    (By.AIRBOT, R.FAILED): frozenset({R.PROCESSING, R.UNCERTAIN}),
    (By.AIRBOT, R.CANCELLED): frozenset({R.PENDING, R.PROCESSING, R.UNCERTAIN}),
    (By.PERSON, R.PENDING): frozenset({R.PENDING, R.FAILED, R.CANCELLED}),
    (By.PERSON, R.CANCELLED): frozenset({R.PENDING, R.FAILED}),
    (By.PERSON, R.SENT): frozenset({R.UNCERTAIN}),
    (By.PERSON, R.FAILED): frozenset({R.UNCERTAIN}),
}
_OPEN = frozenset({T.NEW, T.ASKED})
_LIVE = _OPEN | {T.ANSWERED}
TURN_MOVES: Mapping[tuple[By, T], frozenset[T]] = {
    (By.AIRBOT, T.ASKED): _OPEN,
    (By.AIRBOT, T.SUPERSEDED): _LIVE,
    (By.AIRBOT, T.TAKEN_OVER): _LIVE,
    (By.AIRBOT, T.EXPIRED): _LIVE,
    (By.AIRBOT, T.FAILED): _LIVE,
    (By.AI, T.ANSWERED): _OPEN,
    (By.AI, T.IGNORED): _OPEN,
    (By.AI, T.FAILED): _OPEN,  # it refuses the question
    (By.PERSON, T.NEW): _OPEN | {T.FAILED, T.IGNORED, T.EXPIRED},
    (By.PERSON, T.IGNORED): _LIVE | {T.FAILED, T.EXPIRED},  # nothing is to be answered
    # A person has its reply sent after all.
    (By.PERSON, T.ANSWERED): frozenset(T) - {T.TAKEN_OVER},
}

# At most one turn of a conversation is under way: open, or answered with a reply that
# is on its way.
OPEN_TURNS = (T.NEW, T.ASKED)
UNSETTLED = (R.PROCESSING, R.UNCERTAIN)  # Send may be, or have been, pressed
ON_ITS_WAY = (R.PENDING, *UNSETTLED)
DONE = (R.SENT, R.FAILED, R.CANCELLED)


def sources(
    moves: Mapping[tuple[By, Status], frozenset[Status]], by: By, to: Status
) -> frozenset[Status]:
    """The states from which `by` may bring something to `to`."""
    return moves.get((by, to), frozenset())


def is_under_way(turn: T, reply: R | None) -> bool:
    """Is a turn in this state, with its reply in that, still to be ended by airbot?"""
    return turn in OPEN_TURNS or (turn == T.ANSWERED and reply in ON_ITS_WAY)
