"""SEND up to the press: the way, trouble before it, people who come first.

On FakeAirbnb (see test_site_contract.py) and a real database; time is moved by hand.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from support.fakes import FakeAirbnb
from support.fakes import Scene
from support.sending import BEFORE
from support.sending import CANARY
from support.sending import REPLY
from support.sending import SETTLE_S
from support.sending import SITE_ERRORS
from support.sending import SITES_OWN

from airbot.airbnb import shapes
from airbot.config import Config
from airbot.exceptions import ReplyNotTyped
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import StorageError
from airbot.exceptions import ThreadNotShown
from airbot.models import TurnStatus
from airbot.policy import proof
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

UNKNOWN = shapes.global_id("MessageThread", "999999999")
# The way that it goes


def test_a_reply_is_sent_with_the_id_it_stands_under(scene: Scene) -> None:
    scene.queue(REPLY)
    reply = scene.later(0)
    assert (reply.status, reply.attempts, reply.presses) == ("sent", 1, 1)
    assert reply.site_message_id == scene.site.posted()[0].id
    assert reply.last_error is None
    assert scene.posted() == [REPLY]


def test_the_steps_come_in_their_order_and_send_is_pressed_once(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.airbnb.calls.clear()
    scene.later(0)
    assert scene.airbnb.calls == [
        "read_thread",
        "read_inbox",
        "open_thread",
        "type_reply",
        "read_thread",
        "read_inbox",
        "check_typed",
        "press_send",
        "open_thread",
        "read_thread",
        "read_inbox",
    ]


def test_attempt_time_and_what_is_known_are_on_record_before_the_press(
    scene: Scene,
) -> None:
    scene.queue(REPLY)
    seen: list[Any] = []
    scene.airbnb.before("press_send", lambda: seen.append(scene.reply()))
    scene.later(0)
    (reply,) = seen
    assert reply.status == "processing"
    assert reply.send_started_at is not None
    assert (reply.attempts, reply.presses, reply.known_to) == (1, 1, 1)


def test_nothing_is_pressed_when_it_cannot_be_recorded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, make_config: Callable[..., Config]
) -> None:
    scene.queue(REPLY)

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(scene.storage.outbox, "start_press", full)
        with pytest.raises(StorageError):
            scene.later(0)
    assert scene.posted() == []
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


def test_replies_of_several_threads_are_sent_in_one_run(scene: Scene) -> None:
    scene.queue(REPLY)
    first, scene.thread = scene.thread, scene.site.add_thread("Kenji")
    scene.queue("You are welcome.")
    scene.later(0)
    assert [m.text for m in scene.site.posted(first)] == [REPLY]
    assert [m.text for m in scene.site.posted(scene.thread)] == ["You are welcome."]


def test_send_stops_between_two_replies(scene: Scene) -> None:
    scene.queue(REPLY)
    assert scene.sender.run(stopping=lambda: True) == 0
    assert scene.reply().status == "pending"


# Before the boundary: nothing was pressed, so it is tried again


@pytest.mark.parametrize(("step", "call"), BEFORE)
@pytest.mark.parametrize("error", SITES_OWN, ids=lambda e: type(e).__name__)
def test_trouble_of_the_site_before_the_press_costs_no_attempt(
    scene: Scene, step: str, call: int, error: SiteError
) -> None:
    scene.queue(REPLY)
    scene.airbnb.fail(step, error, call)
    with pytest.raises(type(error)):
        scene.later(0)
    reply = scene.reply()
    assert (reply.status, reply.attempts, reply.presses) == ("pending", 0, 0)
    assert reply.last_error == str(error)
    assert scene.posted() == []
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


@pytest.mark.parametrize(
    ("step", "call", "error"),
    [
        (
            "check_typed",
            1,
            ReplyNotTyped("the composer did not hold exactly the reply"),
        ),
        ("type_reply", 1, ReplyNotTyped("the composer did not hold exactly the reply")),
        ("read_thread", 1, ThreadNotShown("not shown")),
        ("open_thread", 1, ThreadNotShown("not shown")),
        ("read_thread", 2, ThreadNotShown("not shown")),
        *[(step, call, SiteUnavailable("timed out")) for step, call in BEFORE],
        *[(step, call, SiteChanged("a box")) for step, call in BEFORE],
        *[(step, call, KeyError("a fault of ours")) for step, call in BEFORE],
    ],
)
def test_trouble_of_this_reply_alone_is_counted_and_waits(
    scene: Scene, step: str, call: int, error: Exception
) -> None:
    scene.queue(REPLY)
    scene.airbnb.fail(step, error, call)
    reply = scene.later(0)
    assert (reply.status, reply.attempts, reply.presses) == ("pending", 1, 0)
    assert scene.later(14).status == "pending"
    assert scene.later(2).status == "sent"
    assert scene.posted() == [REPLY]


def test_after_max_attempts_it_failed_and_says_why(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> None:
    config = make_config(send__max_attempts="2")
    scene = Scene(site, FakeAirbnb(site), storage, config)
    scene.queue(REPLY)
    for _ in range(3):
        scene.airbnb.fail(
            "check_typed", ReplyNotTyped("the composer held something else")
        )
        reply = scene.later(1000)
    assert reply.status == "failed"
    assert reply.last_error == "the composer held something else"
    assert scene.posted() == []


def test_a_conversation_that_airbnb_does_not_show_fails(scene: Scene) -> None:
    scene.queue_without_turn(REPLY, UNKNOWN)
    reply = scene.later(0)
    assert reply.status == "failed"
    assert "does not show" in (reply.last_error or "")


def test_a_reply_without_a_turn_is_sent_too(scene: Scene) -> None:
    scene.guest()
    scene.queue_without_turn(REPLY, scene.thread.id)
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


def test_a_reply_to_the_hosts_own_trip_is_not_sent(scene: Scene) -> None:
    trip = scene.site.add_thread("Ada", hosted=False)
    scene.site.guest_writes(trip, "Your room is ready.")
    scene.queue_without_turn(REPLY, trip.id)
    assert scene.later(0).status == "failed"
    assert scene.posted() == []


def test_over_its_hourly_limit_a_thread_waits_and_says_so(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> None:
    config = make_config(send__max_per_thread_hour="1")
    scene = Scene(site, FakeAirbnb(site), storage, config)
    scene.queue(REPLY)
    scene.later(0)
    scene.queue("And once more.")
    reply = scene.later(1)
    assert (reply.status, reply.attempts) == ("pending", 0)
    assert "1 replies an hour" in (reply.last_error or "")
    assert scene.later(3600).status == "sent"


# It yields to people


@pytest.mark.parametrize("call", [1, 2])
def test_a_guest_who_writes_before_the_press_gets_a_longer_turn_instead(
    scene: Scene, call: int
) -> None:
    scene.queue(REPLY)
    scene.airbnb.before("read_thread", lambda: scene.guest("And breakfast?"), call)
    old = scene.turn()
    assert scene.later(0).status == "cancelled"
    assert scene.posted() == [] and scene.airbnb.composer == ""
    closed = scene.storage.turns.get(old.id)
    assert closed is not None and closed.status == TurnStatus.SUPERSEDED
    assert scene.turn().status == TurnStatus.NEW
    assert scene.texts_of_turn() == ["Is parking free?", "And breakfast?"]


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("who", ["host", "cohost", "a photo"])
def test_a_person_on_the_hosts_side_who_was_first_makes_it_silent(
    scene: Scene, call: int, who: str
) -> None:
    scene.queue(REPLY)
    write = {
        "host": scene.host,
        "cohost": lambda: scene.site.cohost_writes(scene.thread, "Done!"),
        "a photo": lambda: scene.site.photo(scene.thread, by="host"),
    }
    scene.airbnb.before("read_thread", write[who], call)
    reply = scene.later(0)
    assert reply.status == "cancelled"
    assert reply.last_error == "you answered first"
    assert scene.turn().status == TurnStatus.TAKEN_OVER
    assert scene.posted() == [] and scene.airbnb.composer == ""


def test_an_account_that_nobody_lists_neither_asks_nor_answers(scene: Scene) -> None:
    scene.queue(REPLY)
    stranger = scene.site.account("Ines")
    scene.site.cohost_writes(scene.thread, "Who am I?", by=stranger)
    assert scene.later(0).status == "sent"


@pytest.mark.parametrize("call", [1, 2])
def test_a_reply_that_became_too_old_is_not_sent(scene: Scene, call: int) -> None:
    scene.queue(REPLY)
    scene.airbnb.before("read_thread", lambda: scene.clock.advance(13 * 3600), call)
    reply = scene.later(0)
    assert (reply.status, reply.last_error) == ("cancelled", "older than 12 h")
    assert scene.turn().status == TurnStatus.EXPIRED
    assert scene.posted() == [] and scene.airbnb.composer == ""


def test_a_text_that_the_guest_unsends_before_the_claim_needs_no_answer(
    scene: Scene,
) -> None:
    scene.queue(REPLY)
    scene.site.unsend(scene.site.messages(scene.thread)[0])
    scene.clock.advance(45)
    scene.syncer.run()
    assert scene.later(0).status == "cancelled"
    assert scene.posted() == []


@pytest.mark.parametrize("verb", ["edit", "unsend"])
def test_what_the_guest_edits_after_the_claim_changes_nothing(
    scene: Scene, verb: str
) -> None:
    scene.queue(REPLY)
    (text,) = scene.site.messages(scene.thread)
    words = ("Is it free?",) if verb == "edit" else ()
    change = getattr(scene.site, verb)
    scene.airbnb.before("read_thread", lambda: change(text, *words), call=2)
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


@pytest.mark.parametrize("call", [1, 2])
def test_a_person_was_first_also_where_the_guest_then_unsends_the_text(
    scene: Scene, call: int
) -> None:
    scene.queue(REPLY)
    (text,) = scene.site.messages(scene.thread)

    def talk_it_over() -> None:
        scene.host()
        scene.site.unsend(text)

    scene.airbnb.before("read_thread", talk_it_over, call)
    assert scene.later(0).status == "cancelled"
    assert scene.turn().status == TurnStatus.TAKEN_OVER
    assert scene.posted() == [] and scene.airbnb.composer == ""


def test_a_card_or_photo_before_the_press_changes_nothing(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.airbnb.before("read_thread", lambda: scene.site.card(scene.thread))
    scene.airbnb.before("read_thread", lambda: scene.site.photo(scene.thread))
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


def test_a_guest_text_that_lands_inside_the_send_is_the_next_turn(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.on("before_send_taken", lambda _: scene.guest("And breakfast?"))
    assert scene.later(0).status == "sent"
    assert scene.turn().status == TurnStatus.NEW
    assert scene.texts_of_turn() == ["And breakfast?"]


def test_a_guest_text_after_the_last_look_is_the_next_turn_too(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.airbnb.before("check_typed", lambda: scene.guest("And breakfast?"))
    assert scene.later(0).status == "sent"
    assert scene.texts_of_turn() == ["And breakfast?"]


# What went wrong in the published program


def test_sent_is_never_written_when_the_reply_does_not_stand_there(
    scene: Scene,
) -> None:
    for trouble in ("swallow", "refuse", "no_request"):
        scene.thread = scene.site.add_thread(trouble)
        scene.queue(REPLY)
        scene.site.trouble.send = trouble
        assert scene.later(1).status != "sent"
    assert scene.posted() == []


def test_two_callbacks_for_a_turn_are_one_message(scene: Scene) -> None:
    first = scene.queue(REPLY)
    for text in (REPLY, "In other words."):
        again = scene.storage.outbox.enqueue(scene.turn(), text, "ai", scene.clock())
        assert again.id == first.id
    scene.later(0)
    scene.storage.outbox.enqueue(scene.turn(), "Late words.", "ai", scene.clock())
    scene.later(1)
    assert scene.posted() == [REPLY]


def test_our_own_reply_is_not_taken_for_a_guests_text(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.later(0)
    for _ in range(3):
        scene.clock.advance(45)
        scene.syncer.run()
    assert scene.turn().status == TurnStatus.ANSWERED
    assert scene.posted() == [REPLY]


# What people wrote stays out of logs and error texts


def words_on_record(scene: Scene, caplog: pytest.LogCaptureFixture) -> str:
    tables = {
        "queue_outbox": "last_error",
        "turns": "reason",
        "threads": "reason",
        "session": "sentence",
        "cycles": "outcome",
    }
    said = [record.getMessage() for record in caplog.records]
    for table, columns in tables.items():
        rows = scene.storage.db.read(f"SELECT {columns} AS said FROM {table}")
        said += [str(row["said"]) for row in rows]
    return "\n".join(said)


@pytest.mark.parametrize(
    "trouble", [None, "swallow", "refuse", "rewrite", "no_request", "lose_answer"]
)
def test_no_word_of_guest_or_reply_is_logged_or_noted(
    scene: Scene, caplog: pytest.LogCaptureFixture, trouble: str | None
) -> None:
    caplog.set_level(logging.INFO)
    scene.guest(f"{CANARY}?")
    scene.queue(f"{CANARY}!\nWrite to {CANARY}@example.org")
    scene.site.trouble.send = trouble
    for _ in range(4):
        scene.later(SETTLE_S)
    scene.guest(f"{CANARY} again")
    scene.syncer.run()
    assert caplog.records
    assert CANARY not in words_on_record(scene, caplog)


@pytest.mark.parametrize(
    "quoted",
    [
        'Please remove "{}" before sending',
        "Please remove {}, then send",
        "You wrote: {}",
    ],
)
def test_a_refusal_that_quotes_the_reply_is_kept_without_the_quote(
    scene: Scene, quoted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.queue(f"Call 06 12 34 56 78 or www.{CANARY}.example")
    for said in (f"www.{CANARY}.example", "06 12 34 56 78"):
        words = quoted.format(said)
        kept = proof.without_words_of(scene.reply().message, words)
        assert said not in kept


@pytest.mark.parametrize("error", SITE_ERRORS, ids=lambda e: type(e).__name__)
def test_no_draft_is_left_when_the_second_reading_fails(
    scene: Scene, error: SiteError
) -> None:
    scene.queue(REPLY)
    scene.airbnb.fail("read_thread", error, 2)
    with suppress(SiteError):
        scene.later(0)
    assert scene.airbnb.composer == ""


# The page


def test_for_the_next_reply_the_open_conversation_is_not_loaded_again(
    scene: Scene,
) -> None:
    scene.queue(REPLY)
    scene.later(0)
    scene.queue_without_turn("And one more thing.", scene.thread.id)
    scene.airbnb.calls.clear()
    assert scene.later(1).status == "sent"
    assert scene.airbnb.calls.count("open_thread") == 1  # the proof alone
    assert scene.posted() == [REPLY, "And one more thing."]


def test_a_page_that_went_elsewhere_is_loaded_before_it_is_typed_into(
    scene: Scene,
) -> None:
    scene.queue(REPLY)
    scene.later(0)
    other = scene.site.add_thread("Kenji")
    scene.site.host_writes(other, "Welcome!")
    scene.airbnb.open_inbox(other.id)
    scene.queue_without_turn("And one more thing.", scene.thread.id)
    assert scene.later(1).status == "sent"
    assert scene.airbnb.calls[-11:][2] == "open_thread"
