"""The commands as a person types them, and what the bad days say."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.builders import close_turn
from support.builders import concluded
from support.builders import pressed
from support.builders import the

from airbot import __version__
from airbot import cli
from airbot.cli.parser import make_parser
from airbot.exceptions import StorageError
from airbot.models import Direction
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import SessionState
from airbot.models import Thread
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.models import utcnow
from airbot.policy.proof import Verdict
from airbot.policy.rules import Rules
from airbot.storage import Storage
from airbot.web.server import Server

THREAD_ID = "TWVzc2FnZVRocmVhZDoxMjM0NTY3"  # MessageThread:1234567
RULES = Rules(timedelta(hours=12), timedelta(seconds=120), 5, 6, 60)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a config.ini, as a host would have it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.ini").write_text("[ai]\nwebhook_url = http://127.0.0.1:1/ai\n")
    return tmp_path


@pytest.fixture
def airbot(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def storage(folder: Path) -> Storage:
    return Storage(folder / "airbot.db")


def guest_writes(
    storage: Storage, text: str, hours_ago: float = 0, id_: str = "1"
) -> Turn:
    """One unanswered guest text, and the turn that it opens."""
    at = utcnow() - timedelta(hours=hours_ago)
    message = Message(id_, "2", "Maya", "guest", Direction.INBOUND, Kind.TEXT, text, at)
    is_read(storage, message)
    return the(storage.turns.newest(THREAD_ID))


def all_is_well(storage: Storage) -> None:
    """airbot ran by --once just now, and read the inbox."""
    number = storage.runs.begin("once", "0.2.0", "config.ini", utcnow())
    storage.session.set_account("900")
    for job in ("sync", "send"):
        storage.session.add_cycle(job, utcnow(), 12, "all done")
    storage.runs.end(number, utcnow())


def is_read(storage: Storage, *messages: Message) -> None:
    at = messages[-1].sent_at
    thread = Thread(THREAD_ID, "Maya", "HOST", True, None, None, None, at, "m", None)
    now = utcnow()
    storage.readings.take_in(Reading(thread, "1", messages, True, now), RULES, now)


def reply_in(storage: Storage, status: str, **kwargs: Any) -> Reply:
    """A reply in that state, to a turn of its own."""
    turn = guest_writes(storage, "Is parking free?", **kwargs)
    reply = storage.outbox.enqueue(turn, "Yes.", "AI", utcnow())
    if status == "pending":
        return reply
    claimed = storage.outbox.claim_next(utcnow(), None, RULES)
    assert isinstance(claimed, Reply)
    if status == "processing":
        return claimed
    held = pressed(storage, claimed, utcnow())
    verdict = Verdict(ReplyStatus(status), "why", "9" if status == "sent" else None)
    return concluded(storage, held, verdict, utcnow())


# The table of state × verb


@pytest.mark.parametrize(
    ("status", "verb", "becomes"),
    [
        ("pending", "retry", "pending"),
        ("pending", "cancel", "cancelled"),
        ("pending", "resolve --sent", None),
        ("processing", "retry", None),
        ("processing", "cancel", None),
        ("processing", "resolve --sent", None),
        ("uncertain", "retry", None),
        ("uncertain", "cancel", None),
        ("uncertain", "resolve --sent", "sent"),
        ("uncertain", "resolve --not-sent", "failed"),
        ("failed", "retry", "pending"),
        ("failed", "cancel", "cancelled"),
        ("failed", "resolve --sent", None),
        ("cancelled", "retry", "pending"),
        ("cancelled", "cancel", None),
        ("cancelled", "resolve --sent", None),
        ("sent", "retry", None),
        ("sent", "cancel", None),
        ("sent", "resolve --sent", None),
    ],
)
def test_what_may_be_done_to_a_reply_in_each_state(
    storage: Storage, airbot: Run, status: str, verb: str, becomes: str | None
) -> None:
    reply = reply_in(storage, status)
    verb, *options = verb.split()
    code, out, err = airbot("outbox", verb, reply.id[:8], *options)
    now = the(storage.outbox.get(reply.id)).status
    if becomes is None:
        assert (code, now) == (1, status) and len(err) > len("airbot: ")
    else:
        assert (code, now) == (0, becomes) and becomes in out


@pytest.mark.parametrize(
    ("status", "verb", "said"),
    [
        ("failed", "retry", "you said: retry"),
        ("pending", "cancel", "you cancelled it"),
        ("uncertain", "resolve --sent", "you said: sent"),
        ("uncertain", "resolve --not-sent", "you said: not sent"),
    ],
)
def test_what_you_did_to_a_reply_is_said_as_yours(
    storage: Storage, airbot: Run, status: str, verb: str, said: str
) -> None:
    reply = reply_in(storage, status)
    verb, *options = verb.split()
    airbot("outbox", verb, reply.id[:8], *options)
    for command in ("outbox", "messages"):
        assert f": {said}\n" in airbot(command)[1]


def test_an_old_reply_is_retried_only_with_old(storage: Storage, airbot: Run) -> None:
    reply = reply_in(storage, "cancelled", hours_ago=11)
    with storage.db.transaction() as tx:
        tx.execute("UPDATE turns SET newest_at = '2020-01-01T00:00:00.000Z'")
    code, _, err = airbot("outbox", "retry", reply.id)
    assert code == 1 and "--old" in err
    code, _, _ = airbot("outbox", "retry", reply.id, "--old")
    assert code == 0 and the(storage.outbox.get(reply.id)).old_ok


def test_a_reply_whose_guest_was_answered_by_a_person_is_not_retried(
    storage: Storage, airbot: Run
) -> None:
    turn = guest_writes(storage, "Is parking free?")
    close_turn(storage, turn, TurnStatus.TAKEN_OVER, "answered")
    reply = storage.outbox.enqueue(turn, "Yes.", "AI", utcnow())
    code, _, err = airbot("outbox", "retry", reply.id)
    assert code == 1 and "host's side has answered" in err


def test_a_reply_whose_texts_a_later_turn_has_answered_is_not_retried(
    storage: Storage, airbot: Run
) -> None:
    old = reply_in(storage, "pending")
    storage.verbs.cancel_reply(old.id, utcnow())
    at = utcnow()
    texts = [
        Message(n, "2", "Maya", "guest", Direction.INBOUND, Kind.TEXT, body, at)
        for n, body in (("1", "Is parking free?"), ("2", "Hello?"))
    ]
    is_read(storage, *texts)
    turn = the(storage.turns.newest(THREAD_ID))
    assert turn.id != old.turn_id
    storage.turns.ignore(turn.id, utcnow())  # nothing is under way any more
    code, _, err = airbot("outbox", "retry", old.id)
    assert code == 1 and "a later turn took over its texts" in err


@pytest.mark.parametrize(
    ("status", "again"),
    [("new", True), ("asked", True), ("failed", True), ("ignored", True)]
    + [("taken_over", False), ("superseded", False), ("expired", True)],
)
def test_which_turns_the_ai_can_be_asked_about_again(
    storage: Storage, airbot: Run, status: str, again: bool
) -> None:
    turn = guest_writes(storage, "Is parking free?")
    with storage.db.transaction() as tx:
        tx.execute("UPDATE turns SET status = :status", {"status": status})
    code, _, _ = airbot("messages", "retry", turn.id[:8])
    assert code == (0 if again else 1)
    assert the(storage.turns.get(turn.id)).status == ("new" if again else status)


def test_an_id_that_fits_several_rows_or_none_is_refused(
    storage: Storage, airbot: Run
) -> None:
    assert "there is no reply" in airbot("outbox", "cancel", "zz")[2]
    storage.outbox.enqueue_without_turn(THREAD_ID, "One", "AI", utcnow())
    storage.outbox.enqueue_without_turn(THREAD_ID, "Two", "AI", utcnow())
    with storage.db.transaction() as tx:
        tx.execute("UPDATE queue_outbox SET id = 'aa-' || message")
    assert "more than one reply" in airbot("outbox", "cancel", "aa")[2]


# What the lists show


def test_status_says_what_waits_for_a_person_and_the_command_for_it(
    storage: Storage, airbot: Run
) -> None:
    reply = reply_in(storage, "failed")
    all_is_well(storage)
    code, out, _ = airbot("status")
    assert code == 0
    assert f"airbot outbox retry {reply.id[:8]}" in out
    assert all(len(line) <= 80 for line in out.splitlines())


@pytest.mark.parametrize("state", ["login", "captcha"])
def test_status_ends_77_while_a_person_is_needed(
    storage: Storage, airbot: Run, state: str
) -> None:
    storage.session.set_state(SessionState(state), "Airbnb asks for you", utcnow())
    code, out, _ = airbot("status")
    assert code == 77
    assert "Airbnb asks for you" in out and "airbot reconnect" in out


def test_messages_say_what_became_of_each_text_and_why(
    storage: Storage, airbot: Run
) -> None:
    guest_writes(storage, "Old one", hours_ago=50, id_="7")
    code, out, _ = airbot("messages")
    assert code == 0 and "Old one" in out and "older than 12 h" in out


def test_messages_say_that_you_answered_first(storage: Storage, airbot: Run) -> None:
    guest_writes(storage, "Is parking free?")
    at = utcnow()
    text = Message("1", "2", "Maya", "guest", Direction.INBOUND, Kind.TEXT, "Hi?", at)
    answer = Message("2", "1", "Tom", "host", Direction.OUTBOUND, Kind.TEXT, "Yes", at)
    is_read(storage, text, answer)
    assert ": you answered first\n" in airbot("messages")[1]


def test_messages_show_a_photo_without_a_text_and_that_nobody_was_asked(
    storage: Storage, airbot: Run
) -> None:
    at = utcnow()
    is_read(
        storage,
        Message("1", "2", "Maya", "guest", Direction.INBOUND, Kind.MEDIA, None, at),
    )
    code, out, _ = airbot("messages")
    assert code == 0 and "Maya: [photo]\n    not asked: no text\n" in out


def test_who_has_no_name_is_a_guest_or_a_host_and_no_number(
    storage: Storage, airbot: Run
) -> None:
    at, same = utcnow(), "A text that the clock has sent."
    texts = [
        ("1", "473829105", "guest", Direction.INBOUND, "Is parking free?"),
        ("2", "900000002", "cohost", Direction.OUTBOUND, same),
    ]
    shown = (
        Message(id_, who, who, role, direction, Kind.TEXT, body, at)
        for id_, who, role, direction, body in texts
    )
    is_read(storage, *shown)
    with storage.db.transaction() as tx:
        tx.execute("UPDATE messages SET scheduled = 1 WHERE id = '2'")
    said = airbot("messages")[1]
    assert "  Guest: Is parking free?\n" in said and f"  Host: {same}\n" in said


def test_lists_do_not_let_a_guest_write_to_the_terminal(
    storage: Storage, airbot: Run
) -> None:
    guest_writes(storage, "\x1b]0;owned\x07 hello")
    assert "\x1b" not in airbot("messages")[1]


def test_what_people_wrote_is_not_in_what_a_log_would_show_of_a_line(
    storage: Storage,
) -> None:
    reply_in(storage, "pending")
    (text,), (reply,) = storage.shown.messages(9), storage.shown.replies(9)
    assert (text.body, reply.message) == ("Is parking free?", "Yes.")
    assert "parking" not in repr(text) and "Yes." not in repr(reply)


@pytest.mark.parametrize("command", ["status", "messages", "outbox"])
def test_json_is_json(storage: Storage, airbot: Run, command: str) -> None:
    reply_in(storage, "sent")
    all_is_well(storage)
    code, out, _ = airbot(command, "--json")
    assert code == 0 and json.loads(out)


@pytest.mark.parametrize("command", ["messages", "outbox"])
def test_a_look_works_without_a_database_and_makes_none(
    folder: Path, airbot: Run, command: str
) -> None:
    code, _, err = airbot(command)
    assert code == 1 and "has not run here" in err
    assert not (folder / "airbot.db").exists()


@pytest.mark.parametrize("command", ["--help", "status", "messages", "outbox"])
def test_a_look_starts_without_what_it_does_not_need(
    storage: Storage, command: str
) -> None:
    script = (
        "import sys; from airbot.cli import main\n"
        f"try: main(['{command}'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'playwright', 'apscheduler', 'bottle', 'requests'}"
        " & {m.split('.')[0] for m in sys.modules}))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert out.splitlines()[-1] == "[]"


# Bad days: a sentence, the right code, no traceback


def run_program(*arguments: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "airbot", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        **kwargs,
    )


def assert_a_sentence(
    done: subprocess.CompletedProcess[str], code: int, *words: str
) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_who_has_read_enough_is_told_nothing_more(
    storage: Storage, folder: Path
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "airbot", "status"]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, timeout=30)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_exit_code(
    storage: Storage, folder: Path, closed: str
) -> None:
    all_is_well(storage)
    command = f'"{sys.executable}" -m airbot status {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")
    Storage(folder / "airbot.db").check()  # nothing was printed into it


def test_what_cannot_be_printed_is_said(storage: Storage) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "airbot", "status"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert_a_sentence(done, 1, "No space left on device")
    assert done.stderr.count("\n") == 1


def other_charset(name: str) -> dict[str, str]:
    # The last two: Python would take UTF-8 nevertheless.
    other = {"PYTHONIOENCODING": name, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    return {**os.environ, **other, "LC_ALL": "C"}


@pytest.mark.parametrize("charset", ["ascii", "latin-1"])
def test_a_terminal_without_utf8_gets_what_it_can_show(
    storage: Storage, charset: str
) -> None:
    guest_writes(storage, "Où ? 🅿")
    done = run_program("messages", env=other_charset(charset), encoding=charset)
    assert_a_sentence(done, 0)
    assert "\\U0001f17f" in done.stdout
    done = run_program("messages", "--json", env=other_charset(charset))
    assert json.loads(done.stdout)[0]["body"] == "Où ? 🅿"


def test_a_name_that_the_machine_cannot_write_is_said(folder: Path) -> None:
    (folder / "config.ini").write_text(
        "[ai]\nwebhook_url = http://127.0.0.1:1/ai\n[logging]\ndir = é\n",
        encoding="utf-8",
    )
    done = run_program("--once", env=other_charset("ascii"))
    assert_a_sentence(done, 1, "not in ascii", "LANG=C.UTF-8")


def test_a_deleted_working_folder_is_said(folder: Path) -> None:
    command = f'mkdir gone; cd gone; rmdir ../gone; "{sys.executable}" -c "$0" status'
    script = (
        "import sys; sys.path[0] = '/'; from airbot.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        ["sh", "-c", command, script], capture_output=True, text=True, timeout=30
    )
    assert_a_sentence(done, 2, "this folder has been deleted")


# What may be typed


@pytest.mark.parametrize("command", ["status", "messages", "outbox cancel 1"])
def test_config_may_stand_before_and_after_the_command(
    folder: Path, airbot: Run, command: str
) -> None:
    for typed in (f"--config no.ini {command}", f"{command} --config no.ini"):
        code, _, err = airbot(*typed.split())
        assert code == 2 and f"{folder / 'no.ini'} cannot be read" in err


@pytest.mark.parametrize("option", ["--wait 5", "--wait 0", "--dry-run"])
@pytest.mark.parametrize("command", ["", "status"])
def test_options_of_once_go_with_it_alone(
    airbot: Run, option: str, command: str
) -> None:
    code, _, err = airbot(*option.split(), *command.split())
    assert code == 2 and f"{option.split()[0]} goes with --once" in err


@pytest.mark.parametrize("wait", ["nan", "inf", "-1", "1e9", "x"])
def test_a_wait_is_a_day_at_most(airbot: Run, wait: str) -> None:
    with pytest.raises(SystemExit) as ended:
        airbot("--once", "--wait", wait)
    assert ended.value.code == 2


@pytest.mark.parametrize("command", ["messages", "outbox"])
def test_a_look_names_the_settings_where_there_is_no_database(
    folder: Path, airbot: Run, command: str
) -> None:
    assert f"(settings: {folder / 'config.ini'})" in airbot(command)[2]


def test_a_look_names_the_env_file_where_it_is_all_that_was_read(
    folder: Path, airbot: Run
) -> None:
    (folder / "config.ini").unlink()
    (folder / ".env").write_text("AI_WEBHOOK_URL=http://127.0.0.1:1/ai\n")
    assert f"(settings: {folder / '.env'})" in airbot("messages")[2]
    assert str(folder / ".env") in airbot("status")[1].replace("\n          ", "")


def test_the_first_line_of_the_log_says_who_runs_with_what_and_how(
    folder: Path,
) -> None:
    (folder / ".env").write_text(
        "AIRBNB_BROWSER=/nowhere/chromium\nAPI_PORT=0\n"
        "AI_WEBHOOK_URL=https://host:hush@ai.example:8443/hush?token=hush\n"
    )
    first = run_program("--once", "--wait", "0").stderr.splitlines()[0]
    assert first.endswith(
        f" INFO config: airbot {__version__}, settings: {folder / 'config.ini'}, inbox:"
        " https://www.airbnb.com, AI: https://ai.example:8443, mode: --once"
    )


@pytest.mark.parametrize(
    ("typed", "mode"),
    [
        ("", "daemon"),
        ("--once --wait 5", "--once"),
        ("--once --dry-run", "--once --dry-run"),
        ("reconnect --remote", "reconnect"),
    ],
)
def test_the_mode_is_said_as_it_is_typed(typed: str, mode: str) -> None:
    assert cli.mode_of(make_parser().parse_args(typed.split())) == mode


def test_wrong_settings_are_all_listed(folder: Path) -> None:
    (folder / "config.ini").write_text("[send]\nmax_atempts = x\ninterval_sec = 0\n")
    done = run_program("status")
    words = ("max_attempts", "interval_sec", "AI_WEBHOOK_URL")
    assert_a_sentence(done, 2, *words)


def test_a_database_of_a_newer_version_is_refused(
    folder: Path, storage: Storage
) -> None:
    with storage.db.transaction() as tx:
        tx.execute("PRAGMA user_version = 99")
    assert_a_sentence(run_program("--once"), 2, "newer airbot")


def test_a_corrupt_database_is_refused_and_left_alone(folder: Path) -> None:
    (folder / "airbot.db").write_bytes(b"not a database at all" * 500)
    assert_a_sentence(run_program("--once"), 2, "damaged")
    assert (folder / "airbot.db").read_bytes().startswith(b"not a database")


def test_a_port_in_use_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (folder / ".env").write_text(f"API_PORT={port}\n")
        assert_a_sentence(run_program(), 1, f"port {port} is in use", "webhook.port")


def test_a_port_in_use_of_the_page_for_reconnecting_is_another_key(
    folder: Path, airbot: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        def serve(parsed: object) -> int:
            Server("no app", "127.0.0.1", port, "reconnect")
            return 0

        monkeypatch.setitem(cli.COMMANDS, "reconnect", serve)
        code, _, err = airbot("reconnect", "--remote")
    assert code == 1 and err.endswith("or set reconnect.port\n")


def test_a_folder_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / "file").write_text("")
    (folder / ".env").write_text("AIRBOT_DB=file/airbot.db\n")
    assert_a_sentence(run_program("--once"), 1, "file")


def test_a_missing_browser_is_named_with_the_command(folder: Path) -> None:
    (folder / ".env").write_text("AIRBNB_BROWSER=/nowhere/chromium\nAPI_PORT=0\n")
    done = run_program("--once", "--wait", "0")
    assert_a_sentence(done, 1, "/nowhere/chromium")
    assert "/nowhere/chromium" in run_program("status").stdout


def test_a_database_of_another_user_is_refused_with_the_right_command(
    folder: Path, storage: Storage, give_away: Callable[[Path], str]
) -> None:
    name = give_away(folder / "airbot.db")
    assert_a_sentence(run_program("--once"), 2, f"sudo -u {name} airbot")


def test_no_network_is_tried_again_later(folder: Path) -> None:
    (folder / ".env").write_text("AIRBNB_BASE_URL=http://127.0.0.1:9\nAPI_PORT=0\n")
    done = run_program("--once", "--wait", "0")
    assert_a_sentence(done, 1)
    shown = run_program("status").stdout
    assert "unavailable" in shown and "tried again at" in shown


def test_a_full_disk_is_named_and_nothing_is_half_written(storage: Storage) -> None:
    with storage.db.transaction() as tx:
        (pages,) = tx.execute("PRAGMA page_count")
        tx.execute(f"PRAGMA max_page_count = {pages[0]}")
    with pytest.raises(StorageError, match="disk is full"):
        for number in range(200):
            text = f"{number}" * 3000
            storage.outbox.enqueue_without_turn(THREAD_ID, text, "AI", utcnow())
    with storage.db.transaction() as tx:
        tx.execute("PRAGMA max_page_count = 1000000")
    storage.outbox.enqueue_without_turn(THREAD_ID, "it recovers", "AI", utcnow())


def test_ids_and_times_are_short_enough_for_a_narrow_screen(
    storage: Storage, airbot: Run
) -> None:
    reply_in(storage, "failed")
    for command in ("status", "messages", "outbox"):
        lines = airbot(command)[1].splitlines()
        assert all(len(line) <= 80 for line in lines)
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", "".join(lines))
