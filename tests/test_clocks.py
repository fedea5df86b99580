"""Clocks that go wrong: ages are Airbnb's, waits are bounded, nobody is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fakes import Desk
from fakes import FakeAirbnb

from airbot.answers import Answers
from airbot.ask import Asker
from airbot.config import Config
from airbot.contract.payload import AIAnswer
from airbot.exceptions import DatabaseGone
from airbot.models import Question
from airbot.models import TurnStatus
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

REPLY = "Yes, parking is free."
JUMPS = [3 * 3600, -3 * 3600, 13 * 3600, -13 * 3600, 2 * 365 * 86_400, 60]


class YesAI:
    """Answers every question at once."""

    def ask(self, question: Question, callback_url: str) -> AIAnswer:
        return AIAnswer("reply", REPLY)


class World(Desk):
    """SYNC, ASK and SEND on one clock that can be put forward and back."""

    def __init__(self, site: AirbnbSite, storage: Storage, config: Config) -> None:
        super().__init__(site, FakeAirbnb(site), storage, config)
        answers = Answers(storage, config, lambda: None, self.clock)
        self.asker = Asker(
            storage, YesAI(), config, "http://127.0.0.1:1", answers, self.clock
        )

    def cycle(self) -> None:
        self.syncer.run()
        while self.asker.ask_one():
            pass
        self.sender.run()


@pytest.fixture
def site() -> Iterator[AirbnbSite]:
    site = AirbnbSite()
    yield site
    site.stop()


@pytest.fixture
def world(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> World:
    return World(site, storage, make_config())


# Ages


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_clock_that_is_moved_expires_no_young_turn(
    world: World, seconds: float
) -> None:
    world.guest()
    world.syncer.run()
    world.clock.jump(seconds)
    assert not world.asker.ask_one()  # how old it is, is not known now
    assert world.turn().status == TurnStatus.NEW
    world.cycle()
    assert world.posted() == [REPLY]


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_turn_that_is_too_old_at_airbnb_is_never_asked(
    world: World, seconds: float
) -> None:
    world.guest()
    world.syncer.run()
    world.clock.advance(13 * 3600)
    world.clock.jump(seconds)
    world.cycle()
    assert world.turn().status == TurnStatus.EXPIRED
    assert world.posted() == []


def test_before_the_first_reading_of_a_process_nothing_is_judged_by_its_age(
    world: World, make_config: Callable[..., Config]
) -> None:
    world.guest()
    world.syncer.run()
    again = Storage(world.storage.path)
    assert again.session.site_now(world.clock()) is None
    again.close()


@pytest.mark.parametrize("seconds", [0.5, -0.5, 1.9])
def test_a_clock_that_is_only_trimmed_is_the_same(world: World, seconds: float) -> None:
    world.syncer.run()
    world.clock.jump(seconds)
    assert world.storage.session.site_now(world.clock()) is not None


def test_a_machine_that_has_slept_reads_before_it_judges(world: World) -> None:
    world.syncer.run()
    slept = world.clock() + timedelta(hours=9)  # the monotonic clock stood still
    assert world.storage.session.site_now(slept) is None


def test_a_clock_that_is_far_off_is_said_once_for_each_change(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for jump in (0, 3600, 0, -3600):
        world.clock.jump(jump)
        for _ in range(3):
            world.syncer.run()
    said = [r for r in caplog.messages if "clock is off by 60 minutes" in r]
    assert len(said) == 1


# Waits


@pytest.mark.parametrize("seconds", [3 * 3600, 2 * 365 * 86_400])
def test_what_a_wrong_clock_put_off_is_due_when_it_is_right_again(
    world: World, seconds: float
) -> None:
    world.queue(REPLY)
    world.clock.jump(seconds)
    world.syncer.run()
    world.site.thread_trouble(world.thread, composer="none")
    assert world.later(0).status == "pending"  # tried again by the wrong clock
    world.clock.jump(-seconds)
    world.site.thread_trouble(world.thread)
    world.syncer.run()
    assert world.later(1).status == "sent"


def test_a_question_that_a_wrong_clock_put_off_is_asked(world: World) -> None:
    world.guest()
    world.clock.jump(3 * 3600)
    world.syncer.run()
    turn = world.storage.turns.claim_next(world.clock(), world.clock())
    assert turn
    later = world.clock() + timedelta(minutes=15)
    world.storage.turns.ask_again(turn, "HTTP 503", later, False, world.clock())
    world.clock.jump(-3 * 3600)
    world.cycle()
    assert world.posted() == [REPLY]


def test_an_uncertain_reply_is_settled_although_the_clock_was_put_back(
    world: World,
) -> None:
    world.queue(REPLY)
    world.clock.jump(3 * 3600)
    world.syncer.run()
    world.site.trouble.send, world.site.trouble.send_times = "swallow", 1
    assert world.later(0).status == "uncertain"
    world.clock.jump(-3 * 3600)
    for _ in range(4):
        reply = world.later(130)
    assert reply.status in ("sent", "uncertain")
    assert len(world.posted()) <= 1


def test_replies_of_a_future_hour_fill_no_limit(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> None:
    world = World(site, storage, make_config(send__max_per_hour="1"))
    world.clock.jump(3 * 3600)
    world.queue(REPLY)
    assert world.later(0).status == "sent"
    world.clock.jump(-3 * 3600)
    world.thread = world.site.add_thread("Kenji")
    world.queue("You are welcome.")
    assert world.later(1).status == "sent"


# The database


@pytest.mark.parametrize("how", ["deleted", "replaced", "moved"])
def test_a_database_that_is_no_more_in_its_place_is_noticed(
    storage: Storage, how: str
) -> None:
    storage.check_place()
    if how == "moved":
        storage.path.rename(storage.path.with_name("elsewhere.db"))
    else:
        storage.path.unlink()
    if how == "replaced":
        storage.path.write_bytes(b"")
    with pytest.raises(DatabaseGone, match="deleted or replaced"):
        storage.check_place()
