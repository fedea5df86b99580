"""One sick conversation among healthy ones: it is counted and named, and nobody waits.

The sick one comes first wherever there is an order: newest in the list, first in the
queue. On FakeAirbnb; some of it in Chromium: test_sick_on_the_site.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from support.fakes import FakeAirbnb
from support.sick import READING
from support.sick import SENDING
from support.sick import Inn
from support.sick import Json
from support.sick import fails_in_storage
from support.sick import field_is
from support.sick import hidden
from support.sick import only_the_sick_reply_has_a_link

from airbot.airbnb import shapes
from airbot.config import Config
from airbot.exceptions import QueueFull
from airbot.models import SessionState
from airbot.models import TurnStatus
from airbot.policy.pace import MOST_WITHOUT_TURN
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.trouble import HeldBack
from airbot.sandbox.world import Thread
from airbot.storage import Storage


@pytest.fixture
def inn(site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]) -> Inn:
    return Inn(site, FakeAirbnb(site), storage, make_config())


# SYNC


@pytest.mark.parametrize("kind", READING)
def test_it_is_named_the_others_are_answered_and_when_it_is_well_it_is_too(
    inn: Inn, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    take_in = inn.storage.readings.take_in
    READING[kind](inn)
    inn.cycle()
    assert inn.all_but_the_sick_one_are_answered()
    row = inn.row(inn.sick)
    assert row["trouble"] and row["trouble"] == row["reason"]
    assert row["seen_mark"] is None
    assert inn.is_stored_from_the_row(inn.sick)
    inn.cycle(2)
    assert inn.waits_for_a_person() == [("Maya", row["trouble"])]
    assert inn.session() == SessionState.OK
    assert caplog.text.count("3 times in a row") == 1
    assert "Kanarien" not in caplog.text + row["trouble"]
    inn.site.clear_trouble()
    inn.storage.readings.take_in = take_in  # type: ignore[method-assign]
    inn.cycle()
    assert inn.answered(inn.sick)
    assert inn.row(inn.sick)["trouble"] is None


PEOPLE: list[Any] = [None, 5, {"edges": None}, {"edges": [None, 7, [], {"node": 1}]}]


@pytest.mark.parametrize("people", PEOPLE)
def test_where_the_people_are_odd_the_row_says_who_they_are(
    inn: Inn, people: Any
) -> None:
    field_is("participants", people)(inn)
    inn.cycle()
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])
    assert "participants.edges" in inn.row(inn.sick)["trouble"]


@pytest.mark.parametrize("people", PEOPLE)
def test_where_they_are_odd_everywhere_nothing_is_guessed(
    inn: Inn, people: Any
) -> None:
    field_is("participants", people)(inn)
    inn.site.odd("list", first_node_has(participants=people))
    inn.cycle()
    assert inn.all_but_the_sick_one_are_answered()
    assert inn.row(inn.sick)["seen_mark"] is None
    inn.site.clear_trouble()
    inn.cycle()
    assert inn.answered(inn.sick)


def test_one_that_is_shown_no_more_is_named(inn: Inn) -> None:
    hidden(inn)
    inn.cycle()
    assert inn.all_but_the_sick_one_are_answered()
    assert "does not show" in inn.row(inn.sick)["trouble"]
    assert "does not show" in (inn.shown()["Maya"] or "")


def test_all_are_read_when_three_sick_ones_stand_at_the_top_and_nobody_rests(
    inn: Inn,
) -> None:
    inn.site.hide(inn.resting)
    for thread in (inn.sick, *inn.healthy[3:]):
        inn.site.thread_trouble(thread, api_status=500)
    inn.cycle()
    assert [inn.answered(thread) for thread in inn.healthy[:3]] == [True] * 3
    assert inn.session() == SessionState.OK


@pytest.mark.parametrize("rests", [True, False])
def test_conversations_that_cannot_be_read_anywhere_are_the_sites(
    inn: Inn, rests: bool
) -> None:
    if rests:
        inn.read()
    inn.site.trouble.api_for = "ViaductGetThreadAndDataQuery"
    inn.site.trouble.api_status = 500
    for thread in (*inn.healthy, inn.sick):
        inn.site.guest_writes(thread, "Hello?")
    assert not inn.read()
    assert inn.session() == SessionState.UNAVAILABLE
    inn.site.clear_trouble()
    inn.cycle(2)
    assert all(inn.answered(thread) for thread in [*inn.healthy, inn.sick])


@pytest.mark.parametrize("errors", ["data", "field"])
def test_an_outage_of_the_list_is_tried_again_in_seconds(inn: Inn, errors: str) -> None:
    inn.site.trouble.api_errors = errors
    assert not inn.read()
    assert inn.session() == SessionState.UNAVAILABLE
    inn.site.clear_trouble()
    inn.cycle()
    assert all(inn.answered(thread) for thread in inn.healthy)


# Rows of the list


def rows(data: Json, name: str = "inboxItems") -> list[Any]:
    found = data["data"]["node"]["messagingInbox"][name]["edges"]
    assert isinstance(found, list)
    return found


def first_row_is(value: Any) -> Callable[[Json], None]:
    def change(data: Json) -> None:
        rows(data)[0] = rows(data, "priorityItems")[0] = value

    return change


def first_node_has(**values: Any) -> Callable[[Json], None]:
    def change(data: Json) -> None:
        for name in ("inboxItems", "priorityItems"):
            rows(data, name)[0]["node"].update(values)

    return change


NULL_ROWS: list[object] = [
    None,
    5,
    [],
    {},
    {"node": None},
    {"node": []},
    {"node": {"id": None}},
]


@pytest.mark.parametrize("value", NULL_ROWS)
def test_a_null_row_takes_nothing_from_the_others(
    inn: Inn, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    inn.site.odd("list", first_row_is(value))
    inn.cycle()
    assert inn.all_but_the_sick_one_are_answered()
    cycles = inn.storage.shown.overview(inn.clock()).cycles
    assert "1 row not understood" in cycles["sync"].outcome
    inn.read()
    assert caplog.text.count("a row of the list is not understood: ") == 1
    inn.site.clear_trouble()
    inn.cycle()
    assert inn.answered(inn.sick)


POOR_ROWS = [
    {"participants": None},
    {"participants": {"edges": [None]}},
    {"participants": {"edges": [{"node": {"accountId": 5}}]}},
    {"inboxTitle": None, "inboxDescription": 5, "userThreadTags": [None, 7, {}]},
    {"messageData": None},
    {"messageData": None, "messages": None},
    {"messageData": {"messages": [None]}, "messages": {"edges": [None]}},
    {"messageData": {"messages": [{"id": 5}]}, "messages": {"edges": [5]}},
    {"mostRecentInboxActivityAtMsFromROS": [None]},
]


@pytest.mark.parametrize("values", POOR_ROWS)
def test_a_poor_row_is_enough_to_read_its_conversation(inn: Inn, values: Json) -> None:
    inn.site.odd("list", first_node_has(**values))
    inn.cycle()
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])
    inn.site.guest_writes(inn.sick, "And breakfast?")
    inn.cycle()
    assert len(inn.site.posted(inn.sick)) == 2


def test_a_page_of_odd_rows_does_not_end_the_walk(inn: Inn) -> None:
    inn.site.trouble.page_size, inn.site.trouble.priority_rows = 1, 0
    inn.site.odd("list", lambda data: rows(data).__setitem__(0, None))
    inn.read()
    inn.site.clear_trouble()
    inn.cycle()
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])


def test_most_rows_odd_is_a_changed_site(inn: Inn) -> None:
    inn.site.odd("list", lambda data: rows(data).__setitem__(slice(0, 4), [None] * 4))
    assert not inn.read()
    assert inn.session() == SessionState.UNKNOWN
    assert "inboxItems.edges[0]" in inn.storage.session.get().sentence


def test_half_an_emoji_is_stored_and_answered(inn: Inn) -> None:
    inn.site.guest_writes(inn.sick, "Merci \ud83d")
    inn.sick.listing = "Loft \ude00"
    inn.cycle()
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])
    assert "Merci \ufffd" in [line.body for line in inn.storage.shown.messages(9)]


# SEND


@pytest.mark.parametrize("kind", SENDING)
def test_a_reply_there_is_counted_and_ends_failed_with_the_sentence(
    inn: Inn, kind: str
) -> None:
    only_the_sick_reply_has_a_link(inn)
    SENDING[kind](inn)
    inn.send()
    assert inn.all_but_the_sick_one_are_answered()
    assert (inn.reply(inn.sick).status, inn.reply(inn.sick).attempts) == ("pending", 1)
    tries = []
    while (reply := inn.reply(inn.sick)).status == "pending":
        tries.append(reply.attempts)
        inn.send(16)
    assert (reply.status, reply.presses) == ("failed", 0)
    assert [tries.count(n) for n in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert any(
        (reply.last_error or "?") in what for _, what in inn.waits_for_a_person()
    )
    assert inn.session() == SessionState.OK


@pytest.mark.parametrize("kind", SENDING)
def test_it_is_sent_when_the_conversation_is_well_again(inn: Inn, kind: str) -> None:
    take_in = inn.storage.readings.take_in
    only_the_sick_reply_has_a_link(inn)
    SENDING[kind](inn)
    inn.send()
    inn.site.clear_trouble()
    inn.site.hide(inn.sick, hidden=False)
    inn.storage.readings.take_in = take_in  # type: ignore[method-assign]
    inn.send(20)
    assert inn.reply(inn.sick).status == "sent"


def test_a_fault_of_ours_while_proving_forgets_no_proof(inn: Inn) -> None:
    inn.queued()
    inn.airbnb.before("press_send", lambda: fails_in_storage(inn))
    inn.send()
    assert inn.reply(inn.sick).status == "sent"
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])


def leave(inn: Inn, *threads: Thread) -> None:
    for thread in threads:
        inn.site.thread_trouble(thread, composer="none")


@pytest.mark.parametrize("others_wait", [True, False])
def test_two_guests_who_have_left_do_not_shut_the_site(
    inn: Inn, others_wait: bool
) -> None:
    inn.queued()
    if not others_wait:
        for thread in inn.healthy[1:]:
            inn.storage.verbs.cancel_reply(inn.reply(thread).id, inn.clock())
    leave(inn, inn.sick, inn.healthy[0])
    for _ in range(60):
        inn.send(15)
        assert inn.session() == SessionState.OK
    left = [inn.reply(thread).status for thread in (inn.sick, inn.healthy[0])]
    assert left == ["failed", "failed"]
    assert all(inn.answered(thread) for thread in inn.healthy[1:]) is others_wait


def test_two_who_have_left_stop_nobody_where_no_conversation_rests(inn: Inn) -> None:
    inn.site.hide(inn.resting)
    inn.queued()
    leave(inn, inn.sick, inn.healthy[0])
    inn.send()
    assert all(inn.answered(thread) for thread in inn.healthy[1:])
    assert inn.session() == SessionState.OK


def test_where_nobody_else_is_there_the_site_is_blamed_once(inn: Inn) -> None:
    for thread in (inn.resting, *inn.healthy[1:]):
        inn.site.hide(thread)
    inn.queued()
    leave(inn, inn.sick, inn.healthy[0])
    inn.send()
    assert inn.session() == SessionState.UNKNOWN
    for _ in range(20):
        inn.send(901)
    left = [inn.reply(thread).status for thread in (inn.sick, inn.healthy[0])]
    assert left == ["failed", "failed"]
    assert inn.session() == SessionState.OK


@pytest.mark.parametrize("gone", ["composer", "all"])
def test_what_works_nowhere_is_the_sites_and_no_reply_is_lost(
    inn: Inn, gone: str
) -> None:
    inn.queued()
    inn.site.trouble.markup_gone = gone
    inn.site.trouble.composer = "none"
    inn.send()
    assert inn.session() == SessionState.UNKNOWN
    for _ in range(5):
        inn.send(3700)
    replies = [inn.reply(thread) for thread in [inn.sick, *inn.healthy]]
    assert {reply.status for reply in replies} == {"pending"}
    assert sorted(reply.attempts for reply in replies) == [0, 0, 0, 0, 0, 1]
    inn.site.clear_trouble()
    inn.send(3700)
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])


# The queue is fair


def test_five_hundred_rows_of_one_conversation_keep_nobody_waiting(inn: Inn) -> None:
    inn.queued()
    with inn.storage.db.transaction() as tx:
        for number in range(500):
            tx.execute(
                """
                INSERT INTO queue_outbox (id, thread_id, message, sender, status,
                                          created_at)
                VALUES (:id, :thread_id, 'x', 'x', 'pending', '2020-01-01T00:00:00Z')
                """,
                {"id": f"row-{number}", "thread_id": inn.resting.id},
            )
    inn.sender.run(lambda: inn.airbnb.calls.count("press_send") >= 6)
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])


def test_replies_over_their_limit_keep_nobody_waiting(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> None:
    inn = Inn(
        site, FakeAirbnb(site), storage, make_config(send__max_per_thread_hour="1")
    )
    inn.site.guest_writes(inn.sick, "Hello?")
    inn.cycle()
    assert inn.answered(inn.sick)
    inn.site.guest_writes(inn.sick, "And breakfast?")
    inn.site.guest_writes(inn.resting, "Hello again")
    inn.cycle()
    assert inn.answered(inn.resting)
    reply = inn.reply(inn.sick)
    assert (reply.status, reply.attempts) == ("pending", 0)
    assert "replies an hour in one conversation" in (reply.last_error or "")


def test_six_hundred_bogus_rows_keep_nobody_waiting(inn: Inn) -> None:
    inn.read()
    taken = 0
    for number in range(600):
        thread_id = shapes.global_id("MessageThread", f"9990{number:05}")
        try:
            inn.storage.outbox.enqueue_without_turn(thread_id, "x", "x", inn.clock())
            taken += 1
        except QueueFull as e:
            assert str(e) == "too many messages wait already, send this one later"
    assert taken == MOST_WITHOUT_TURN
    inn.answer()
    inn.sender.run(lambda: inn.airbnb.calls.count("press_send") >= 6)
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])
    assert inn.storage.shown.reply_counts()["pending"] == MOST_WITHOUT_TURN
    inn.send()
    counts = inn.storage.shown.reply_counts()
    assert counts == {"sent": 6, "failed": MOST_WITHOUT_TURN}
    with pytest.raises(QueueFull, match="that airbot has not read"):
        inn.storage.outbox.enqueue_without_turn(thread_id, "y", "x", inn.clock())
    assert inn.storage.outbox.enqueue_without_turn(inn.sick.id, "y", "x", inn.clock())
    session = inn.storage.session.get()
    [waits] = inn.storage.shown.waiting(session, inn.clock())
    assert waits.what.startswith("20 replies to conversations that Airbnb does not")
    later = inn.clock() + timedelta(days=8)
    assert inn.storage.shown.waiting(session, later) == []


def test_what_cannot_be_settled_keeps_nobody_waiting(inn: Inn) -> None:
    """Each look at an uncertain reply takes longer than the next one is away."""
    inn.queued()
    inn.site.trouble.send = "swallow"
    unsettled = [inn.sick, *inn.healthy[:3]]
    for thread in inn.healthy[3:]:
        inn.storage.verbs.cancel_reply(inn.reply(thread).id, inn.clock())
    inn.send()
    inn.site.clear_trouble()
    for thread in unsettled:
        inn.site.thread_trouble(thread, held_back=HeldBack())
    inn.site.guest_writes(inn.resting, "Hello again")
    inn.site.on("thread_read", lambda thread: inn.clock.advance(20))
    inn.read()
    inn.answer()
    looks = itertools.count()
    inn.sender.run(lambda: next(looks) > 12)
    assert inn.answered(inn.resting)


def test_age_is_judged_at_the_claim_before_anything_is_read(inn: Inn) -> None:
    inn.queued()
    inn.airbnb.calls.clear()
    inn.clock.advance(13 * 3600)
    inn.site.guest_writes(inn.resting, "Hello again")
    inn.send()
    assert inn.airbnb.calls == []
    assert inn.reply(inn.sick).status == "cancelled"
    assert inn.reply(inn.sick).last_error == "older than 12 h"
    turn = inn.storage.turns.newest(inn.sick.id)
    assert turn and turn.status == TurnStatus.EXPIRED
    inn.cycle()
    assert inn.answered(inn.resting)


def test_also_of_what_answers_no_question(inn: Inn) -> None:
    inn.read()
    outbox = inn.storage.outbox
    reply = outbox.enqueue_without_turn(inn.sick.id, "Hi", "x", inn.clock())
    inn.airbnb.calls.clear()
    inn.send(13 * 3600)
    kept = outbox.get(reply.id)
    assert kept and (kept.status, kept.last_error) == ("cancelled", "older than 12 h")
    assert inn.airbnb.calls == []
