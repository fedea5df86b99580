"""Which new texts of the host's side the clock has sent, by all that is stored.

Asked once for each, when it is first stored: see policy/scheduled.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

from airbot.models import Message
from airbot.models import Reading
from airbot.policy import scheduled
from airbot.policy.proof import is_like
from airbot.policy.rules import Rules
from airbot.policy.scheduled import Earlier
from airbot.policy.scheduled import Verdict
from airbot.policy.states import UNSETTLED
from airbot.policy.turns import IN_DOUBT
from airbot.storage.database import Database
from airbot.storage.database import to_text
from airbot.storage.database import to_time
from airbot.storage.inbox import not_ours
from airbot.storage.inbox import persons_answer
from airbot.storage.moves import words as listed

LOOKED_AT = 1000  # earlier texts of the host's side
KEPT = 4096
# Whose names stand in a conversation, and what its listing is called: "Confirmed · May
# 7 – 10 · Loft by the canal".
NAMES = (
    "(SELECT json_group_array(DISTINCT sender) FROM messages WHERE thread_id = t.id)"
)


def with_scheduled(db: Database, reading: Reading, rules: Rules) -> Reading:
    """The reading, its new texts of the host's side judged.

    Only young ones can answer anybody; one that is like a reply of ours that is not
    proven yet may be that reply.
    """
    candidates = [m for m in reading.messages if _may_be(m, reading, rules)]
    new = _not_stored(db, candidates) - _of_ours(db, reading.thread.id, candidates)
    messages = tuple(
        _judged(db, reading, m) if m.id in new else m for m in reading.messages
    )
    return replace(reading, messages=messages)


def _may_be(message: Message, reading: Reading, rules: Rules) -> bool:
    young = not rules.is_too_old(message.sent_at, reading.site_time)
    return message.is_host_text and young


def _not_stored(db: Database, messages: list[Message]) -> set[str]:
    ids = {message.id for message in messages}
    rows = db.read(
        "SELECT id FROM messages WHERE id IN (SELECT value FROM json_each(:ids))",
        {"ids": json.dumps(sorted(ids))},
    )
    return ids - {row["id"] for row in rows}


def _of_ours(db: Database, thread_id: str, messages: list[Message]) -> set[str]:
    """Those that may be a reply of airbot's which nothing has proven yet."""
    if not messages:
        return set()
    rows = db.read(
        f"""
        SELECT message FROM queue_outbox
        WHERE thread_id = :id AND status IN ({listed(UNSETTLED)})
        """,
        {"id": thread_id},
    )
    return {
        m.id for m in messages for row in rows if is_like(m.body or "", row["message"])
    }


def _judged(db: Database, reading: Reading, message: Message) -> Message:
    names = {m.sender for m in reading.messages} | {reading.thread.title}
    title = _listing(reading.thread.description)
    said = _words(message.body or "", frozenset(names), title)
    if len(said) < scheduled.FEW_WORDS:
        return message
    earlier = _earlier(db, message)
    verdict = scheduled.judge(said, message.sent_at, reading.thread.id, earlier)
    if verdict == Verdict.SCHEDULED:
        return replace(message, scheduled=True)
    return replace(message, note=IN_DOUBT) if verdict == Verdict.DOUBT else message


def _earlier(db: Database, message: Message) -> Iterator[Earlier]:
    """Texts of the host's side before this one that airbot did not send."""
    length = len(message.body or "")
    rows = db.read(
        f"""
        SELECT m.thread_id, m.sent_at, m.body, t.title, t.description, {NAMES} AS names,
            (SELECT p.direction FROM messages p
             WHERE p.thread_id = m.thread_id AND p.position < m.position
               AND (p.direction = 'inbound' AND p.kind = 'text'
                    OR {persons_answer("p")})
             ORDER BY p.position DESC LIMIT 1) = 'inbound' AS below_unanswered
        FROM messages m INDEXED BY host_texts JOIN threads t ON t.id = m.thread_id
        WHERE m.direction = 'outbound' AND m.kind = 'text' AND m.sent_at < :before
            AND LENGTH(m.body) BETWEEN :shortest AND :longest AND {not_ours("m")}
        ORDER BY m.sent_at DESC LIMIT :most
        """,
        {
            "before": to_text(message.sent_at - timedelta(milliseconds=1)),
            "shortest": length // 2,
            "longest": length * 2,
            "most": LOOKED_AT,
        },
    )
    return map(_earlier_from_row, rows)


def _earlier_from_row(row: sqlite3.Row) -> Earlier:
    names = frozenset([*json.loads(row["names"]), row["title"]])
    return Earlier(
        row["thread_id"],
        to_time(row["sent_at"]),
        _words(row["body"], names, _listing(row["description"])),
        below_unanswered=bool(row["below_unanswered"]),
    )


def _listing(description: str | None) -> str:
    return (description or "").rpartition("·")[2].strip()


@lru_cache(KEPT)
def _words(body: str, names: frozenset[str], title: str) -> tuple[str, ...]:
    return scheduled.words(body, names, (title,) if title else ())
