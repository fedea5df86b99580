"""Nothing that others have written reaches a terminal as something that it obeys."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.builders import RULES
from support.builders import guest
from support.builders import reading

from airbot import cli
from airbot.daemon.dry_run import would_do
from airbot.daemon.notify import Notifier
from airbot.models import AITrouble
from airbot.models import SessionState
from airbot.models import utcnow
from airbot.storage import Storage

# Clear, rename the window, CSI as one character, turned around, hidden, a new line.
EVIL = (
    "\x1b[2J \x1b]0;x\x07 \x9b31m \u202etxt.exe\u2066 \U000e0041 a\r\nb \x85c \u2028d"
)
COMMANDS = ["status", "messages", "outbox"]
COMMANDS += [f"{command} --json" for command in COMMANDS]
WRONG = [f"outbox cancel {EVIL}", f"messages done {EVIL}", f"--config {EVIL} status"]
WRONG += [EVIL, f"outbox {EVIL}"]


def obeyed(text: str) -> list[str]:
    return [char for char in text if not char.isprintable() and char not in "\n\t"]


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """A database in which everything that comes from outside is evil."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AI_WEBHOOK_URL", "http://127.0.0.1:1/")
    now = utcnow()
    with closing(Storage(tmp_path / "airbot.db")) as storage:
        for number, id_ in enumerate(("T1", "T2", "T3")):
            text = replace(guest(str(number), EVIL, at=now), sender=EVIL)
            told = reading(text, id_=id_, at=now, title=EVIL)
            storage.readings.take_in(told, RULES, now)
        storage.session.set_state(SessionState.UNKNOWN, EVIL, now)
        storage.session.add_cycle("sync", now, 5, EVIL, True)
        storage.ai.failed(AITrouble.REFUSING, EVIL, now)
        turn, failed = storage.turns.newest("T1"), storage.turns.newest("T2")
        assert turn and failed
        reply = storage.outbox.enqueue(turn, EVIL, EVIL, now)
        storage.outbox.set_aside(reply.id, EVIL, now, RULES.settle_after)
        storage.turns.give_up(failed.id, EVIL, now)
        yield storage


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_shows_is_obeyed_by_no_terminal(
    command: str, storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(command.split())
    said = capsys.readouterr()
    assert "[2J" in said.out and not obeyed(said.out + said.err)
    if "--json" in command:
        assert EVIL in str_values(json.loads(said.out))


def str_values(value: object) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in str_values(item)]
    return [str(value)]


@pytest.mark.parametrize("typed", WRONG)
def test_what_was_typed_wrong_is_quoted_without_it(
    typed: str, storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        cli.main([*typed.partition(EVIL)[0].split(), EVIL])
    except SystemExit:
        pass
    said = capsys.readouterr()
    assert said.err and not obeyed(said.out + said.err)


def test_a_dry_run_shows_names_and_sentences_without_it(storage: Storage) -> None:
    lines = would_do(storage)
    assert "[2J" in " ".join(lines) and not obeyed("".join(lines))
    assert "\n" not in "".join(lines)


def test_the_service_manager_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        Notifier().tell(f"STATUS={EVIL}\nMAINPID=1 \ud800")
        said = manager.recv(4096).decode()
    assert said.startswith("STATUS=") and not obeyed(said) and "\n" not in said


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_whatever_prints_goes_through_the_gate(
    name: str, storage: Storage, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    def run(*_: object) -> int:
        stream = getattr(sys, name)
        stream.write(EVIL)
        stream.writelines([EVIL])
        print(EVIL, file=stream, flush=True)
        return 0

    monkeypatch.setitem(cli.COMMANDS, "status", run)
    cli.main(["status"])
    out, err = capfd.readouterr()
    assert (out + err).count("[2J") == 3 and not obeyed(out + err)
