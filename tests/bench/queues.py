"""Durable enqueues a second, beside three queues of others on SQLite.

Each commit is flushed to the disk (`synchronous=FULL`), everywhere. From one thread,
and from as many as the webhook has.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.table import Figure
from bench.table import figure

from airbot.models import utcnow
from airbot.storage import Storage

RUNS = 5
ROWS = 600
THREADS = 4
TEXT = "Yes, parking is free, right at the house."


def measure() -> Iterator[Figure]:
    others = {"huey": _huey, "litequeue": _litequeue, "persistqueue": _persist_queue}
    for name, make in others.items():
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed: pip install '.[bench]'")
            continue
        for threads in (1, THREADS):
            ours, theirs = [], []
            for _ in range(RUNS):
                ours.append(_rate(_airbot, threads))
                theirs.append(_rate(make, threads))
            title = f"durable enqueues a second, {threads} at once"
            yield figure(title, ours, "/s", theirs, name, "faster")


Put = Callable[[int], object]


def _rate(make: Callable[[Path], Put], threads: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        put = make(Path(folder))
        put(0)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(put, range(1, threads + 1)))  # each has its connection
            started_at = time.perf_counter()
            list(pool.map(put, range(100, 100 + ROWS)))
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
    queue = SQLiteQueue(str(folder), auto_commit=True, multithreading=True)
    return lambda n: queue.put(f"{n} {TEXT}")
