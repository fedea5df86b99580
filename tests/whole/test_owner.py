"""Root and the files of the service's user: a planted link gives nothing away."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import ROOT

from airbot.config import ours
from airbot.config.owner import become_owner
from airbot.config.owner import check_owner
from airbot.exceptions import ConfigError
from airbot.exceptions import StorageError
from airbot.locks import InstanceLock
from airbot.locks import database_lock
from airbot.locks import profile_lock
from airbot.locks import reconnect_lock
from airbot.logs import start_logging
from airbot.storage import Storage

NOBODY = pwd.getpwnam("nobody")
IS_ROOT = os.geteuid() == 0
SETTINGS = """
[airbnb]
session_dir = session
browser = /nowhere/chromium
[storage]
path = data/airbot.db
[logging]
dir = logs
[ai]
webhook_url = http://127.0.0.1:1/ai
[webhook]
port = 0
"""
VERBS = ["messages retry 1", "messages done 1", "outbox retry 1"]
VERBS += ["outbox cancel 1", "outbox resolve 1 --sent"]
DESK = ["status", "status --json", "messages", "outbox", "backup data/copy.db", *VERBS]
RUNS = ["--once", "--once --dry-run", "reconnect --remote"]
PLANTED = ["data/airbot.db.lock", "data/airbot.db.running", "session.lock"]
PLANTED += ["session.reconnect", "data/copy.db.new"]
PLANTED += ["logs/app.log", "logs/api.log", "logs/worker.log"]


@pytest.fixture
def service() -> Iterator[Path]:
    """What the user `nobody` keeps, where he can reach it; a database among it.

    Who is not root here has the folder himself: links are followed for nobody.
    """
    folder = Path(tempfile.mkdtemp(prefix="airbot-test-"))
    folder.chmod(0o755)
    for name in ("data", "logs", "session"):
        (folder / name).mkdir()
    (folder / "config.ini").write_text(SETTINGS)
    Storage(folder / "data/airbot.db").close()
    for path in folder.rglob("*"):
        if path.name != "config.ini":
            give(path)
    if IS_ROOT:  # the folder itself, too: locks of the profile stand in it
        os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """A file that is nothing of airbot's; a link leads to it."""
    path = tmp_path / "target"
    path.write_text("root's alone")
    path.chmod(0o600)
    return path


def give(path: Path) -> None:
    if IS_ROOT:
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid, follow_symlinks=False)


