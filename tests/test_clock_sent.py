"""Scheduled texts in the loop: what the clock sent answers nobody, a person's does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from fakes import Desk
from fakes import FakeAirbnb

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
    desk: Desk, below: str | None = None, days_apart: float = 2, last: float = 3
) -> None:
    """The text stands with earlier guests, `below` a question, `last` days ago."""
    for number, name in enumerate(GUESTS):
        thread = desk.site.add_thread(name)
        at = desk.clock() - timedelta(days=last + number * days_apart)
        if below is not None:
            desk.site.guest_writes(thread, below, at=at - timedelta(minutes=5))
        desk.site.scheduled_writes(thread, template(name, number), at=at)
    desk.syncer.run()


def at_the_door(desk: Desk, sent: str) -> None:
    desk.guest("We are at the door and the code does not work!")
    desk.syncer.run()
    desk.clock.advance(20)
    desk.site.scheduled_writes(desk.thread, sent)
    desk.clock.advance(45)
    desk.syncer.run()


def test_a_guest_at_the_door_is_answered_although_the_clock_wrote(desk: Desk) -> None:
    stood_before(desk)
    at_the_door(desk, template("Maya", 9))
    assert desk.turn().status == TurnStatus.NEW
    reply = desk.storage.outbox.enqueue(desk.turn(), REPLY, "AI", desk.clock())
    desk.reply_id = reply.id
    assert desk.later(1).status == "sent"


def test_the_ai_and_the_host_are_told_that_it_was_the_clock(desk: Desk) -> None:
    stood_before(desk)
    at_the_door(desk, template("Maya", 9))
    asked = payload(desk.storage.turns.question(desk.turn()), "http://localhost")
    assert [said.get("scheduled") for said in asked["history"]] == [None, True]
    newest = desk.storage.shown.messages(5)[0]
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
    desk: Desk, below: str | None, days_apart: float, sent: str | None
) -> None:
    stood_before(desk, below, days_apart, last=0.1 if sent == "now" else 3)
    at_the_door(desk, template("Maya", 9) if sent in (None, "now") else sent)
    assert desk.turn().status == TurnStatus.TAKEN_OVER


@pytest.mark.parametrize(
    "saved",
    [
        "鍵はドアの左側の箱に入っています。番号は後でお送りします。どうぞごゆっくりお過ごしください。",
        "it is on the left of the red door as you go in by it",
    ],
    ids=["signs", "short words"],
)
def test_nor_is_a_short_one_of_many_signs_or_words(desk: Desk, saved: str) -> None:
    """Also in old conversations it counts what stood above: a question each time."""
    for number, name in enumerate(GUESTS):
        thread, ago = desk.site.add_thread(name), timedelta(days=3 + 2 * number)
        at = desk.clock() - ago
        desk.site.guest_writes(thread, "Where is the key?", at=at)
        desk.site.host_writes(thread, saved, at=at + timedelta(minutes=5))
    desk.syncer.run()
    at_the_door(desk, saved)
    assert desk.turn().status == TurnStatus.TAKEN_OVER


def test_in_doubt_it_is_a_persons_and_said_so(desk: Desk) -> None:
    thread = desk.site.add_thread("Aiko")
    at = desk.clock() - timedelta(days=3)
    desk.site.scheduled_writes(thread, template("Aiko", 1), at=at)
    desk.syncer.run()
    at_the_door(desk, template("Maya", 9))
    assert desk.turn().status == TurnStatus.TAKEN_OVER
    assert desk.turn().reason == "answered by a text of your account; scheduled?"


def test_it_is_judged_once_and_never_again(desk: Desk) -> None:
    at_the_door(desk, template("Maya", 9))
    before = desk.turn()
    stood_before(desk)
    desk.clock.advance(45)
    desk.syncer.run()
    assert desk.turn() == before and before.status == TurnStatus.TAKEN_OVER


def test_a_host_may_have_it_count_as_his_answer(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> None:
    config = make_config(answers__scheduled="answer")
    desk = Desk(site, FakeAirbnb(site), storage, config)
    stood_before(desk)
    at_the_door(desk, template("Maya", 9))
    assert desk.turn().status == TurnStatus.TAKEN_OVER


def test_what_airbot_sent_itself_makes_no_text_a_scheduled_one(desk: Desk) -> None:
    for number, name in enumerate(GUESTS):
        desk.thread = desk.site.add_thread(name)
        desk.queue(template(name, number))
        assert desk.later(0).status == "sent"
        desk.clock.advance(2 * 86_400)
    desk.thread = desk.site.add_thread("Maya")
    at_the_door(desk, template("Maya", 9))
    assert desk.turn().status == TurnStatus.TAKEN_OVER


def test_a_text_like_a_reply_that_is_not_proven_is_never_the_clocks(
    desk: Desk,
) -> None:
    stood_before(desk)
    desk.queue(template("Maya", 9))
    desk.site.trouble.send = "swallow"
    assert desk.later(0).status == "uncertain"
    desk.site.scheduled_writes(desk.thread, template("Maya", 8))
    assert desk.later(130).parked
    newest = "SELECT scheduled FROM messages ORDER BY number DESC LIMIT 1"
    assert not desk.storage.db.read(newest)[0]["scheduled"]
