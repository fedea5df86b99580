"""What `messages` and `outbox` print, and how all that is shown is laid out.

80 columns of a terminal, in which a Chinese or Japanese character takes two.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import wcwidth

from airbot.models import short_id
from airbot.storage.overview import MessageLine
from airbot.storage.overview import OutboxLine
from airbot.terminal import plain

WIDTH = 80
NAME_WIDTH = 20
INDENT = " " * 10


def message_lines(lines: list[MessageLine]) -> Iterator[str]:
    for line in lines:
        who = first_words(line.sender, NAME_WIDTH)
        head = f"{clock(line.sent_at)}  {who}: "
        yield head + first_words(line.body, WIDTH - wcwidth.width(head))
        yield from wrapped(became(line), "    ")
    if not lines:
        yield "no guest text has been read yet"


def became(line: MessageLine) -> str:
    """What became of a guest text, and why."""
    if line.scheduled:
        return "scheduled: sent by the clock, no answer to anybody"
    if line.turn_id is None:
        return f"not asked: {line.thread_reason or 'the conversation was not read yet'}"
    turn = f"turn {short_id(line.turn_id)} {line.turn_status}"
    if line.outbox_id is None:
        return f"{turn}: {line.turn_reason}"
    reply = f"reply {short_id(line.outbox_id)} {line.reply_status}"
    reason = f": {line.reply_reason}" if line.reply_reason else ""
    return f"{turn}, {reply}{reason}"


def outbox_lines(lines: list[OutboxLine]) -> Iterator[str]:
    for line in lines:
        who = first_words(line.title or line.thread_id, NAME_WIDTH)
        head = f"{clock(line.created_at)}  {short_id(line.id)}  {who}: "
        yield head + first_words(line.message, WIDTH - wcwidth.width(head))
        parked = ", waits for a person" if line.parked else ""
        reason = f": {line.last_error}" if line.last_error else ""
        yield from wrapped(f"{line.status}{parked}{reason}", "    ")
    if not lines:
        yield "the outbox is empty"


# Words


def first_words(text: str | None, width: int) -> str:
    """A text's beginning on one line, without what a terminal would obey."""
    line = plain(" ".join((text or "").split()))
    if wcwidth.width(line) <= width:
        return line
    return wcwidth.clip(line, 0, max(0, width - 1)).rstrip() + "…"


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
    return _wrap(text, indent, indent + "  ")


def field_lines(name: str, value: str) -> list[str]:
    return _wrap(value, name.ljust(len(INDENT)), INDENT)


def _wrap(text: str, first: str, rest: str) -> list[str]:
    return wcwidth.wrap(
        plain(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )
