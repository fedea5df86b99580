"""storage/outbox: the queue of replies, from the answer to the proof."""

from __future__ import annotations

import re
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from support.builders import NOW
from support.builders import RULES
from support.builders import claim
from support.builders import close_turn
from support.builders import concluded
from support.builders import guest
from support.builders import host
from support.builders import in_hand
from support.builders import later
from support.builders import pressed
from support.builders import reading
from support.builders import record
from support.builders import reply_to
from support.builders import the
from support.builders import turn_of
from support.builders import unproven
from support.databases import counted
from support.databases import reopened
from support.databases import rows

from airbot.models import Answered
from airbot.models import PressOutcome
from airbot.models import ReplyStatus
from airbot.models import TurnStatus
from airbot.policy.proof import Verdict
from airbot.storage import Storage

FIND = "SELECT * FROM queue_outbox WHERE id = :id"
# The queue: what goes in


def test_a_turn_has_one_reply_whoever_repeats(storage: Storage) -> None:
    turn = turn_of(storage)
    first = storage.outbox.enqueue(turn, "Yes.", "AI", NOW)
    second = storage.outbox.enqueue(turn, "In other words: yes.", "n8n", later(5))
    assert first == second
    assert counted(storage, "queue_outbox") == 1
    answered = storage.turns.get(turn.id)
    assert answered and answered.status == TurnStatus.ANSWERED


def test_a_turn_has_one_reply_from_eight_threads_at_once(storage: Storage) -> None:
    turn = turn_of(storage)
    start = threading.Barrier(8)

    def answer(number: int) -> str:
        start.wait()
        return storage.outbox.enqueue(turn, f"answer {number}", "AI", NOW).id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(answer, range(8)))) == 1
    assert counted(storage, "queue_outbox") == 1


@pytest.mark.parametrize(
    "status",
    [s for s in TurnStatus if s not in ("new", "asked", "answered")],
)
def test_an_answer_to_a_closed_turn_is_kept_as_cancelled(
    storage: Storage, status: TurnStatus
) -> None:
    turn = turn_of(storage)
    close_turn(storage, turn, status, "so it went")
    reply = storage.outbox.enqueue(turn, "Yes.", "AI", NOW)
    assert reply.status == ReplyStatus.CANCELLED
    assert reply.last_error == f"came when the turn was {status} already: so it went"
    assert claim(storage) is None
    assert storage.outbox.enqueue(turn, "Yes!", "AI", NOW).id == reply.id


def test_a_reply_without_a_turn_that_is_too_old_closes_no_turn(
    storage: Storage,
) -> None:
    add = storage.outbox.enqueue_without_turn
    add("T1", "Hello", "curl", later(-13 * 3600))
    turn = turn_of(storage)
    held = claim(storage)
    storage.readings.take_in(reading(guest("T1-1")), RULES, NOW, reply=held)
    assert the(storage.turns.get(turn.id)).status == "new"


def test_a_pending_reply_is_cancelled_with_its_turn(storage: Storage) -> None:
    reply = reply_to(storage)
    record(storage, guest("T1-1"), host("2"))
    kept = storage.outbox.get(reply.id)
    assert kept and kept.status == ReplyStatus.CANCELLED
    assert kept.last_error == "you answered first"


@pytest.mark.parametrize(
    ("message", "thread_id", "after_s", "same"),
    [
        ("Hello", "X", 600, True),
        ("Hello", "X", 601, False),
        ("Hello!", "X", 1, False),
        ("Hello", "Y", 1, False),
    ],
)
def test_without_a_turn_the_same_text_within_ten_minutes_is_the_same_row(
    storage: Storage, message: str, thread_id: str, after_s: int, same: bool
) -> None:
    add = storage.outbox.enqueue_without_turn
    first = add("X", "Hello", "curl", NOW)
    second = add(thread_id, message, "curl", later(after_s))
    assert (first.id == second.id) is same
    assert counted(storage, "queue_outbox") == (1 if same else 2)


