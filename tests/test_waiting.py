"""What waits for a person: named while it waits, gone when it was settled meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes import Desk

from airbot.exceptions import DialogShown
from airbot.sandbox.trouble import HeldBack

REPLY = "Yes, parking is free."


def waiting(desk: Desk) -> list[str]:
    session = desk.storage.session.get()
    found = desk.storage.shown.waiting(session, desk.clock())
    return [f"{item.who}: {item.what}" if item.who else item.what for item in found]


def read(desk: Desk, seconds: float = 45) -> None:
    desk.clock.advance(seconds)
    desk.syncer.run()


def failed_reply(desk: Desk) -> None:
    desk.queue(REPLY)
    desk.site.trouble.send = "refuse"
    assert desk.later(0).status == "failed"
    desk.site.clear_trouble()


def failed_turn(desk: Desk) -> None:
    desk.guest()
    desk.syncer.run()
    desk.storage.turns.give_up(desk.turn().id, "the AI answered HTTP 400", desk.clock())


@pytest.mark.parametrize("fail", [failed_reply, failed_turn])
def test_it_waits_for_days_until_a_person_has_answered(
    desk: Desk, fail: Callable[[Desk], None]
) -> None:
    fail(desk)
    read(desk, 3 * 86_400)
    assert len(waiting(desk)) == 1
    desk.host()
    read(desk)
    assert waiting(desk) == []


@pytest.mark.parametrize("fail", [failed_reply, failed_turn])
def test_what_a_later_turn_has_taken_up_waits_no_more(
    desk: Desk, fail: Callable[[Desk], None]
) -> None:
    fail(desk)
    desk.guest("And breakfast?")
    read(desk)
    assert desk.texts_of_turn() == ["Is parking free?", "And breakfast?"]
    assert waiting(desk) == []


def test_a_scheduled_text_or_a_card_settles_nothing(desk: Desk) -> None:
    failed_reply(desk)
    desk.site.card(desk.thread, by="host")
    read(desk)
    assert len(waiting(desk)) == 1


def test_a_conversation_that_cannot_be_read_is_named_after_the_third_time(
    desk: Desk,
) -> None:
    desk.site.thread_trouble(desk.thread, held_back=HeldBack(1))
    desk.guest()
    read(desk)
    read(desk)
    assert waiting(desk) == []
    read(desk)
    (said,) = waiting(desk)
    assert said.startswith("Maya: conversation") and "without its messages" in said
    (line,) = desk.storage.shown.messages(5)
    assert (line.sender, line.body) == ("Maya", "Is parking free?")
    assert line.thread_reason == "Airbnb shows it without its messages"
    desk.site.thread_trouble(desk.thread)
    read(desk)
    assert waiting(desk) == []


def test_replies_behind_a_dialog_wait_for_a_person(desk: Desk) -> None:
    at = desk.clock()
    error = str(DialogShown("a dialog lies over Airbnb's page"))
    desk.storage.session.add_cycle("send", at, 1, error, failed=True, next_try_at=at)
    assert waiting(desk) == ["replies wait: a dialog lies over Airbnb's page"]
