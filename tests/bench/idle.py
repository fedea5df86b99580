"""What the daemon's Python holds in memory when it has nothing to do."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.processes import resident_mb
from bench.table import Figure
from bench.table import figure
from far_site import Worlds

RUNNER = Path(__file__).resolve().parent.parent / "run_airbot.py"
CYCLES = 100
PATIENCE_S = 300.0


def measure() -> Iterator[Figure]:
    with Worlds() as far, tempfile.TemporaryDirectory() as folder:
        world = far.World(15)  # type: ignore[attr-defined]
        world.furnish(10)
        where = [*world.urls(), folder, "sync__interval_sec=1"]
        started_at = time.monotonic()
        daemon = subprocess.Popen(
            [sys.executable, RUNNER, "daemon", *where],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert daemon.stdout is not None
        daemon.stdout.readline()
        yield figure(
            "start to ready", [time.monotonic() - started_at], "s", target="1.5"
        )
        log = Path(folder) / "logs" / "worker.log"
        end = time.monotonic() + PATIENCE_S
        while _cycles(log) < CYCLES and time.monotonic() < end:
            time.sleep(1)
        held = resident_mb(daemon.pid)
        name = f"Python's memory after {_cycles(log)} cycles"
        yield figure(name, [held], "MB", target="at most 90")
        daemon.terminate()
        daemon.wait()


def _cycles(log: Path) -> int:
    return log.read_text().count(" changed") if log.exists() else 0
