"""`airbot --once --dry-run`: read, and show what would be asked and sent.

Works on a copy of the database that is thrown away; opens no webhook, asks nobody,
types nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from airbot.airbnb import Airbnb
from airbot.config import Config
from airbot.daemon.gate import Gate
from airbot.daemon.once import exit_code
from airbot.daemon.parts import make_browser
from airbot.locks import profile_lock
from airbot.storage import Storage
from airbot.storage import View
from airbot.sync import Syncer


def run_dry(
    config: Config,
    browser_arguments: tuple[str, ...] = (),
    say: Callable[[str], None] = print,
) -> int:
    """Read the inbox into a copy and say what would follow; the exit code."""
    lock = profile_lock(config.airbnb.session_dir)
    lock.acquire()
    with tempfile.TemporaryDirectory(prefix="airbot-dry-run-") as folder:
        copy = Path(folder) / "copy.db"
        if config.storage.path.exists():
            with closing(View(config.storage.path)) as original:
                original.copy_to(copy)
        storage = Storage(copy)
        browser = make_browser(config, browser_arguments)
        try:
            syncer = Syncer(storage, Airbnb(browser, config.airbnb.base_url), config)
            gate = Gate(storage, browser)
            read = gate.run("sync", syncer.run, patient=False)
            for line in _would_do(storage):
                say(line)
            return exit_code(storage, read)
        finally:
            browser.close()
            storage.close()
            lock.release()


def _would_do(storage: Storage) -> list[str]:
    lines = [storage.session.get().in_words()]
    for question in storage.turns.open_questions():
        count = len(question.texts)
        lines.append(
            f"would ask about {question.sender}'s {count} unanswered "
            f"{'text' if count == 1 else 'texts'} in {question.turn.thread_id}"
        )
    for reply in storage.outbox.with_status("pending"):
        lines.append(f"would send reply {reply.id[:8]} to {reply.thread_id}")
    if len(lines) == 1:
        lines.append("nothing to ask, nothing to send")
    return lines
