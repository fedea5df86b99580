"""A daemon in a process of its own, for as long as it is measured."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RUNNER = Path(__file__).resolve().parent.parent / "run_airbot.py"
PATIENCE_S = 300.0


@contextmanager
def daemon(
    site_url: str, ai_url: str, folder: str, *values: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Its first line on stdout comes when it serves."""
    process = subprocess.Popen(
        [sys.executable, RUNNER, "daemon", site_url, ai_url, folder, *values],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def wait_for(done: Callable[[], bool], look_every_s: float) -> None:
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(look_every_s)
