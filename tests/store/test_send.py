"""SEND proves what it sent: never twice, never lost, whatever the site does.

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

from airbot.airbnb import shapes
from airbot.config import Config
from airbot.exceptions import ChallengeShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import ReplyNotTyped
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import SlowDown
from airbot.exceptions import StorageError
from airbot.exceptions import ThreadNotShown
from airbot.models import Reply
from airbot.models import TurnStatus
from airbot.policy import proof
from airbot.sandbox.site import AirbnbSite
from airbot.send import Sender
from airbot.storage import Storage

REPLY = "Yes, parking is free.\nSee you soon!"
CANARY = "Kanarienvogel"
UNKNOWN = shapes.global_id("MessageThread", "999999999")
SETTLE_S = 120

# Of the site, whichever conversation meets them; and what is one conversation's own.
SITES_OWN = (
    LoginRequired("Airbnb asks for a login"),
    ChallengeShown("airlock page"),
    SlowDown("HTTP 429"),
)
SITE_ERRORS = (
    SiteUnavailable("timed out"),
    SiteChanged("the composer"),
    *SITES_OWN,
)
# (step, which call of it) in their order; the third reading is the proof.
BEFORE = (
    ("read_thread", 1),
    ("open_thread", 1),
    ("type_reply", 1),
    ("read_thread", 2),
    ("check_typed", 1),
)


class Killed(BaseException):
    """The process ends here."""


def restarted(scene: Scene, make_config: Callable[..., Config]) -> None:
    """Another process on the same database: SEND as it is after a start."""
    scene.sender = Sender(scene.storage, scene.airbnb, make_config(), scene.clock)


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


# Behind the boundary: only reading decides


def test_a_lost_answer_is_settled_by_reading(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "lose_answer"
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


def test_a_swallowed_reply_is_pressed_once_more_after_two_proofs(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send, scene.site.trouble.send_times = "swallow", 1
    reply = scene.later(0)
    assert (reply.status, reply.presses) == ("uncertain", 1)
    assert reply.absent_readings == 1
    for _ in range(3):
        assert scene.later(SETTLE_S / 4).status == "uncertain"
    assert scene.airbnb.calls.count("press_send") == 1
    reply = scene.later(SETTLE_S / 4 + 1)
    assert (reply.status, reply.presses, reply.attempts) == ("sent", 2, 2)
    assert scene.posted() == [REPLY]


def test_a_reply_that_is_swallowed_twice_waits_for_a_person(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    for _ in range(20):
        reply = scene.later(SETTLE_S)
    assert (reply.status, reply.parked, reply.presses) == ("uncertain", True, 2)
    assert scene.airbnb.calls.count("press_send") == 2
    assert "pressed twice" in (reply.last_error or "")


def test_settle_sec_is_how_far_apart_the_two_readings_are(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> None:
    scene = Scene(site, FakeAirbnb(site), storage, make_config(send__settle_sec="3"))
    scene.queue(REPLY)
    site.trouble.send, site.trouble.send_times = "swallow", 1
    scene.later(0)
    assert scene.later(2).status == "uncertain"
    assert scene.later(1.1).status == "sent"


def test_a_reply_that_shows_up_late_is_not_pressed_again(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    assert scene.later(0).status == "uncertain"
    scene.host(REPLY)  # under our own account, word for word
    assert scene.later(SETTLE_S + 1).status == "sent"
    assert scene.airbnb.calls.count("press_send") == 1


def test_what_the_first_press_brought_meanwhile_stops_the_second(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    scene.later(0)
    asks = 2  # of the second attempt: it is seen right before the press
    scene.airbnb.before("read_thread", lambda: scene.host(REPLY), asks)
    assert scene.later(SETTLE_S + 1).status == "sent"
    assert scene.airbnb.calls.count("press_send") == 1


def test_a_text_that_airbnb_rewrote_is_sent_with_a_note(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "rewrite"
    reply = scene.later(0)
    assert (reply.status, reply.last_error) == ("sent", "the site changed the text")
    assert reply.site_message_id == scene.site.posted()[0].id


def test_white_space_that_the_site_strips_changes_nothing(scene: Scene) -> None:
    scene.queue("  Yes,  parking\u200d is free.\n\n See you!  ")
    scene.site.trouble.send = "swallow"
    scene.airbnb.before(
        "open_thread", lambda: scene.host("Yes, parking is free. See you!"), 2
    )
    reply = scene.later(0)
    assert (reply.status, reply.last_error) == ("sent", None)


@pytest.mark.parametrize("trouble", ["refuse", "refuse_200"])
def test_a_refused_reply_failed_with_the_sites_sentence(
    scene: Scene, trouble: str
) -> None:
    scene.queue(f"Write to {CANARY}@example.org")
    scene.site.trouble.send = trouble
    reply = scene.later(0)
    assert reply.status == "failed"
    assert "Links and contact info can't be shared" in (reply.last_error or "")
    assert CANARY not in (reply.last_error or "")
    assert scene.airbnb.calls.count("press_send") == 1


def test_a_press_that_was_not_heard_needs_the_two_readings_too(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send, scene.site.trouble.send_times = "no_request", 1
    reply = scene.later(0)
    assert (reply.status, reply.presses) == ("uncertain", 1)
    assert scene.later(16).status == "uncertain"
    assert scene.later(SETTLE_S).status == "sent"
    assert scene.posted() == [REPLY]


def test_send_is_pressed_at_most_twice_even_without_any_request(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "no_request"
    for _ in range(10):
        reply = scene.later(SETTLE_S)
    assert (reply.status, reply.parked) == ("uncertain", True)
    assert scene.airbnb.calls.count("press_send") == 2


def test_two_candidates_wait_for_a_person(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send_names = "nothing"
    scene.airbnb.before("press_send", lambda: scene.host(REPLY))
    reply = scene.later(0)
    assert (reply.status, reply.parked) == ("uncertain", True)
    assert scene.later(10 * SETTLE_S).parked
    assert scene.airbnb.calls.count("press_send") == 1


@pytest.mark.parametrize("scheduled", [False, True])
def test_another_text_of_our_account_beside_a_swallowed_post_is_no_evidence(
    scene: Scene, scheduled: bool
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    write = scene.site.scheduled_writes if scheduled else scene.site.host_writes
    other = "Check-in begins at 3 pm; your code is 0417."
    scene.airbnb.before("press_send", lambda: write(scene.thread, other))
    assert scene.later(0).status == "uncertain"
    reply = scene.later(SETTLE_S + 1)
    assert reply.status == "cancelled"
    assert scene.airbnb.calls.count("press_send") == 1


def test_absent_below_a_newer_guest_text_it_is_cancelled_and_asked_anew(
    scene: Scene,
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    scene.later(0)
    scene.guest("Hello?")
    assert scene.later(SETTLE_S + 1).status == "cancelled"
    assert scene.turn().status == TurnStatus.NEW
    assert scene.texts_of_turn() == ["Is parking free?", "Hello?"]


@pytest.mark.parametrize("field", ["incomplete", "sending"])
def test_a_reading_that_is_not_whole_does_not_count(scene: Scene, field: str) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    scene.airbnb.before("press_send", lambda: setattr(scene.airbnb, field, True))
    for _ in range(4):
        reply = scene.later(SETTLE_S)
    assert (reply.status, reply.absent_readings) == ("uncertain", 0)
    assert scene.airbnb.calls.count("press_send") == 1


def test_what_was_known_out_of_sight_waits_for_a_person(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send_names = "nothing"

    def bury() -> None:
        scene.thread.messages.clear()

    scene.airbnb.before("press_send", bury)
    reply = scene.later(0)
    assert (reply.status, reply.parked) == ("uncertain", True)


def test_read_too_long_after_the_press_it_waits_for_a_person(
    scene: Scene, make_config: Callable[..., Config]
) -> None:
    scene.queue(REPLY)
    scene.airbnb.before("press_send", _kill)
    with pytest.raises(Killed):
        scene.later(0)
    reply = scene.later(11 * 60)
    assert (reply.status, reply.parked) == ("uncertain", True)
    assert scene.airbnb.calls.count("press_send") == 1


@pytest.mark.parametrize("verb", ["press_seen", "conclude"])
def test_what_cannot_be_written_down_after_the_press_is_read_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    scene.queue(REPLY)

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(scene.storage.outbox, verb, full)
        with pytest.raises(StorageError):
            scene.later(0)
    assert scene.later(1).status == "sent"
    assert scene.airbnb.calls.count("press_send") == 1


@pytest.mark.parametrize("error", SITE_ERRORS, ids=lambda e: type(e).__name__)
def test_trouble_while_settling_leaves_it_uncertain(
    scene: Scene, error: SiteError
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send, scene.site.trouble.send_times = "swallow", 1
    scene.later(0)
    scene.airbnb.fail("open_thread", error)
    with suppress(SiteError):
        scene.later(SETTLE_S + 1)
    reply = scene.reply()
    assert (reply.status, reply.presses) == ("uncertain", 1)
    assert scene.later(16).status == "sent"


@pytest.mark.parametrize(
    ("step", "call"), [(step, n) for step, n in BEFORE if step != "open_thread"]
)
def test_trouble_before_the_second_press_is_not_a_third_chance(
    scene: Scene, step: str, call: int
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    scene.later(0)
    # Settling asks, opens, and asks again before it gets there; it is open then.
    settling = 2 if step == "read_thread" else 0
    scene.airbnb.fail(step, SiteUnavailable("timed out"), call + settling)
    scene.later(SETTLE_S + 1)
    assert (scene.reply().status, scene.reply().presses) == ("pending", 1)
    for _ in range(5):
        reply = scene.later(SETTLE_S + 1)
    assert (reply.status, reply.parked) == ("uncertain", True)
    assert scene.airbnb.calls.count("press_send") == 2


# While it is unsettled, nothing else happens in that thread


def test_no_second_reply_is_claimed_while_one_is_unsettled(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    scene.later(0)
    unsettled = scene.reply_id
    scene.queue_without_turn("Something else.", scene.thread.id)
    assert scene.later(30).status == "pending"
    assert scene.airbnb.calls.count("press_send") == 1
    scene.reply_id = unsettled
    scene.site.trouble.send = None
    assert scene.later(SETTLE_S).status == "sent"


def test_no_turn_is_formed_while_a_reply_is_unsettled(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    scene.later(0)
    before = scene.turn()
    scene.guest("Hello?")
    scene.syncer.run()
    assert scene.turn() == before


def test_another_thread_does_not_wait_for_an_unsettled_one(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send, scene.site.trouble.send_times = "swallow", 1
    scene.later(0)
    scene.thread = scene.site.add_thread("Kenji")
    scene.queue("You are welcome.")
    assert scene.later(1).status == "sent"


# Starting again


def _kill() -> None:
    raise Killed


@pytest.mark.parametrize(("step", "call"), BEFORE)
def test_killed_before_the_press_it_is_sent_by_the_next_life(
    scene: Scene, make_config: Callable[..., Config], step: str, call: int
) -> None:
    scene.queue(REPLY)
    scene.airbnb.before(step, _kill, call)
    with pytest.raises(Killed):
        scene.later(0)
    assert scene.reply().status == "processing"
    restarted(scene, make_config)
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


@pytest.mark.parametrize("arrived", [True, False])
def test_killed_at_the_press_it_is_settled_by_reading(
    scene: Scene, make_config: Callable[..., Config], arrived: bool
) -> None:
    scene.queue(REPLY)
    if arrived:
        scene.airbnb.before("open_thread", _kill, call=2)
    else:
        scene.airbnb.before("press_send", _kill)
    with pytest.raises(Killed):
        scene.later(0)
    restarted(scene, make_config)
    assert scene.later(0).status == ("sent" if arrived else "uncertain")
    assert scene.later(SETTLE_S + 1).status == "sent"
    assert scene.posted() == [REPLY]


def test_no_row_stays_in_processing_after_a_start(
    scene: Scene, make_config: Callable[..., Config]
) -> None:
    scene.queue(REPLY)
    scene.storage.outbox.claim_next(scene.clock(), None, scene.rules)
    assert scene.reply().status == "processing"
    restarted(scene, make_config)
    assert scene.later(0).status == "sent"


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


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("error", SITE_ERRORS, ids=lambda e: type(e).__name__)
def test_trouble_at_the_press_leaves_it_uncertain_until_it_is_read(
    scene: Scene, error: SiteError, late: bool
) -> None:
    scene.queue(REPLY)
    scene.airbnb.fail("press_send", error, late=late)
    with suppress(SiteError):
        scene.later(0)
    reply = scene.reply()
    assert (reply.status, reply.attempts, reply.presses) == ("uncertain", 1, 1)
    assert reply.last_error == str(error)
    assert scene.later(16).status == ("sent" if late else "uncertain")
    assert scene.airbnb.calls.count("press_send") == 1


@pytest.mark.parametrize("swallowed", [False, True])
@pytest.mark.parametrize(
    "error", [*SITE_ERRORS, ThreadNotShown("not shown")], ids=lambda e: type(e).__name__
)
def test_trouble_while_proving_leaves_it_uncertain_until_it_is_read(
    scene: Scene, error: Exception, swallowed: bool
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow" if swallowed else None
    scene.airbnb.fail("open_thread", error, call=2)
    with suppress(SiteError):
        scene.later(0)
    reply = scene.reply()
    assert (reply.status, reply.attempts, reply.presses) == ("uncertain", 1, 1)
    assert scene.later(16).status == ("uncertain" if swallowed else "sent")
    assert scene.airbnb.calls.count("press_send") == 1


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


def test_killed_between_second_reading_and_second_press(
    scene: Scene, make_config: Callable[..., Config]
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send, scene.site.trouble.send_times = "swallow", 1
    scene.later(0)
    scene.airbnb.before("type_reply", _kill)
    with pytest.raises(Killed):
        scene.later(SETTLE_S + 1)
    restarted(scene, make_config)
    assert scene.later(1).status == "sent"
    assert scene.posted() == [REPLY]


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


# The proof's reading


def test_after_a_start_the_page_is_loaded_once_and_all_rows_are_asked_for(
    scene: Scene, make_config: Callable[..., Config]
) -> None:
    for number in range(5):
        scene.thread = scene.site.add_thread(f"Guest {number}")
        scene.queue(f"Answer {number}")
        scene.airbnb.before("open_thread", _kill, call=2)
        with pytest.raises(Killed):
            scene.sender.send_one()
    scene.airbnb = FakeAirbnb(scene.site)
    restarted(scene, make_config)
    scene.later(0)
    assert scene.storage.shown.reply_counts() == {"sent": 5}
    assert scene.airbnb.calls.count("open_thread") == 1


def test_a_page_on_which_send_was_pressed_is_no_proof(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.airbnb.fail("open_thread", SiteUnavailable("timed out"), call=2)
    scene.later(0)
    scene.airbnb.calls.clear()
    assert scene.later(16).status == "sent"
    assert scene.airbnb.calls == ["open_thread", "read_thread", "read_inbox"]


def test_absence_is_read_only_from_the_opened_conversation(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    scene.later(0)
    scene.airbnb.calls.clear()
    scene.airbnb.sending = True
    reply = scene.later(SETTLE_S + 1)
    read = ["read_thread", "read_inbox"]
    assert scene.airbnb.calls == [*read, "open_thread", *read]
    assert (reply.status, reply.presses) == ("uncertain", 1)


@pytest.mark.parametrize("error", SITE_ERRORS, ids=lambda e: type(e).__name__)
def test_a_cancelled_reply_stays_cancelled_when_the_composer_cannot_be_emptied(
    scene: Scene, error: SiteError
) -> None:
    scene.queue(REPLY)
    scene.airbnb.before("read_thread", scene.host, call=2)
    scene.airbnb.fail("empty_composer", error)
    with suppress(SiteError):
        scene.later(0)
    assert scene.reply().status == "cancelled"
    assert scene.later(1000).status == "cancelled"
    assert scene.posted() == []


def test_as_another_account_nothing_is_sent_and_nothing_failed(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.storage.session.set_account("another")
    with pytest.raises(LoginRequired):
        scene.later(0)
    assert scene.reply().status == "pending"
    assert scene.posted() == []


def test_an_account_that_changes_while_it_is_typed_is_seen_before_the_press(
    scene: Scene,
) -> None:
    scene.queue(REPLY)
    other = lambda: scene.storage.session.set_account("another")  # noqa: E731
    scene.airbnb.before("read_thread", other, call=2)
    with pytest.raises(LoginRequired):
        scene.later(0)
    assert (scene.reply().status, scene.airbnb.composer) == ("pending", "")
    assert "press_send" not in scene.airbnb.calls


def test_as_another_account_an_unknown_conversation_is_no_failure(scene: Scene) -> None:
    missing = shapes.global_id("MessageThread", "9999999999")
    scene.storage.outbox.enqueue_without_turn(missing, REPLY, "AI", scene.clock())
    scene.storage.session.set_account("another")
    with pytest.raises(LoginRequired):
        scene.later(0)
    (row,) = scene.storage.outbox.with_status("pending")
    assert row.thread_id == missing


@pytest.mark.parametrize("room", ["before", "start_press", "press_seen", "conclude"])
def test_a_fault_of_ours_at_one_reply_keeps_no_other_waiting(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, room: str
) -> None:
    scene.queue(REPLY)
    first = scene.reply_id
    real = getattr(scene.storage.outbox, room)

    def faulty(reply: Reply, *values: Any) -> Any:
        if reply.id == first:
            raise KeyError(CANARY)
        return real(reply, *values)

    monkeypatch.setattr(scene.storage.outbox, room, faulty)
    scene.thread = scene.site.add_thread("Kenji")
    scene.queue("You are welcome.")
    assert scene.later(0).status == "sent"
    left = scene.storage.outbox.get(first)
    assert left and left.status == ("pending" if room == "start_press" else "uncertain")
    assert left.last_error and "please report this" in left.last_error
    assert CANARY not in left.last_error
    monkeypatch.undo()
    scene.reply_id = first
    assert scene.later(901).status == "sent"


def test_a_fault_of_ours_in_one_conversation_does_not_stop_the_reading(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    scene.later(0)
    scene.guest("Hello?")
    scene.syncer.run()  # put off: a reply is not settled yet

    def faulty(*_: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(scene.storage.readings, "review", faulty)
    other = scene.site.add_thread("Kenji")
    scene.site.guest_writes(other, "Is there a bus?")
    scene.syncer.run()
    assert scene.storage.turns.newest(other.id) is not None
