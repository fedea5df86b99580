"""`airbot --once`: one cycle, for cron: SYNC, ASK, wait for the answers, SEND."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from airbot.config import Config
from airbot.daemon.parts import Parts
from airbot.daemon.parts import running_parts
from airbot.exceptions import ExitCode
from airbot.models import SessionState
from airbot.models import utcnow
from airbot.storage import Storage
from airbot.storage.overview import in_words

ASK_THREADS = 4
LOOK_EVERY_S = 0.1


def run_once(
    config: Config,
    wait_s: float,
    browser_arguments: tuple[str, ...] = (),
    say: Callable[[str], None] = print,
) -> int:
    """Run one cycle and print one line about it; the exit code."""
    with running_parts(config, browser_arguments) as parts:
        try:
            went_well = parts.gate.run("sync", parts.syncer.run, patient=False)
            if went_well:
                went_well = _ask_and_send(parts, wait_s)
                parts.browser.save_cookies()
        finally:
            parts.browser.close()
        say(_summary(parts))
        return exit_code(parts.storage, went_well)


def _ask_and_send(parts: Parts, wait_s: float) -> bool:
    """Ask in a small pool; send from this thread, which owns the browser.

    False when the last SEND failed.
    """
    end = time.monotonic() + wait_s
    until = utcnow() + timedelta(seconds=wait_s)
    pool = ThreadPoolExecutor(ASK_THREADS, thread_name_prefix="ask")
    try:
        _send(parts)
        asking: list[Future[bool]] = []
        while time.monotonic() < end and parts.storage.turns.waits_for_answer(until):
            asking = [future for future in asking if not _is_over(future)]
            while len(asking) < ASK_THREADS:
                asking.append(pool.submit(parts.asker.ask_one))
            if parts.send_wanted.wait(LOOK_EVERY_S):
                _send(parts)
        return _send(parts)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _is_over(future: Future[bool]) -> bool:
    """Has it ended? A full disk in it is our own trouble, too."""
    if not future.done():
        return False
    future.result()
    return True


def _send(parts: Parts) -> bool:
    parts.send_wanted.clear()
    return parts.gate.run("send", parts.sender.run, patient=False)


def _summary(parts: Parts) -> str:
    shown = parts.storage.shown.overview(utcnow())
    sync = shown.cycles["sync"].outcome if "sync" in shown.cycles else "not read"
    if (send := shown.cycles.get("send")) is not None and send.failing_since:
        sync += f"; SEND: {send.outcome}"
    replies = in_words(shown.replies, none="empty")
    return f"airbot: session {shown.session.state}; {sync}; outbox: {replies}"


def exit_code(storage: Storage, went_well: bool) -> ExitCode:
    session = storage.session.get()
    if session.person_needed:
        return ExitCode.PERSON
    well = went_well and session.state == SessionState.OK
    return ExitCode.DONE if well else ExitCode.FAILED
