"""answers.py: whoever brings an answer, it is cleaned, stored, told; SEND is woken."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from support.builders import NOW
from support.builders import close_turn
from support.builders import turn_of

from airbot.answers import Answers
from airbot.config import Config
from airbot.contract.text import ReplyRefused
from airbot.models import TurnStatus
from airbot.storage import Storage

LOG = logging.getLogger("airbot.some_room")


class Room:
    """A room that takes answers, and what another process sees when SEND is woken."""

    def __init__(self, storage: Storage, config: Config) -> None:
        self.storage = storage
        self.turn = turn_of(storage)
        self.seen_when_woken: list[int] = []
        self.answers = Answers(storage, config, self._wake, lambda: NOW)

    def _wake(self) -> None:
        with closing(sqlite3.connect(self.storage.path)) as other:
            (count,) = other.execute("SELECT COUNT(*) FROM queue_outbox").fetchone()
        self.seen_when_woken.append(count)


@pytest.fixture
def room(storage: Storage, make_config: Callable[..., Config]) -> Room:
    return Room(storage, make_config())


@pytest.mark.parametrize("call_id", [None, "msg_1"])
def test_send_is_woken_when_the_reply_is_committed(
    room: Room, call_id: str | None
) -> None:
    room.answers.reply(room.turn, "Yes.", "AI", LOG, call_id)
    assert room.seen_when_woken == [1]


def test_an_answer_that_comes_too_late_wakes_nobody(room: Room) -> None:
    close_turn(room.storage, room.turn, TurnStatus.TAKEN_OVER, "a person")
    answered = room.answers.reply(room.turn, "Yes.", "AI", LOG)
    assert answered.reply and answered.reply.status == "cancelled"
    assert room.seen_when_woken == []


@pytest.mark.parametrize("text", ["", " \u200b", "Yes\x07", "x" * 4001])
def test_a_text_that_cannot_be_typed_leaves_nothing_behind(
    room: Room, text: str
) -> None:
    with pytest.raises(ReplyRefused):
        room.answers.reply(room.turn, text, "AI", LOG, "msg_1")
    assert room.storage.shown.reply_counts() == {} and room.seen_when_woken == []
    assert room.storage.calls.get("msg_1") is None


def test_a_call_that_comes_again_is_told_what_it_led_to(room: Room) -> None:
    first = room.answers.ignore(room.turn, LOG, "msg_1")
    assert room.answers.reply(room.turn, "Yes.", "AI", LOG, "msg_1") == first
    assert room.storage.shown.reply_counts() == {}


def test_a_reply_that_is_queued_is_not_ignored_any_more(room: Room) -> None:
    queued = room.answers.reply(room.turn, "Yes.", "AI", LOG)
    assert room.answers.ignore(room.turn, LOG).reply == queued.reply


def test_the_log_of_the_room_that_brought_it_tells_of_it(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "airbot")
    reply = room.answers.reply(room.turn, "Y\u200bes.", "AI", LOG).reply
    assert reply
    assert [record.name for record in caplog.records] == [LOG.name] * 2
    assert caplog.messages == [
        f"reply {reply.id[:8]} is pending",
        f"reply {reply.id[:8]}: 1 characters that nobody sees were taken out",
    ]
