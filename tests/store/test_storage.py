"""storage: what is written once, whole, and still there after whatever happened."""

from __future__ import annotations

import multiprocessing
import re
import sqlite3
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.builders import MAYA
from support.builders import NOW
from support.builders import RULES
from support.builders import card
from support.builders import claim
from support.builders import close_turn
from support.builders import guest
from support.builders import host
from support.builders import in_hand
from support.builders import later
from support.builders import pressed
from support.builders import reading
from support.builders import record
from support.builders import reply_to
from support.builders import turn_of
from support.databases import counted
from support.databases import order
from support.databases import rows

from airbot.contract.payload import payload
from airbot.exceptions import StorageError
from airbot.exceptions import VerbRefused
from airbot.models import Answered
from airbot.models import Kind
from airbot.models import PressOutcome
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import SessionState
from airbot.models import TakenIn
from airbot.models import TurnStatus
from airbot.policy.proof import Verdict
from airbot.storage import Storage
from airbot.storage import View
from airbot.storage import database as database_module
from airbot.storage.schema import VERSION

FIND = "SELECT * FROM queue_outbox WHERE id = :id"
# A reading is one commit


def test_a_reading_brings_its_messages_its_mark_and_its_turn(storage: Storage) -> None:
    recorded = record(storage, guest("1"), card("2"), guest("3"), mark="m1")
    assert recorded == TakenIn(2, "new guest text", may_send=True)
    assert storage.inbox.seen_marks() == {"T1": "m1"}
    turn = storage.turns.newest("T1")
    assert turn and turn.status == TurnStatus.NEW
    asked = storage.turns.question(turn)
    assert [text.id for text in asked.texts] == ["1", "3"]
    assert storage.inbox.knows("T1") and not storage.inbox.knows("T2")


def test_who_has_no_name_asks_as_guest(storage: Storage) -> None:
    turn = turn_of(storage, replace(guest("1"), sender=MAYA))
    question = storage.turns.question(turn)
    assert payload(question, "http://localhost/x")["sender"] == "Guest"
    record(storage, guest("1"))
    assert storage.turns.question(turn).sender == "Maya"
    record(storage, replace(guest("1"), sender=MAYA))  # his name is not forgotten
    assert storage.turns.question(turn).sender == "Maya"


@pytest.mark.parametrize("when", ["first", "later"])
def test_a_reading_that_fails_in_the_middle_leaves_nothing(
    storage: Storage, when: str
) -> None:
    if when == "later":
        record(storage, guest("1"), mark="m1")
    before = [counted(storage, t) for t in ("threads", "messages", "turns")]
    marks = storage.inbox.seen_marks()
    broken = replace(guest("9"), kind="bogus")  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        record(storage, guest("1", "edited"), guest("8"), broken, mark="m2")
    after = [counted(storage, t) for t in ("threads", "messages", "turns")]
    assert (after, storage.inbox.seen_marks()) == (before, marks)
    assert not rows(storage, "SELECT 1 FROM messages WHERE body = 'edited'")


def test_after_a_failed_reading_the_next_one_is_stored(storage: Storage) -> None:
    broken = replace(guest("9"), kind="bogus")  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        record(storage, broken)
    assert record(storage, guest("1")).new_texts == 1


def test_the_same_reading_twice_stores_and_asks_once(storage: Storage) -> None:
    record(storage, guest("1"), host("2"), guest("3"))
    before = rows(storage, "SELECT * FROM messages ORDER BY id")
    again = record(storage, guest("1"), host("2"), guest("3"), at=later(45))
    assert again.new_texts == 0
    after = rows(storage, "SELECT * FROM messages ORDER BY id")
    assert [tuple(row) for row in after] == [tuple(row) for row in before]
    assert counted(storage, "turns") == 1


