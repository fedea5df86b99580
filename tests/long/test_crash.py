"""Whatever moment it is killed at: every guest text is answered exactly once.

A chain of lives: each life of a real daemon meets a new guest and is killed with
SIGKILL at its point, most of them while they clear up after the life before.
The last life runs on until everything is settled; then the guests' threads are counted.

    pytest -m crash            at every named point, and at 200 random moments
"""

from __future__ import annotations

import inspect
import random
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import crash
from support.paths import own_environment
from support.paths import own_process

from airbot.models import utcnow
from airbot.sandbox.ai import DemoAI
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Thread
from airbot.storage import Storage

CHAINS = 4
LIFE_S = 40.0
KILLS = 200
SETTINGS = ("sync__interval_sec=1", "send__interval_sec=1", "send__settle_sec=1") + (
    "ai__answer_within_sec=3",
    "send__max_per_hour=1000000",
)


class Chain:
    """One host's account through many lives of the program."""

    def __init__(self, folder: Path, guests: int) -> None:
        self.folder = folder
        self.guests = guests  # how many write before each life
        self.site = AirbnbSite()
        self.site.clock_offset_s = 10.0
        self.site.poll_s = 30.0
        self.ai = DemoAI(lambda question: f"Re: {question['message']}")
        self.threads: dict[str, Thread] = {}

    def run(self, points: list[str]) -> dict[str, list[str]]:
        """What stands in each point's thread from the host's side, at the end."""
        with self.site, self.ai:
            for point in points:
                for number in range(self.guests):
                    self._meet_guest(f"{point} #{number}")
                self._live(point)
                if point in crash.BOUNDARY or self.guests > 1:
                    # A second death at the same reply's last press would, rightly,
                    # leave it to a person.
                    self._live_on()
            self._live_on()
            return {
                point: [m.text for m in self.site.posted(thread)]
                for point, thread in self.threads.items()
            }

    def _meet_guest(self, name: str) -> None:
        thread = self.site.add_thread(guest=f"Guest {len(self.threads)}")
        self.site.guest_writes(thread, f"question {len(self.threads)}")
        self.threads[name] = thread

    def _start(self, *values: str) -> subprocess.Popen[bytes]:
        where = (self.site.url, self.ai.url, str(self.folder))
        return subprocess.Popen(
            own_process("run_airbot", "daemon", *where, *SETTINGS, *values),
            env=own_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _live(self, point: str) -> None:
        process = self._start(f"crash={point}")
        try:
            assert process.wait(LIFE_S) == -signal.SIGKILL, f"{point}: it ended"
        except subprocess.TimeoutExpired:
            pytest.fail(f"{point} was never reached")
        finally:
            process.kill()

    def _live_on(self) -> None:
        process = self._start()
        storage = Storage(self.folder / "airbot.db")
        try:
            _wait_for(lambda: self._is_settled(storage))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            storage.close()

    def _is_settled(self, storage: Storage) -> bool:
        shown = storage.shown.overview(utcnow())
        open_turns = shown.turns.keys() & {"new", "asked"}
        open_rows = shown.replies.keys() & {"pending", "processing", "uncertain"}
        answered = all(self.site.posted(thread) for thread in self.threads.values())
        return answered and not open_turns and not open_rows


def _wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 2 * LIFE_S
    while not done():
        assert time.monotonic() < end, "it was not settled in time"
        time.sleep(0.05)


def _run_chains(
    tmp_path: Path, points: list[str], guests: int = 1
) -> dict[str, list[str]]:
    """The points, dealt out to several chains that run at the same time."""
    chains = []
    for number in range(CHAINS):
        (tmp_path / str(number)).mkdir()
        chains.append(Chain(tmp_path / str(number), guests))
    with ThreadPoolExecutor(CHAINS) as pool:
        ran = [
            pool.submit(chain.run, points[number::CHAINS])
            for number, chain in enumerate(chains)
        ]
        return {k: v for future in ran for k, v in future.result().items()}


def _print_table(stands: dict[str, list[str]]) -> None:
    for point, texts in sorted(stands.items()):
        print(f"{point:45} {len(texts)}")


def _killed_at(tmp_path: Path, points: tuple[str, ...]) -> None:
    order = list(points)
    random.Random(7).shuffle(order)
    order.sort(key=crash.is_first, reverse=True)
    stands = _run_chains(tmp_path, order)
    _print_table(stands)
    wrong = {point: len(texts) for point, texts in stands.items() if len(texts) != 1}
    assert not wrong


@pytest.mark.browser
def test_killed_around_the_press_and_at_each_handover_every_guest_is_answered_once(
    tmp_path: Path,
) -> None:
    _killed_at(tmp_path, crash.BOUNDARY + crash.HANDOVERS)


@pytest.mark.crash
@pytest.mark.browser
def test_killed_at_every_named_point_every_guest_is_answered_exactly_once(
    tmp_path: Path,
) -> None:
    _killed_at(tmp_path, crash.POINTS)


@pytest.mark.crash
@pytest.mark.browser
def test_killed_at_two_hundred_random_moments(tmp_path: Path) -> None:
    """Half of them within 150 ms of the press, with three guests in flight."""
    dice = random.Random()
    near = [f"during:site.press_send:{dice.randint(0, 150)}" for _ in range(KILLS // 2)]
    anywhere = [f"random:{dice.randint(300, 4000)}" for _ in range(KILLS // 2)]
    points = [f"{point}:{n}" for n, point in enumerate(near + anywhere)]
    dice.shuffle(points)
    stands = _run_chains(tmp_path, points, guests=3)
    _print_table(stands)
    assert not {point: texts for point, texts in stands.items() if len(texts) != 1}


def test_every_commit_of_the_program_is_a_named_point() -> None:
    """Commits of verbs, of housekeeping and for status are no part of the loop."""
    apart = {"turns.expire", "outbox.enqueue_without_turn", "outbox.fail"}
    apart |= {"session.set_state", "inbox.prune", "outbox.release"}
    apart |= {
        "outbox.set_aside",
        "turns.ask_again",
        "turns.give_up",
        "turns.ignore",
        "session.end_waits",
        "session.begin_cycle",
        "turns.taken",
        "turns.silent",
        "turns.expire_left",  # inside of conclude's
    }
    named = {point.split(":")[1] for point in crash.POINTS}
    for room in ("inbox", "turns", "outbox", "session"):
        for name, method in inspect.getmembers(crash.ROOMS[room], inspect.isfunction):
            source = inspect.getsource(method)
            marks = ("transaction()", "self._change(", "together(")
            writes = any(mark in source for mark in marks)
            if writes and not name.startswith("_"):
                assert f"{room}.{name}" in named | apart
