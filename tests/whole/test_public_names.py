"""What users and other programs know by heart stands in data/public_names.txt.

The commands and their help, exit codes, settings, states, tables, the commands' JSON:
code that is moved must not change them unseen. What is meant to change changes there,
too:

    PYTHONPATH=tests python tests/whole/test_public_names.py > names.txt
    mv names.txt tests/data/public_names.txt
"""

from __future__ import annotations

import io
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import redirect_stderr
from contextlib import redirect_stdout
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import pytest
from support.databases import from_dump
from support.paths import DATA

from airbot import cli
from airbot import exceptions
from airbot import models
from airbot.config.sections import OPTIONS
from airbot.logs import LOG_FILES
from airbot.storage import Storage

RECORD = DATA / "public_names.txt"
TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
SETTINGS = "[ai]\nwebhook_url = http://127.0.0.1:1/ai\n"


def record(folder: Path) -> str:
    """All of it as it is now; `folder` is a new one."""
    sections = [*_helps(), ("exit codes", exit_codes()), ("settings", settings())]
    sections += [("states", states()), ("log files", LOG_FILES)]
    sections += [("tables", tables(folder / "new.db")), *_shown(folder)]
    return "\n".join(
        line for title, lines in sections for line in (f"== {title}", *lines, "")
    )


def _helps() -> Iterator[tuple[str, list[str]]]:
    for command in cli.COMMANDS:
        words = [word for word in command.split() if word != "run"] + ["--help"]
        yield " ".join(["airbot", *words]), said(*words)


def _shown(folder: Path) -> Iterator[tuple[str, list[str]]]:
    (folder / "config.ini").write_text(SETTINGS)
    from_dump(DATA / "version1.sql", folder / "airbot.db")
    for command in ("status", "messages", "outbox"):
        words = (command, "--json")
        yield " ".join(words), said("--config", str(folder / "config.ini"), *words)


def said(*arguments: str) -> list[str]:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(out), suppress(SystemExit):
        cli.main(arguments)
    out.seek(0)
    return [line.rstrip() for line in out]


def exit_codes() -> Iterator[str]:
    """What `airbot` ends with, by what went wrong."""
    status = cli.COMMANDS["status"]
    try:
        for name, error in sorted(vars(exceptions).items()):
            if isinstance(error, type) and issubclass(error, exceptions.AirbotError):
                if issubclass(error, exceptions.ThreadError):
                    continue  # one conversation's: no command ends with it
                cli.COMMANDS["status"] = _raising(error)
                with redirect_stderr(io.StringIO()):
                    yield f"{name} {cli.main(['status'])}"
    finally:
        cli.COMMANDS["status"] = status


def _raising(error: type[Exception]) -> Callable[[object], int]:
    told = ("why", "webhook.port") if error is exceptions.CannotListen else ("why",)

    def command(parsed: object) -> int:
        raise error(*told)

    return command


def settings() -> Iterator[str]:
    for option in OPTIONS:
        yield f"{option.name} = {option.default} ({option.env or '-'})"


def states() -> Iterator[str]:
    for name, kind in sorted(vars(models).items()):
        if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum:
            yield f"{name}: {', '.join(kind)}"


def tables(path: Path) -> Iterator[str]:
    Storage(path).close()
    with closing(sqlite3.connect(path)) as connection:
        for (table,) in connection.execute(TABLES):
            columns = connection.execute(f"PRAGMA table_info({table})")
            names = (f"{column[1]} {column[2]}" for column in columns)
            yield f"{table}: {', '.join(names)}"


def test_no_public_name_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    now = record(tmp_path).splitlines()
    assert now == RECORD.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    with tempfile.TemporaryDirectory() as made:
        sys.stdout.write(record(Path(made)))
