"""storage/database: one file, whole whatever happens, for us alone and to be read."""

from __future__ import annotations

import multiprocessing
import re
import sqlite3
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from support.builders import NOW
from support.builders import RULES
from support.builders import claim
from support.builders import guest
from support.builders import later
from support.builders import reading
from support.builders import record
from support.builders import reply_to
from support.builders import turn_of
from support.builders import unproven
from support.databases import counted
from support.databases import order
from support.databases import rows

from airbot.exceptions import StorageError
from airbot.models import ReplyStatus
from airbot.policy.proof import Verdict
from airbot.storage import Storage
from airbot.storage import View
from airbot.storage import database as database_module
from airbot.storage.schema import VERSION

# Other programs read the file


def test_the_three_queries_of_the_shell_work(storage: Storage) -> None:
    today = datetime.now(UTC)
    add = storage.outbox.enqueue_without_turn
    for name, at in [("old", today - timedelta(days=1)), ("new", today)]:
        add(name, name, "curl", at)
        held = claim(storage, at)
        assert held
        storage.outbox.conclude(held, Verdict(ReplyStatus.SENT, None, name), at, None)
    for name in ("held", "one", "two"):
        add(name, name, "curl", today)
    claim(storage, today)
    count = "SELECT COUNT(*) AS n FROM queue_outbox WHERE status = "
    assert rows(storage, count + "'pending';")[0]["n"] == 2
    assert rows(storage, count + "'processing';")[0]["n"] == 1
    sent = count + "'sent' AND DATE(processed_at) = CURRENT_DATE;"
    assert rows(storage, sent)[0]["n"] == 1


TIMES = {
    "threads": "activity_at",
    "messages": "sent_at seen_at",
    "turns": "first_at newest_at created_at changed_at asked_at next_attempt_at",
    "queue_outbox": "created_at claimed_at send_started_at first_absent_at",
    "session": "since",
    "cycles": "started_at",
}


@pytest.mark.parametrize("table", TIMES)
def test_times_are_text_with_milliseconds_and_z(storage: Storage, table: str) -> None:
    turn_of(storage, id_="T9")
    storage.turns.claim_next(NOW, later(300))
    unproven(storage)
    storage.session.add_cycle("sync", NOW, 12, "1 thread")
    found = 0
    for row in rows(storage, f"SELECT * FROM {table}"):
        for name in TIMES[table].split():
            found += row[name] is not None
            assert row[name] is None or re.fullmatch(
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[name]
            )
    assert found >= len(TIMES[table].split())


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE queue_outbox SET status = 'done'",
        "UPDATE queue_outbox SET status = NULL",
        "UPDATE queue_outbox SET attempts = 'many'",
        "UPDATE turns SET status = 'open'",
        "UPDATE messages SET direction = 'sideways'",
        "UPDATE messages SET kind = 'song'",
        "UPDATE messages SET position = 'last'",
        "UPDATE session SET state = 'fine'",
        "INSERT INTO session SELECT 2, state, since, sentence, 0, NULL, NULL, 0, 0,"
        " token_key, NULL FROM session",
    ],
)
def test_the_tables_refuse_what_is_no_state(storage: Storage, sql: str) -> None:
    reply_to(storage)
    with pytest.raises(sqlite3.IntegrityError):
        rows(storage, sql)


def test_every_table_is_strict(storage: Storage) -> None:
    tables = rows(storage, "PRAGMA table_list")
    ours = [row for row in tables if not row["name"].startswith("sqlite_")]
    assert len(ours) >= 6
    assert all(row["strict"] for row in ours)


def test_the_database_is_in_wal_and_writes_through(storage: Storage) -> None:
    assert rows(storage, "PRAGMA journal_mode")[0][0] == "wal"

    def settings() -> list[object]:
        names = ("synchronous", "foreign_keys")
        return [storage.db.read(f"PRAGMA {name}")[0][0] for name in names]

    assert settings() == [2, 1]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(settings).result() == [2, 1]


# The file


