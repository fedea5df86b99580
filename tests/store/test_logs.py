"""logs.py: one event a line, in the right files, for our user alone."""

from __future__ import annotations

import logging
import re
import stat
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from airbot.logs import QUIET
from airbot.logs import LineFormatter
from airbot.logs import RepeatFilter
from airbot.logs import room_of
from airbot.logs import start_logging

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO|WARNING|ERROR) \w+: .+")


@pytest.fixture(autouse=True)
def logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    monkeypatch.setattr(logging, "raiseExceptions", logging.raiseExceptions)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)
    logging.captureWarnings(False)


def record(
    name: str = "airbot.sync", said: str = "15 threads", level: int = logging.INFO
) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "file.py", 1, said, (), None)
    made.created = 1795343223.5
    return made


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


# A line


def test_a_line_is_time_level_room_and_sentence() -> None:
    said = LineFormatter().format(record())
    assert said == "2026-11-22T10:27:03Z INFO sync: 15 threads"


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("airbot.sync", "sync"),
        ("airbot.storage.outbox", "storage"),
        ("airbot.daemon.gate", "daemon"),
        ("airbot", "airbot"),
        ("waitress.queue", "waitress"),
        ("py.warnings", "py"),
    ],
)
def test_the_room_is_the_top_of_its_module(name: str, room: str) -> None:
    assert room_of(record(name)) == room


@pytest.mark.parametrize(
    "said",
    [
        "a\nb",
        "a\r\nb",
        "a\rb",
        "name\n2026-11-22T10:27:03Z ERROR send: forged",
        "\n",
    ],
)
@pytest.mark.parametrize("journal", [False, True])
def test_no_text_makes_a_second_line(said: str, journal: bool) -> None:
    shown = LineFormatter(journal).format(record(said=said))
    assert "\n" not in shown and "\r" not in shown
    assert "\\n" in shown or "\\r" in shown


@pytest.mark.parametrize("said", ["a\u2028b", "a\x85b", "a\x0bb", "a\x1b[2Jb", "a\0b"])
def test_no_control_character_reaches_the_log(said: str) -> None:
    shown = LineFormatter().format(record(said=said))
    assert len(shown.splitlines()) == 1 and shown.isprintable()


def test_a_traceback_is_one_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        made = record(level=logging.ERROR)
        made.exc_info = sys.exc_info()
    shown = LineFormatter().format(made)
    assert len(shown.splitlines()) == 1
    assert "15 threads Traceback" in shown and "ValueError" in shown


def test_arguments_that_do_not_fit_stop_nothing(tmp_path: Path) -> None:
    start_logging("INFO", tmp_path)
    logging.getLogger("airbot.sync").info("%d threads", "fifteen")
    logging.getLogger("airbot.sync").info("15 threads")
    assert len(lines(tmp_path / "app.log")) == 1


def test_a_warning_whose_arguments_do_not_fit_stops_nothing(tmp_path: Path) -> None:
    start_logging("INFO", tmp_path)
    logging.getLogger("somebody").warning("%d threads", "fifteen")