def test_an_unsent_message_loses_its_body_and_closes_its_turn(storage: Storage) -> None:
    turn = turn_of(storage, guest("1"))
    record(storage, replace(guest("1"), kind=Kind.DELETED, body=None))
    (row,) = rows(storage, "SELECT * FROM messages")
    assert (row["kind"], row["body"]) == ("deleted", None)
    closed = storage.turns.get(turn.id)
    assert closed and closed.status == TurnStatus.SUPERSEDED


def test_the_whole_history_is_not_new_on_the_first_run(storage: Storage) -> None:
    past = later(-3600 * 24 * 30)
    record(storage, guest("1", at=past), guest("2", at=past))
    turn = storage.turns.newest("T1")
    assert turn and turn.status == TurnStatus.EXPIRED
    assert turn.reason == "older than 12 h"
    assert storage.turns.claim_next(NOW, later(300)) is None


def test_a_mark_that_is_not_given_stays(storage: Storage) -> None:
    record(storage, guest("1"), mark="m1")
    record(storage, guest("1"))
    assert storage.inbox.seen_marks() == {"T1": "m1"}
    record(storage, guest("1"), mark="m2")
    assert storage.inbox.seen_marks() == {"T1": "m2"}


def test_what_a_later_reading_does_not_show_of_a_thread_stays(storage: Storage) -> None:
    record(storage, guest("1"))
    record(storage, guest("1"), listing_id=None, stage=None, description=None)
    (row,) = rows(storage, "SELECT * FROM threads")
    assert (row["listing_id"], row["stage"]) == ("1200", "CONFIRMED")
    assert row["description"] == "3 nights"
    assert row["reason"] == "the turn is as it was"


# Order is the order of the page


def test_messages_of_the_same_time_keep_the_order_of_the_page(storage: Storage) -> None:
    record(storage, guest("700"), guest("30"), host("200"), guest("1"))
    assert order(storage) == ["700", "30", "200", "1"]


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        (["1 2 3", "2 3 4 5"], "1 2 3 4 5"),
        (["1 2 3", "4 5 6"], "1 2 3 4 5 6"),
        (["3", "1 2 3"], "1 2 3"),
        (["3", "1 2 3 4"], "1 2 3 4"),
        (["1 2 3", "3"], "1 2 3"),
        (["1 2 3", "4", "2 3 4 5"], "1 2 3 4 5"),
        (["1", "4", "2 3 4"], "1 2 3 4"),
        (["1 2", "1 9 2"], "1 9 2"),
    ],
)
def test_readings_that_overlap_make_one_order(
    storage: Storage, readings: list[str], expected: str
) -> None:
    for ids in readings:
        record(storage, *(host(id_) for id_ in ids.split()))
    assert order(storage) == expected.split()


# The thread that an open page rests on


def test_the_page_rests_where_no_guest_waits(storage: Storage) -> None:
    record(storage, guest("1"), id_="waits", mark="m")
    assert storage.inbox.resting_thread(None) is None
    record(storage, guest("2"), host("3"), id_="old", mark="m")
    record(storage, guest("4"), host("5"), id_="new", mark="m", activity_at=later(60))
    assert storage.inbox.resting_thread(None) == "new"
    assert storage.inbox.resting_thread("old") == "old"
    assert storage.inbox.resting_thread("waits") == "new"


def test_the_page_never_rests_on_what_the_list_has_not_shown(storage: Storage) -> None:
    record(storage, guest("1"), host("2"))
    assert storage.inbox.resting_thread(None) is None
    record(storage, id_="empty", mark="m")
    assert storage.inbox.resting_thread(None) is None


def test_a_notice_below_a_guest_text_is_no_answer(storage: Storage) -> None:
    notice = replace(card("2"), kind=Kind.NOTICE, body="joined")
    record(storage, guest("1"), notice, mark="m")
    storage.turns.give_up(turn_of(storage, guest("1"), notice).id, "refused", NOW)
    assert storage.inbox.resting_thread(None) is None


def test_a_card_below_an_unanswered_text_is_no_answer(storage: Storage) -> None:
    turn = turn_of(storage, guest("1"), card("2"))
    record(storage, guest("1"), card("2"), mark="m")
    storage.outbox.enqueue(turn, "Yes.", "AI", NOW)
    assert storage.inbox.resting_thread(None) is None


