"""How long `airbot status` takes, years of messages behind it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from bench.table import Figure
from bench.table import figure
from support.builders import NOW
from support.builders import RULES
from support.builders import guest
from support.builders import host
from support.builders import reading

from airbot.storage import Storage

THREADS, TEXTS = 1000, 100
RUNS = 10


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.ini").write_text(
            "[ai]\nwebhook_url = http://[::1]:1/\n"
        )
        _fill(Path(folder) / "airbot.db")
        full = [_seconds(folder, "status") for _ in range(RUNS)]
        bare = [_seconds(folder, "--help") for _ in range(RUNS)]
        name = f"status with {THREADS * TEXTS:,} messages"
        yield figure(name, full, "s", bare, "--help", "under 0.3")


def _fill(path: Path) -> None:
    with closing(Storage(path)) as storage:
        for number in range(THREADS):
            texts = []
            for place in range(0, TEXTS, 2):
                id_ = number * TEXTS + place
                at = NOW - timedelta(days=300) + timedelta(minutes=id_)
                texts += [guest(str(id_), at=at), host(str(id_ + 1), at=at)]
            last = reading(*texts, id_=f"T{number}", at=texts[-1].sent_at)
            storage.readings.take_in(last, RULES, NOW)


def _seconds(folder: str, command: str) -> float:
    began = time.monotonic()
    program = [sys.executable, "-m", "airbot", command]
    subprocess.run(program, cwd=folder, capture_output=True, check=False)
    return time.monotonic() - began
