"""The session's gate: when Airbnb is asked again, and when a person must come first."""

from __future__ import annotations

import logging
import time
from datetime import UTC
from datetime import datetime
from datetime import timedelta

import pytest
from support.fakes import Closes

from airbot.airbnb.pages import check_address
from airbot.daemon.gate import PAUSED
from airbot.daemon.gate import Gate
from airbot.exceptions import AlreadyRunning
from airbot.exceptions import ChallengeShown
from airbot.exceptions import DialogShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.models import Session
from airbot.models import SessionState
from airbot.storage import Storage
from airbot.sync import SyncResult

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
MISSING = SiteChanged("the composer [data-testid=messaging-composebar]")
BUSY = SiteUnavailable("HTTP 503 for the inbox page")


class Door:
    """A gate, its clock, and jobs that go well or end in trouble."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.at = START
        self.browser = Closes()
        self.gate = Gate(storage, self.browser, lambda: self.at)
        self.asked: list[str] = []  # the jobs that reached Airbnb

    def run(self, name: str, trouble: SiteError | None = None) -> bool:
        def job() -> str:
            self.asked.append(name)
            if trouble is not None:
                raise trouble
            return "1 thread"

        return self.gate.run(name, job)

    def meets(self, trouble: SiteError, name: str = "sync") -> timedelta | None:
        """The job meets the trouble; how long the gate is shut then."""
        asked = len(self.asked)
        self.run(name, trouble)
        assert len(self.asked) == asked + 1, "the gate was shut"
        again_at = self.session.next_try_at
        return again_at - self.at if again_at else None

    def wait(self, wait: timedelta | None) -> None:
        assert wait is not None
        self.at += wait

    def restart(self) -> None:
        self.gate = Gate(self.storage, self.browser, lambda: self.at)

    @property
    def session(self) -> Session:
        return self.storage.session.get()


@pytest.fixture
def door(storage: Storage) -> Door:
    return Door(storage)


# A page that is not understood


def test_an_unknown_page_is_tried_after_15_minutes_and_then_once_an_hour(
    door: Door,
) -> None:
    for minutes in (15, 60, 60, 60):
        wait = door.meets(MISSING)
        assert wait == timedelta(minutes=minutes)
        door.at += wait - timedelta(seconds=1)
        assert not door.run("sync")
        door.at += timedelta(seconds=1)
    assert not door.session.person_needed
    assert "messaging-composebar" in door.session.sentence


@pytest.mark.parametrize("before", [BUSY, SiteUnavailable("x", 60)])
def test_other_trouble_before_an_unknown_page_is_not_counted_as_a_try(
    door: Door, before: SiteError
) -> None:
    for _ in range(5):
        door.wait(door.meets(before))
    door.wait(door.meets(MISSING))
    assert door.meets(MISSING) == timedelta(hours=1)


def test_a_try_that_goes_well_starts_the_count_anew(door: Door) -> None:
    door.wait(door.meets(MISSING))
    assert door.run("sync")
    assert door.session.state == SessionState.OK
    assert door.meets(MISSING) == timedelta(minutes=15)


@pytest.mark.parametrize("first", ["sync", "send"])
def test_what_one_job_misses_counts_although_the_other_goes_well(
    door: Door, first: str
) -> None:
    waits = []
    for _ in range(3):
        if first == "sync":
            assert door.run("sync")
        waits.append(door.meets(MISSING, "send"))
        if waits[-1]:
            door.at += waits[-1]
            assert first == "sync" or door.run("sync")
    assert waits == [timedelta(minutes=15), timedelta(hours=1), timedelta(hours=1)]


def test_after_a_person_was_there_the_count_starts_anew(door: Door) -> None:
    for _ in range(2):
        door.wait(door.meets(MISSING, "send"))
    door.meets(MISSING, "send")
    assert not door.run("send")
    door.storage.session.set_state(SessionState.OK, "a person was there", door.at)
    assert door.meets(MISSING, "send") == timedelta(minutes=15)


def test_an_impatient_try_of_an_unknown_page_is_not_one_of_the_two(door: Door) -> None:
    def job() -> None:
        raise MISSING

    for _ in range(5):
        door.gate.run("sync", job, patient=False)
        door.at += timedelta(minutes=1)
    assert not door.session.person_needed
    assert door.session.next_try_at == START + timedelta(minutes=15)


# A dialog keeps SEND alone waiting


DIALOG = DialogShown("a dialog lies over Airbnb's page")


def test_a_dialog_keeps_send_alone_waiting(door: Door) -> None:
    assert not door.run("send", DIALOG)
    assert door.session.state == SessionState.OK
    assert door.run("sync") and not door.run("send")
    door.at += timedelta(minutes=15)
    assert door.run("send")


def test_a_dialog_that_stays_is_looked_for_once_an_hour_and_said_once(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    for minutes in (15, 60, 60):
        door.run("send", DIALOG)
        job = door.storage.session.job("send")
        assert job and job.next_try_at == door.at + timedelta(minutes=minutes)
        door.at += timedelta(minutes=minutes)
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 1


def test_a_person_who_was_there_ends_the_wait_of_every_job(door: Door) -> None:
    door.run("send", DIALOG)
    door.storage.session.end_waits()
    assert door.run("send")


# What nobody foresaw


def test_a_fault_of_ours_in_a_job_is_noted_and_ends_nothing(door: Door) -> None:
    def job() -> None:
        raise KeyError("a guest's words")

    assert not door.gate.run("sync", job)
    noted = door.storage.session.job("sync")
    assert noted and "please report this: KeyError in test_gate.py" in noted.outcome
    assert noted.failing_since == door.at and "words" not in noted.outcome
    assert door.run("sync")
    well = door.storage.session.job("sync")
    assert well and well.failing_since is None


def test_a_time_that_a_wrong_clock_stored_keeps_nothing_shut(door: Door) -> None:
    door.at += timedelta(hours=3)
    door.meets(BUSY)
    door.at -= timedelta(hours=3)
    door.restart()
    assert door.run("sync")


# What is told of a reading


class Readings:
    """Readings at a gate whose hours are told by a clock of ours."""

    def __init__(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        self.door = door
        self.at_s = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.at_s)
        door.restart()

    def read(self, took_s: float = 0.0, **counts: int) -> None:
        def job() -> SyncResult:
            self.at_s += took_s
            return SyncResult(80, **counts)

        assert self.door.gate.run("sync", job)


@pytest.fixture
def readings(door: Door, monkeypatch: pytest.MonkeyPatch) -> Readings:
    return Readings(door, monkeypatch)


def said(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == level]


def test_a_reading_without_news_is_told_once_and_then_to_who_looks_for_a_fault(
    readings: Readings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "airbot.sync")
    readings.read()
    (first,) = said(caplog)
    assert first == "80 threads, 0 changed, 0 new messages (0 ms)"
    caplog.clear()
    readings.read()
    readings.read(changed=1, new_texts=2)
    assert said(caplog, logging.DEBUG) == [
        "80 threads, 0 changed, 0 new messages (0 ms)"
    ]
    assert said(caplog) == ["80 threads, 1 changed, 2 new messages (0 ms)"]


def test_one_line_an_hour_sums_the_readings_up(
    readings: Readings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "airbot.sync")
    readings.read(2.1, changed=2, new_texts=1)
    readings.read(1.0, changed=1, new_texts=1)
    readings.at_s = 3599.0
    readings.read()
    caplog.clear()
    for readings.at_s in (3600.0, 3645.0):
        readings.read()
    assert said(caplog) == [
        "3 readings in the last hour, 3 conversations changed, 2 new messages,"
        " slowest 2.1 s"
    ]


def test_after_a_pause_the_sum_is_of_more_than_an_hour(
    readings: Readings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "airbot.sync")
    readings.read(changed=1, new_texts=1, troubled=1)
    caplog.clear()
    readings.at_s = 6 * 3600.0
    readings.read()
    assert said(caplog) == [
        "1 reading in the last 6 hours, 1 conversation changed, 1 new message,"
        " 1 not read whole, slowest 0.0 s"
    ]


# A site that is not there


def test_after_each_error_the_next_try_waits_longer_up_to_a_quarter_of_an_hour(
    door: Door,
) -> None:
    waits = []
    for _ in range(10):
        wait = door.meets(BUSY)
        assert wait is not None
        waits.append(wait.total_seconds())
        door.at += wait
    assert all(15 * 2**n <= wait <= 1.3 * 15 * 2**n for n, wait in enumerate(waits[:6]))
    assert all(900 <= wait <= 1.3 * 900 for wait in waits[6:])
    assert door.run("sync")
    assert door.session.state == SessionState.OK


def test_two_hosts_do_not_come_again_in_the_same_moment(storage: Storage) -> None:
    waits = set()
    for _ in range(10):
        storage.session.set_state(SessionState.OK, "x", START)
        waits.add(Door(storage).meets(BUSY))
    assert len(waits) > 1


@pytest.mark.parametrize(
    ("wish_s", "wait_s"), [(120, 120), (1800, 1800), (86_400, 1800)]
)
def test_retry_after_is_honoured_up_to_half_an_hour(
    door: Door, wish_s: float, wait_s: float
) -> None:
    wait = door.meets(SiteUnavailable("HTTP 429 for the inbox page", wish_s))
    assert wait == timedelta(seconds=wait_s)


def test_a_short_retry_after_is_no_reason_to_come_sooner(door: Door) -> None:
    wait = door.meets(SiteUnavailable("HTTP 429 for the inbox page", 1))
    assert wait is not None and wait >= timedelta(seconds=15)


def test_the_wait_survives_a_restart(door: Door) -> None:
    door.wait(door.meets(BUSY))
    wait = door.meets(BUSY)
    door.restart()
    assert not door.run("sync")
    door.wait(wait)
    assert door.run("sync")


def test_another_chromium_on_the_profile_is_waited_for_and_a_persons_run_is_told(
    door: Door,
) -> None:
    def job() -> None:
        raise AlreadyRunning("another Chromium has the profile open")

    assert not door.gate.run("sync", job)
    assert door.session.state == SessionState.UNAVAILABLE
    assert "another Chromium" in door.session.sentence
    with pytest.raises(AlreadyRunning):
        door.gate.run("sync", job, patient=False)


# A pause


@pytest.mark.parametrize("trouble", [LoginRequired("login"), ChallengeShown("check")])
def test_a_pause_lets_nothing_through_until_a_person_was_there(
    door: Door, trouble: SiteError, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert door.meets(trouble) is None
    assert door.browser.closed == 1
    for _ in range(3):
        door.restart()
        door.at += timedelta(days=1)
        assert not door.run("sync") and not door.run("send")
    (line,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert str(trouble) in line.getMessage()
    assert "airbot reconnect" in line.getMessage()
    door.storage.session.set_state(SessionState.OK, "a person was there", door.at)
    assert door.run("sync")


def test_a_check_for_humans_is_called_a_captcha_in_the_log_and_in_the_status(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ChallengeShown) as met:
        check_address("https://www.airbnb.com/airlock?id=1", "https://www.airbnb.com")
    door.meets(met.value)
    sentence = "Airbnb shows a check for humans (CAPTCHA): airlock page"
    assert door.session.sentence == sentence
    assert caplog.messages == [f"{sentence}; {PAUSED}"]


def test_what_was_under_way_when_the_pause_came_does_not_end_it(door: Door) -> None:
    def sync() -> str:
        door.run("send", ChallengeShown("check"))
        return "1 thread"

    door.gate.run("sync", sync)
    assert door.session.state == SessionState.CAPTCHA


def test_lesser_trouble_does_not_take_the_place_of_a_pause(door: Door) -> None:
    def sync() -> None:
        door.run("send", LoginRequired("login"))
        raise BUSY

    door.gate.run("sync", sync)
    assert door.session.state == SessionState.LOGIN


@pytest.mark.parametrize(
    ("tries", "said"),
    [
        (1, "tries again in 15 minutes"),
        (2, "tries again in 60 minutes"),
        (3, "tries again in 60 minutes"),
    ],
)
def test_the_line_about_an_unknown_page_says_what_is_missing_and_what_happens_next(
    door: Door, caplog: pytest.LogCaptureFixture, tries: int, said: str
) -> None:
    for _ in range(tries - 1):
        door.wait(door.meets(MISSING))
    caplog.clear()
    door.meets(MISSING)
    (line,) = caplog.messages
    assert "messaging-composebar" in line and said in line


def test_a_job_that_ends_early_says_nothing_about_airbnb(door: Door) -> None:
    from airbot.daemon.gate import Stopped

    door.wait(door.meets(BUSY))

    def job() -> None:
        raise Stopped

    assert not door.gate.run("sync", job)
    assert door.session.state == SessionState.UNAVAILABLE
    assert not door.gate.busy