# Turns


def test_a_turn_is_asked_once_by_four_threads(storage: Storage) -> None:
    turns = {turn_of(storage, id_=f"T{n}").id for n in range(6)}

    def ask(_: int) -> str | None:
        turn = storage.turns.claim_next(NOW, later(300))
        return turn.id if turn else None

    with ThreadPoolExecutor(4) as pool:
        claimed = [id_ for id_ in pool.map(ask, range(12)) if id_]
    assert sorted(claimed) == sorted(turns)


def test_the_turn_that_waits_longest_is_asked_first(storage: Storage) -> None:
    young = turn_of(storage, guest("1"), id_="young")
    old = turn_of(storage, guest("2", at=later(-60)), id_="old")
    asked = [storage.turns.claim_next(NOW, later(300)) for _ in range(2)]
    assert [turn.id for turn in asked if turn] == [old.id, young.id]


def test_a_turn_is_asked_again_only_when_its_time_has_come(storage: Storage) -> None:
    turn = turn_of(storage)
    storage.turns.claim_next(NOW, later(300))
    assert storage.turns.claim_next(later(299), later(600)) is None
    again = storage.turns.claim_next(later(300), later(600))
    assert again and (again.id, again.attempts) == (turn.id, 2)


def test_a_turn_that_was_closed_meanwhile_is_not_opened_again(storage: Storage) -> None:
    turn = turn_of(storage)
    storage.turns.claim_next(NOW, later(300))
    record(storage, guest("T1-1"), host("2"))
    storage.turns.ask_again(turn, "the AI answered HTTP 500", later(15), False, NOW)
    assert not storage.turns.ignore(turn.id, NOW)
    closed = storage.turns.get(turn.id)
    assert closed and closed.status == TurnStatus.TAKEN_OVER
    assert closed.reason == "you answered first"


def test_a_thread_has_one_open_turn(storage: Storage) -> None:
    first = turn_of(storage, guest("1"))
    record(storage, guest("1"), guest("2"))
    record(storage, guest("1"), guest("2"), guest("3"))
    sql = "SELECT status, COUNT(*) AS n FROM turns GROUP BY status ORDER BY status"
    assert [tuple(row) for row in rows(storage, sql)] == [("new", 1), ("superseded", 2)]
    newest = storage.turns.newest("T1")
    assert newest and newest.id != first.id
    texts = storage.turns.question(newest).texts
    assert [text.id for text in texts] == ["1", "2", "3"]


def test_turns_expire_by_the_sites_clock(storage: Storage) -> None:
    turn = turn_of(storage, guest("1", at=later(-3600 * 11)))
    assert storage.turns.expire(NOW, NOW, RULES) == 0
    assert storage.turns.expire(NOW, later(3601), RULES) == 1
    closed = storage.turns.get(turn.id)
    assert closed and closed.status == TurnStatus.EXPIRED
    assert closed.reason == "older than 12 h"


def test_a_failed_turn_whose_texts_went_on_is_not_asked_again(storage: Storage) -> None:
    first = turn_of(storage, guest("1"))
    storage.turns.give_up(first.id, "HTTP 400", NOW)
    second = turn_of(storage, guest("1"), guest("2"))
    storage.outbox.enqueue(second, "Yes.", "AI", NOW)
    with pytest.raises(VerbRefused):
        storage.verbs.retry_turn(first.id, later(-3600), NOW)


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
    assert storage.turns.get(turn.id).status == "new"


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
    released = storage.outbox.get(held.id)
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


def reopened(storage: Storage) -> Storage:
    storage.close()
    return Storage(storage.path)


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


# Other programs read the file


