"""What a database holds: messages, readings, turns, replies, made in one line each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any
from typing import TypeVar

from airbot.models import Direction
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import TakenIn
from airbot.models import Thread
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.policy.proof import Verdict
from airbot.policy.rules import Rules
from airbot.policy.states import TURN_MOVES
from airbot.policy.states import By
from airbot.storage import Storage
from airbot.storage.moves import move_turn
from airbot.storage.outbox import PutOff

NOW = datetime(2026, 11, 22, 10, 27, 3, 120000, tzinfo=UTC)
MAX_AGE = timedelta(hours=12)
RULES = Rules(MAX_AGE, timedelta(seconds=120), 5, per_thread_hour=6, per_hour=60)
T = TypeVar("T")
OURS, MAYA, TOM = "900", "1", "800"


def the(value: T | None) -> T:
    """It is there."""
    assert value is not None
    return value


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def guest(id_: str, body: str = "Is parking free?", at: datetime = NOW) -> Message:
    return Message(id_, MAYA, "Maya", "guest", Direction.INBOUND, Kind.TEXT, body, at)


def host(
    id_: str, body: str = "Yes.", account: str = TOM, at: datetime = NOW
) -> Message:
    return Message(
        id_, account, "Tom", "cohost", Direction.OUTBOUND, Kind.TEXT, body, at
    )


def card(id_: str, at: datetime = NOW) -> Message:
    return Message(id_, "3", "Airbnb", "service", Direction.SYSTEM, Kind.CARD, None, at)


def thread(id_: str = "T1", **changes: object) -> Thread:
    values = {
        "id": id_,
        "title": "Maya",
        "own_role": "OWNER",
        "hosted": True,
        "listing_id": "1200",
        "stage": "CONFIRMED",
        "description": "3 nights",
        "activity_at": NOW,
        "mark": "m",
        "latest": None,
    }
    return Thread(**{**values, **changes})  # type: ignore[arg-type]


def reading(
    *messages: Message, id_: str = "T1", at: datetime = NOW, **changes: object
) -> Reading:
    return Reading(thread(id_, **changes), OURS, messages, True, at)


def record(
    storage: Storage, *messages: Message, mark: str | None = None, **changes: Any
) -> TakenIn:
    read = reading(*messages, **changes)
    row = replace(read.thread, latest_id=messages[-1].id if messages else None)
    return storage.readings.take_in(read, RULES, NOW, row, mark)


def turn_of(storage: Storage, *messages: Message, id_: str = "T1") -> Turn:
    record(storage, *(messages or (guest(f"{id_}-1"),)), id_=id_)
    turn = storage.turns.newest(id_)
    assert turn
    return turn


def reply_to(storage: Storage, id_: str = "T1", at: datetime = NOW) -> Reply:
    turn = turn_of(storage, id_=id_)
    return storage.outbox.enqueue(turn, "Yes, it is.", "AI", at)


def claim(
    storage: Storage, at: datetime = NOW, in_thread: int = 6, in_all: int = 60
) -> Reply | None:
    """As SEND does it: what is put off is passed over."""
    rules = replace(RULES, per_thread_hour=in_thread, per_hour=in_all)
    while isinstance(claimed := storage.outbox.claim_next(at, at, rules), PutOff):
        pass
    return claimed


def in_hand(storage: Storage, at: datetime = NOW) -> Reply:
    claimed = claim(storage, at)
    assert claimed
    return claimed


def pressed(storage: Storage, reply: Reply, at: datetime = NOW) -> Reply:
    started = storage.outbox.start_press(reply, at)
    assert started
    return started


def close_turn(storage: Storage, turn: Turn, to: TurnStatus, reason: str) -> None:
    by = next(by for by in By if (by, to) in TURN_MOVES)
    with storage.db.transaction() as tx:
        assert move_turn(tx, turn.id, to, by, reason, NOW)


def unproven(storage: Storage) -> Reply:
    """A reply with one absent reading."""
    reply_to(storage)
    held = pressed(storage, in_hand(storage))
    absent = Verdict(ReplyStatus.UNCERTAIN, "not there", absent=True)
    return concluded(storage, held, absent, later(2), later(122))


def concluded(
    storage: Storage,
    reply: Reply,
    verdict: Verdict,
    at: datetime,
    again_at: datetime | None = None,
) -> Reply:
    found = storage.outbox.conclude(reply, verdict, at, again_at)
    assert found
    return found
