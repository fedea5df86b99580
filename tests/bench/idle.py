"""What the daemon's Python holds in memory when it has nothing to do."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.processes import resident_mb
from bench.running import daemon
from bench.running import wait_for
from bench.table import Figure
from bench.table import figure
from support.far_site import Worlds

CYCLES = 100
LOGGED = "logging__level=DEBUG"  # else a reading without news has no line


def measure() -> Iterator[Figure]:
    with Worlds() as far, tempfile.TemporaryDirectory() as folder:
        world = far.World(15)  # type: ignore[attr-defined]
        world.furnish(10)
        started_at = time.monotonic()
        with daemon(*world.urls(), folder, "sync__interval_sec=1", LOGGED) as process:
            assert process.stdout is not None
            process.stdout.readline()
            took_s = time.monotonic() - started_at
            yield figure("start to ready", [took_s], "s", target="1.5")
            wait_for(lambda: cycles(Path(folder)) >= CYCLES, 1)
            name = f"Python's memory after {cycles(Path(folder))} cycles"
            held = resident_mb(process.pid)
            yield figure(name, [held], "MB", target="at most 90")


def cycles(folder: Path) -> int:
    log = folder / "logs" / "worker.log"
    return log.read_text().count(" changed") if log.exists() else 0
