"""Durable enqueues a second, beside three queues of others on SQLite.

Each commit is flushed to the disk (`synchronous=FULL`), everywhere.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

from bench.table import Figure
from bench.table import figure

from airbot.models import utcnow
from airbot.storage import Storage

RUNS = 5
ROWS = 300
TEXT = "Yes, parking is free, right at the house."


def measure() -> Iterator[Figure]:
    others = {"huey": _huey, "litequeue": _litequeue, "persistqueue": _persist_queue}
    for name, make in others.items():
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed: pip install '.[bench]'")
            continue
        ours, theirs = [], []
        for _ in range(RUNS):
            ours.append(_rate(_airbot))
            theirs.append(_rate(make))
        title = "durable enqueues a second"
        yield figure(title, ours, "/s", theirs, name, "faster")


Put = Callable[[int], object]


def _rate(make: Callable[[Path], Put]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        put = make(Path(folder))
        put(0)
        started_at = time.perf_counter()
        for number in range(1, ROWS + 1):
            put(number)
        return ROWS / (time.perf_counter() - started_at)


def _airbot(folder: Path) -> Put:
    outbox = Storage(folder / "airbot.db").outbox
    return lambda n: outbox.enqueue_without_turn(f"T{n}", TEXT, "AI", utcnow())


def _huey(folder: Path) -> Put:
    from huey import SqliteHuey

    queue = SqliteHuey(filename=str(folder / "huey.db"), fsync=True)
    return lambda n: queue.storage.enqueue(f"{n} {TEXT}".encode())


def _litequeue(folder: Path) -> Put:
    from litequeue import LiteQueue

    queue = LiteQueue(str(folder / "queue.db"))
    queue.conn.execute("PRAGMA synchronous = FULL")
    return lambda n: queue.put(f"{n} {TEXT}")


def _persist_queue(folder: Path) -> Put:
    from persistqueue import SQLiteQueue

    # Its connections keep SQLite's own default, which is FULL.
    queue = SQLiteQueue(str(folder), auto_commit=True)
    return lambda n: queue.put(f"{n} {TEXT}")
