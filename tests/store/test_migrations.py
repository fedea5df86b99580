"""Databases of earlier versions, kept as `tests/data/versionN.sql`, are opened."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from enum import StrEnum
from pathlib import Path

import pytest
from support.databases import from_dump
from support.databases import pragma
from support.paths import DATA

from airbot.models import Direction
from airbot.models import Kind
from airbot.models import ReplyStatus
from airbot.models import SessionState
from airbot.models import TurnStatus
from airbot.storage import Storage
from airbot.storage.schema import APPLICATION_ID
from airbot.storage.schema import MIGRATIONS
from airbot.storage.schema import VERSION

DUMPS = sorted(DATA.glob("version*.sql"))


def schema_of(path: Path) -> list[str]:
    """Every table, CHECK and index as the file has it, without blanks and comments."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT sql FROM sqlite_schema WHERE sql NOTNULL")
        return sorted(bare(sql) for (sql,) in found)


def bare(sql: str) -> str:
    return re.sub(r"\s", "", re.sub(r"--.*", "", sql))


def words_of_check(path: Path, table: str, column: str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?"
        (text,) = connection.execute(sql, (table,)).fetchone()
    found = re.search(rf"CHECK\({column}IN\((.*?)\)\)", bare(text))
    assert found
    return set(re.findall(r"'(\w+)'", found[1]))


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
    assert schema_of(old) == schema_of(tmp_path / "new.db")


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


def test_a_dump_of_every_version_before_this_one_is_kept() -> None:
    assert [pragma_in(dump) for dump in DUMPS] == list(range(1, VERSION))


@pytest.mark.parametrize("dump", DUMPS, ids=[dump.stem for dump in DUMPS])
def test_a_step_that_has_shipped_is_never_changed(dump: Path, tmp_path: Path) -> None:
    """A step's text edited later would leave the hosts' databases as they were."""
    path = tmp_path / "stepped.db"
    with closing(sqlite3.connect(path)) as connection:
        for step in MIGRATIONS[: pragma_in(dump)]:
            connection.executescript(step)
    assert schema_of(path) == schema_of(from_dump(dump, tmp_path / "dumped.db"))


@pytest.mark.parametrize(
    ("table", "column", "states"),
    [
        ("turns", "status", TurnStatus),
        ("queue_outbox", "status", ReplyStatus),
        ("session", "state", SessionState),
        ("messages", "kind", Kind),
        ("messages", "direction", Direction),
    ],
)
def test_a_migrated_database_takes_every_state(
    old: Path, table: str, column: str, states: type[StrEnum]
) -> None:
    Storage(old).close()
    assert words_of_check(old, table, column) == set(states)


def pragma_in(dump: Path) -> int:
    (line,) = (x for x in dump.read_text().splitlines() if "user_version" in x)
    return int(line.strip(";").split()[-1])
