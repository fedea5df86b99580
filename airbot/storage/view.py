"""What may be asked of a database, and how one is opened by those who only look.

A look changes nothing in the file and makes nothing beside it. While a daemon lives, or
after one was killed, its last writes lie beside the file, in `-wal`: SQLite opened with
`mode=ro` reads them and leaves them there. Without a `-wal` nobody has the file open,
but `mode=ro` would leave an empty one, and fails in a folder that we may not write
(SQLite 3.40.1). Then the file is read as it lies on the disk, and it is noticed when
somebody writes it meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from abc import ABC
from abc import abstractmethod
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airbot.exceptions import StorageError
from airbot.exceptions import WrongDatabase
from airbot.private import NO_FILE
from airbot.private import open_ours
from airbot.private import real_path
from airbot.storage.schema import APPLICATION_ID
from airbot.storage.schema import VERSION

BUSY_TIMEOUT_S = 10.0
LOGS = ("-wal", "-journal")
Params = Mapping[str, Any]


# What SQLite says, and what that means for the person who runs us.
IN_WORDS = {
    "disk is full": "the disk is full: free some space",
    "unable to open": "it cannot be opened: look at its owner, and at its folder's",
    "readonly": "it cannot be written: look at its owner, and at the disk",
    "disk I/O error": "the disk does not take what is written: look at it",
    "locked": "another program keeps it locked",
    "symbolic links": "a link stands in the place of a file of it: remove it",
    NO_FILE: "one of its files is no plain file: move it away",
}
DAMAGED = ("malformed", "not a database")


@contextmanager
def wrap_errors(path: Path) -> Iterator[None]:
    """Turn what the machine does to a database into StorageError; let bugs through."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as e:
        if isinstance(e, (sqlite3.ProgrammingError, sqlite3.IntegrityError)):
            raise
        said = str(e)
        if any(mark in said for mark in DAMAGED):
            raise WrongDatabase(f"the database {path} is damaged ({said})") from e
        known = (words for mark, words in IN_WORDS.items() if mark in said)
        raise StorageError(f"the database {path}: {next(known, said)}") from e


class Readable(ABC):
    """An open SQLite file of ours, one connection a thread."""

    def __init__(self, path: Path) -> None:
        with wrap_errors(path):
            if path.exists() and not path.is_file():  # SQLite would wait at a pipe
                raise StorageError(f"the database {path}: {NO_FILE}")
        self.path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []

    @abstractmethod
    def _connect(self) -> sqlite3.Connection: ...

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.row_factory = sqlite3.Row
            self._local.connection = connection
            self._all.append(connection)
        return connection

    def close(self) -> None:
        """Close every connection; call it when no other thread uses them."""
        for connection in self._all:
            connection.close()
        self._all.clear()
        self._local = threading.local()

    def read(self, sql: str, params: Params = {}) -> list[sqlite3.Row]:
        with wrap_errors(self.path):
            return self._connection().execute(sql, params).fetchall()

    def read_one(self, sql: str, params: Params = {}) -> sqlite3.Row | None:
        rows = self.read(sql, params)
        return rows[0] if rows else None

    def version(self) -> int:
        """How many of our migrations it has taken; raises WrongDatabase."""
        ((version,),) = self.read("PRAGMA user_version")
        ((application,),) = self.read("PRAGMA application_id")
        tables = self.read("SELECT 1 FROM sqlite_schema LIMIT 1")
        is_new = not (version or application or tables)
        if application != APPLICATION_ID and not is_new:
            raise WrongDatabase(f"{self.path} belongs to another program")
        if version > VERSION:
            raise WrongDatabase(
                f"{self.path} was written by a newer airbot (version {version} of its "
                f"tables, this one knows {VERSION}): install that airbot again"
            )
        return int(version)

    def check(self) -> None:
        """Raise WrongDatabase when the file is damaged."""
        found = self.read("PRAGMA quick_check(1)")
        if found and found[0][0] != "ok":
            raise WrongDatabase(f"the database {self.path} is damaged")


class View(Readable):
    """A database that is looked at, or copied."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._real = real_path(path)  # SQLite's log lies beside it, not beside a link
        self._lies_as = self._stamp()
        logs = (self._real.with_name(self._real.name + end) for end in LOGS)
        self._is_quiet = not any(log.exists() for log in logs)

    def is_current(self) -> bool:
        """Has it the newest tables? Raises WrongDatabase when it is not ours."""
        return self.version() == VERSION

    def read(self, sql: str, params: Params = {}) -> list[sqlite3.Row]:
        with self._undisturbed():
            return super().read(sql, params)

    def copy_to(self, path: Path) -> None:
        """A whole copy, as of now, in a new file of our user's alone.

        Of whatever version the file is; raises WrongDatabase when it is not ours.
        """
        self.version()
        with self._undisturbed(), wrap_errors(self.path):
            os.close(open_ours(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
            self._connection().execute("VACUUM INTO :path", {"path": str(path)})

    def back_up(self, path: Path) -> None:
        """A whole copy in the place of an older one, which stays if this fails."""
        with wrap_errors(path):
            if path.exists() and os.path.samefile(path, self.path):
                raise StorageError(f"{path} is the database itself")
            fresh = path.with_name(path.name + ".new")
            fresh.unlink(missing_ok=True)
        self.copy_to(fresh)
        with wrap_errors(path):
            with open(fresh, "rb") as file:
                os.fsync(file.fileno())
            os.replace(fresh, path)

    def _connect(self) -> sqlite3.Connection:
        how = "mode=ro&immutable=1" if self._is_quiet else "mode=ro"
        return sqlite3.connect(
            f"{self._real.as_uri()}?{how}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
        )

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Nothing holds a writer off: what was read may be half old and half new."""
        try:
            yield
        finally:
            if self._is_quiet and self._stamp() != self._lies_as:
                raise StorageError(
                    f"the database {self.path} was written meanwhile: look again"
                )

    def _stamp(self) -> tuple[int, int, int]:
        with wrap_errors(self.path):
            found = self._real.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
