"""One sick conversation among twenty: how long the other guests wait for its sake."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.running import daemon
from bench.running import wait_for
from bench.table import Figure
from bench.table import figure

from airbot.sandbox.ai import DemoAI
from airbot.sandbox.site import AirbnbSite

GUESTS = 20
RUNS = 3
SICK: dict[str, dict[str, Any]] = {
    "its answers are HTTP 500": {"api_status": 500},
    "it has no composer": {"composer": "none"},
    "it hangs": {"hang": True},
}


def measure() -> Iterator[Figure]:
    for name, switches in SICK.items():
        sick = [_answered_s(switches) for _ in range(RUNS)]
        well = [_answered_s({}) for _ in range(RUNS)]
        title = f"19 guests answered beside one whose conversation: {name}"
        yield figure(title, sick, "s", well, "with none", "one cycle of 45 s more")


def _answered_s(switches: dict[str, Any]) -> float:
    """From the guests' texts, which all wait, to the last answer that stands there."""
    with AirbnbSite() as site, DemoAI() as ai, tempfile.TemporaryDirectory() as folder:
        threads = [site.add_thread(f"Guest {number}") for number in range(GUESTS)]
        if switches:
            site.thread_trouble(threads[GUESTS // 2], **switches)
        values = ("sync__interval_sec=45", "send__max_per_hour=1000")
        for thread in threads:
            site.guest_writes(thread, "Is parking free?")
        with daemon(site.url, ai.url, str(Path(folder)), *values):
            started_at = time.monotonic()
            healthy = GUESTS - bool(switches)
            wait_for(lambda: len(site.posted()) >= healthy, 0.05)
            return time.monotonic() - started_at