def plant(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    give(link)


def typed(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "airbot", "--config", str(folder / "config.ini")]
        + command.split(),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def untouched(path: Path) -> bool:
    found = path.stat()
    same = (found.st_uid, found.st_mode & 0o777) == (os.geteuid(), 0o600)
    return same and path.read_text() == "root's alone"


@pytest.mark.parametrize("command", DESK + RUNS)
def test_planted_links_give_nothing_away(
    service: Path, roots: Path, command: str
) -> None:
    for planted in PLANTED:
        plant(service / planted, roots)
    done = typed(service, command)
    assert "Traceback" not in done.stderr
    assert untouched(roots)


def test_a_link_in_the_place_of_the_database_is_opened_as_its_owner(
    service: Path, roots: Path
) -> None:
    plant(service / "data/airbot.db", roots)
    assert typed(service, "status").returncode == 2 - IS_ROOT
    assert untouched(roots)


@pytest.mark.parametrize("command", DESK)
def test_a_command_leaves_files_of_the_owner_alone(service: Path, command: str) -> None:
    done = typed(service, command)
    assert "ermission" not in done.stderr and "Traceback" not in done.stderr
    left = [path for path in service.rglob("*") if path.name != "config.ini"]
    mine = NOBODY.pw_uid if IS_ROOT else os.geteuid()
    assert {path.lstat().st_uid for path in left} == {mine}
    assert (service / "data/copy.db").exists() == command.startswith("backup")


@pytest.mark.parametrize("command", RUNS[:2])
def test_a_run_as_root_opens_not_even_its_log(service: Path, command: str) -> None:
    done = typed(service, command)
    if IS_ROOT:
        assert done.returncode == 2 and "sudo -u nobody airbot" in done.stderr
        assert [*(service / "logs").iterdir()] == []
    else:
        assert (service / "logs/app.log").exists()


WHO = """
import os, sys
from pathlib import Path
from airbot.config.owner import become_owner
become_owner([Path(sys.argv[1])])
print(*os.getresuid(), *os.getresgid(), *os.getgroups())
"""


@pytest.mark.parametrize("within", ["", "data", "data/airbot.db", "data/not/yet/there"])
def test_who_becomes_the_owner_is_root_no_more(service: Path, within: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WHO, str(service / within)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    numbers = set(done.stdout.split())
    if IS_ROOT:
        assert numbers == {str(NOBODY.pw_uid), str(NOBODY.pw_gid)}
    else:
        assert str(os.geteuid()) in numbers


def test_files_of_two_users_are_opened_for_none(
    service: Path, roots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    mine = 1234
    if IS_ROOT:
        os.chown(service / "session", mine, mine)
    else:
        (service / "session").rmdir()
        (service / "session").symlink_to("/usr")
    paths = [service / "data/airbot.db", service / "session"]
    if IS_ROOT:
        with pytest.raises(ConfigError, match="of several users"):
            become_owner(paths)
    with pytest.raises(ConfigError, match="sudo -u"):
        check_owner(paths)


def test_in_a_container_what_root_has_made_may_lie_in_anybodys_folder(
    service: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = service / "data/new.db"
    made.write_text("")
    monkeypatch.setattr(ours, "CONTAINERS", (tmp_path,))
    become_owner([made])
    check_owner([made])
    monkeypatch.setattr(ours, "CONTAINERS", ())
    if IS_ROOT:
        with pytest.raises(ConfigError, match="sudo -u nobody airbot"):
            check_owner([made])


# What is no file

IN_PLACES = [("data/airbot.db", "status"), ("data/airbot.db.running", "status")]
IN_PLACES += [("data/airbot.db.lock", "messages done 1"), ("session", "status")]
IN_PLACES += [("session.reconnect", "status"), ("logs", "status")]


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_circle(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("make", [as_pipe, as_circle])
@pytest.mark.parametrize(("place", "command"), IN_PLACES)
def test_what_is_no_file_is_neither_waited_at_nor_a_bug(
    service: Path, place: str, command: str, make: Callable[[Path], None]
) -> None:
    path = service / place
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    make(path)
    give(path)
    done = typed(service, command)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    if path.is_fifo() and path.name.startswith("airbot.db"):
        assert re.search("no plain file[,:] move it away", done.stderr)


# Nobody follows a link


@pytest.mark.parametrize("make", [database_lock, profile_lock, reconnect_lock])
def test_no_lock_is_taken_through_a_link(
    make: Callable[[Path], InstanceLock], roots: Path
) -> None:
    lock = make(roots.parent / "guarded")
    lock._path.symlink_to(roots)
    with pytest.raises(OSError, match="symbolic links"):
        lock.acquire()
    with pytest.raises(OSError, match="symbolic links"):
        lock.is_held()
    assert untouched(roots)


def test_no_database_is_written_under_a_lock_that_is_a_link(roots: Path) -> None:
    path = roots.parent / "airbot.db"
    path.with_name("airbot.db.lock").symlink_to(roots)
    with pytest.raises(StorageError, match="a link stands in the place"):
        Storage(path)
    assert untouched(roots)


def test_no_log_is_written_through_a_link(roots: Path) -> None:
    (roots.parent / "api.log").symlink_to(roots)
    with pytest.raises(OSError, match="symbolic links"):
        start_logging("INFO", roots.parent)
    assert untouched(roots)


def test_a_link_to_a_database_is_the_same_database(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "airbot.db").symlink_to(tmp_path / "other/real.db")
    Storage(tmp_path / "airbot.db").close()
    assert (tmp_path / "other/real.db.lock").exists()
    assert not (tmp_path / "airbot.db.lock").exists()