def test_the_three_queries_of_the_shell_work(storage: Storage) -> None:
    today = datetime.now(UTC)
    add = storage.outbox.enqueue_without_turn
    for name, at in [("old", today - timedelta(days=1)), ("new", today)]:
        add(name, name, "curl", at)
        held = claim(storage, at)
        assert held
        storage.outbox.conclude(held, Verdict(ReplyStatus.SENT, None, name), at, None)
    for name in ("held", "one", "two"):
        add(name, name, "curl", today)
    claim(storage, today)
    count = "SELECT COUNT(*) AS n FROM queue_outbox WHERE status = "
    assert rows(storage, count + "'pending';")[0]["n"] == 2
    assert rows(storage, count + "'processing';")[0]["n"] == 1
    sent = count + "'sent' AND DATE(processed_at) = CURRENT_DATE;"
    assert rows(storage, sent)[0]["n"] == 1


TIMES = {
    "threads": "activity_at",
    "messages": "sent_at seen_at",
    "turns": "first_at newest_at created_at changed_at asked_at next_attempt_at",
    "queue_outbox": "created_at claimed_at send_started_at first_absent_at",
    "session": "since",
    "cycles": "started_at",
}


@pytest.mark.parametrize("table", TIMES)
def test_times_are_text_with_milliseconds_and_z(storage: Storage, table: str) -> None:
    turn_of(storage, id_="T9")
    storage.turns.claim_next(NOW, later(300))
    unproven(storage)
    storage.session.add_cycle("sync", NOW, 12, "1 thread")
    found = 0
    for row in rows(storage, f"SELECT * FROM {table}"):
        for name in TIMES[table].split():
            found += row[name] is not None
            assert row[name] is None or re.fullmatch(
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[name]
            )
    assert found >= len(TIMES[table].split())


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE queue_outbox SET status = 'done'",
        "UPDATE queue_outbox SET status = NULL",
        "UPDATE queue_outbox SET attempts = 'many'",
        "UPDATE turns SET status = 'open'",
        "UPDATE messages SET direction = 'sideways'",
        "UPDATE messages SET kind = 'song'",
        "UPDATE messages SET position = 'last'",
        "UPDATE session SET state = 'fine'",
        "INSERT INTO session SELECT 2, state, since, sentence, 0, NULL, NULL, 0, 0,"
        " token_key, NULL FROM session",
    ],
)
def test_the_tables_refuse_what_is_no_state(storage: Storage, sql: str) -> None:
    reply_to(storage)
    with pytest.raises(sqlite3.IntegrityError):
        rows(storage, sql)


def test_every_table_is_strict(storage: Storage) -> None:
    tables = rows(storage, "PRAGMA table_list")
    ours = [row for row in tables if not row["name"].startswith("sqlite_")]
    assert len(ours) >= 6
    assert all(row["strict"] for row in ours)


def test_the_database_is_in_wal_and_writes_through(storage: Storage) -> None:
    assert rows(storage, "PRAGMA journal_mode")[0][0] == "wal"

    def settings() -> list[object]:
        names = ("synchronous", "foreign_keys")
        return [storage.db.read(f"PRAGMA {name}")[0][0] for name in names]

    assert settings() == [2, 1]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(settings).result() == [2, 1]


# The file


