"""What `status`, `messages` and `outbox` print: 80 columns, plain."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import datetime

from airbot.models import Job
from airbot.storage.overview import SHORT_ID
from airbot.storage.overview import MessageLine
from airbot.storage.overview import OutboxLine
from airbot.storage.overview import Overview
from airbot.storage.overview import in_words

WIDTH = 80
INDENT = " " * 10


def status_lines(shown: Overview, now: datetime) -> Iterator[str]:
    session = shown.session
    yield from _field("session", f"{session.state}, since {ago(session.since, now)}")
    yield from _field("", session.sentence)
    if session.next_try_at:
        yield from _field("", f"tried again at {clock(session.next_try_at)}")
    for job in ("sync", "send"):
        yield from _field(job, _cycle(shown.cycles.get(job), now))
    yield from _field("turns", in_words(shown.turns, none="none"))
    yield from _field("outbox", in_words(shown.replies, none="none"))
    if shown.waiting:
        yield "waiting for a person:"
    for item in shown.waiting:
        who = f"{plain(item.who)}: " if item.who else ""
        yield from wrapped(f"{who}{item.what}", "  ")
        yield f"    {item.command}"


def _cycle(cycle: Job | None, now: datetime) -> str:
    if cycle is None:
        return "has not run yet"
    when = ago(cycle.started_at, now)
    return f"{when} ago, took {cycle.took_ms} ms: {cycle.outcome}"


def message_lines(lines: list[MessageLine]) -> Iterator[str]:
    for line in lines:
        head = f"{clock(line.sent_at)}  {plain(line.sender)[:20]}: "
        yield head + first_words(line.body, WIDTH - len(head))
        yield from wrapped(became(line), "    ")
    if not lines:
        yield "no guest text has been read yet"


def became(line: MessageLine) -> str:
    """What became of a guest text, and why."""
    if line.scheduled:
        return "scheduled: sent by the clock, no answer to anybody"
    if line.turn_id is None:
        return f"not asked: {line.thread_reason or 'the conversation was not read yet'}"
    turn = f"turn {line.turn_id[:SHORT_ID]} {line.turn_status}"
    if line.outbox_id is None:
        return f"{turn}: {line.turn_reason}"
    reply = f"reply {line.outbox_id[:SHORT_ID]} {line.reply_status}"
    reason = f": {line.reply_reason}" if line.reply_reason else ""
    return f"{turn}, {reply}{reason}"


def outbox_lines(lines: list[OutboxLine]) -> Iterator[str]:
    for line in lines:
        who = plain(line.title or line.thread_id)[:20]
        head = f"{clock(line.created_at)}  {line.id[:SHORT_ID]}  {who}: "
        yield head + first_words(line.message, WIDTH - len(head))
        parked = ", waits for a person" if line.parked else ""
        reason = f": {line.last_error}" if line.last_error else ""
        yield from wrapped(f"{line.status}{parked}{reason}", "    ")
    if not lines:
        yield "the outbox is empty"


# Words


def first_words(text: str | None, width: int) -> str:
    """A text's beginning on one line, without what a terminal would obey."""
    line = plain(" ".join((text or "").split()))
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"


def plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def clock(at: datetime) -> str:
    """Local time, with the day where it is not today."""
    local = at.astimezone()
    today = datetime.now().astimezone().date()
    return local.strftime("%H:%M" if local.date() == today else "%d %b %H:%M")


def ago(at: datetime, now: datetime) -> str:
    seconds = max(0.0, (now - at).total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}s"
    return f"{seconds:.0f} s"


def wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  "
    )


def _field(name: str, value: str) -> list[str]:
    return textwrap.wrap(
        value,
        WIDTH,
        initial_indent=name.ljust(len(INDENT)),
        subsequent_indent=INDENT,
    )
