"""What waits for a person: named while it waits, gone when it was settled meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.fakes import Scene

from airbot.exceptions import DialogShown
from airbot.sandbox.trouble import HeldBack

REPLY = "Yes, parking is free."


def waiting(scene: Scene) -> list[str]:
    session = scene.storage.session.get()
    found = scene.storage.shown.waiting(session, scene.clock())
    return [f"{item.who}: {item.what}" if item.who else item.what for item in found]


def read(scene: Scene, seconds: float = 45) -> None:
    scene.clock.advance(seconds)
    scene.syncer.run()


def failed_reply(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "refuse"
    assert scene.later(0).status == "failed"
    scene.site.clear_trouble()


def failed_turn(scene: Scene) -> None:
    scene.guest()
    scene.syncer.run()
    scene.storage.turns.give_up(
        scene.turn().id, "the AI answered HTTP 400", scene.clock()
    )


@pytest.mark.parametrize("fail", [failed_reply, failed_turn])
def test_it_waits_for_days_until_a_person_has_answered(
    scene: Scene, fail: Callable[[Scene], None]
) -> None:
    fail(scene)
    read(scene, 3 * 86_400)
    assert len(waiting(scene)) == 1
    scene.host()
    read(scene)
    assert waiting(scene) == []


@pytest.mark.parametrize("fail", [failed_reply, failed_turn])
def test_what_a_later_turn_has_taken_up_waits_no_more(
    scene: Scene, fail: Callable[[Scene], None]
) -> None:
    fail(scene)
    scene.guest("And breakfast?")
    read(scene)
    assert scene.texts_of_turn() == ["Is parking free?", "And breakfast?"]
    assert waiting(scene) == []


def test_a_scheduled_text_or_a_card_settles_nothing(scene: Scene) -> None:
    failed_reply(scene)
    scene.site.card(scene.thread, by="host")
    read(scene)
    assert len(waiting(scene)) == 1


def test_a_conversation_that_cannot_be_read_is_named_after_the_third_time(
    scene: Scene,
) -> None:
    scene.site.thread_trouble(scene.thread, held_back=HeldBack(1))
    scene.guest()
    read(scene)
    read(scene)
    assert waiting(scene) == []
    read(scene)
    (said,) = waiting(scene)
    assert said.startswith("Maya: conversation") and "without its messages" in said
    (line,) = scene.storage.shown.messages(5)
    assert (line.sender, line.body) == ("Maya", "Is parking free?")
    assert line.thread_reason == "Airbnb shows it without its messages"
    scene.site.thread_trouble(scene.thread)
    read(scene)
    assert waiting(scene) == []


def test_replies_behind_a_dialog_wait_for_a_person(scene: Scene) -> None:
    at = scene.clock()
    error = str(DialogShown("a dialog lies over Airbnb's page"))
    scene.storage.session.add_cycle("send", at, 1, error, failed=True, next_try_at=at)
    assert waiting(scene) == ["replies wait: a dialog lies over Airbnb's page"]
