"""Months in minutes: 2,000 SYNC cycles with everything that goes wrong mixed in.

    pytest -m soak -s

Every 100 cycles it prints the memory of Python (resident), of the driver and of
Chromium (proportional), open files, zombies of ours, and how many guests were answered.
The clock is moved by hand, the browser, the site and the database are real.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from pathlib import Path

import pytest
from support.far_site import World
from support.far_site import Worlds

from airbot.ai.host import HostAI
from airbot.airbnb import Airbnb
from airbot.airbnb import reader
from airbot.airbnb import site as airbnb_site
from airbot.answers import Answers
from airbot.ask import Asker
from airbot.browser import Browser
from airbot.browser import processes
from airbot.config import Config
from airbot.daemon.gate import Gate
from airbot.demo import LOOPBACK_ONLY
from airbot.models import SessionState
from airbot.send import Sender
from airbot.storage import Storage
from airbot.sync import Syncer

CYCLES = 2000
EVERY_S = 45.0


class Life:
    """One airbot in this thread, its clock, and a site that misbehaves."""

    def __init__(self, world: World, config: Config, storage: Storage) -> None:
        self.world, self.storage = world, storage
        self.browser = Browser(
            config.airbnb.session_dir, arguments=LOOPBACK_ONLY, max_mb=900
        )
        airbnb = Airbnb(self.browser, config.airbnb.base_url)
        asked = HostAI(config.ai.webhook_url, 5)
        base = "http://127.0.0.1:1"
        self.gate = Gate(storage, self.browser, self.now)
        self.syncer = Syncer(storage, airbnb, config, self.now)
        self.sender = Sender(storage, airbnb, config, self.now)
        answers = Answers(storage, config, lambda: None, self.now)
        self.asker = Asker(storage, asked, config, base, answers, self.now)
        self.texts = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.now(), UTC)

    def cycle(self) -> None:
        self.world.advance(EVERY_S)
        self.gate.run("sync", self.syncer.run)
        while self.asker.ask_one():
            pass
        self.gate.run("send", self.sender.run)

    def guest_writes(self) -> None:
        self.texts += 1
        self.world.guest_writes(f"question {self.texts}")

    def person_comes(self) -> None:
        """What `airbot reconnect` does in the end."""
        self.world.clear_trouble()
        self.storage.session.set_state(SessionState.OK, "reconnected", self.now())

    def troubles(self) -> list[Callable[[], object]]:
        trouble = self.world.trouble
        return [
            lambda: trouble(logged_out=True),
            lambda: trouble(challenge="airlock_page"),
            lambda: trouble(challenge="airlock_420"),
            lambda: trouble(api_status=500),
            lambda: trouble(hang_page=True),
            lambda: trouble(send="lose_answer"),
            self.browser.kill,
            self.world.new_deploy,
        ]

    def answered(self) -> set[str]:
        replies = self.world.posted()
        assert len(replies) == len(set(replies)), "answered twice"
        return set(" ".join(replies).split("|"))


@pytest.fixture
def world() -> Iterator[World]:
    with Worlds() as manager:
        yield manager.World(20)  # type: ignore[attr-defined]


@pytest.fixture
def life(
    world: World, make_config: Callable[..., Config], storage: Storage
) -> Iterator[Life]:
    life = Life(world, make_config(*world.urls(), **LIMITS), storage)
    yield life
    life.browser.close()


LIMITS = {"send__max_per_thread_hour": "100000", "send__max_per_hour": "100000"}


@pytest.mark.soak
@pytest.mark.browser
def test_two_thousand_cycles(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    # What pytest keeps of the log is not airbot's memory.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(airbnb_site, "JOB_DEADLINE_S", 4.0)
    monkeypatch.setattr(reader, "PAGE_TIMEOUT_S", 3.0)
    python_mb = []
    print(
        "\ncycle  python MB  driver MB  chromium MB  files  zombies  written  replies"
    )
    for number in range(1, CYCLES + 1):
        if number % 10 == 0:
            life.guest_writes()
        if number % 25 == 5:
            random.choice(life.troubles())()
        if number % 25 == 13:
            life.person_comes()
        life.cycle()
        if number % 100 == 0:
            python_mb.append(_print_state(number, life))
    life.person_comes()
    for _ in range(30):
        life.cycle()
    wanted = {f"question {n}" for n in range(1, life.texts + 1)}
    assert wanted <= life.answered()
    assert python_mb[-1] < python_mb[0] + 10
    assert _zombies() == 0


def _print_state(number: int, life: Life) -> float:
    python_mb = _rss_mb()
    driver_mb = processes.memory_mb(processes.drivers(), Path("/no/profile"))
    print(
        f"{number:5}  {python_mb:9.1f}  {driver_mb:9.0f}  "
        f"{life.browser.memory_mb() - driver_mb:11.0f}  "
        f"{len(os.listdir('/proc/self/fd')):5}  {_zombies():7}  {life.texts:7}  "
        f"{len(life.world.posted()):7}",
        flush=True,
    )
    return python_mb


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _zombies() -> int:
    count = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        count += fields[0] == "Z" and int(fields[1]) == os.getpid()
    return count