@pytest.mark.parametrize(
    ("level", "priority"),
    [("DEBUG", 7), ("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 2)],
)
def test_the_journal_gets_a_priority_and_no_time(level: str, priority: int) -> None:
    made = record(level=logging.getLevelNamesMapping()[level])
    assert LineFormatter(journal=True).format(made) == f"<{priority}>sync: 15 threads"


def test_another_level_has_the_priority_of_info() -> None:
    assert LineFormatter(journal=True).format(record(level=25)).startswith("<6>")


def test_stderr_is_for_the_journal_when_systemd_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    start_logging("INFO", None)
    logging.getLogger("airbot.send").error("reply %s failed", "12345678")
    assert capsys.readouterr().err == "<3>send: reply 12345678 failed\n"


def test_stderr_has_the_time_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("INFO", None)
    logging.getLogger("airbot.send").warning("later")
    said = capsys.readouterr()
    assert LINE.fullmatch(said.err.rstrip("\n"))
    assert said.out == ""


# The files


def test_each_file_has_its_rooms(tmp_path: Path) -> None:
    start_logging("INFO", tmp_path / "logs")
    rooms = "webhook sync ask send daemon session storage.outbox airbnb.site".split()
    for room in rooms:
        logging.getLogger(f"airbot.{room}").info("said")
    logging.getLogger("somebody.else").warning("said")
    found = {
        path.stem: [line.split()[2].rstrip(":") for line in lines(path)]
        for path in (tmp_path / "logs").iterdir()
    }
    assert found == {
        "app": [room.split(".")[0] for room in rooms] + ["somebody"],
        "api": ["webhook"],
        "worker": ["sync", "ask", "send"],
    }


def test_files_keep_the_time_under_the_journal_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    start_logging("INFO", tmp_path)
    logging.getLogger("airbot.sync").info("15 threads")
    (line,) = lines(tmp_path / "worker.log")
    assert LINE.fullmatch(line)


def test_the_files_are_our_users_alone(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "logs"
    start_logging("INFO", folder)
    logging.getLogger("airbot.sync").info("15 threads")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("app.log", "api.log", "worker.log"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name


def test_full_files_are_our_users_alone_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airbot.logs.FILE_BYTES", 500)
    start_logging("INFO", tmp_path)
    for number in range(100):
        logging.getLogger("airbot.sync").info("event %d", number)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_a_file_goes_on_where_it_was(tmp_path: Path) -> None:
    for said in ("one", "two"):
        start_logging("INFO", tmp_path)
        logging.getLogger("airbot.sync").info(said)
    assert [line[-3:] for line in lines(tmp_path / "app.log")] == ["one", "two"]


def test_half_a_surrogate_does_not_lose_the_line(tmp_path: Path) -> None:
    start_logging("INFO", tmp_path)
    logging.getLogger("airbot.sync").info("a\ud800b")
    assert len(lines(tmp_path / "app.log")) == 1


def test_a_full_file_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airbot.logs.FILE_BYTES", 500)
    start_logging("INFO", tmp_path)
    for number in range(100):
        logging.getLogger("airbot.sync").info("event %d", number)
    names = sorted(path.name for path in tmp_path.glob("app.log*"))
    assert names == ["app.log"] + [f"app.log.{n}" for n in range(1, 6)]
    assert all(path.stat().st_size <= 500 for path in tmp_path.iterdir())
    assert lines(tmp_path / "app.log")[-1].endswith("event 99")


def test_without_a_folder_there_are_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    start_logging("INFO", None)
    logging.getLogger("airbot.sync").info("15 threads")
    assert list(tmp_path.iterdir()) == []


# What is said at all


@pytest.mark.parametrize(
    ("level", "said"), [("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("ERROR", 1)]
)
def test_the_level_is_the_configs(tmp_path: Path, level: str, said: int) -> None:
    start_logging(level, tmp_path)
    logger = logging.getLogger("airbot.sync")
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logger.log(number, "said at %d", number)
    assert len(lines(tmp_path / "app.log")) == said


def test_what_libraries_would_say_is_left_out(tmp_path: Path) -> None:
    start_logging("DEBUG", tmp_path)
    logging.getLogger("urllib3.connectionpool").debug("GET /cb?token=secret")
    logging.getLogger("urllib3.connectionpool").warning("retry /cb?token=secret")
    logging.getLogger("apscheduler.executors.browser").info("Running job")
    logging.getLogger("apscheduler.executors.browser").error("Job raised")
    logging.getLogger("waitress.queue").warning("Task queue depth is 1")
    assert lines(tmp_path / "app.log") == []


def test_python_warnings_are_lines_too(tmp_path: Path) -> None:
    start_logging("INFO", tmp_path)
    warnings.warn("an old habit", stacklevel=1)
    assert len(lines(tmp_path / "app.log")) == 1


def test_starting_twice_says_everything_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_logging("INFO", tmp_path)
    start_logging("INFO", tmp_path)
    logging.getLogger("airbot.sync").info("15 threads")
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert len(lines(tmp_path / "app.log")) == 1


# Repeated errors are counted


def test_a_repeated_error_is_counted_and_not_repeated(tmp_path: Path) -> None:
    start_logging("INFO", tmp_path)
    for _ in range(120):
        logging.getLogger("airbot.sync").warning("%s does not answer", "Airbnb")
    said = [line.partition("sync: ")[2] for line in lines(tmp_path / "app.log")]
    assert said == [
        "Airbnb does not answer",
        "Airbnb does not answer (10 times by now)",
        "Airbnb does not answer (100 times by now)",
    ]
    assert len(lines(tmp_path / "worker.log")) == 3


@pytest.mark.parametrize(
    ("other", "at_s", "shown"),
    [
        (record("airbot.sync", "no network", logging.ERROR), 60, False),
        (record("airbot.send", "no network", logging.ERROR), 60, True),
        (record("airbot.sync", "HTTP 503", logging.ERROR), 60, True),
        (record("airbot.sync", "no network", logging.INFO), 60, True),
        (record("airbot.sync", "no network", logging.ERROR), 3599, True),
    ],
)
def test_what_counts_as_the_same_error(
    other: logging.LogRecord, at_s: float, shown: bool
) -> None:
    repeats = RepeatFilter()
    first = record("airbot.sync", "no network", logging.ERROR)
    assert repeats.filter(first)
    other.created = first.created + at_s
    assert repeats.filter(other) is shown


def test_what_is_no_trouble_is_never_counted(tmp_path: Path) -> None:
    start_logging("INFO", tmp_path)
    for _ in range(20):
        logging.getLogger("airbot.sync").info("15 threads, 0 changed")
    assert len(lines(tmp_path / "app.log")) == 20
