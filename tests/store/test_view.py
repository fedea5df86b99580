"""A database that is looked at, or copied, stays as it was, and so does its folder."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.databases import MADE
from support.databases import copied
from support.databases import everything_in
from support.databases import killed
from support.databases import pragma
from support.databases import stopped

from airbot.exceptions import StorageError
from airbot.exceptions import WrongDatabase
from airbot.storage import Storage
from airbot.storage import View
from airbot.storage.schema import VERSION

ACCOUNT = "SELECT account_id FROM session"


@pytest.mark.parametrize("make", MADE)
def test_a_look_and_a_copy_leave_everything_as_it_was(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    make(folder / "airbot.db")
    before = everything_in(folder)
    with closing(View(folder / "airbot.db")) as view:
        assert view.read(ACCOUNT)[0][0] == "900"
        view.copy_to(tmp_path / "copy.db")
        assert view.is_current() == (make in (stopped, killed))
    assert everything_in(folder) == before
    with closing(View(tmp_path / "copy.db")) as copy:
        assert copy.read(ACCOUNT)[0][0] == "900"
    version = pragma(folder / "airbot.db", "user_version")
    assert pragma(tmp_path / "copy.db", "user_version") == version


def test_a_link_is_the_file_that_it_leads_to(tmp_path: Path) -> None:
    killed(tmp_path / "airbot.db")
    (tmp_path / "link.db").symlink_to("airbot.db")
    with closing(View(tmp_path / "link.db")) as view:
        assert view.read(ACCOUNT)[0][0] == "900"


def test_a_path_may_hold_what_an_address_may_not(tmp_path: Path) -> None:
    path = tmp_path / "50% off? #1.db"
    stopped(path)
    with closing(View(path)) as view:
        assert view.is_current()


def test_a_look_does_not_wait_for_a_writer(storage: Storage) -> None:
    storage.session.set_account("900")
    with storage.db.transaction() as tx:
        tx.execute("UPDATE session SET account_id = '7'")
        with closing(View(storage.path)) as view:
            assert view.read(ACCOUNT)[0][0] == "900"


def test_a_look_cannot_write(storage: Storage) -> None:
    with closing(View(storage.path)) as view, pytest.raises(StorageError):
        view.read("DELETE FROM session")


def test_who_writes_a_file_that_is_read_as_it_lies_is_noticed(tmp_path: Path) -> None:
    stopped(path := tmp_path / "airbot.db")
    os.utime(path, (0, 0))  # a file's clock ticks only every few milliseconds
    (tmp_path / "backup.db").write_bytes(b"the one before")
    with closing(View(path)) as view:
        assert view.read(ACCOUNT)
        with closing(Storage(path)) as storage:
            storage.session.set_account("7")
        for look in (
            lambda: view.read(ACCOUNT),
            lambda: view.back_up(tmp_path / "backup.db"),
        ):
            with pytest.raises(StorageError, match="written meanwhile"):
                look()
    assert (tmp_path / "backup.db").read_bytes() == b"the one before"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (f"PRAGMA user_version = {VERSION + 1}", "newer airbot"),
        ("PRAGMA application_id = 7", "another program"),
    ],
)
def test_what_is_not_this_airbots_is_refused(
    tmp_path: Path, change: str, said: str
) -> None:
    copied(path := tmp_path / "airbot.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(change)
    with closing(View(path)) as view:
        for look in (view.is_current, lambda: view.copy_to(tmp_path / "copy.db")):
            with pytest.raises(WrongDatabase, match=said):
                look()
    assert not (tmp_path / "copy.db").exists()
