"""`airbot status`: one look says whether guests are being answered, and it is true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from pathlib import Path

import pytest
import wcwidth
from support.builders import guest
from support.builders import reading
from support.builders import the

from airbot import cli
from airbot.cli import here
from airbot.cli.layout import clock
from airbot.locks import database_lock
from airbot.models import AITrouble
from airbot.models import SessionState
from airbot.models import iso
from airbot.models import utcnow
from airbot.policy.rules import Rules
from airbot.storage import Storage

RULES = Rules(timedelta(hours=12), timedelta(seconds=120), 5, 6, 60)


def ago(minutes: float) -> datetime:
    return utcnow() - timedelta(minutes=minutes)


@dataclass
class Place:
    """A folder in which airbot ran, and what `airbot status` says there."""

    folder: Path
    storage: Storage
    capsys: pytest.CaptureFixture[str]

    def status(self, *options: str) -> tuple[int, str]:
        code = cli.main(["status", *options])
        said = self.capsys.readouterr()
        assert said.err == ""
        # A command is to be copied, and is not broken.
        lines = [x for x in said.out.splitlines() if not x.startswith("    airbot")]
        assert options or all(wcwidth.width(line) <= 80 for line in lines)
        return code, said.out

    def line(self, name: str) -> str:
        """One field's value, on one line."""
        value, found = "", False
        for line in self.status()[1].splitlines():
            found = line.startswith(name + " ") or (found and line.startswith(" " * 10))
            value += line[10:] + " " if found else ""
        return value.strip()

    def runs(self, mode: str = "daemon", since: datetime | None = None) -> int:
        return self.storage.runs.begin(mode, "0.2.0", "x.ini", since or ago(60))

    def cycle(self, job: str, at: datetime, failed: bool = False) -> None:
        outcome = "Airbnb did not answer" if failed else "3 threads"
        self.storage.session.add_cycle(job, at, 12, outcome, failed)

    def is_well(self) -> None:
        self.runs()
        self.storage.session.set_account("900")
        self.storage.session.set_state(SessionState.OK, "Airbnb answers", ago(60))
        self.cycle("sync", ago(0.2))
        self.cycle("send", ago(0.1))
        self.storage.ai.answered(ago(5))

    def guest_writes(self, minutes: float, name: str = "Maya") -> None:
        text = guest(f"{minutes}", at=ago(minutes))
        told = reading(text, id_=name, at=utcnow(), title=name)
        self.storage.readings.take_in(told, RULES, utcnow())


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    (tmp_path / "config.ini").write_text("[ai]\nwebhook_url = http://127.0.0.1:1/ai\n")
    with closing(Storage(tmp_path / "airbot.db")) as storage:
        yield Place(tmp_path, storage, capsys)


@pytest.fixture
def running(place: Place) -> Iterator[Place]:
    """A daemon holds the database, and all is well."""
    lock = database_lock(place.storage.path)
    lock.acquire()
    place.is_well()
    yield place
    lock.release()


# Does it run?


def test_all_is_well_while_it_runs_reads_and_the_ai_answers(running: Place) -> None:
    code, out = running.status()
    first = out.splitlines()[0]
    assert code == 0 and first.startswith("airbot    running since ")
    assert "version 0.2.0, x.ini" in out and "last answer 5 minutes ago" in out
    assert "logged in" in running.line("session")


def test_a_daemon_that_was_killed_does_not_run(place: Place) -> None:
    place.is_well()
    code, out = place.status()
    assert code == 1 and out.startswith("airbot    not running since ")
    # Its last sign: a SEND that ended, six seconds ago.
    assert re.search(r"\(\d\d? s\)", out.splitlines()[0])


def test_one_that_was_stopped_does_not_run_since_then(place: Place) -> None:
    place.is_well()
    place.storage.runs.end(1, ago(30))
    assert "(30 minutes)" in place.line("airbot")


@pytest.mark.parametrize(("minutes", "code"), [(5, 0), (29, 0), (31, 1)])
def test_by_once_the_last_run_counts_for_three_of_its_usual_gaps(
    place: Place, minutes: float, code: int
) -> None:
    place.is_well()
    for start in (minutes + 30, minutes + 20, minutes + 10, minutes):
        place.storage.runs.end(place.runs("once", ago(start)), ago(start))
    for job in ("sync", "send"):
        place.cycle(job, ago(minutes))
    found, out = place.status()
    assert (found, out.startswith("airbot    not running")) == (code, True)
    if code == 0:
        assert "every 10 minutes" in out


