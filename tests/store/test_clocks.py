"""Clocks that go wrong: ages are Airbnb's, waits are bounded, nobody is forgotten."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from typing import cast

import pytest
from support.fakes import Closes
from support.fakes import FakeAirbnb
from support.fakes import Scene

from airbot.ai.host import HostAI
from airbot.answers import Answers
from airbot.ask import Asker
from airbot.config import Config
from airbot.contract.payload import AIAnswer
from airbot.daemon.gate import Gate
from airbot.daemon.notify import Notifier
from airbot.daemon.service import Daemon
from airbot.daemon.watch import Watch
from airbot.exceptions import DatabaseGone
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteUnavailable
from airbot.models import Question
from airbot.models import TurnStatus
from airbot.models import utcnow
from airbot.policy.pace import is_due
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

REPLY = "Yes, parking is free."
JUMPS = [3 * 3600, -3 * 3600, 13 * 3600, -13 * 3600, 2 * 365 * 86_400, 60]


class YesAI:
    """Answers every question at once."""

    def ask(self, question: Question, callback_url: str) -> AIAnswer:
        return AIAnswer("reply", REPLY)


class World(Scene):
    """SYNC, ASK and SEND on one clock that can be put forward and back."""

    def __init__(self, site: AirbnbSite, storage: Storage, config: Config) -> None:
        super().__init__(site, FakeAirbnb(site), storage, config)
        self.answers = Answers(storage, config, lambda: None, self.clock)
        url, ai = "http://127.0.0.1:1", cast(HostAI, YesAI())
        self.asker = Asker(storage, ai, config, url, self.answers, self.clock)

    def cycle(self) -> None:
        self.syncer.run()
        while self.asker.ask_one():
            pass
        self.sender.run()


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
    for jump in (0, 3600, 5, -5, -3600):
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


def test_two_that_ask_in_the_same_moment_never_take_the_same_turn(
    world: World,
) -> None:
    world.guest()
    world.syncer.run()
    turns, wait, now = world.storage.turns, timedelta(hours=1), world.clock()
    quick = now + timedelta(milliseconds=500)  # or NTP has put the clock back by that
    assert turns.claim_next(quick, quick + wait)
    assert not turns.claim_next(now, now + wait)


def test_one_cycle_waits_for_a_question_that_a_wrong_clock_put_off(
    world: World,
) -> None:
    world.guest()
    world.syncer.run()
    turns, now = world.storage.turns, world.clock()
    turn = turns.claim_next(now, now)
    assert turn
    turns.ask_again(turn, "HTTP 503", now + timedelta(minutes=1), False, now)
    assert not turns.waits_for_answer(now)
    assert turns.waits_for_answer(now - timedelta(hours=3))


@pytest.mark.parametrize(
    ("ahead_s", "due"),
    [(-1, True), (0, True), (1, False), (900, False), (959, False), (961, True)],
)
def test_a_wait_is_over_when_it_ends_or_is_longer_than_any(
    world: World, ahead_s: float, due: bool
) -> None:
    now = world.clock()
    at = now + timedelta(seconds=ahead_s)
    assert is_due(at, now, timedelta(minutes=15)) is due


def test_a_long_settle_sec_is_no_wrong_clock(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> None:
    world = World(site, storage, make_config(send__settle_sec="7200"))
    swallowed(world)
    assert not storage.outbox.is_due(world.clock(), world.rules)


def test_an_unknown_page_is_tried_by_the_right_time_from_then_on(
    world: World,
) -> None:
    def job() -> None:
        raise SiteChanged("the composer")

    gate = Gate(world.storage, Closes(), world.clock)
    gate.run("sync", job)
    world.clock.jump(-3 * 3600)
    assert gate.is_open()
    gate.run("sync", job)
    assert not gate.is_open()


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


@pytest.mark.parametrize("seconds", JUMPS)
def test_the_hour_of_the_limits_is_airbnbs(
    site: AirbnbSite,
    storage: Storage,
    make_config: Callable[..., Config],
    seconds: float,
) -> None:
    world = World(site, storage, make_config(send__max_per_hour="1"))
    world.queue(REPLY)
    assert world.later(0).status == "sent"
    world.clock.jump(seconds)
    world.thread = world.site.add_thread("Kenji")
    world.queue("You are welcome.")
    assert world.later(60).status == "pending"
    assert world.later(3600).status == "sent"


# Proofs


def swallowed(world: World) -> None:
    """Send was pressed, and one reading has shown nothing."""
    world.site.trouble.send, world.site.trouble.send_times = "swallow", 1
    world.queue(REPLY)
    reply = world.later(0)
    assert (reply.status, reply.absent_readings) == ("uncertain", 1)


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_jump_does_not_bring_two_readings_apart(world: World, seconds: float) -> None:
    swallowed(world)
    world.clock.jump(seconds)
    assert world.later(60).presses == 1
    reply = world.later(61)
    assert (reply.status, reply.presses) == ("sent", 2)


def test_two_readings_are_apart_by_airbnbs_clock_when_ours_is_put_right(
    world: World,
) -> None:
    world.clock.jump(-3 * 3600)
    swallowed(world)
    world.clock.jump(3 * 3600)  # what was to wait two minutes is due now
    assert world.later(20).presses == 1
    assert world.later(101).presses == 2


@pytest.mark.parametrize("seconds", JUMPS)
@pytest.mark.parametrize("read", [True, False])
def test_a_jump_parks_nothing_that_one_reading_did_not_decide(
    world: World, seconds: float, read: bool
) -> None:
    swallowed(world)
    world.clock.jump(seconds)
    if read:
        world.syncer.run()
    world.airbnb.fail("read_thread", SiteUnavailable("timed out"))
    with suppress(SiteUnavailable):
        world.later(60)
    assert not world.reply().parked
    assert world.later(121).status == "sent"


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_jump_does_not_bring_two_looks_apart(world: World, seconds: float) -> None:
    world.guest()
    world.airbnb.incomplete = True
    for _ in range(4):
        world.syncer.run()
    world.clock.jump(seconds)
    world.syncer.run()
    assert world.storage.troubles.all()
    world.clock.advance(3601)
    world.syncer.run()
    assert not world.storage.troubles.all()


# A reply that answers no question


def without_turn(world: World) -> None:
    log = logging.getLogger("airbot.tests")
    brought = world.answers.reply(world.thread.id, "The code is new.", "AI", log)
    assert brought.reply
    world.reply_id = brought.reply.id


@pytest.mark.parametrize("seconds", JUMPS)
@pytest.mark.parametrize(("hours", "status"), [(11, "sent"), (13, "cancelled")])
def test_a_reply_without_a_turn_has_its_age_by_airbnbs_clock(
    world: World, seconds: float, hours: float, status: str
) -> None:
    world.syncer.run()
    without_turn(world)
    world.clock.jump(seconds)
    assert world.later(hours * 3600).status == status


# The main thread's rounds


@pytest.fixture
def watch(world: World, make_config: Callable[..., Config]) -> Watch:
    parts: Any = SimpleNamespace(
        storage=world.storage,
        config=make_config(),
        gate=SimpleNamespace(busy=False),
        send_wanted=threading.Event(),
        server=SimpleNamespace(full_at=None),
    )
    return Watch(parts, Notifier(), world.clock)


def test_a_crowd_at_the_webhook_is_kept_for_status(world: World, watch: Watch) -> None:
    runs = world.storage.runs
    runs.begin("daemon", "0.2.0", "x.ini", world.clock())

    def noted(at: datetime) -> datetime | None:
        watch._parts.server = cast(Any, SimpleNamespace(full_at=at))
        watch._round_at = 0.0
        watch.round()
        return world.storage.shown.overview(world.clock()).runs[0].crowded_at

    first = world.clock().replace(microsecond=0)
    assert noted(first) == first
    assert noted(first + timedelta(seconds=30)) == first  # once a minute is enough
    later = first + timedelta(minutes=2)
    assert noted(later) == later


def test_a_clock_that_is_years_ahead_forgets_no_conversation(
    world: World, watch: Watch
) -> None:
    world.queue(REPLY)
    world.later(0)
    world.clock.jump(2 * 365 * 86_400)
    watch.round()
    world.syncer.run()
    watch._round_at = 0.0
    watch.round()
    assert world.storage.inbox.seen_marks()


def test_what_is_old_by_airbnbs_clock_is_forgotten(world: World, watch: Watch) -> None:
    world.queue(REPLY)
    world.later(0)
    now = world.clock()
    world.storage.session.measured(now + timedelta(days=401), now)
    watch.round()
    assert not world.storage.inbox.seen_marks()


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_clock_that_was_moved_is_noticed_once(
    world: World, watch: Watch, seconds: float
) -> None:
    assert not watch.clock_was_moved()
    world.clock.jump(seconds)
    assert watch.clock_was_moved() and not watch.clock_was_moved()


@pytest.mark.parametrize("seconds", [-3 * 3600, 3 * 3600])
def test_then_every_job_runs_at_once(
    watch: Watch, world: World, make_config: Callable[..., Config], seconds: float
) -> None:
    daemon, nothing = Daemon(make_config()), SimpleNamespace()
    scheduler = daemon._scheduler(nothing, watch)  # type: ignore[arg-type]
    scheduler.start(paused=True)
    for job in scheduler.get_jobs():
        job.modify(next_run_time=utcnow() - timedelta(seconds=seconds))
    world.clock.jump(seconds)
    daemon._round(scheduler, watch)
    assert all(job.next_run_time <= utcnow() for job in scheduler.get_jobs())
    scheduler.shutdown()


# The database


def taken_away(storage: Storage, how: str) -> None:
    if how == "moved":
        storage.path.rename(storage.path.with_name("elsewhere.db"))
    else:
        storage.path.unlink()
    if how == "replaced":
        storage.path.write_bytes(b"")


@pytest.mark.parametrize("how", ["deleted", "replaced", "moved"])
def test_a_database_that_is_no_more_in_its_place_is_noticed(
    storage: Storage, how: str
) -> None:
    storage.check_place()
    taken_away(storage, how)
    with pytest.raises(DatabaseGone, match="deleted or replaced"):
        storage.check_place()


@pytest.mark.parametrize("how", ["deleted", "replaced", "moved"])
def test_nothing_is_written_where_nobody_finds_it(storage: Storage, how: str) -> None:
    taken_away(storage, how)
    with pytest.raises(DatabaseGone):
        storage.session.set_account("900")
    with pytest.raises(DatabaseGone):
        storage.outbox.enqueue_without_turn("T1", REPLY, "AI", utcnow())


def test_a_thread_that_comes_new_makes_no_empty_database(storage: Storage) -> None:
    taken_away(storage, "deleted")
    with ThreadPoolExecutor() as pool, pytest.raises(DatabaseGone):
        pool.submit(storage.session.get).result()
    assert not storage.path.exists()