def test_ids_of_replies_are_uuid4(storage: Storage) -> None:
    reply = reply_to(storage)
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab].{3}-.{12}", reply.id
    )


# The queue: what comes out


def test_replies_are_claimed_in_the_order_they_came(storage: Storage) -> None:
    # By the row, not by the time: a clock may have been put back.
    first = reply_to(storage, "T1", later(2))
    second = reply_to(storage, "T2", later(1))
    third = reply_to(storage, "T3", later(1))
    claimed = [claim(storage, later(5)) for _ in range(4)]
    assert [r.id if r else None for r in claimed] == [
        first.id,
        second.id,
        third.id,
        None,
    ]


def test_a_reply_is_claimed_once_by_four_threads(storage: Storage) -> None:
    ids = {reply_to(storage, f"T{n}").id for n in range(6)}
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda _: claim(storage), range(12)))
    assert sorted(reply.id for reply in claimed if reply) == sorted(ids)


def test_a_reply_waits_for_its_next_attempt(storage: Storage) -> None:
    reply_to(storage)
    held = claim(storage)
    assert held
    storage.outbox.release(held, "not typed", NOW, later(15), counted=True)
    released = the(storage.outbox.get(held.id))
    assert (released.status, released.attempts) == (ReplyStatus.PENDING, 1)
    assert released.last_error == "not typed"
    assert claim(storage, later(14)) is None
    assert claim(storage, later(15))


@pytest.mark.parametrize("state", ["processing", "uncertain", "parked"])
def test_a_thread_with_an_unsettled_reply_sends_nothing_else(
    storage: Storage, state: str
) -> None:
    add = storage.outbox.enqueue_without_turn
    add("X", "one", "curl", NOW)
    add("X", "two", "curl", NOW)
    add("Y", "three", "curl", NOW)
    first = claim(storage)
    assert first
    if state != "processing":
        verdict = Verdict(ReplyStatus.UNCERTAIN, "?", park=state == "parked")
        storage.outbox.conclude(pressed(storage, first), verdict, NOW, later(1))
    other, none = claim(storage), claim(storage)
    assert other and other.message == "three"
    assert none is None


def press(storage: Storage, thread_id: str, at: datetime) -> None:
    message = f"{thread_id} {at}"
    storage.outbox.enqueue_without_turn(thread_id, message, "curl", at)
    held = pressed(storage, in_hand(storage, at), at)
    assert held.message == message
    storage.outbox.conclude(held, Verdict(ReplyStatus.SENT, None, message), at, None)


@pytest.mark.parametrize(
    ("thread_id", "per_thread", "per_hour", "reason"),
    [
        ("X", 2, 60, "waits: 2 replies an hour in one conversation"),
        ("Y", 2, 2, "waits: 2 replies an hour"),
    ],
)
def test_a_reply_over_the_limit_waits_with_the_reason(
    storage: Storage, thread_id: str, per_thread: int, per_hour: int, reason: str
) -> None:
    press(storage, "X", NOW)
    press(storage, "X", later(60))
    add = storage.outbox.enqueue_without_turn
    waiting = add(thread_id, "third", "curl", later(61))
    assert claim(storage, later(61), per_thread, per_hour) is None
    kept = storage.outbox.get(waiting.id)
    assert kept and kept.last_error == reason and kept.status == ReplyStatus.PENDING
    assert claim(storage, later(3600), per_thread, per_hour)


def test_a_second_press_of_a_reply_counts_once(storage: Storage) -> None:
    reply = reply_to(storage)
    held = in_hand(storage)
    for second in (1, 2):
        held = pressed(storage, held, later(second))
    storage.outbox.conclude(held, Verdict(ReplyStatus.SENT, None, "1"), later(3), None)
    add = storage.outbox.enqueue_without_turn
    add(reply.thread_id, "another", "curl", later(4))
    assert claim(storage, later(5), 2, 2)


