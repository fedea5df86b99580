"""The whole program as a process: the loop, signals, a death, a second instance."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from support import shifted
from support.airbot_process import PATIENCE_S
from support.airbot_process import RunProgram
from support.airbot_process import StartDaemon
from support.airbot_process import replies
from support.airbot_process import wait_for
from support.builders import the

from airbot.browser import Browser
from airbot.browser import processes
from airbot.config import Config
from airbot.daemon.parts import running_parts
from airbot.daemon.service import Daemon
from airbot.demo import LOOPBACK_ONLY
from airbot.locks import database_lock
from airbot.locks import profile_lock
from airbot.models import utcnow
from airbot.sandbox.ai import DemoAI
from airbot.sandbox.operations import SEND
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

pytestmark = pytest.mark.browser


def test_a_guest_is_answered_once_and_only_once(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon, tmp_path: Path
) -> None:
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "Is parking free?")
    airbot = daemon()
    storage = Storage(tmp_path / "airbot.db")
    wait_for(lambda: storage.outbox.with_status("sent"))
    list_reads = count_list_reads(site)
    wait_for(lambda: count_list_reads(site) >= list_reads + 3)
    assert len(replies(site, thread)) == 1
    assert len(ai.asked) == 1
    assert airbot.stop() == 0


def count_list_reads(site: AirbnbSite) -> int:
    return sum(1 for r in site.requests if r.operation == "ViaductInboxData")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_ten_seconds_and_leaves_no_chromium(
    site: AirbnbSite, daemon: StartDaemon, number: int
) -> None:
    site.host_writes(site.add_thread(), "Welcome!")
    airbot = daemon()
    wait_for(lambda: processes.chromiums(airbot.profile()))
    started_at = time.monotonic()
    assert airbot.stop(number) == 0
    assert time.monotonic() - started_at < 10
    assert not processes.chromiums(airbot.profile())


def test_a_signal_ends_it_while_the_site_hangs(
    site: AirbnbSite, daemon: StartDaemon
) -> None:
    site.add_thread()
    site.trouble.hang = True
    airbot = daemon()
    wait_for(lambda: site.requests)
    started_at = time.monotonic()
    assert airbot.stop() == 0
    assert time.monotonic() - started_at < 10
    assert not processes.chromiums(airbot.profile())


def test_a_killed_daemon_starts_again_and_answers_what_came_meanwhile(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon
) -> None:
    thread = site.add_thread(guest="Maya")
    first = daemon()
    wait_for(lambda: count_list_reads(site))
    first.stop(signal.SIGKILL)
    site.guest_writes(thread, "Are you there?")
    second = daemon()
    wait_for(lambda: replies(site, thread))
    assert second.stop() == 0
    assert len(replies(site, thread)) == 1


def test_what_a_death_left_is_settled_before_the_whole_inbox_is_read(
    site: AirbnbSite, ai: DemoAI, run: RunProgram, daemon: StartDaemon, tmp_path: Path
) -> None:
    site.guest_writes(site.add_thread("Maya"), "Is parking free?")
    first = run("daemon", "crash=after:site.press_send")
    assert first.wait(PATIENCE_S) == -signal.SIGKILL
    ai.mode = "silent"
    for number in range(4):
        site.guest_writes(site.add_thread(f"Guest {number}"), "Hello?")
    storage = Storage(tmp_path / "airbot.db")
    settled: dict[str, Mapping[str, int]] = {}
    site.on(
        "thread_read",
        lambda thread: settled.setdefault(thread.number, storage.shown.reply_counts()),
    )
    airbot = daemon()
    wait_for(lambda: len(settled) == 5)
    assert list(settled.values())[-1] == {"sent": 1}
    assert airbot.stop() == 0


def test_a_second_airbot_ends_with_75_and_names_the_first(
    site: AirbnbSite, daemon: StartDaemon, run: RunProgram
) -> None:
    first = daemon()
    second = run("once")
    _, errors = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 75
    assert f"process id {first.process.pid}" in errors
    assert first.stop() == 0


@pytest.mark.parametrize(
    ("mode", "other"),
    [
        ("once", "storage__path=other.db"),
        ("once", "airbnb__session_dir=other"),
        ("daemon", ""),
    ],
    ids=["same profile", "same database", "both"],
)
def test_a_second_airbot_on_the_same_profile_or_database_names_who_holds_it(
    run: RunProgram, tmp_path: Path, other: str, mode: str
) -> None:
    locks = (
        profile_lock(tmp_path / "session", "the first airbot"),
        database_lock(tmp_path / "airbot.db"),
    )
    for lock in locks:
        lock.acquire()
    second = run(mode, *filter(None, [other]))
    _, errors = second.communicate(timeout=PATIENCE_S)
    for lock in locks:
        lock.release()
    assert second.returncode == 75
    assert f"process id {os.getpid()}" in errors
    assert ("the database" if "session" in other or not other else "profile") in errors
    assert "is in use by" in errors


@pytest.mark.parametrize("link", ["session", "airbot.db"])
def test_a_second_name_for_the_same_place_is_the_same_place(
    run: RunProgram, tmp_path: Path, link: str
) -> None:
    settings = {"session": "airbnb__session_dir", "airbot.db": "storage__path"}
    real = tmp_path / "elsewhere" / link
    real.parent.mkdir()
    (tmp_path / link).symlink_to(real)
    lock = (profile_lock if link == "session" else database_lock)(real)
    lock.acquire()
    second = run("once", f"{settings[link]}={link}")
    _, errors = second.communicate(timeout=PATIENCE_S)
    lock.release()
    assert second.returncode == 75
    assert f"process id {os.getpid()}" in errors


def test_one_cycle_during_reconnect_ends_with_75_and_names_it(
    run: RunProgram, tmp_path: Path
) -> None:
    lock = profile_lock(tmp_path / "session", "airbot reconnect")
    lock.acquire()
    cycle = run("once")
    _, errors = cycle.communicate(timeout=PATIENCE_S)
    lock.release()
    assert cycle.returncode == 75
    assert f"airbot reconnect with process id {os.getpid()}" in errors


@pytest.mark.parametrize(
    "trouble",
    [
        {"logged_out": True},
        {"challenge": "airlock_401"},
    ],
    ids=lambda trouble: str(next(iter(trouble.values()))),
)
def test_a_challenge_or_login_stops_the_site_work_and_keeps_the_webhook_open(
    site: AirbnbSite, daemon: StartDaemon, trouble: dict[str, object], tmp_path: Path
) -> None:
    thread = site.add_thread()
    for name, value in trouble.items():
        setattr(site.trouble, name, value)
    airbot = daemon()
    wait_for(lambda: "airbot reconnect" in airbot.log())
    wait_for(lambda: not processes.chromiums(airbot.profile()))
    asked_before = len(site.requests)
    answer = requests.post(
        f"http://127.0.0.1:{airbot.port}/api/ai/webhook-simple",
        json={"conversation_id": thread.id, "message": "Hello", "sender": "AI"},
    )
    assert answer.json()["status"] == "pending"
    assert airbot.log().count("airbot reconnect") == 1
    assert airbot.stop() == 0
    assert len(site.requests) == asked_before
    assert len(Storage(tmp_path / "airbot.db").outbox.with_status("pending")) == 1


def test_a_pause_survives_a_restart_and_nothing_reaches_the_site(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon, run: RunProgram, tmp_path: Path
) -> None:
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "Hello?")
    site.trouble.challenge = "arkose"
    first = daemon()
    wait_for(lambda: "airbot reconnect" in first.log())
    first.stop(signal.SIGKILL)
    site.clear_trouble()
    asked = len(site.requests)
    second = daemon()
    storage = Storage(tmp_path / "airbot.db")
    call = {"conversation_id": thread.id, "message": "Hi", "sender": "AI"}
    address = f"http://127.0.0.1:{second.port}/api/ai/webhook-simple"
    assert requests.post(address, json=call).json()["status"] == "pending"
    wait_for(lambda: "waits for a person: " in second.log())
    assert not processes.chromiums(second.profile())
    assert second.stop() == 0
    once = run("once")
    once.communicate(timeout=PATIENCE_S)
    assert once.returncode == 77
    assert len(site.requests) == asked
    assert storage.session.get().state == "captcha"


def test_after_reconnect_young_replies_go_out_and_old_ones_are_cancelled(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon, run: RunProgram, tmp_path: Path
) -> None:
    old, young = site.add_thread(guest="Maya"), site.add_thread(guest="Noor")
    ai.mode = "silent"
    site.guest_writes(old, "Hello?", at=utcnow() - timedelta(hours=11, minutes=50))
    site.guest_writes(young, "Hello?")
    airbot = daemon()
    wait_for(lambda: len(ai.asked) == 2)
    site.trouble.logged_out = True
    wait_for(lambda: "airbot reconnect" in airbot.log())
    for question in ai.asked:
        ai.call_back(question)
    storage = Storage(tmp_path / "airbot.db")
    assert storage.shown.reply_counts() == {"pending": 2}
    site.clock_offset_s = 1200.0
    window = run("reconnect")
    site.person_is_there = True
    assert window.wait(timeout=PATIENCE_S) == 0
    wait_for(lambda: storage.shown.reply_counts() == {"sent": 1, "cancelled": 1})
    assert replies(site, young) and not replies(site, old)
    (cancelled,) = storage.outbox.with_status("cancelled")
    assert cancelled.last_error == "older than 12 h"
    assert airbot.stop() == 0


def test_a_login_outlives_a_daemon_that_is_killed(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon, run: RunProgram, tmp_path: Path
) -> None:
    site.require_cookie = site.person_is_there = True
    thread = site.add_thread(guest="Maya")
    site.host_writes(thread, "Welcome!")
    assert run("reconnect").wait(timeout=PATIENCE_S) == 0
    first = daemon()
    wait_for(lambda: count_list_reads(site))
    first.stop(signal.SIGKILL)
    site.guest_writes(thread, "Are you there?")
    second = daemon()
    wait_for(lambda: replies(site, thread))
    assert "airbot reconnect" not in second.log()
    assert second.stop() == 0


def test_a_send_that_meets_a_check_also_stops_the_reading_that_it_came_into(
    site: AirbnbSite, ai: DemoAI, make_config: Callable[..., Config], browser: Browser
) -> None:
    browser.close()  # one Playwright a thread
    config = make_config(site.url, ai.url)
    first = site.add_thread(guest="Maya")
    site.guest_writes(first, "Is parking free?")
    daemon = Daemon(config, LOOPBACK_ONLY)
    with running_parts(config, LOOPBACK_ONLY) as parts:
        try:
            daemon._sync(parts)
            turn = the(parts.storage.turns.newest(first.id))
            reply = parts.storage.outbox.enqueue(turn, "Yes.", "AI", utcnow())
            site.trouble.challenge, site.trouble.challenge_on = "airlock_420", "send"
            for number in range(3):
                site.guest_writes(site.add_thread(guest=f"Guest {number}"), "Hello?")
            parts.send_wanted.set()
            daemon._sync(parts)
            assert parts.storage.session.get().state == "captcha"
            sends = [r.operation for r in site.requests].count(SEND)
            assert sends == 1 and site.requests[-1].operation == SEND
            assert not parts.browser.is_open
            assert the(parts.storage.outbox.get(reply.id)).status == "uncertain"
        finally:
            parts.browser.close()


def test_a_slow_ai_does_not_hold_up_another_reply(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon
) -> None:
    slow, other = site.add_thread(guest="Slow"), site.add_thread(guest="Other")
    ai.mode = "silent"
    airbot = daemon()
    site.guest_writes(slow, "Think long about this")
    wait_for(lambda: ai.asked)
    ai.mode = "callback"
    site.guest_writes(other, "Quick one")
    wait_for(lambda: replies(site, other))
    assert not replies(site, slow)
    assert airbot.stop() == 0


def test_a_reply_that_arrives_goes_out_at_once(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon
) -> None:
    thread = site.add_thread(guest="Maya")
    ai.mode = "silent"
    site.guest_writes(thread, "Hello?")
    airbot = daemon("send__interval_sec=3600", "sync__interval_sec=3600")
    wait_for(lambda: ai.asked)
    ai.call_back(ai.asked[0])
    wait_for(lambda: replies(site, thread))
    assert airbot.stop() == 0


@pytest.mark.parametrize("seconds", [-3 * 3600, 2 * 365 * 86_400])
def test_a_clock_that_is_put_forward_or_back_holds_up_no_guest(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon, tmp_path: Path, seconds: int
) -> None:
    clock = tmp_path / "clock"
    shifted.put(clock, 0)
    first, second = site.add_thread(guest="Maya"), site.add_thread(guest="Noor")
    airbot = daemon(f"clock={clock}")
    site.guest_writes(first, "Is parking free?")
    wait_for(lambda: replies(site, first))
    shifted.put(clock, seconds)
    site.guest_writes(second, "And breakfast?")
    wait_for(lambda: replies(site, second))
    wait_for(lambda: "clock was moved" in airbot.log())
    reads = count_list_reads(site)
    wait_for(lambda: count_list_reads(site) > reads + 1)
    assert airbot.stop() == 0
    assert (len(replies(site, first)), len(replies(site, second))) == (1, 1)


def test_a_database_that_is_deleted_ends_the_daemon_with_1_and_a_sentence(
    site: AirbnbSite, daemon: StartDaemon, tmp_path: Path
) -> None:
    site.host_writes(site.add_thread(), "Welcome!")
    airbot = daemon()
    wait_for(lambda: count_list_reads(site))
    (tmp_path / "airbot.db").unlink()
    assert airbot.process.wait(timeout=PATIENCE_S) == 1
    said = [line for line in airbot.log().splitlines() if "airbot ends" in line]
    assert len(said) == 1 and "ERROR" in said[0] and "deleted or replaced" in said[0]
    assert not (tmp_path / "airbot.db").exists()
    assert not processes.chromiums(airbot.profile())


def test_a_database_that_is_deleted_meanwhile_ends_one_cycle_with_1(
    site: AirbnbSite, ai: DemoAI, run: RunProgram, tmp_path: Path
) -> None:
    site.guest_writes(site.add_thread("Maya"), "Is parking free?")
    ai.mode = "silent"
    cycle = run("once")
    wait_for(lambda: ai.asked)
    (tmp_path / "airbot.db").unlink()
    _, errors = cycle.communicate(timeout=PATIENCE_S)
    assert cycle.returncode == 1 and not site.posted()


def test_once_reads_asks_waits_and_sends(
    site: AirbnbSite, ai: DemoAI, run: RunProgram, tmp_path: Path
) -> None:
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "Is parking free?")
    process = run("once")
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert output.count("\n") == 1 and "1 sent" in output
    assert len(replies(site, thread)) == 1


def test_once_ends_77_where_a_person_is_needed_and_again_without_asking(
    site: AirbnbSite, run: RunProgram
) -> None:
    site.add_thread()
    site.trouble.logged_out = True
    first = run("once")
    first.communicate(timeout=PATIENCE_S)
    asked = len(site.requests)
    second = run("once")
    second.communicate(timeout=PATIENCE_S)
    assert (first.returncode, second.returncode) == (77, 77)
    assert len(site.requests) == asked


def test_once_ends_1_when_the_site_is_unavailable(
    site: AirbnbSite, run: RunProgram
) -> None:
    site.add_thread()
    site.trouble.api_status = 500
    process = run("once")
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1


def test_a_dry_run_shows_what_would_be_asked_and_does_nothing(
    site: AirbnbSite, ai: DemoAI, run: RunProgram, tmp_path: Path
) -> None:
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "Is parking free?")
    process = run("dry")
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert "would ask about Maya's 1 unanswered text" in output
    assert not ai.asked and not site.posted()
    assert not (tmp_path / "airbot.db").exists()


def test_no_guest_text_and_no_reply_is_in_any_log(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon
) -> None:
    ai.answer = lambda question: "CANARY-REPLY\nsecond"
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "CANARY-GUEST")
    site.trouble.send = "refuse"
    airbot = daemon()
    wait_for(lambda: "is failed" in airbot.log())
    airbot.process.send_signal(signal.SIGTERM)
    output, errors = airbot.process.communicate(timeout=PATIENCE_S)
    logs = "".join(p.read_text() for p in (airbot.folder / "logs").iterdir())
    assert "CANARY" not in output + errors + logs
    rows = Storage(airbot.folder / "airbot.db").outbox.with_status("failed")
    assert "CANARY" not in str(rows[0].last_error)


def test_reconnect_clears_the_pause_and_the_daemon_carries_on(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon, run: RunProgram
) -> None:
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "Hello?")
    site.trouble.challenge = "airlock_page"
    airbot = daemon()
    wait_for(lambda: "airbot reconnect" in airbot.log())
    window = run("reconnect")
    site.person_is_there = True
    output, errors = window.communicate(timeout=PATIENCE_S)
    assert window.returncode == 0, errors
    wait_for(lambda: replies(site, thread))
    assert "a person reconnects" in airbot.log()
    assert airbot.stop() == 0


def test_a_daemon_that_starts_during_reconnect_waits_with_its_webhook_open(
    site: AirbnbSite, ai: DemoAI, daemon: StartDaemon, run: RunProgram
) -> None:
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "Hello?")
    site.trouble.logged_out = True
    window = run("reconnect")
    assert window.stdout and "window" in window.stdout.readline()
    airbot = daemon()
    call = {"conversation_id": thread.id, "message": "Hi", "sender": "AI"}
    address = f"http://127.0.0.1:{airbot.port}/api/ai/webhook-simple"
    assert requests.post(address, json=call).status_code == 200
    assert not ai.asked
    site.person_is_there = True
    assert window.wait(timeout=PATIENCE_S) == 0
    wait_for(lambda: replies(site, thread))
    assert airbot.stop() == 0


def test_reconnect_as_another_user_than_the_profiles_owner_is_refused(
    run: RunProgram, tmp_path: Path, give_away: Callable[[Path], str]
) -> None:
    (tmp_path / "session").mkdir()
    name = give_away(tmp_path / "session")
    window = run("reconnect")
    _, errors = window.communicate(timeout=PATIENCE_S)
    assert window.returncode == 2
    assert f"sudo -u {name} airbot" in errors
