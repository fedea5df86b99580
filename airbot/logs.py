"""Log lines: one event a line, `TIME LEVEL room: sentence`, to stderr and to files.

Ids, never people: no room logs what anybody wrote. Under systemd the journal has the
time, and a `<n>` in front is the priority.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Collection
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from airbot.private import open_ours

FILE_BYTES = 5_000_000
FILES_KEPT = 5
FORGET_S = 3300.0  # under an hour: the hourly lines must show
PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
API_ROOMS = frozenset({"webhook"})
WORKER_ROOMS = frozenset({"sync", "ask", "send"})
LOG_FILES = {"app.log": None, "api.log": API_ROOMS, "worker.log": WORKER_ROOMS}
# Loggers of others, by what they would add: two lines a run, addresses with tokens, a
# warning for each queued call, and what is left of a browser that was killed.
QUIET = {
    "apscheduler": logging.CRITICAL,
    "urllib3": logging.ERROR,
    "waitress": logging.ERROR,
    "waitress.queue": logging.ERROR,
    "asyncio": logging.CRITICAL,
}


class LineFormatter(logging.Formatter):
    """`2026-11-22T10:27:03Z INFO sync: 15 threads, 1 changed`"""

    def __init__(self, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage()
        if record.exc_info:
            said += " " + self.formatException(record.exc_info)
        # One line an event, no forged ones, and nothing that a terminal would obey.
        said = "".join(c if c.isprintable() else _escaped(c) for c in said)
        if self._journal:
            return f"<{PRIORITIES.get(record.levelname, 6)}>{room_of(record)}: {said}"
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        return f"{at} {record.levelname} {room_of(record)}: {said}"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


class RepeatFilter(logging.Filter):
    """Repeated errors are counted, not repeated.

    The same warning or error shows once, then with its count at the 10th, 100th and so
    on; after `FORGET_S` it is new again. One filter serves all handlers.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or not _fits(record):
            return True
        with self._lock:
            # Decided once, whichever handler comes first.
            shown = record.__dict__.setdefault("shown", None)
            if shown is None:
                shown = record.__dict__["shown"] = self._count(record)
        return bool(shown)

    def _count(self, record: logging.LogRecord) -> bool:
        key = (record.name, record.getMessage())
        since, times = self._seen.get(key, (record.created, 0))
        if record.created - since > FORGET_S:
            since, times = record.created, 0
        times += 1
        self._seen = {
            k: v for k, v in self._seen.items() if record.created - v[0] <= FORGET_S
        }
        self._seen[key] = (since, times)
        if times == 1:
            return True
        if times != 10 ** (len(str(times)) - 1):
            return False
        record.msg, record.args = f"{key[1]} ({times} times by now)", ()
        return True


def _fits(record: logging.LogRecord) -> bool:
    """Do a record's arguments fit its text? The handlers say so when they do not."""
    try:
        record.getMessage()
    except (TypeError, ValueError):
        return False
    return True


class _PrivateFile(RotatingFileHandler):
    """Full files are our user's alone, too."""

    def _open(self) -> TextIOWrapper:
        fd = open_ours(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        return open(fd, "a", encoding="utf-8", errors="backslashreplace")


def room_of(record: logging.LogRecord) -> str:
    """`airbot.storage.outbox` is the room `storage`; others keep their name."""
    parts = record.name.split(".")
    return parts[1] if parts[0] == "airbot" and len(parts) > 1 else parts[0]


def start_logging(level: str, folder: Path | None) -> None:
    """Set up the root logger, once, for the program that this process is."""
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(level)
    screen = logging.StreamHandler()
    screen.setFormatter(LineFormatter(journal="JOURNAL_STREAM" in os.environ))
    handlers: list[logging.Handler] = [screen]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, rooms in LOG_FILES.items():
            handlers.append(_file(folder / name, rooms))
    repeats = RepeatFilter()
    for handler in handlers:
        handler.addFilter(repeats)
        root.addHandler(handler)
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(quiet)


def _file(path: Path, rooms: Collection[str] | None) -> logging.Handler:
    handler = _PrivateFile(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT)
    handler.setFormatter(LineFormatter())
    if rooms is not None:
        handler.addFilter(lambda record: room_of(record) in rooms)
    return handler