def test_a_reply_is_not_in_the_way_of_its_own_second_press(storage: Storage) -> None:
    reply_to(storage)
    held = pressed(storage, in_hand(storage), later(1))
    nothing = Verdict(ReplyStatus.PENDING, "it did not arrive")
    storage.outbox.conclude(held, nothing, later(2), later(2))
    assert claim(storage, later(3), 1, 1)


def test_a_second_press_is_not_held_up_by_the_first(storage: Storage) -> None:
    reply = unproven(storage)
    again = Verdict(ReplyStatus.PENDING, "pressing once more")
    storage.outbox.conclude(reply, again, later(122), later(122))
    assert claim(storage, later(123), 1)


def test_one_thread_over_its_limit_does_not_hold_up_another(storage: Storage) -> None:
    press(storage, "X", NOW)
    storage.outbox.enqueue_without_turn("X", "second", "curl", later(1))
    storage.outbox.enqueue_without_turn("Y", "other", "curl", later(2))
    held = claim(storage, later(3), 1, 60)
    assert held and held.message == "other"


# A call of the AI that comes again


def test_a_call_is_forgotten_with_its_reply(storage: Storage) -> None:
    def answer() -> Answered:
        return Answered(reply_to(storage), None)

    first = storage.once("msg_1", answer)
    assert first.reply and storage.once("msg_1", answer) == first
    storage.outbox.fail(in_hand(storage), "refused", NOW)
    storage.prune(later(1_000_000))
    assert rows(storage, "SELECT * FROM calls") == []


def test_a_call_that_fails_may_come_again(storage: Storage) -> None:
    def answer() -> Answered:
        reply_to(storage)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        storage.once("msg_1", answer)
    assert storage.shown.reply_counts() == {}
    assert storage.once("msg_1", lambda: Answered(reply_to(storage), None)).reply


# The boundary


def test_the_boundary_is_stored_before_the_press(storage: Storage) -> None:
    reply = reply_to(storage)
    held = pressed(storage, in_hand(storage), later(2))
    (row,) = rows(storage, FIND, id=reply.id)
    assert (row["status"], row["presses"], row["attempts"]) == ("processing", 1, 1)
    assert row["claimed_at"] == "2026-11-22T10:27:03.120Z"
    assert row["send_started_at"] == "2026-11-22T10:27:05.120Z"
    assert row["known_to"] == 1
    assert held.presses == 1 and held.send_started_at == later(2)


@pytest.mark.parametrize(
    ("outcome", "seen"),
    [
        (PressOutcome(requested=False), "none"),
        (PressOutcome(requested=True), "left"),
        (PressOutcome(requested=True, refused=True), "refused"),
    ],
)
def test_what_became_of_the_request_is_kept(
    storage: Storage, outcome: PressOutcome, seen: str
) -> None:
    reply_to(storage)
    held = pressed(storage, in_hand(storage))
    assert storage.outbox.press_seen(held, outcome, NOW).request == seen


def test_absent_readings_are_counted_from_the_first(storage: Storage) -> None:
    absent = Verdict(ReplyStatus.UNCERTAIN, "not there", absent=True)
    reply = concluded(storage, unproven(storage), absent, later(122), later(150))
    assert (reply.first_absent_at, reply.absent_readings) == (later(2), 2)
    (row,) = rows(storage, FIND, id=reply.id)
    assert (row["processed_at"], row["last_error"]) == (None, "not there")


def test_an_uncertain_reply_is_read_again_when_it_is_due(storage: Storage) -> None:
    reply = unproven(storage)
    assert storage.outbox.next_unsettled(later(121), RULES) is None
    assert storage.outbox.next_unsettled(later(122), RULES) == reply


