"""What `status`, `messages` and `outbox` print: 80 columns, plain, or JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from airbot.models import iso
from airbot.storage import Storage
from airbot.storage.desk import SHORT_ID

WIDTH = 80
INDENT = " " * 10
Row = dict[str, Any]


# status


def status(storage: Storage, now: datetime) -> Row:
    """Everything that `airbot status` knows, as JSON."""
    session = storage.session.get()
    counts = storage.desk.counts()
    return {
        "session": {
            "state": session.state,
            "since": iso(session.since),
            "sentence": session.sentence,
            "next_try_at": iso(session.next_try_at) if session.next_try_at else None,
            "account_id": session.account_id,
            "clock_offset_s": round(session.clock_offset_s, 1),
        },
        "person_needed": session.person_needed,
        "cycles": {row.pop("job"): row for row in storage.desk.cycles()},
        "turns": counts["turns"],
        "outbox": counts["queue_outbox"],
        "waiting": [asdict(item) for item in storage.desk.waiting(session, now)],
    }


def status_lines(shown: Row, now: datetime) -> Iterator[str]:
    session = shown["session"]
    since = ago(session["since"], now)
    yield from _field("session", f"{session['state']}, since {since}")
    yield from _field("", session["sentence"])
    if session["next_try_at"]:
        yield from _field("", f"tried again at {clock(session['next_try_at'])}")
    for job in ("sync", "send"):
        yield from _field(job, _cycle(shown["cycles"].get(job), now))
    yield from _field("turns", _counted(shown["turns"]))
    yield from _field("outbox", _counted(shown["outbox"]))
    if shown["waiting"]:
        yield "waiting for a person:"
    for item in shown["waiting"]:
        yield from wrapped(item["what"], "  ")
        yield f"    {item['command']}"


def _cycle(cycle: Row | None, now: datetime) -> str:
    if cycle is None:
        return "has not run yet"
    when = ago(cycle["started_at"], now)
    return f"{when} ago, took {cycle['took_ms']} ms: {cycle['outcome']}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {status}" for status, n in sorted(counts.items())) or "none"


# messages, outbox


def message_lines(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        head = f"{clock(row['sent_at'])}  {plain(row['sender'])[:20]}: "
        yield head + first_words(row["body"], WIDTH - len(head))
        yield from wrapped(became(row), "    ")
    if not rows:
        yield "no guest text has been read yet"


def became(row: Row) -> str:
    """What became of a guest text, and why."""
    if row["turn_id"] is None:
        return (
            f"not asked: {row['thread_reason'] or 'the conversation was not read yet'}"
        )
    turn = f"turn {row['turn_id'][:SHORT_ID]} {row['turn_status']}"
    if row["outbox_id"] is None:
        return f"{turn}: {row['turn_reason']}"
    reply = f"reply {row['outbox_id'][:SHORT_ID]} {row['reply_status']}"
    reason = f": {row['reply_reason']}" if row["reply_reason"] else ""
    return f"{turn}, {reply}{reason}"


def outbox_lines(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        who = plain(row["title"] or row["thread_id"])[:20]
        head = f"{clock(row['created_at'])}  {row['id'][:SHORT_ID]}  {who}: "
        yield head + first_words(row["message"], WIDTH - len(head))
        parked = ", waits for a person" if row["parked"] else ""
        reason = f": {row['last_error']}" if row["last_error"] else ""
        yield from wrapped(f"{row['status']}{parked}{reason}", "    ")
    if not rows:
        yield "the outbox is empty"


def as_json(shown: object) -> str:
    return json.dumps(shown, ensure_ascii=False, indent=2)


# Words


def first_words(text: str | None, width: int) -> str:
    """A text's beginning on one line, without what a terminal would obey."""
    line = plain(" ".join((text or "").split()))
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"


def plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def clock(at: str) -> str:
    """Local time, with the day where it is not today."""
    local = datetime.fromisoformat(at).astimezone()
    today = datetime.now().astimezone().date()
    return local.strftime("%H:%M" if local.date() == today else "%d %b %H:%M")


def ago(at: str, now: datetime) -> str:
    seconds = max(0.0, (now - datetime.fromisoformat(at)).total_seconds())
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
