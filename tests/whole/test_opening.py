"""What each command may do to the database, the locks and what lies beside them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.databases import MADE
from support.databases import copied
from support.databases import everything_in
from support.databases import killed
from support.databases import pragma
from support.databases import stopped

from airbot import cli
from airbot.storage import Storage
from airbot.storage.schema import VERSION

LOOKS = ["status", "messages", "outbox", "backup backup.db"]
SETTINGS = """
[airbnb]
session_dir = data/session
browser = /nowhere/chromium
[storage]
path = data/airbot.db
[ai]
webhook_url = http://127.0.0.1:1/ai
[webhook]
port = 0
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what airbot keeps; it is typed in the one above."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.ini").write_text(SETTINGS)
    (tmp_path / "data").mkdir(0o700)
    return tmp_path / "data"


def typed(arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "airbot", *arguments.split()],
        capture_output=True,
        text=True,
        timeout=30,
    )


# To look


@pytest.mark.parametrize("command", LOOKS)
@pytest.mark.parametrize("make", MADE)
def test_a_look_changes_nothing_and_leaves_nothing(
    data: Path, make: Callable[[Path], None], command: str
) -> None:
    make(data / "airbot.db")
    before = everything_in(data)
    assert cli.main(command.split()) in (0, 1, 77)
    assert everything_in(data) == before


def test_status_before_the_restart_of_an_update_shows_what_there_is(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(data / "airbot.db")
    assert cli.main(["status"]) == 77
    assert "Airbnb asks for a human" in capsys.readouterr().out


def test_a_backup_before_the_restart_of_an_update_is_of_the_version_before(
    data: Path, tmp_path: Path
) -> None:
    copied(data / "airbot.db")
    assert cli.main(["backup", "backup.db"]) == 0
    assert pragma(tmp_path / "backup.db", "user_version") == 1


def test_status_beside_a_running_writer_says_what_is_committed(data: Path) -> None:
    storage = Storage(data / "airbot.db")
    storage.session.set_account("900")
    with storage.db.transaction() as tx:  # a second writer would wait for it
        tx.execute("UPDATE session SET account_id = '7'")
        assert '"account_id": "900"' in typed("status --json").stdout
    assert '"account_id": "7"' in typed("status --json").stdout
    storage.close()


def test_a_verb_brings_the_database_up_to_date(data: Path) -> None:
    copied(data / "airbot.db")
    assert cli.main(["outbox", "cancel", "5099460d"]) == 0
    assert pragma(data / "airbot.db", "user_version") == VERSION


# To run dry


@pytest.mark.parametrize("make", [copied, killed])
def test_a_dry_run_leaves_the_database_byte_for_byte(
    data: Path, make: Callable[[Path], None]
) -> None:
    make(data / "airbot.db")
    before = everything_in(data)
    assert typed("--once --dry-run").returncode in (1, 77)  # no browser; a CAPTCHA
    after = everything_in(data)
    assert after.pop("session.lock")  # it was nobody else's meanwhile
    assert after == before


@pytest.mark.parametrize("arguments", ["--once", "--once --dry-run"])
@pytest.mark.parametrize("theirs", ["airbot.db", "session"])
def test_a_run_on_another_users_files_is_refused_and_leaves_no_lock(
    data: Path, give_away: Callable[[Path], str], theirs: str, arguments: str
) -> None:
    stopped(data / "airbot.db")
    (data / "session").mkdir()
    name = give_away(data / theirs)
    before = set(data.iterdir())
    done = typed(arguments)
    assert done.returncode == 2 and f"sudo -u {name} airbot" in done.stderr
    assert set(data.iterdir()) == before
