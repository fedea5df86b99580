"""`airbot --once --dry-run`: read, and show what would be asked and sent.

Works on a copy of the database that is thrown away; opens no webhook, asks nobody,
types nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from airbot.config import Config
from airbot.daemon.once import exit_code
from airbot.daemon.parts import dry_parts
from airbot.storage import Storage
from airbot.terminal import plain


def run_dry(
    config: Config,
    browser_arguments: tuple[str, ...] = (),
    say: Callable[[str], None] = print,
) -> int:
    """Read the inbox into a copy and say what would follow; the exit code."""
    with dry_parts(config, browser_arguments) as parts:
        read = parts.gate.run("sync", parts.syncer.run, patient=False)
        for line in would_do(parts.storage):
            say(line)
        return exit_code(parts.storage, read)


def would_do(storage: Storage) -> list[str]:
    lines = [plain(storage.session.get().in_words())]
    for question in storage.turns.open_questions():
        count = len(question.texts)
        lines.append(
            f"would ask about {plain(question.sender)}'s {count} unanswered "
            f"{'text' if count == 1 else 'texts'} in {question.turn.thread_id}"
        )
    for reply in storage.outbox.with_status("pending"):
        lines.append(f"would send reply {reply.short_id} to {reply.thread_id}")
    if len(lines) == 1:
        lines.append("nothing to ask, nothing to send")
    return lines
