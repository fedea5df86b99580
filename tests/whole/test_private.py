"""At rest: what airbot keeps is its user's alone, whatever the umask was."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from airbot import cli
from airbot import private
from airbot.config import Config
from airbot.daemon.opening import close_to_others
from airbot.locks import database_lock
from airbot.logs import LOG_FILES
from airbot.sandbox.ai import DemoAI
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage
from airbot.storage import View

CANARY = "canary-in-the-secret"
# `airbot` as it is installed; its browser finds no host but this machine.
AIRBOT = """
import sys
from airbot.browser import launch
from airbot.demo import LOOPBACK_ONLY
launch.ARGUMENTS += LOOPBACK_ONLY
from airbot.cli import main
sys.exit(main(sys.argv[1:]))
"""
SETTINGS = """
[airbnb]
base_url = {site}
[webhook]
port = 0
[sync]
interval_sec = 1
"""


def mode_of(path: Path) -> int:
    return path.lstat().st_mode & 0o777


def open_ones(folder: Path) -> list[str]:
    """What in there any other user could look at; links have no mode of their own."""
    found = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a browser tidies up meanwhile
            if not path.is_symlink() and mode_of(path) & 0o077:
                found.append(f"{path.relative_to(folder)} {mode_of(path):o}")
    return found


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def config(make_config: Callable[..., Config]) -> Config:
    return make_config(
        airbnb__session_dir="data/session",
        storage__path="data/airbot.db",
        logging__dir="logs",
    )


# What is made


def test_a_database_is_made_for_us_alone(open_umask: None, tmp_path: Path) -> None:
    path = tmp_path / "data/deep/airbot.db"
    storage = Storage(path)
    storage.session.set_account("1")
    assert (path.parent / "airbot.db-wal").exists()
    assert open_ones(path.parent) == []
    assert mode_of(path.parent) == 0o700
    View(storage.path).copy_to(tmp_path / "copy.db")
    assert mode_of(tmp_path / "copy.db") == 0o600
    storage.close()


def test_a_lock_makes_its_folder_for_us_alone(open_umask: None, tmp_path: Path) -> None:
    lock = database_lock(tmp_path / "data/airbot.db")
    lock.acquire()
    lock.release()
    assert mode_of(tmp_path / "data") == 0o700
    assert open_ones(tmp_path / "data") == []


def test_each_database_has_a_key_of_its_own(tmp_path: Path) -> None:
    one, two = Storage(tmp_path / "1.db"), Storage(tmp_path / "2.db")
    assert one.session.token_key() != two.session.token_key()
    assert one.session.token_key() == Storage(tmp_path / "1.db").session.token_key()
    one.close()
    two.close()


# What was left open


@pytest.fixture
def left_open(config: Config, tmp_path: Path) -> Path:
    """All that an airbot keeps, as `chmod -R a+rX` has left it."""
    Storage(config.storage.path).close()
    profile = config.airbnb.session_dir
    (profile / "Default").mkdir(parents=True)
    for name in ("Local State", "airbot-cookies.json", "Default/Cookies"):
        (profile / name).write_text("{}")
    (profile / "SingletonLock").symlink_to("host-1")
    (tmp_path / "logs").mkdir()
    for name in ("app.log", "app.log.1", "api.log"):
        (tmp_path / "logs" / name).write_text("")
    for name in ("session.lock", "airbot.db.running", "airbot.db-wal"):
        (tmp_path / "data" / name).touch()
    for path in tmp_path.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    (tmp_path / "data").chmod(0o700)
    return tmp_path


def test_what_was_left_open_is_closed_at_the_start(
    config: Config, left_open: Path, caplog: pytest.LogCaptureFixture
) -> None:
    close_to_others(config)
    assert open_ones(left_open) == []
    assert caplog.messages == []


def test_a_database_in_an_open_folder_is_said(
    config: Config, left_open: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = left_open / "data"
    folder.chmod(0o750)
    close_to_others(config)
    expected = f"{folder} is open to other users (mode 0750): chmod 700 it"
    assert caplog.messages == [expected]
    assert mode_of(folder) == 0o750  # it may be anybody's


def test_a_folder_that_is_not_ours_alone_is_left_and_said(
    config: Config, left_open: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (left_open / "logs" / "syslog").touch(0o644)
    profile = config.airbnb.session_dir
    for path in profile.iterdir():
        path.rename(left_open / f"moved-{path.name}")
    (profile / "holiday.jpg").touch(0o644)
    close_to_others(config)
    assert mode_of(left_open / "logs") == mode_of(profile) == 0o755
    assert mode_of(left_open / "logs/syslog") == 0o644
    assert mode_of(left_open / "logs/app.log") == 0o600
    assert [m.split(" is open")[0] for m in caplog.messages] == [
        str(profile),
        str(left_open / "logs"),
    ]


def test_what_cannot_be_closed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "airbot.db"
    file.touch(0o644)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    assert private.close_files([file, tmp_path / "none"]) == [
        f"{file} is open to other users and cannot be closed: Operation not permitted"
    ]


def test_the_log_files_are_those_of_the_log() -> None:
    assert list(LOG_FILES) == ["app.log", "api.log", "worker.log"]


# The whole program


@pytest.fixture
def program(
    site: AirbnbSite, ai: DemoAI, tmp_path: Path
) -> Iterator[subprocess.Popen[str]]:
    """`airbot --once`, with an AI that keeps it waiting, an open umask, and secrets."""
    folder = tmp_path / "home"
    folder.mkdir(0o700)
    (folder / "config.ini").write_text(SETTINGS.format(site=site.url))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "webhook.secret").write_text(CANARY)
    environ = {
        **os.environ,
        "AI_WEBHOOK_URL": f"{ai.url}?key={CANARY}",
        "AI_WEBHOOK_SECRET": CANARY,
        "CREDENTIALS_DIRECTORY": str(credentials),
    }
    ai.mode = "silent"
    site.guest_writes(site.add_thread("Maya"), "Is parking free?")
    process = subprocess.Popen(
        [sys.executable, "-c", AIRBOT, "--once", "--wait", "2"],
        cwd=folder,
        env=environ,
        umask=0,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def children_of(pid: int) -> list[int]:
    """All processes below it."""
    below = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            below += [child, *children_of(child)]
    return below


def shown_by(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    except OSError:
        return ""


@pytest.mark.browser
def test_no_secret_leaves_the_program_and_no_file_is_open(
    program: subprocess.Popen[str], ai: DemoAI, tmp_path: Path
) -> None:
    end = time.monotonic() + 30
    while not ai.asked and time.monotonic() < end:
        time.sleep(0.02)
    assert ai.asked and ai.headers[0]["Authorization"] == f"Bearer {CANARY}"
    below = children_of(program.pid)
    assert any("chrom" in shown_by(pid, "cmdline") for pid in below)
    for pid in below:
        assert CANARY not in shown_by(pid, "environ") + shown_by(pid, "cmdline")
    assert CANARY not in shown_by(program.pid, "cmdline")
    assert open_ones(tmp_path / "home/session") == []
    assert open_ones(tmp_path / "home") == ["config.ini 644"]
    output, errors = program.communicate(timeout=30)
    logs = "".join(p.read_text() for p in (tmp_path / "home/logs").iterdir())
    assert CANARY not in output + errors + logs
    assert open_ones(tmp_path / "home") == ["config.ini 644"]


def test_no_command_shows_a_secret(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.ini").write_text(
        f"[ai]\nwebhook_url = http://u:{CANARY}@127.0.0.1:1/?key={CANARY}\n"
        f"secret = {CANARY}\n[webhook]\nsecret = {CANARY}\n"
    )
    storage = Storage(tmp_path / "airbot.db")
    key = storage.session.token_key().hex()
    for command in ("status", "messages", "outbox"):
        for more in ([], ["--json"]):
            cli.main([command, *more])
    said = capsys.readouterr()
    assert "session" in said.out
    (tmp_path / "config.ini").write_text(f"[ai]\nsecret = {CANARY}\nport = {CANARY}\n")
    assert cli.main(["status"]) == 2
    said_too = capsys.readouterr()
    shown = "".join([*said, *said_too, caplog.text])
    assert CANARY not in shown and key not in shown
    storage.close()
