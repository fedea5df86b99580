"""A daemon in a process of its own, for as long as it is measured."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

from support.paths import own_environment
from support.paths import own_process

PATIENCE_S = 300.0


@contextmanager
def daemon(
    site_url: str, ai_url: str, folder: str, *values: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Its first line on stdout comes when it serves."""
    process = subprocess.Popen(
        own_process("run_airbot", "daemon", site_url, ai_url, folder, *values),
        env=own_environment(),
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
