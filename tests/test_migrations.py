"""Databases of earlier versions, kept as `tests/data/versionN.sql`, are opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from airbot.models import ReplyStatus
from airbot.models import SessionState
from airbot.models import TurnStatus
from airbot.storage import Storage
from airbot.storage.schema import APPLICATION_ID
from airbot.storage.schema import VERSION

DUMPS = sorted((Path(__file__).parent / "data").glob("version*.sql"))


def from_dump(dump: Path, path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    return path


def tables_of(path: Path) -> list[tuple[str, str]]:
    """Every column of every table, as the file has it."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("""
            SELECT t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk
            FROM sqlite_schema t JOIN pragma_table_info(t.name) c
            WHERE t.type = 'table' ORDER BY 1, 2
            """).fetchall()


def pragma(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


@pytest.fixture(params=DUMPS, ids=[dump.stem for dump in DUMPS])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return from_dump(request.param, tmp_path / "old.db")


def test_an_old_database_is_brought_to_the_newest_version(
    old: Path, tmp_path: Path
) -> None:
    Storage(old).close()
    assert pragma(old, "user_version") == VERSION
    assert pragma(old, "application_id") == APPLICATION_ID
    Storage(tmp_path / "new.db").close()
    assert tables_of(old) == tables_of(tmp_path / "new.db")


def test_an_old_database_keeps_its_replies_and_turns(old: Path) -> None:
    storage = Storage(old)
    (sent,) = storage.outbox.with_status(ReplyStatus.SENT)
    assert (sent.message, sent.site_message_id) == ("Bonjour", "13")
    (pending,) = storage.outbox.with_status(ReplyStatus.PENDING)
    assert pending.message == "Near; it's 5 min."
    turn = storage.turns.newest("T2")
    assert turn and turn.status == TurnStatus.ANSWERED
    (text,) = storage.turns.question(turn).texts
    assert text.body == "Où êtes-vous ?\nIs it 'far'; or near?"
    storage.close()


def test_an_old_database_keeps_the_session_and_the_marks(old: Path) -> None:
    storage = Storage(old)
    session = storage.session.get()
    assert (session.state, session.account_id) == (SessionState.CAPTCHA, "900")
    assert len(storage.session.token_key()) == 32
    assert storage.inbox.seen_marks() == {"T1": "m1", "T2": "m2", "T3": "m3"}
    storage.close()


def test_opening_twice_changes_nothing(old: Path) -> None:
    Storage(old).close()
    with closing(sqlite3.connect(old)) as connection:
        before = list(connection.iterdump())
    Storage(old).close()
    with closing(sqlite3.connect(old)) as connection:
        assert list(connection.iterdump()) == before


def test_a_dump_of_every_version_is_kept() -> None:
    versions = [pragma_in(dump) for dump in DUMPS]
    assert versions == list(range(1, len(DUMPS) + 1))
    assert versions and versions[-1] <= VERSION


def pragma_in(dump: Path) -> int:
    (line,) = (x for x in dump.read_text().splitlines() if "user_version" in x)
    return int(line.strip(";").split()[-1])
