"""One way for a reply and a turn to change: from which states, and by whom."""

from __future__ import annotations

import re

import pytest
from support.builders import NOW
from support.builders import claim
from support.builders import in_hand
from support.builders import later
from support.builders import reply_to
from support.builders import turn_of

from airbot.models import ReplyStatus
from airbot.models import TurnStatus
from airbot.policy.states import OPEN_TURNS
from airbot.policy.states import REPLY_MOVES
from airbot.policy.states import TURN_MOVES
from airbot.policy.states import By
from airbot.policy.states import is_under_way
from airbot.storage import Storage
from airbot.storage.moves import move_reply
from airbot.storage.moves import move_turn
from airbot.storage.moves import turn_under_way

R, T = ReplyStatus, TurnStatus


def test_who_has_read_an_older_revision_has_lost(storage: Storage) -> None:
    shown = reply_to(storage)
    storage.verbs.cancel_reply(shown.id, NOW)
    with storage.db.transaction() as tx:
        assert move_reply(tx, shown, R.PROCESSING, By.AIRBOT, None, NOW) is None
    found = storage.outbox.get(shown.id)
    assert found and found.status == R.CANCELLED


def test_a_change_that_the_table_does_not_name_is_a_fault(storage: Storage) -> None:
    reply = reply_to(storage)
    with storage.db.transaction() as tx, pytest.raises(ValueError, match="never"):
        move_reply(tx, reply, R.SENT, By.AIRBOT, None, NOW)


def test_a_turn_is_not_moved_from_a_state_that_the_table_does_not_name(
    storage: Storage,
) -> None:
    turn = turn_of(storage)
    storage.turns.ignore(turn.id, NOW)
    with storage.db.transaction() as tx:
        assert move_turn(tx, turn.id, T.EXPIRED, By.AIRBOT, "late", NOW) is None
    found = storage.turns.get(turn.id)
    assert found and found.status == T.IGNORED


def test_a_sent_reply_never_becomes_anything_else() -> None:
    assert all(R.SENT not in states for states in REPLY_MOVES.values())


def test_a_turn_that_a_person_took_over_is_never_opened_again() -> None:
    assert all(T.TAKEN_OVER not in states for states in TURN_MOVES.values())


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (R.PENDING, True),
        (R.PROCESSING, True),
        (R.UNCERTAIN, True),
        (R.SENT, False),
        (R.FAILED, False),
        (R.CANCELLED, False),
    ],
)
def test_storage_and_policy_mean_the_same_by_under_way(
    storage: Storage, reply: ReplyStatus, expected: bool
) -> None:
    made = reply_to(storage)
    with storage.db.transaction() as tx:
        tx.execute("UPDATE queue_outbox SET status = :s", {"s": reply})
        found = turn_under_way(tx, made.thread_id)
    assert (found is not None) is is_under_way(T.ANSWERED, reply) is expected


def test_an_open_turn_is_under_way_without_a_reply(storage: Storage) -> None:
    turn = turn_of(storage)
    with storage.db.transaction() as tx:
        assert turn_under_way(tx, turn.thread_id) == turn
    assert {t for t in T if is_under_way(t, None)} == set(OPEN_TURNS)


def test_the_index_knows_the_open_turns(storage: Storage) -> None:
    sql = "SELECT sql FROM sqlite_schema WHERE name = 'one_open_turn'"
    assert set(re.findall(r"'(\w+)'", storage.db.read(sql)[0][0])) == set(OPEN_TURNS)


def test_a_claim_that_a_person_was_quicker_than_is_not_pressed(
    storage: Storage,
) -> None:
    reply_to(storage)
    held = in_hand(storage)
    with storage.db.transaction() as tx:
        move_reply(tx, held, R.FAILED, By.AIRBOT, "settled elsewhere", NOW)
    assert storage.outbox.start_press(held, later(1)) is None
    assert claim(storage) is None