def test_before_the_first_start_it_says_what_is_known_and_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    (tmp_path / "config.ini").write_text("[ai]\nwebhook_url = http://127.0.0.1:1/ai\n")
    assert cli.main(["status"]) == 1
    said = "".join(capsys.readouterr().out.split())
    assert said.startswith("airbotnotrunning:ithasnotrunhereyet")
    assert str(tmp_path / "config.ini") in said and "airbotreconnect--remote" in said
    assert cli.main(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["program"]["running"] is False
    assert not (tmp_path / "airbot.db").exists()


# Does it read?


def test_a_sync_that_is_late_or_fails_is_said_and_ends_with_1(running: Place) -> None:
    running.runs(since=ago(90))
    running.cycle("sync", ago(2.4))  # its interval is 45 s
    assert running.status()[0] == 1 and running.line("SYNC").startswith("LATE: 2 min")
    running.cycle("sync", ago(0.1), failed=True)
    assert running.status()[0] == 1 and running.line("SYNC").startswith("fails since")
    running.cycle("sync", ago(0.1))
    assert running.status()[0] == 0


def test_a_sync_that_walks_for_long_is_not_late(running: Place) -> None:
    running.cycle("sync", ago(20))
    running.storage.session.begin_cycle("sync", ago(9))
    assert running.line("SYNC") == "running since 9 minutes"
    assert running.status()[0] == 0


def test_a_sync_that_hangs_for_hours_is_said(running: Place) -> None:
    running.cycle("sync", ago(300))
    running.storage.session.begin_cycle("sync", ago(299))
    assert running.line("SYNC") == "HANGS since 5 hours: restart airbot"
    assert running.status()[0] == 1


def test_a_daemon_that_has_just_started_is_not_late(running: Place) -> None:
    running.cycle("sync", ago(600))
    running.runs(since=ago(0.1))
    assert running.status()[0] == 0


@pytest.mark.parametrize(
    ("state", "words", "code"),
    [
        ("login", "logged out since", 77),
        ("captcha", "stopped at a CAPTCHA since", 77),
        ("unavailable", "unavailable since", 1),
        ("unknown", "page not understood since", 1),
    ],
)
def test_the_session_is_in_words_and_each_sentence_once(
    running: Place, state: str, words: str, code: int
) -> None:
    sentence = "what Airbnb shows now"
    running.storage.session.set_state(SessionState(state), sentence, utcnow())
    running.storage.session.add_cycle("sync", utcnow(), 9, sentence, failed=True)
    found, out = running.status()
    assert found == code and words in out and out.count(sentence) == 1
    assert ("airbot reconnect" in out) == (code == 77)
    assert " login" not in out


# Does the AI answer?


def test_an_ai_that_is_not_reached_is_said_until_it_answers(running: Place) -> None:
    why = "the AI did not answer in 30 s"
    running.storage.ai.failed(AITrouble.UNREACHED, why, ago(660))
    assert running.status()[0] == 1
    line = running.line("AI")
    assert line.startswith("not reached since ") and "(11 hours)" in line
    assert why in line and line.endswith("last answer 5 minutes ago")
    running.storage.ai.answered(utcnow())
    assert running.status()[0] == 0


def test_when_an_ai_that_is_not_reached_is_tried_again_is_said(running: Place) -> None:
    running.guest_writes(5)
    storage, now = running.storage, utcnow()
    turn = storage.turns.claim_next(now, now + timedelta(minutes=5))
    assert turn
    storage.ai.failed(AITrouble.UNREACHED, "no connection", now)
    at = now + timedelta(minutes=3)
    storage.turns.ask_again(turn, "no connection", at, False, now)
    assert f"next try {clock(at)}" in running.line("AI")


def test_an_ai_that_takes_questions_and_gives_no_answer_is_said(running: Place) -> None:
    why = "the AI's 2xx held the keys text"
    running.storage.ai.failed(AITrouble.SILENT, why, ago(3))
    running.storage.ai.reached()
    assert running.status()[0] == 1
    assert running.line("AI").startswith("gives no answer since ")
    assert "held the keys text" in running.line("AI")


def test_an_ai_that_takes_questions_again_is_reached(running: Place) -> None:
    running.storage.ai.failed(AITrouble.UNREACHED, "no connection", ago(3))
    running.storage.ai.reached()
    assert running.status()[0] == 0


# Who waits?


def test_how_long_the_longest_waiting_guest_waits_is_said(running: Place) -> None:
    running.guest_writes(30)
    running.guest_writes(130, "Noor")
    assert running.line("waits") == "Noor since 2 hours"
    shown = json.loads(running.status("--json")[1])
    assert shown["longest_wait"]["who"] == "Noor"
    assert shown["longest_wait"]["since"] == iso(
        the(running.storage.turns.newest("Noor")).first_at
    )


def test_ten_that_wait_are_listed_and_the_rest_is_counted(running: Place) -> None:
    for number in range(13):
        running.guest_writes(5 + number / 10, f"Guest {number}")
        turn = running.storage.turns.newest(f"Guest {number}")
        assert turn
        running.storage.turns.give_up(turn.id, "the AI answered HTTP 400", utcnow())
    code, out = running.status()
    assert code == 0 and "waiting for a person: 13" in out and "and 3 more" in out
    assert out.count("airbot messages retry") == 10


def test_the_command_works_here(
    running: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.storage.session.set_state(SessionState.LOGIN, "logged out", utcnow())
    assert "    airbot reconnect\n" in running.status()[1]
    monkeypatch.delenv("DISPLAY")
    assert "    airbot reconnect --remote\n" in running.status()[1]
    config = running.folder / "config.ini"
    monkeypatch.setattr(here, "command_of_owner", lambda path: "sudo -u airbot airbot")
    assert "    sudo -u airbot airbot reconnect --remote" in running.status()[1]
    code, out = running.status("--config", str(config))
    assert f"airbot --config {config} reconnect --remote" in " ".join(out.split())


def test_messages_done_ends_the_waiting(running: Place) -> None:
    running.guest_writes(5)
    turn = running.storage.turns.newest("Maya")
    assert turn
    running.storage.turns.give_up(turn.id, "the AI answered HTTP 400", utcnow())
    assert "waiting for a person" in running.status()[1]
    assert cli.main(["messages", "done", turn.id[:8]]) == 0
    assert "nothing waits any more" in running.capsys.readouterr().out
    code, out = running.status()
    assert "waiting for a person" not in out and "waits " not in out
    assert cli.main(["messages", "done", "nobody"]) == 1
    assert "there is no conversation" in running.capsys.readouterr().err


def test_wide_characters_take_two_columns(running: Place) -> None:
    running.guest_writes(30, "山田太郎 " * 40)
    running.status()
    for command in ("messages", "outbox"):
        cli.main([command])
        out = running.capsys.readouterr().out
        assert all(wcwidth.width(line) <= 80 for line in out.splitlines())


def test_what_airbnb_says_writes_nothing_to_the_terminal(running: Place) -> None:
    state = SessionState.UNKNOWN
    running.storage.session.set_state(state, "it said \x1b]0;owned\x07 hello", utcnow())
    code, out = running.status()
    assert "\x1b" not in out and "hello" in out


def test_json_says_the_same(running: Place) -> None:
    shown = json.loads(running.status("--json")[1])
    assert shown["program"]["running"] and shown["program"]["mode"] == "daemon"
    assert shown["cycles"]["sync"]["state"] == "well"
    assert shown["ai"]["answered_at"] and shown["exit_code"] == 0


def test_what_a_plain_call_may_do_is_said(running: Place) -> None:
    assert "every user of this machine may write to any guest" in running.line(
        "webhook"
    )
    settings = running.folder / "config.ini"
    for closed in ("trust_this_machine = false", f"secret = {'x' * 16}"):
        settings.write_text(f"[ai]\nwebhook_url = http://x/\n[webhook]\n{closed}\n")
        assert running.line("webhook") == ""
    assert json.loads(running.status("--json")[1])["webhook"]["plain_calls"] is False


def test_a_crowd_at_the_webhook_is_said_for_an_hour(running: Place) -> None:
    running.storage.runs.crowded(ago(2))
    assert "all connections were taken, 2 minutes ago last" in running.line("webhook")
    assert running.status()[0] == 0
    shown = json.loads(running.status("--json")[1])
    assert shown["webhook"]["crowded_at"]
    running.storage.runs.crowded(ago(61))
    assert "connections" not in running.line("webhook")
