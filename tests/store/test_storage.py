"""storage: readings, turns and the session, stored whole or not at all."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from support.builders import MAYA
from support.builders import NOW
from support.builders import RULES
from support.builders import card
from support.builders import guest
from support.builders import host
from support.builders import later
from support.builders import record
from support.builders import turn_of
from support.databases import counted
from support.databases import order
from support.databases import reopened
from support.databases import rows

from airbot.contract.payload import payload
from airbot.exceptions import VerbRefused
from airbot.models import Kind
from airbot.models import SessionState
from airbot.models import TakenIn
from airbot.models import TurnStatus
from airbot.storage import Storage

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
