"""SEND behind the press: only reading decides what became of it.

On FakeAirbnb, as test_send.py.
"""

from __future__ import annotations

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
from support.sending import Killed
from support.sending import kill
from support.sending import restarted

from airbot.airbnb import shapes
from airbot.config import Config
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import StorageError
from airbot.exceptions import ThreadNotShown
from airbot.models import Reply
from airbot.models import TurnStatus
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

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
    scene.airbnb.before("press_send", kill)
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


@pytest.mark.parametrize(("step", "call"), BEFORE)
def test_killed_before_the_press_it_is_sent_by_the_next_life(
    scene: Scene, make_config: Callable[..., Config], step: str, call: int
) -> None:
    scene.queue(REPLY)
    scene.airbnb.before(step, kill, call)
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
        scene.airbnb.before("open_thread", kill, call=2)
    else:
        scene.airbnb.before("press_send", kill)
    with pytest.raises(Killed):
        scene.later(0)
    restarted(scene, make_config)
    assert scene.later(0).status == ("sent" if arrived else "uncertain")
    assert scene.later(SETTLE_S + 1).status == "sent"
    assert scene.posted() == [REPLY]


def test_killed_between_second_reading_and_second_press(
    scene: Scene, make_config: Callable[..., Config]
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send, scene.site.trouble.send_times = "swallow", 1
    scene.later(0)
    scene.airbnb.before("type_reply", kill)
    with pytest.raises(Killed):
        scene.later(SETTLE_S + 1)
    restarted(scene, make_config)
    assert scene.later(1).status == "sent"
    assert scene.posted() == [REPLY]


def test_no_row_stays_in_processing_after_a_start(
    scene: Scene, make_config: Callable[..., Config]
) -> None:
    scene.queue(REPLY)
    scene.storage.outbox.claim_next(scene.clock(), None, scene.rules)
    assert scene.reply().status == "processing"
    restarted(scene, make_config)
    assert scene.later(0).status == "sent"


# The proof's reading


def test_after_a_start_the_page_is_loaded_once_and_all_rows_are_asked_for(
    scene: Scene, make_config: Callable[..., Config]
) -> None:
    for number in range(5):
        scene.thread = scene.site.add_thread(f"Guest {number}")
        scene.queue(f"Answer {number}")
        scene.airbnb.before("open_thread", kill, call=2)
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
