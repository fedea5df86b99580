"""What all of a daemon holds in memory: Python, the driver and the browser."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.idle import CYCLES
from bench.idle import LOGGED
from bench.idle import cycles
from bench.processes import tree_mb
from bench.running import daemon
from bench.running import wait_for
from bench.table import Figure
from bench.table import figure
from support.far_site import Worlds

from airbot.browser import find_browser
from airbot.browser.find import HEADLESS_SHELL
from airbot.exceptions import BrowserMissing


def measure() -> Iterator[Figure]:
    full = _after_cycles("")
    name, other = f"memory of the whole tree after {CYCLES} cycles", "full Chromium"
    try:
        find_browser(HEADLESS_SHELL)
    except BrowserMissing:
        yield figure(f"{name}, {other}", [full], "MB")
    else:
        small = _after_cycles(HEADLESS_SHELL)
        yield figure(f"{name}, headless shell", [small], "MB", [full], other)


def _after_cycles(browser: str) -> float:
    with Worlds() as far, tempfile.TemporaryDirectory() as folder:
        world = far.World(15)  # type: ignore[attr-defined]
        world.furnish(10)
        settings = ("sync__interval_sec=1", LOGGED, f"airbnb__browser={browser}")
        with daemon(*world.urls(), folder, *settings) as process:
            wait_for(lambda: cycles(Path(folder)) >= CYCLES, 1)
            return tree_mb(process.pid)
