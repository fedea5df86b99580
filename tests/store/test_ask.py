"""ask.py: no guest is forgotten by an AI that fails, and none is asked about twice."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from support.builders import NOW
from support.builders import RULES
from support.builders import card
from support.builders import guest
from support.builders import host
from support.builders import later
from support.builders import reading
from support.webhooks import serve_webhook

from airbot.ai.host import HostAI
from airbot.answers import Answers
from airbot.ask import Asker
from airbot.config import Config
from airbot.exceptions import VerbRefused
from airbot.models import AITrouble
from airbot.models import Kind
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import TurnStatus
from airbot.sandbox.ai import DemoAI
from airbot.storage import Storage

MakeConfig = Callable[..., Config]
THREAD = "TWVzc2FnZVRocmVhZDoxMjM0NTY3"


class World:
    """One storage, one AI, one clock that is put forward by hand."""

    def __init__(
        self, storage: Storage, config: Config, ai_url: str, port: int = 1
    ) -> None:
        self.now = NOW
        self.woken = 0
        self.storage = storage
        storage.session.monotonic = lambda: self.now.timestamp()
        storage.session.measured(NOW, NOW)
        self.asker = Asker(
            storage,
            HostAI(ai_url, config.ai.timeout_sec, config.ai.secret),
            config,
            f"http://127.0.0.1:{port}",
            Answers(storage, config, self._wake, self._clock),
            self._clock,
        )

    def _wake(self) -> None:
        self.woken += 1

    def _clock(self) -> datetime:
        return self.now

    def read(self, *messages: Any, id_: str = THREAD, at: datetime = NOW) -> None:
        self.storage.readings.take_in(reading(*messages, id_=id_, at=at), RULES, NOW)

    def ask(self, after_s: float = 0) -> bool:
        self.now += timedelta(seconds=after_s)
        return self.asker.ask_one()

    @property
    def turn(self) -> Any:
        return self.storage.turns.newest(THREAD)

    @property
    def reply(self) -> Any:
        return self.storage.outbox.of_turn(self.turn.id)

    def waits_s(self) -> float | None:
        (row,) = self.storage.db.read("SELECT next_attempt_at AS at FROM turns")
        if row["at"] is None:
            return None
        return (datetime.fromisoformat(row["at"]) - self.now).total_seconds()


@pytest.fixture
def world(storage: Storage, make_config: MakeConfig, ai: DemoAI) -> World:
    ai.mode = "silent"
    world = World(storage, make_config(ai_url=ai.url), ai.url)
    world.read(guest("1", "Is parking free?"))
    return world


# Asked once


def test_a_turn_is_asked_and_then_it_waits(world: World, ai: DemoAI) -> None:
    assert world.ask()
    assert not world.ask()
    assert world.turn.status == TurnStatus.ASKED
    assert world.turn.reason == "the AI is asked"
    (asked,) = ai.asked
    assert asked["message_id"] == world.turn.id
    assert asked["conversation_id"] == THREAD
    assert asked["message"] == "Is parking free?"


def test_nothing_to_ask_is_nothing_asked(
    storage: Storage, make_config: MakeConfig, ai: DemoAI
) -> None:
    assert not World(storage, make_config(), ai.url).ask()
    assert ai.asked == []


def test_the_question_tells_the_last_twenty_messages(world: World, ai: DemoAI) -> None:
    photo = replace(guest("98", ""), kind=Kind.MEDIA, body=None)
    unsent = replace(guest("97", ""), kind=Kind.DELETED, body=None)
    many = [host(str(n), f"text {n}") for n in range(10, 35)]
    world.read(*many, photo, unsent, card("96"), guest("99", "Last"))
    world.ask()
    history = ai.asked[0]["history"]
    texts = [f"text {n}" for n in range(17, 35)]
    assert [said["text"] for said in history] == [*texts, "[photo]", "Last"]
    assert history[0]["role"] == "cohost" and history[-1]["role"] == "guest"


def test_several_texts_are_one_question(world: World, ai: DemoAI) -> None:
    photo = replace(guest("2", ""), kind=Kind.MEDIA, body=None)
    world.read(guest("1", "Is parking free?"), photo, guest("3", "And close?"))
    while world.ask():
        pass
    (asked,) = ai.asked
    assert asked["message"] == "Is parking free?\n\nAnd close?"
    assert [text["id"] for text in asked["messages"]] == ["1", "3"]
    assert re.fullmatch(
        r"[0-9-]{10}T[0-9:]{8}\.\d{3}Z", asked["messages"][0]["sent_at"]
    )


def test_the_oldest_turn_is_asked_first(world: World, ai: DemoAI) -> None:
    world.read(guest("5", "Old", at=later(-600)), id_="OLD")
    assert world.ask() and world.ask() and not world.ask()
    assert [asked["message"] for asked in ai.asked] == ["Old", "Is parking free?"]


def test_a_secret_of_the_config_is_shown_to_the_ai(
    storage: Storage, make_config: MakeConfig, ai: DemoAI
) -> None:
    config = make_config(ai_url=ai.url, ai__secret="s3cret")
    ai.mode = "silent"
    world = World(storage, config, ai.url)
    world.read(guest("1"))
    world.ask()
    assert ai.headers[0]["Authorization"] == "Bearer s3cret"


# Answered at once


def test_an_inline_answer_is_queued(world: World, ai: DemoAI) -> None:
    ai.mode, ai.answer = "inline", lambda question: "  Yes,\r\nit is. "
    world.ask()
    assert world.turn.status == TurnStatus.ANSWERED
    assert (world.reply.message, world.reply.status) == ("Yes,\nit is.", "pending")
    assert (world.reply.sender, world.woken) == ("AI", 1)


def test_ignore_closes_the_turn_for_good(world: World, ai: DemoAI) -> None:
    ai.mode = "ignore"
    world.ask()
    assert world.turn.status == TurnStatus.IGNORED
    assert world.turn.reason == "the AI said: no reply"
    world.read(guest("1", "Is parking free?"))
    assert not world.ask(99999)
    assert (world.reply, world.woken, len(ai.asked)) == (None, 0, 1)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (" \n ", "the AI's answer cannot be sent: message is empty"),
        ("x" * 4001, "the AI's answer cannot be sent: message is longer than 4000"),
        ("a\x00b", "the AI's answer cannot be sent: message holds a character"),
    ],
)
def test_an_answer_that_cannot_be_sent_is_asked_for_again_and_in_the_end_fails(
    world: World,
    ai: DemoAI,
    answer: str,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "airbot")
    ai.mode, ai.answer = "inline", lambda question: answer
    for _ in range(5):
        assert world.turn.status in (TurnStatus.NEW, TurnStatus.ASKED)
        assert world.ask(900)
    assert world.turn.status == TurnStatus.FAILED
    assert world.turn.reason.startswith(reason)
    assert (world.reply, world.woken) == (None, 0)
    health = world.storage.ai.get()
    assert health.kind == AITrouble.UNUSABLE and health.failing_since
    assert "is answered" not in caplog.text


def test_an_inline_answer_to_a_turn_that_was_closed_meanwhile_is_kept(
    world: World, ai: DemoAI
) -> None:
    def answer_late(question: object) -> str:
        world.read(guest("1", "Is parking free?"), host("2"))
        return "Yes, it is."

    ai.mode, ai.answer = "inline", answer_late
    world.ask()
    assert world.turn.status == TurnStatus.TAKEN_OVER
    assert world.reply.status == ReplyStatus.CANCELLED
    assert "taken_over already" in world.reply.last_error


# An AI that fails forgets nobody


@pytest.mark.parametrize("status", [500, 502, 503, 408, 425, 429])
def test_a_passing_trouble_is_asked_again_with_the_same_id(
    world: World, ai: DemoAI, status: int
) -> None:
    ai.mode = status
    assert world.ask()
    assert world.turn.status == TurnStatus.ASKED
    assert world.turn.reason == f"the AI answered HTTP {status}"
    assert not world.ask(14)
    ai.mode = "inline"
    assert world.ask(1)
    assert world.turn.status == TurnStatus.ANSWERED
    assert ai.asked[0]["message_id"] == ai.asked[1]["message_id"]


def test_the_waits_double_up_to_fifteen_minutes_and_never_end(
    world: World, ai: DemoAI
) -> None:
    ai.mode, waits = 503, []
    for _ in range(9):
        assert world.ask()
        waits.append(world.waits_s())
        world.now += timedelta(seconds=waits[-1] or 0)
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900, 900]
    assert world.turn.status == TurnStatus.ASKED


def test_the_wait_is_in_the_database_and_survives_a_restart(
    world: World, make_config: MakeConfig, ai: DemoAI
) -> None:
    ai.mode = 500
    world.ask()
    world.storage.close()
    again = World(Storage(world.storage.path), make_config(), ai.url)
    assert not again.ask(14)
    assert again.ask(1)
    again.storage.close()


def test_nobody_listening_is_asked_again(
    storage: Storage, make_config: MakeConfig
) -> None:
    world = World(storage, make_config(), "http://127.0.0.1:1/ai")
    world.read(guest("1"))
    for _ in range(8):
        assert world.ask(900)
    assert world.turn.status == TurnStatus.ASKED
    assert world.turn.reason == "the AI was not reached (ConnectionError)"


@pytest.mark.parametrize("status", [400, 410, 422, 302])
def test_a_refusal_fails_the_turn_after_the_attempts(
    storage: Storage, make_config: MakeConfig, ai: DemoAI, status: int
) -> None:
    world = World(storage, make_config(ai__max_attempts="3"), ai.url)
    world.read(guest("1"))
    ai.mode = status
    for _ in range(3):
        assert world.turn.status in (TurnStatus.NEW, TurnStatus.ASKED)
        assert world.ask(900)
    assert world.turn.status == TurnStatus.FAILED
    assert world.turn.reason == f"the AI answered HTTP {status}"
    assert not world.ask(9000)


def test_a_passing_trouble_does_not_count_as_a_refusal(
    storage: Storage, make_config: MakeConfig, ai: DemoAI
) -> None:
    world = World(storage, make_config(ai__max_attempts="2"), ai.url)
    world.read(guest("1"))
    for ai.mode in (500, 400, 503, 500):
        world.ask(900)
    assert world.turn.status == TurnStatus.ASKED
    ai.mode = 400
    world.ask(900)
    assert world.turn.status == TurnStatus.FAILED


def test_a_failed_turn_is_asked_again_with_the_guests_next_text(
    storage: Storage, make_config: MakeConfig, ai: DemoAI
) -> None:
    world = World(storage, make_config(ai__max_attempts="1"), ai.url)
    world.read(guest("1", "One"))
    ai.mode = 400
    world.ask()
    world.read(guest("1", "One"))
    assert not world.ask()
    ai.mode = "silent"
    world.read(guest("1", "One"), guest("2", "Two"))
    world.ask()
    assert ai.asked[-1]["message"] == "One\n\nTwo"


# Taken, and then silence


def test_a_silent_ai_is_asked_again_after_answer_within_sec(
    world: World, ai: DemoAI
) -> None:
    world.ask()
    assert not world.ask(299)
    assert world.ask(1)
    assert not world.ask(299)
    assert len({asked["message_id"] for asked in ai.asked}) == 1
    assert len({asked["callback_url"] for asked in ai.asked}) == 1
    assert len(ai.asked) == 2


def test_a_program_that_died_while_asking_asks_again_with_the_same_id(
    world: World, make_config: MakeConfig, ai: DemoAI
) -> None:
    # As a kill inside of the POST leaves it.
    died_with = world.storage.turns.claim_next(NOW, later(300))
    world.storage.close()
    again = World(Storage(world.storage.path), make_config(), ai.url)
    assert not again.ask(299)
    assert again.ask(1)
    assert died_with and ai.asked[0]["message_id"] == died_with.id
    again.storage.close()


def test_an_expired_turn_is_not_asked(world: World, ai: DemoAI) -> None:
    assert not world.ask(12 * 3600 + 1)
    assert world.turn.status == TurnStatus.EXPIRED
    assert world.turn.reason == "older than 12 h"
    assert ai.asked == []


def test_an_ai_that_is_silent_for_hours_expires_the_turn(
    world: World, ai: DemoAI
) -> None:
    world.ask()
    assert not world.ask(12 * 3600 + 1)
    assert world.turn.status == TurnStatus.EXPIRED


def test_age_is_judged_by_the_sites_clock(world: World, ai: DemoAI) -> None:
    world.storage.session.measured(later(13 * 3600), NOW)
    assert not world.ask()
    assert world.turn.status == TurnStatus.EXPIRED


# `asked` is committed before the POST


def test_a_turn_is_asked_in_the_database_while_the_post_is_under_way(
    world: World, ai: DemoAI
) -> None:
    seen = []

    def look(question: Any) -> str:
        turn = world.storage.turns.get(question["message_id"])
        seen.append(turn and turn.status)
        return "Yes."

    ai.mode, ai.answer = "inline", look
    world.ask()
    assert seen == [TurnStatus.ASKED]


@pytest.mark.parametrize("own_answer", ["inline", "ignore", "silent", 500, 404])
def test_a_callback_before_the_posts_own_reply_wins(
    storage: Storage, make_config: MakeConfig, own_answer: str | int
) -> None:
    config = make_config(ai__max_attempts="1")
    server = serve_webhook(storage, config, now=lambda: NOW)
    server.start()
    with CallsBackFirst(own_answer) as ai:
        world = World(storage, config, ai.url, server.port)
        world.read(guest("1"))
        world.ask()
    server.stop()
    assert world.turn.status == TurnStatus.ANSWERED
    assert world.reply.message == "by callback"
    assert storage.shown.reply_counts() == {"pending": 1}


class CallsBackFirst(DemoAI):
    """Calls back before it answers the POST itself with `own_answer`."""

    def __init__(self, own_answer: str | int) -> None:
        super().__init__()
        self.mode = own_answer

    def _post(self) -> Any:
        answer = super()._post()
        self.call_back(self.asked[-1], "by callback")
        return answer


# What the log says


def test_what_nobody_sees_is_taken_out_of_an_answer_with_a_note(
    world: World, ai: DemoAI, caplog: pytest.LogCaptureFixture
) -> None:
    ai.mode, ai.answer = "inline", lambda question: "Yes\u200b, \u202eit is."
    world.read(guest("1"))
    world.ask(0)
    (reply,) = world.storage.outbox.with_status(ReplyStatus.PENDING)
    assert reply.message == "Yes, it is."
    note = f"reply {reply.id[:8]}: 2 characters that nobody sees were taken out"
    assert note in caplog.messages


def test_the_log_names_turns_and_never_words(
    world: World, ai: DemoAI, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "airbot")
    for ai.mode in (500, "inline"):
        world.ask(900)
    assert world.turn.id[:8] in caplog.text
    for word in ("parking", "demo AI", "Maya", "token", "127.0.0.1"):
        assert word not in caplog.text


# An AI that takes the question and gives no answer


def test_a_2xx_without_an_answer_is_named_counted_and_in_the_end_asked_no_more(
    storage: Storage,
    make_config: MakeConfig,
    ai: DemoAI,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(storage, make_config(ai__max_attempts="3"), ai.url)
    world.read(guest("1"))
    ai.mode = "silent"
    assert world.ask() and world.storage.ai.get().failing_since is None
    assert not world.ask(299)
    assert world.ask(1)
    assert world.turn.reason == "the AI is asked"
    assert "no answer came in 300 s; the AI's 2xx held " in caplog.text
    assert world.storage.ai.get().kind == AITrouble.SILENT
    assert world.ask(300) and not world.ask(300) and not world.ask(9000)
    assert len(ai.asked) == 3
    assert world.turn.status == TurnStatus.ASKED
    assert world.turn.reason.endswith("asked no more")
    waits = storage.shown.waiting(storage.session.get(), world.now)
    (item,) = waits
    assert f"airbot messages retry {world.turn.id[:8]}" in item.command
    world.storage.verbs.retry_turn(world.turn.id, NOW - timedelta(days=1), world.now)
    assert world.ask() and len(ai.asked) == 4


def test_the_answer_of_an_ai_that_is_asked_no_more_is_taken(
    storage: Storage, make_config: MakeConfig, ai: DemoAI
) -> None:
    world = World(storage, make_config(ai__max_attempts="1"), ai.url)
    world.read(guest("1"))
    ai.mode = "silent"
    assert world.ask() and not world.ask(300)
    world.asker._answers.reply(world.turn, "Yes.", "AI", logging.getLogger("airbot.x"))
    assert world.turn.status == TurnStatus.ANSWERED
    health = storage.ai.get()
    assert health.failing_since is None and health.answered_at == world.now


def test_a_program_that_died_while_asking_does_not_blame_the_ai(
    world: World, ai: DemoAI, caplog: pytest.LogCaptureFixture
) -> None:
    world.storage.turns.claim_next(NOW, NOW + timedelta(seconds=300))
    assert world.ask(300)
    assert "no answer came" not in caplog.text
    assert world.storage.ai.get().failing_since is None


# An AI that is closed to all


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_closed_ai_costs_no_turn_its_life_and_is_tried_once_a_minute(
    storage: Storage,
    make_config: MakeConfig,
    ai: DemoAI,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    world = World(storage, make_config(ai__max_attempts="2"), ai.url)
    for number in range(3):
        world.read(guest(str(number)), id_=f"T{number}")
    ai.mode = status
    assert world.ask() and not world.ask() and not world.ask(59)
    for _ in range(5):
        assert world.ask(61) and not world.ask()
    assert len(ai.asked) == 6
    errors = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(errors) == 1 and f"HTTP {status}" in errors[0].message
    (counts,) = storage.db.read("SELECT SUM(refusals) AS n FROM turns")
    assert counts["n"] == 0
    ai.mode = "inline"
    assert world.ask(61) and world.ask() and world.ask() and not world.ask()
    assert storage.ai.get().failing_since is None


def test_an_ai_that_takes_questions_again_is_asked_by_all(
    storage: Storage, make_config: MakeConfig, ai: DemoAI
) -> None:
    world = World(storage, make_config(), ai.url)
    for number in range(3):
        world.read(guest(str(number)), id_=f"T{number}")
    ai.mode = 401
    assert world.ask()
    storage.ai.failed(AITrouble.UNUSABLE, "message is empty", world.now)
    ai.mode = "silent"
    assert world.ask(61) and world.ask() and world.ask()


def test_when_the_ai_wants_to_be_asked_again_holds_for_all(
    storage: Storage, make_config: MakeConfig, ai: DemoAI
) -> None:
    world = World(storage, make_config(), ai.url)
    for number in range(2):
        world.read(guest(str(number)), id_=f"T{number}")
    ai.mode, ai.retry_after = 429, "300"
    assert world.ask() and not world.ask(299)
    ai.mode = "inline"
    assert world.ask(2) and world.ask()


def test_a_wish_of_days_is_no_more_than_the_longest_wait(
    world: World, ai: DemoAI
) -> None:
    ai.mode, ai.retry_after = 503, "999999"
    assert world.ask() and not world.ask(899) and world.ask(2)


def test_what_failed_is_known_until_an_answer_comes(world: World, ai: DemoAI) -> None:
    ai.mode = 500
    world.ask()
    health = world.storage.ai.get()
    assert (health.kind, health.failing_since) == (AITrouble.REFUSING, NOW)
    ai.mode = "inline"
    world.ask(15)
    assert world.storage.ai.get().failing_since is None


# One call at a time


def test_a_clock_that_is_put_forward_asks_no_second_time_about_a_turn_in_hand(
    world: World, ai: DemoAI
) -> None:
    def meanwhile(question: object) -> str:
        world.now += timedelta(seconds=2000)
        world.storage.session.measured(world.now, world.now)
        assert not world.asker.ask_one()
        return "Yes."

    ai.mode, ai.answer = "inline", meanwhile
    assert world.ask() and len(ai.asked) == 1


# Not answered in time


def test_guests_who_were_not_answered_in_time_are_one_error_and_wait_for_a_person(
    storage: Storage,
    make_config: MakeConfig,
    ai: DemoAI,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(storage, make_config(), ai.url)
    for number in range(3):
        world.read(guest(str(number)), id_=f"T{number}")
    ai.mode = 500
    world.ask()
    world.ask(13 * 3600)
    errors = [r.message for r in caplog.records if r.levelno == logging.ERROR]
    assert errors == [
        "3 guests were not answered in time (older than 12 h): see airbot status"
    ]
    session = storage.session.get()
    assert [w.missed for w in storage.shown.waiting(session, world.now)] == [True] * 3
    week = world.now + timedelta(days=7)
    assert storage.shown.waiting(session, week) == []


def test_what_was_old_at_the_first_start_waits_for_nobody(
    storage: Storage, make_config: MakeConfig, ai: DemoAI
) -> None:
    world = World(storage, make_config(), ai.url)
    storage.runs.begin("daemon", "1", "", NOW)
    world.read(guest("1", at=later(-13 * 3600)))
    assert world.turn.status == TurnStatus.EXPIRED
    assert storage.shown.waiting(storage.session.get(), NOW) == []


def test_who_wrote_while_airbot_was_off_for_long_waits_for_a_person(
    storage: Storage, make_config: MakeConfig, ai: DemoAI
) -> None:
    world = World(storage, make_config(), ai.url)
    storage.runs.begin("daemon", "1", "", NOW)
    world.now += timedelta(days=2)
    at = later(2 * 86_400)
    world.read(guest("1", at=later(3600)), at=at)
    assert world.turn.status == TurnStatus.EXPIRED
    (item,) = storage.shown.waiting(storage.session.get(), at)
    assert "--old" in item.command


def test_an_expired_turn_is_asked_with_old_and_answered_however_old(
    world: World, ai: DemoAI
) -> None:
    ai.mode = 500
    world.ask()
    world.ask(13 * 3600)
    assert world.turn.status == TurnStatus.EXPIRED
    oldest = world.now - timedelta(hours=12)
    with pytest.raises(VerbRefused, match="--old"):
        world.storage.verbs.retry_turn(world.turn.id, oldest, world.now)
    world.storage.verbs.retry_turn(world.turn.id, oldest, world.now, old_ok=True)
    ai.mode = "inline"
    world.read(guest("1", "Is parking free?"), at=world.now)
    assert world.turn.status == TurnStatus.NEW
    assert world.ask()
    assert world.reply.status == ReplyStatus.PENDING and world.reply.old_ok
    claimed = world.storage.outbox.claim_next(world.now, world.now, RULES)
    assert isinstance(claimed, Reply) and claimed.id == world.reply.id
