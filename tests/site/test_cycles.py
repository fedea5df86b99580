"""A browser or a site that fails in a real Chromium costs one cycle, and no restart."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.fakes import Scene

from airbot.airbnb import Airbnb
from airbot.airbnb import reader
from airbot.airbnb import site as verbs
from airbot.browser import Browser
from airbot.browser import processes
from airbot.config import Config
from airbot.daemon.gate import Gate
from airbot.daemon.service import Daemon
from airbot.models import SessionState
from airbot.models import utcnow
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

pytestmark = pytest.mark.browser


class Cycle:
    """SYNC behind its gate, with a page open that can be spoiled."""

    def __init__(self, scene: Scene, browser: Browser) -> None:
        self.scene, self.browser, self.site = scene, browser, scene.site
        self.gate = Gate(scene.storage, browser, scene.clock)
        scene.guest("Hello!")
        scene.host("Welcome!")  # a page with an empty conversation takes 3 s
        assert self.sync()

    def sync(self) -> bool:
        return self.gate.run("sync", self.scene.syncer.run)

    def state(self) -> SessionState:
        return self.scene.storage.session.get().state


def _kill(pids: set[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _renderers(browser: Browser) -> set[int]:
    mains = processes.chromiums(browser.profile)
    own = {p for p, _ in processes._commands() if processes._group(p) in mains}
    return {p for p in own if b"--type=renderer" in _command(p)}


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def hang_page(browser: Browser) -> None:
    with browser.job("hanging the page", 5):
        browser.tab.probe("() => void setTimeout(() => { while (1) {} })")


TROUBLES: dict[str, Callable[[Cycle], object]] = {
    "a crashed page": lambda c: _kill(_renderers(c.browser)),
    "a killed Chromium": lambda c: _kill(processes.chromiums(c.browser.profile)),
    "a killed driver": lambda c: _kill({d.pid for d in c.browser._drivers()}),
    "a hung page": lambda c: hang_page(c.browser),
    "a site that takes questions and never answers": (
        lambda c: setattr(c.site.trouble, "hang", True)
    ),
}


@pytest.fixture
def cycle(
    site: AirbnbSite,
    airbnb: Airbnb,
    browser: Browser,
    storage: Storage,
    make_config: Callable[..., Config],
) -> Cycle:
    site.poll_s = 60
    return Cycle(Scene(site, airbnb, storage, make_config()), browser)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_trouble_costs_one_cycle_and_the_next_is_whole(
    cycle: Cycle, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    scene, site = cycle.scene, cycle.site
    scene.guest()
    monkeypatch.setattr(verbs, "JOB_DEADLINE_S", 2.0)
    monkeypatch.setattr(reader, "ANSWER_TIMEOUT_S", 0.4)
    TROUBLES[trouble](cycle)
    assert not cycle.sync()
    assert cycle.state() == SessionState.UNAVAILABLE
    assert not cycle.browser.is_open
    assert not processes.chromiums(cycle.browser.profile)
    site.clear_trouble()
    monkeypatch.undo()
    scene.clock.advance(20)
    assert cycle.sync()
    assert cycle.state() == SessionState.OK
    assert scene.texts_of_turn() == ["Is parking free?"]


def test_after_a_pause_no_request_leaves_the_open_page_either(cycle: Cycle) -> None:
    cycle.site.poll_s = 0.05  # of the pages loaded from now on
    cycle.site.new_deploy()  # so that one is loaded
    assert cycle.sync()
    cycle.site.trouble.challenge = "airlock_401"
    assert not cycle.sync()
    assert not processes.chromiums(cycle.browser.profile)
    asked = len(cycle.site.requests)
    cycle.scene.clock.advance(86_400)
    assert not cycle.sync()
    assert len(cycle.site.requests) == asked


@pytest.mark.parametrize(
    ("place", "wish"), [("page_status", "date"), ("api_status", "600")]
)
def test_airbnbs_own_wish_for_a_pause_is_honoured(
    cycle: Cycle, place: str, wish: str
) -> None:
    in_ten_minutes = format_datetime(utcnow() + timedelta(seconds=600), usegmt=True)
    trouble, clock = cycle.site.trouble, cycle.scene.clock
    trouble.retry_after = in_ten_minutes if wish == "date" else wish
    setattr(trouble, place, 429)
    cycle.site.new_deploy()  # a page must be loaded
    assert not cycle.sync()
    again_at = cycle.scene.storage.session.get().next_try_at
    assert again_at is not None
    wait_s = (again_at - clock()).total_seconds()
    assert round(wait_s, -2) == 600
    asked = len(cycle.site.requests)
    clock.advance(wait_s - 60)
    assert not cycle.sync()
    assert len(cycle.site.requests) == asked
    cycle.site.clear_trouble()
    clock.advance(61)
    assert cycle.sync()


def test_a_burst_of_403_is_met_with_longer_and_longer_waits(cycle: Cycle) -> None:
    cycle.site.trouble.page_status = 403
    cycle.site.new_deploy()
    waits = []
    for _ in range(4):
        assert not cycle.sync()
        assert cycle.state() == SessionState.UNAVAILABLE
        again_at = cycle.scene.storage.session.get().next_try_at
        assert again_at is not None
        waits.append((again_at - cycle.scene.clock()).total_seconds())
        cycle.scene.clock.advance(waits[-1] + 0.1)
    assert waits == sorted(waits) and waits[-1] > 7 * 15
    cycle.site.clear_trouble()
    assert cycle.sync()


def test_words_of_names_listings_and_guests_change_nothing(cycle: Cycle) -> None:
    site = cycle.site
    site.trouble.extra_words = True
    words = "captcha robot verify suspicious login"
    thread = site.add_thread(f"Login {words}", listing=f"Robot Captcha Villa {words}")
    site.guest_writes(thread, f"/login /airlock?al_id=1 <b>{words}</b>")
    cycle.site.new_deploy()
    assert cycle.sync()
    cycle.scene.airbnb.open_thread(thread.id)
    cycle.scene.airbnb.type_reply(f"No {words} here")
    cycle.scene.airbnb.check_typed(thread.id, f"No {words} here")
    assert cycle.state() == SessionState.OK


def test_intervals_are_never_exactly_the_same(make_config: Callable[..., Any]) -> None:
    class Nobody:
        def beat(self) -> None:
            pass

    nothing: Any = Nobody()
    scheduler = Daemon(make_config())._scheduler(nothing, nothing)
    for name, least, most in (("sync", 45, 49.5), ("send", 15, 16.5)):
        trigger, now = scheduler.get_job(name).trigger, utcnow()
        ahead = {trigger.get_next_fire_time(None, now) - now for _ in range(9)}
        waits = [wait.total_seconds() for wait in ahead]
        assert len(waits) > 1 and least <= min(waits) and max(waits) <= most


def test_the_runs_that_a_clock_put_forward_has_missed_are_one(
    make_config: Callable[..., Any],
) -> None:
    nothing: Any = SimpleNamespace(beat=lambda: None)
    for job in Daemon(make_config())._scheduler(nothing, nothing).get_jobs():
        assert len(job._get_run_times(utcnow() + timedelta(days=730))) == 1
