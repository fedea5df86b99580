"""`airbot backup`: whole while others write; a way back that repeats nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.fakes import FakeAirbnb
from support.fakes import Scene

from airbot.config import Config
from airbot.exceptions import StorageError
from airbot.models import SessionState
from airbot.models import utcnow
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage
from airbot.storage import View


def test_a_copy_is_whole_while_others_write_and_for_us_alone(
    storage: Storage, tmp_path: Path
) -> None:
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            sentence = f"tried {number} times"
            storage.session.set_state(SessionState.UNKNOWN, sentence, utcnow())

    writer = threading.Thread(target=write)
    writer.start()
    copy = tmp_path / "backup.db"
    try:
        for _ in range(5):
            View(storage.path).back_up(copy)
            with closing(sqlite3.connect(copy)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == (
                    "ok",
                )
        assert writer.is_alive()  # all the while
    finally:
        over.set()
        writer.join()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.new"))


def test_a_backup_that_fails_leaves_the_one_before(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "backup.db"
    View(storage.path).back_up(copy)
    before = copy.read_bytes()
    monkeypatch.setattr(os, "fsync", _full_disk)
    storage.outbox.enqueue_without_turn("T1", "Yes.", "AI", utcnow())
    with pytest.raises(StorageError, match="the disk is full"):
        View(storage.path).back_up(copy)
    assert copy.read_bytes() == before


def _full_disk(*_: object) -> None:
    raise OSError("database or disk is full")


def test_the_database_is_not_its_own_backup(storage: Storage, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(storage.db.path)
    for path in (storage.db.path, link):
        with pytest.raises(StorageError, match="the database itself"):
            View(storage.path).back_up(path)
    assert storage.session.get().state == "ok"


def test_after_the_way_back_nothing_is_sent_again(
    site: AirbnbSite,
    storage: Storage,
    make_config: Callable[..., Config],
    tmp_path: Path,
) -> None:
    scene = Scene(site, FakeAirbnb(site), storage, make_config())
    scene.queue("Yes, it is.")
    copy = tmp_path / "backup.db"
    View(storage.path).back_up(copy)
    assert scene.later(0).status == "sent"
    storage.close()
    restored = tmp_path / "restored.db"
    shutil.copy(copy, restored)
    again = Storage(restored)
    late = Scene(site, FakeAirbnb(site), again, make_config())
    late.reply_id = scene.reply_id
    late.thread = scene.thread
    assert late.later(0).status == "cancelled"
    assert late.posted() == ["Yes, it is."]
    again.close()
