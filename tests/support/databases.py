"""Databases as files: how each kind was left, and what another program sees in it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from support.paths import DATA

from airbot.storage import Storage


def from_dump(dump: Path, path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    return path


def pragma(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


VERSION_1 = DATA / "version1.sql"
KILLED = """
import os, pathlib, sys
from airbot.storage import Storage
Storage(pathlib.Path(sys.argv[1])).session.set_account("900")
os._exit(9)
"""


def stopped(path: Path) -> None:
    """As a daemon leaves it that is stopped."""
    storage = Storage(path)
    storage.session.set_account("900")
    storage.close()
    path.with_name(path.name + ".lock").unlink()


def killed(path: Path) -> None:
    """As a daemon leaves it that is killed: its last writes lie beside it."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)])
    assert path.with_name(path.name + "-wal").stat().st_size


def copied(path: Path) -> None:
    """Without a write-ahead log, as it comes out of a backup or a dump."""
    from_dump(VERSION_1, path)


def older(path: Path) -> None:
    """As the airbot before the update has left it."""
    from_dump(VERSION_1, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


MADE = [stopped, killed, copied, older]


def everything_in(folder: Path) -> dict[str, bytes]:
    """All files; in -shm SQLite notes who reads at the moment."""
    return {
        path.name: b"" if path.name.endswith("-shm") else path.read_bytes()
        for path in folder.iterdir()
    }


def rows(storage: Storage, sql: str, **params: object) -> list[Any]:
    """What another program sees in the file."""
    with closing(sqlite3.connect(storage.path)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(sql, params).fetchall()


def order(storage: Storage, id_: str = "T1") -> list[str]:
    sql = "SELECT id FROM messages WHERE thread_id = :id ORDER BY position"
    return [row["id"] for row in rows(storage, sql, id=id_)]


def counted(storage: Storage, table: str) -> int:
    return int(rows(storage, f"SELECT COUNT(*) AS n FROM {table}")[0]["n"])


def reopened(storage: Storage) -> Storage:
    storage.close()
    return Storage(storage.path)