def test_a_parked_reply_is_not_read_again(storage: Storage) -> None:
    reply = unproven(storage)
    parked = Verdict(ReplyStatus.UNCERTAIN, "two candidates", park=True)
    reply = concluded(storage, reply, parked, later(122), later(150))
    assert reply.parked
    assert storage.outbox.next_unsettled(later(9999), RULES) is None


def test_a_second_press_starts_its_readings_anew(storage: Storage) -> None:
    reply = unproven(storage)
    again = Verdict(ReplyStatus.PENDING, "pressing once more")
    storage.outbox.conclude(reply, again, later(122), later(122))
    held = claim(storage, later(123))
    assert held and (held.id, held.presses) == (reply.id, 1)
    again_held = pressed(storage, held, later(124))
    assert (again_held.presses, again_held.absent_readings) == (2, 0)
    assert again_held.first_absent_at is None and again_held.request is None


def test_a_sent_reply_has_its_proof_and_its_time(storage: Storage) -> None:
    reply = unproven(storage)
    sent = Verdict(ReplyStatus.SENT, None, "4711")
    reply = concluded(storage, reply, sent, later(130))
    (row,) = rows(storage, FIND, id=reply.id)
    assert (row["status"], row["site_message_id"]) == ("sent", "4711")
    assert row["processed_at"] == "2026-11-22T10:29:13.120Z"
    assert (row["next_attempt_at"], row["last_error"]) == (None, None)
    other = storage.outbox.enqueue_without_turn("T1", "more", "curl", NOW)
    assert storage.outbox.before(other).taken == {"4711"}
    assert storage.outbox.before(reply).taken == set()


def test_one_message_proves_one_reply(storage: Storage) -> None:
    for thread_id in ("X", "Y"):
        storage.outbox.enqueue_without_turn(thread_id, "one", "curl", NOW)
    one, two = claim(storage), claim(storage)
    assert one and two
    storage.outbox.conclude(one, Verdict(ReplyStatus.SENT, None, "7"), NOW, None)
    with pytest.raises(sqlite3.IntegrityError):
        storage.outbox.conclude(two, Verdict(ReplyStatus.SENT, None, "7"), NOW, None)


def test_a_failed_reply_says_why(storage: Storage) -> None:
    reply_to(storage)
    reason = "Airbnb shows no such conversation"
    failed = storage.outbox.fail(in_hand(storage), reason, NOW)
    assert failed and failed.status == ReplyStatus.FAILED
    assert failed.last_error == "Airbnb shows no such conversation"
    assert claim(storage) is None


# Starting again


def test_a_reply_that_was_not_pressed_is_pending_again(storage: Storage) -> None:
    reply = reply_to(storage)
    claim(storage)
    again = reopened(storage)
    assert again.outbox.recover(NOW) == 1
    found = again.outbox.get(reply.id)
    assert found and found.status == ReplyStatus.PENDING
    assert "before Send was pressed" in (found.last_error or "")
    assert claim(again)
    again.close()


def test_a_reply_that_may_have_been_pressed_is_uncertain(storage: Storage) -> None:
    reply_to(storage)
    reply = pressed(storage, in_hand(storage))
    again = reopened(storage)
    assert again.outbox.recover(NOW) == 1
    found = again.outbox.get(reply.id)
    assert found and found.status == ReplyStatus.UNCERTAIN
    assert claim(again) is None
    assert again.outbox.next_unsettled(NOW, RULES) == found
    again.close()


def test_what_is_settled_is_left_alone(storage: Storage) -> None:
    reply_to(storage, "T1")
    unproven(storage)
    before = [tuple(row) for row in rows(storage, "SELECT * FROM queue_outbox")]
    assert storage.outbox.recover(NOW) == 0
    assert [tuple(row) for row in rows(storage, "SELECT * FROM queue_outbox")] == before


def test_readings_of_an_uncertain_reply_survive_a_restart(storage: Storage) -> None:
    before = unproven(storage)
    again = reopened(storage)
    assert again.outbox.get(before.id) == before
    again.close()