def test_the_files_are_our_users_alone(storage: Storage, tmp_path: Path) -> None:
    reply_to(storage)
    View(storage.path).copy_to(tmp_path / "copy.db")
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    names = {path.name for path in files}
    assert {"airbot.db", "airbot.db-wal", "airbot.db-shm", "airbot.db.lock"} <= names
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_a_newer_database_is_refused_and_left_alone(storage: Storage) -> None:
    storage.db.close()
    with closing(sqlite3.connect(storage.path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StorageError, match="newer airbot"):
        Storage(storage.path)
    (row,) = rows(storage, "PRAGMA user_version")
    assert row[0] == VERSION + 1


@pytest.mark.parametrize("pragma", ["application_id = 77", "user_version = 3"])
def test_a_database_of_another_program_is_refused(tmp_path: Path, pragma: str) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (name)")
        connection.execute(f"PRAGMA {pragma}")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="belongs to another program"):
        Storage(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_without_marks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (name)")
    before = path.read_bytes()
    with pytest.raises(StorageError, match="belongs to another program"):
        Storage(path)
    assert path.read_bytes() == before


def as_folder(path: Path) -> None:
    path.mkdir()


def as_garbage(path: Path) -> None:
    path.write_bytes(b"this was never a database, whatever its name says" * 40)


def below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("a file where the folder should be")


def beside_a_folder(path: Path) -> None:
    path.with_name(path.name + ".lock").mkdir()


@pytest.mark.parametrize(
    "spoil", [as_folder, as_garbage, below_a_file, beside_a_folder]
)
def test_a_file_that_is_no_database_is_a_storage_error(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "folder" / "airbot.db"
    path.parent.mkdir()
    spoil(path)
    with pytest.raises(StorageError, match="the database .*airbot.db"):
        Storage(path)


def test_a_page_that_was_damaged_is_a_storage_error(storage: Storage) -> None:
    for number in range(60):
        record(storage, guest(str(number), "word " * 50), id_=f"T{number}")
    storage.close()
    damaged = bytearray(storage.path.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    storage.path.write_bytes(damaged)
    with pytest.raises(StorageError):
        again = Storage(storage.path)
        again.readings.take_in(reading(guest("1")), RULES, NOW)


def test_a_full_disk_stores_nothing_and_recovers(storage: Storage) -> None:
    record(storage, guest("1"))
    (pages,) = storage.db.read("PRAGMA page_count")
    storage.db.read(f"PRAGMA max_page_count = {pages[0]}")
    with pytest.raises(StorageError, match="full"):
        record(storage, *(guest(str(n), "word " * 400) for n in range(2, 30)))
    assert order(storage) == ["1"]
    storage.db.read("PRAGMA max_page_count = 1000000")
    assert record(storage, guest("1"), guest("2")).new_texts == 1


def test_a_file_that_another_program_locks_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    storage = Storage(tmp_path / "airbot.db")
    with closing(sqlite3.connect(storage.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            record(storage, guest("1"))
        other.execute("ROLLBACK")
    assert record(storage, guest("1")).new_texts == 1
    storage.close()


def count_up(path: Path, times: int) -> None:
    storage = Storage(path)
    for _ in range(times):
        with storage.db.transaction() as tx:
            (row,) = tx.execute("SELECT tries FROM session")
            tx.execute("UPDATE session SET tries = :n", {"n": row["tries"] + 1})
    storage.close()


def test_processes_and_threads_that_write_at_once_lose_nothing(
    storage: Storage,
) -> None:
    spawn = multiprocessing.get_context("spawn")
    others = [
        spawn.Process(target=count_up, args=(storage.path, 150)) for _ in range(2)
    ]
    threads = [
        threading.Thread(target=count_up, args=(storage.path, 150)) for _ in range(2)
    ]
    for worker in [*others, *threads]:
        worker.start()
    for worker in [*others, *threads]:
        worker.join()
    assert storage.session.get().tries == 600


def test_a_fresh_database_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    for n in range(30):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: Storage(tmp_path / f"{n}.db").close(), range(6)))


def test_a_transaction_inside_another_joins_it(storage: Storage) -> None:
    with pytest.raises(RuntimeError):
        with storage.db.transaction():
            record(storage, guest("1"))
            raise RuntimeError
    assert counted(storage, "messages") == 0
    record(storage, guest("1"))
    assert counted(storage, "messages") == 1


def test_a_copy_is_whole_and_apart(storage: Storage, tmp_path: Path) -> None:
    reply = reply_to(storage)
    View(storage.path).copy_to(tmp_path / "copy.db")
    copy = Storage(tmp_path / "copy.db")
    assert copy.outbox.get(reply.id) == reply
    assert copy.session.token_key() == storage.session.token_key()
    claim(copy)
    kept = storage.outbox.get(reply.id)
    assert kept and kept.status == ReplyStatus.PENDING
    copy.close()


# How we stand with Airbnb


def test_a_new_database_stands_well_and_has_a_key(storage: Storage) -> None:
    session = storage.session.get()
    assert (session.state, session.tries) == (SessionState.OK, 0)
    assert session.account_id is None
    assert len(storage.session.token_key()) == 32
    assert not storage.session.walk_finished()


def test_a_state_keeps_since_when_and_how_often(storage: Storage) -> None:
    put = storage.session.set_state
    assert put(SessionState.UNAVAILABLE, "no network", NOW, later(15))
    assert not put(SessionState.UNAVAILABLE, "HTTP 503", later(15), later(45))
    session = storage.session.get()
    assert (session.since, session.tries) == (NOW, 2)
    assert (session.sentence, session.next_try_at) == ("HTTP 503", later(45))
    assert put(SessionState.OK, "Airbnb answers", later(45))
    session = storage.session.get()
    assert (session.since, session.tries, session.next_try_at) == (later(45), 0, None)


@pytest.mark.parametrize("state", [SessionState.LOGIN, SessionState.CAPTCHA])
def test_a_stored_pause_survives_a_restart(
    storage: Storage, state: SessionState
) -> None:
    storage.session.set_state(state, "a person is needed", NOW)
    again = reopened(storage)
    assert again.session.get().state == state
    again.close()


def test_account_clock_and_walk_are_kept(storage: Storage) -> None:
    storage.session.set_account("900")
    storage.session.keep_clock_offset(-12.5)
    storage.session.set_walk_finished(True)
    again = reopened(storage)
    session = again.session.get()
    assert (session.account_id, session.clock_offset_s) == ("900", -12.5)
    assert session.site_time(NOW) == later(-12.5)
    assert again.session.walk_finished()
    again.close()


# Writes that share a commit


def test_writes_that_wait_for_the_disk_share_one_commit(storage: Storage) -> None:
    commits: list[str] = []

    def count(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(
            lambda sql: commits.append(sql) if sql == "COMMIT" else None
        )

    held, go = threading.Barrier(2), threading.Event()

    def first(tx: Any) -> str:
        count(storage.db._connection())
        held.wait()
        go.wait(10)
        return "first"

    def later_one(number: int) -> int:
        count(storage.db._connection())
        return storage.db.together(lambda tx: number)

    with ThreadPoolExecutor(9) as pool:
        leader = pool.submit(storage.db.together, first)
        held.wait()
        others = [pool.submit(later_one, number) for number in range(8)]
        while len(storage.db._writes) < 8:
            pass
        go.set()
        assert leader.result(10) == "first"
        assert [other.result(10) for other in others] == list(range(8))
    assert len(commits) == 2


def test_one_that_fails_is_undone_alone(storage: Storage) -> None:
    held, go = threading.Barrier(2), threading.Event()

    def first(tx: Any) -> None:
        held.wait()
        go.wait(10)

    def write(tx: Any, name: str, fails: bool) -> None:
        tx.execute("UPDATE session SET sentence = sentence || :name", {"name": name})
        if fails:
            raise ZeroDivisionError

    with ThreadPoolExecutor(4) as pool:
        pool.submit(storage.db.together, first)
        held.wait()
        waiting = []
        for name, fails in (("a", False), ("b", True), ("c", False)):
            work = lambda tx, n=name, f=fails: write(tx, n, f)  # noqa: E731
            waiting.append(pool.submit(storage.db.together, work))
            while len(storage.db._writes) < len(waiting):
                pass
        go.set()
        assert isinstance(waiting[1].exception(10), ZeroDivisionError)
        assert waiting[0].exception(10) is waiting[2].exception(10) is None
    assert storage.session.get().sentence == "not started yetac"


def test_a_commit_that_fails_fails_for_all_who_shared_it(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(storage.db.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(3) as pool:
            done = [pool.submit(storage.db.together, lambda tx: 1) for _ in range(3)]
            assert all(isinstance(d.exception(30), StorageError) for d in done)
        other.execute("ROLLBACK")
    assert storage.db.together(lambda tx: 1) == 1
