"""The SQLite file as it is written: transactions, the write lock. No business logic.

WAL, `synchronous=FULL`: a row that stands for something done at Airbnb must survive a
power cut. All writes of all processes go through one lock (a thread lock plus `flock`
on `<db>.lock`): SQLite 3.7.0 to 3.51.2 can lose commits when two connections write or
checkpoint in the same moment (sqlite.org/wal.html).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from typing import Generic
from typing import TypeVar
from typing import cast

from airbot.exceptions import DatabaseGone
from airbot.exceptions import StorageError
from airbot.models import SessionState
from airbot.models import iso
from airbot.models import utcnow
from airbot.private import open_ours
from airbot.private import real_path
from airbot.storage.schema import APPLICATION_ID
from airbot.storage.schema import MIGRATIONS
from airbot.storage.schema import VERSION
from airbot.storage.view import BUSY_TIMEOUT_S
from airbot.storage.view import Params
from airbot.storage.view import Readable
from airbot.storage.view import wrap_errors

LOCK_AGAIN_S = 0.002
T = TypeVar("T")


def to_text(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def to_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def to_time_or_none(text: str | None) -> datetime | None:
    return None if text is None else to_time(text)


class Database(Readable):
    """A SQLite file of ours, created or migrated when it is opened."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._thread_lock = threading.Lock()
        self._writes: deque[Write[Any]] = deque()  # that wait for a shared commit
        with wrap_errors(self.path):
            real = real_path(path)  # a link to it is the same database
            real.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                # Only then: closing any descriptor of an open database drops the
                # locks that SQLite holds on it (sqlite.org/howtocorrupt.html 2.2).
                os.close(open_ours(real, os.O_RDWR | os.O_CREAT))
            self._place = _place_of(path)
            lock = real.with_name(real.name + ".lock")
            self._lock_fd = open_ours(lock, os.O_RDWR | os.O_CREAT)
            self._migrate()

    def check_place(self) -> None:
        """Raise DatabaseGone when the path leads to another file now, or to none.

        SQLite goes on writing into the old one, and makes an empty one for a thread
        that comes new.
        """
        if _place_of(self.path) != self._place:
            raise DatabaseGone(f"the database {self.path} was deleted or replaced")

    def close(self) -> None:
        super().close()
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def shrink_log(self) -> None:
        """Empty the write-ahead log into the file, under the lock like every write."""
        with wrap_errors(self.path), self._write_lock():
            self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One write, under the lock of all processes; rolled back on any exception.

        A transaction inside another of the same thread joins it.
        """
        joined = getattr(self._local, "transaction", None)
        if joined is not None:
            yield joined
            return
        with wrap_errors(self.path), self._write_lock(), self._begun() as transaction:
            yield transaction

    def together(self, work: Callable[[Transaction], T]) -> T:
        """A small write that shares its commit with others that come meanwhile.

        A commit waits for the disk; who gets the lock next commits for all who wait.
        Each is done whole or not at all, and has its own exception.
        """
        joined = getattr(self._local, "transaction", None)
        if joined is not None:
            return work(joined)
        mine = Write(work)
        self._writes.append(mine)
        with wrap_errors(self.path):
            with self._thread_lock:
                if not mine.is_done:
                    self._write_all()
            return mine.result()

    def _write_all(self) -> None:
        writes = [self._writes.popleft() for _ in range(len(self._writes))]
        try:
            with self._file_lock(), self._begun() as transaction:
                for write in writes:
                    write.run(transaction)
        except BaseException as e:
            for write in writes:
                write.fail(e)
            if not isinstance(e, Exception):
                raise
        finally:
            for write in writes:
                write.is_done = True

    @contextmanager
    def _begun(self) -> Iterator[Transaction]:
        self.check_place()
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        self._local.transaction = Transaction(connection)
        try:
            yield self._local.transaction
            connection.execute("COMMIT")
        finally:
            self._local.transaction = None
            # After SQLITE_FULL it may already be rolled back.
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    @contextmanager
    def _write_lock(self) -> Iterator[None]:
        with self._thread_lock, self._file_lock():
            yield

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        self._wait_for_others()
        try:
            yield
        finally:
            fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    def _wait_for_others(self) -> None:
        end = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                return fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise StorageError(
                        f"the database {self.path}: another program keeps it locked"
                    ) from None
                time.sleep(LOCK_AGAIN_S)

    def _connect(self) -> sqlite3.Connection:
        self.check_place()
        connection = sqlite3.connect(
            self.path,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,  # only close() crosses threads
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _migrate(self) -> None:
        connection = self._connection()
        # All of it under the lock: switching to WAL does not wait for another process.
        with self._write_lock():
            version = self.version()
            connection.execute("PRAGMA journal_mode = WAL")
            for number in range(version, VERSION):
                _step(connection, number)


class Transaction:
    """What may be done inside `Database.transaction()`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Params = {}) -> list[sqlite3.Row]:
        # fetchall: an open cursor of UPDATE ... RETURNING keeps the file locked.
        return self._connection.execute(sql, params).fetchall()


class Write(Generic[T]):
    """A write that waits for a commit, and then what came of it."""

    def __init__(self, work: Callable[[Transaction], T]) -> None:
        self._work = work
        self._done: T | None = None
        self._error: BaseException | None = None
        self.is_done = False

    def run(self, transaction: Transaction) -> None:
        """An exception of the work undoes this work alone."""
        transaction.execute("SAVEPOINT write")
        try:
            self._done = self._work(transaction)
        except Exception as e:
            self._error = e
            transaction.execute("ROLLBACK TO write")
        transaction.execute("RELEASE write")

    def fail(self, error: BaseException) -> None:
        self._error = self._error or error

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return cast(T, self._done)


def _place_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _step(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _statements(MIGRATIONS[number]):
            connection.execute(statement)
        if number == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            _add_session(connection)
        connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    # executescript() would commit the open transaction.
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _add_session(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        INSERT INTO session (one, state, since, sentence, token_key)
        VALUES (1, :state, :now, 'not started yet', :key)
        """,
        {
            "state": SessionState.OK,
            "now": to_text(utcnow()),
            "key": secrets.token_hex(32),
        },
    )
