"""Scheduled texts in the loop: what the clock sent answers nobody, a person's does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from support.fakes import FakeAirbnb
from support.fakes import Scene

from airbot.config import Config
from airbot.contract.payload import payload
from airbot.models import TurnStatus
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

TEMPLATE = (
    "Hi {name}, welcome to the loft! The key box hangs on the left of the blue door,"
    " its code is {code}. Check-in is from 3 pm on {day}. The wifi card lies on the"
    " kitchen table. Have a safe trip!"
)
GUESTS = ("Aiko", "Bruno", "Chidi", "Dana")
REPLY = "I am calling the owner now, please wait a minute."


def template(name: str, number: int) -> str:
    return TEMPLATE.format(name=name, code=1000 + 7 * number, day=f"May {number + 1}")


def stood_before(
    scene: Scene, below: str | None = None, days_apart: float = 2, last: float = 3
) -> None:
    """The text stands with earlier guests, `below` a question, `last` days ago."""
    for number, name in enumerate(GUESTS):
        thread = scene.site.add_thread(name)
        at = scene.clock() - timedelta(days=last + number * days_apart)
        if below is not None:
            scene.site.guest_writes(thread, below, at=at - timedelta(minutes=5))
        scene.site.scheduled_writes(thread, template(name, number), at=at)
    scene.syncer.run()


def at_the_door(scene: Scene, sent: str) -> None:
    scene.guest("We are at the door and the code does not work!")
    scene.syncer.run()
    scene.clock.advance(20)
    scene.site.scheduled_writes(scene.thread, sent)
    scene.clock.advance(45)
    scene.syncer.run()


def test_a_guest_at_the_door_is_answered_although_the_clock_wrote(scene: Scene) -> None:
    stood_before(scene)
    at_the_door(scene, template("Maya", 9))
    assert scene.turn().status == TurnStatus.NEW
    reply = scene.storage.outbox.enqueue(scene.turn(), REPLY, "AI", scene.clock())
    scene.reply_id = reply.id
    assert scene.later(1).status == "sent"


def test_the_ai_and_the_host_are_told_that_it_was_the_clock(scene: Scene) -> None:
    stood_before(scene)
    at_the_door(scene, template("Maya", 9))
    asked = payload(scene.storage.turns.question(scene.turn()), "http://localhost")
    assert [said.get("scheduled") for said in asked["history"]] == [None, True]
    newest = scene.storage.shown.messages(5)[0]
    assert newest.scheduled and newest.body == template("Maya", 9)


@pytest.mark.parametrize(
    ("below", "days_apart", "sent"),
    [
        ("When can we check in?", 2, None),  # a saved reply, tapped below questions
        (None, 0.01, "now"),  # pasted to four guests on one day
        (None, 2, "You're welcome!"),
        (None, 2, "I am at the door in five minutes, sorry about that."),
    ],
)
def test_a_persons_text_is_never_talked_over(
    scene: Scene, below: str | None, days_apart: float, sent: str | None
) -> None:
    stood_before(scene, below, days_apart, last=0.1 if sent == "now" else 3)
    at_the_door(scene, template("Maya", 9) if sent in (None, "now") else sent)
    assert scene.turn().status == TurnStatus.TAKEN_OVER


@pytest.mark.parametrize(
    "saved",
    [
        "鍵はドアの左側の箱に入っています。番号は後でお送りします。どうぞごゆっくりお過ごしください。",
        "it is on the left of the red door as you go in by it",
    ],
    ids=["signs", "short words"],
)
def test_nor_is_a_short_one_of_many_signs_or_words(scene: Scene, saved: str) -> None:
    """Also in old conversations it counts what stood above: a question each time."""
    for number, name in enumerate(GUESTS):
        thread, ago = scene.site.add_thread(name), timedelta(days=3 + 2 * number)
        at = scene.clock() - ago
        scene.site.guest_writes(thread, "Where is the key?", at=at)
        scene.site.host_writes(thread, saved, at=at + timedelta(minutes=5))
    scene.syncer.run()
    at_the_door(scene, saved)
    assert scene.turn().status == TurnStatus.TAKEN_OVER


def test_in_doubt_it_is_a_persons_and_said_so(scene: Scene) -> None:
    thread = scene.site.add_thread("Aiko")
    at = scene.clock() - timedelta(days=3)
    scene.site.scheduled_writes(thread, template("Aiko", 1), at=at)
    scene.syncer.run()
    at_the_door(scene, template("Maya", 9))
    assert scene.turn().status == TurnStatus.TAKEN_OVER
    assert scene.turn().reason == "answered by a text of your account; scheduled?"


def test_it_is_judged_once_and_never_again(scene: Scene) -> None:
    at_the_door(scene, template("Maya", 9))
    before = scene.turn()
    stood_before(scene)
    scene.clock.advance(45)
    scene.syncer.run()
    assert scene.turn() == before and before.status == TurnStatus.TAKEN_OVER


def test_a_host_may_have_it_count_as_his_answer(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> None:
    config = make_config(answers__scheduled="answer")
    scene = Scene(site, FakeAirbnb(site), storage, config)
    stood_before(scene)
    at_the_door(scene, template("Maya", 9))
    assert scene.turn().status == TurnStatus.TAKEN_OVER


def test_what_airbot_sent_itself_makes_no_text_a_scheduled_one(scene: Scene) -> None:
    for number, name in enumerate(GUESTS):
        scene.thread = scene.site.add_thread(name)
        scene.queue(template(name, number))
        assert scene.later(0).status == "sent"
        scene.clock.advance(2 * 86_400)
    scene.thread = scene.site.add_thread("Maya")
    at_the_door(scene, template("Maya", 9))
    assert scene.turn().status == TurnStatus.TAKEN_OVER


def test_a_text_like_a_reply_that_is_not_proven_is_never_the_clocks(
    scene: Scene,
) -> None:
    stood_before(scene)
    scene.queue(template("Maya", 9))
    scene.site.trouble.send = "swallow"
    assert scene.later(0).status == "uncertain"
    scene.site.scheduled_writes(scene.thread, template("Maya", 8))
    assert scene.later(130).parked
    newest = "SELECT scheduled FROM messages ORDER BY number DESC LIMIT 1"
    assert not scene.storage.db.read(newest)[0]["scheduled"]
