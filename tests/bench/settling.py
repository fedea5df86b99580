"""From a daemon's start to the settling of all that a death left uncertain."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from pathlib import Path

from bench.running import daemon
from bench.running import wait_for
from bench.table import Figure
from bench.table import figure
from support.fakes import FakeAirbnb
from support.fakes import Scene

from airbot.demo import sandbox_config
from airbot.models import Reply
from airbot.sandbox.ai import DemoAI
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Thread
from airbot.storage import Storage

ROWS = 100
RUNS = 5


def measure() -> Iterator[Figure]:
    runs = [_run() for _ in range(RUNS)]
    yield figure(f"start to {ROWS} rows settled", runs, "s", target="under 5 s")


def _run() -> float:
    with (
        AirbnbSite() as site,
        DemoAI() as ai,
        tempfile.TemporaryDirectory() as folder,
    ):
        _leave_unsettled(site, Path(folder))
        started_at = time.monotonic()
        with daemon(site.url, ai.url, folder):
            return _settled_at(Path(folder)) - started_at


def _leave_unsettled(site: AirbnbSite, folder: Path) -> None:
    """A life that died after its presses, each of which arrived."""
    config = sandbox_config(site.url, "http://127.0.0.1:1", folder)
    storage = Storage(config.storage.path)
    scene = Scene(site, FakeAirbnb(site), storage, config)
    rules = replace(scene.rules, per_thread_hour=ROWS, per_hour=ROWS)
    pressed: list[tuple[Thread, str]] = []
    for number in range(ROWS):
        scene.thread = site.add_thread(f"Guest {number}")
        scene.queue(f"Answer {number}")
        reply = storage.outbox.claim_next(scene.clock(), None, rules)
        assert isinstance(reply, Reply)
        storage.outbox.start_press(reply, datetime.now(UTC))
        pressed.append((scene.thread, reply.message))
    for thread, message in pressed:
        site.host_writes(thread, message)
    storage.outbox.recover(scene.clock())
    storage.close()


def _settled_at(folder: Path) -> float:
    storage = Storage(folder / "airbot.db")
    try:
        wait_for(lambda: storage.shown.reply_counts().get("sent") == ROWS, 0.02)
        return time.monotonic()
    finally:
        storage.close()