def test_the_files_are_our_users_alone(storage: Storage, tmp_path: Path) -> None:
    reply_to(storage)
    View(storage.path).copy_to(tmp_path / "copy.db")
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    names = {path.name for path in files}
    assert {"airbot.db", "airbot.db-wal", "airbot.db-shm", "airbot.db.lock"} <= names
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_a_newer_database_is_refused_and_left_alone(storage: Storage) -> None:
    storage.db.close()
    with closing(sqlite3.connect(storage.path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StorageError, match="newer airbot"):
        Storage(storage.path)
    (row,) = rows(storage, "PRAGMA user_version")
    assert row[0] == VERSION + 1


@pytest.mark.parametrize("pragma", ["application_id = 77", "user_version = 3"])
def test_a_database_of_another_program_is_refused(tmp_path: Path, pragma: str) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (name)")
        connection.execute(f"PRAGMA {pragma}")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="belongs to another program"):
        Storage(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_without_marks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (name)")
    before = path.read_bytes()
    with pytest.raises(StorageError, match="belongs to another program"):
        Storage(path)
    assert path.read_bytes() == before


def as_folder(path: Path) -> None:
    path.mkdir()


def as_garbage(path: Path) -> None:
    path.write_bytes(b"this was never a database, whatever its name says" * 40)


def below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("a file where the folder should be")


def beside_a_folder(path: Path) -> None:
    path.with_name(path.name + ".lock").mkdir()


@pytest.mark.parametrize(
    "spoil", [as_folder, as_garbage, below_a_file, beside_a_folder]
)
def test_a_file_that_is_no_database_is_a_storage_error(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "folder" / "airbot.db"
    path.parent.mkdir()
    spoil(path)
    with pytest.raises(StorageError, match="the database .*airbot.db"):
        Storage(path)


def test_a_page_that_was_damaged_is_a_storage_error(storage: Storage) -> None:
    for number in range(60):
        record(storage, guest(str(number), "word " * 50), id_=f"T{number}")
    storage.close()
    damaged = bytearray(storage.path.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    storage.path.write_bytes(damaged)
    with pytest.raises(StorageError):
        again = Storage(storage.path)
        again.readings.take_in(reading(guest("1")), RULES, NOW)


def test_a_full_disk_stores_nothing_and_recovers(storage: Storage) -> None:
    record(storage, guest("1"))
    (pages,) = storage.db.read("PRAGMA page_count")
    storage.db.read(f"PRAGMA max_page_count = {pages[0]}")
    with pytest.raises(StorageError, match="full"):
        record(storage, *(guest(str(n), "word " * 400) for n in range(2, 30)))
    assert order(storage) == ["1"]
    storage.db.read("PRAGMA max_page_count = 1000000")
    assert record(storage, guest("1"), guest("2")).new_texts == 1


def test_a_file_that_another_program_locks_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    storage = Storage(tmp_path / "airbot.db")
    with closing(sqlite3.connect(storage.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            record(storage, guest("1"))
        other.execute("ROLLBACK")
    assert record(storage, guest("1")).new_texts == 1
    storage.close()


def count_up(path: Path, times: int) -> None:
    storage = Storage(path)
    for _ in range(times):
        with storage.db.transaction() as tx:
            (row,) = tx.execute("SELECT tries FROM session")
            tx.execute("UPDATE session SET tries = :n", {"n": row["tries"] + 1})
    storage.close()


def test_processes_and_threads_that_write_at_once_lose_nothing(
    storage: Storage,
) -> None:
    spawn = multiprocessing.get_context("spawn")
    others: list[BaseProcess | threading.Thread] = [
        spawn.Process(target=count_up, args=(storage.path, 150)) for _ in range(2)
    ]
    threads = [
        threading.Thread(target=count_up, args=(storage.path, 150)) for _ in range(2)
    ]
    for worker in [*others, *threads]:
        worker.start()
    for worker in [*others, *threads]:
        worker.join()
    assert storage.session.get().tries == 600


def test_a_fresh_database_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    for n in range(30):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: Storage(tmp_path / f"{n}.db").close(), range(6)))


def test_a_transaction_inside_another_joins_it(storage: Storage) -> None:
    with pytest.raises(RuntimeError):
        with storage.db.transaction():
            record(storage, guest("1"))
            raise RuntimeError
    assert counted(storage, "messages") == 0
    record(storage, guest("1"))
    assert counted(storage, "messages") == 1


def test_a_copy_is_whole_and_apart(storage: Storage, tmp_path: Path) -> None:
    reply = reply_to(storage)
    View(storage.path).copy_to(tmp_path / "copy.db")
    copy = Storage(tmp_path / "copy.db")
    assert copy.outbox.get(reply.id) == reply
    assert copy.session.token_key() == storage.session.token_key()
    claim(copy)
    kept = storage.outbox.get(reply.id)
    assert kept and kept.status == ReplyStatus.PENDING
    copy.close()


# Writes that share a commit


def test_writes_that_wait_for_the_disk_share_one_commit(storage: Storage) -> None:
    commits: list[str] = []

    def count(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(
            lambda sql: commits.append(sql) if sql == "COMMIT" else None
        )

    held, go = threading.Barrier(2), threading.Event()

    def first(tx: Any) -> str:
        count(storage.db._connection())
        held.wait()
        go.wait(10)
        return "first"

    def later_one(number: int) -> int:
        count(storage.db._connection())
        return storage.db.together(lambda tx: number)

    with ThreadPoolExecutor(9) as pool:
        leader = pool.submit(storage.db.together, first)
        held.wait()
        others = [pool.submit(later_one, number) for number in range(8)]
        while len(storage.db._writes) < 8:
            pass
        go.set()
        assert leader.result(10) == "first"
        assert [other.result(10) for other in others] == list(range(8))
    assert len(commits) == 2


def test_one_that_fails_is_undone_alone(storage: Storage) -> None:
    held, go = threading.Barrier(2), threading.Event()

    def first(tx: Any) -> None:
        held.wait()
        go.wait(10)

    def write(tx: Any, name: str, fails: bool) -> None:
        tx.execute("UPDATE session SET sentence = sentence || :name", {"name": name})
        if fails:
            raise ZeroDivisionError

    with ThreadPoolExecutor(4) as pool:
        pool.submit(storage.db.together, first)
        held.wait()
        waiting = []
        for name, fails in (("a", False), ("b", True), ("c", False)):
            work = lambda tx, n=name, f=fails: write(tx, n, f)  # noqa: E731
            waiting.append(pool.submit(storage.db.together, work))
            while len(storage.db._writes) < len(waiting):
                pass
        go.set()
        assert isinstance(waiting[1].exception(10), ZeroDivisionError)
        assert waiting[0].exception(10) is waiting[2].exception(10) is None
    assert storage.session.get().sentence == "not started yetac"


def test_a_commit_that_fails_fails_for_all_who_shared_it(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(storage.db.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(3) as pool:
            done = [pool.submit(storage.db.together, lambda tx: 1) for _ in range(3)]
            assert all(isinstance(d.exception(30), StorageError) for d in done)
        other.execute("ROLLBACK")
    assert storage.db.together(lambda tx: 1) == 1
