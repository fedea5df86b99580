"""The same for other programs, which know these keys."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from airbot.models import iso
from airbot.storage.overview import MessageLine
from airbot.storage.overview import OutboxLine
from airbot.storage.overview import Overview


def status(shown: Overview) -> str:
    session = shown.session
    return _written(
        {
            "session": {
                "state": session.state,
                "since": session.since,
                "sentence": session.sentence,
                "next_try_at": session.next_try_at,
                "account_id": session.account_id,
                "clock_offset_s": round(session.clock_offset_s, 1),
            },
            "person_needed": session.person_needed,
            "cycles": {job: asdict(cycle) for job, cycle in shown.cycles.items()},
            "turns": shown.turns,
            "outbox": shown.replies,
            "waiting": [asdict(item) for item in shown.waiting],
        }
    )


def messages(lines: list[MessageLine]) -> str:
    return _written([asdict(line) for line in lines])


def outbox(lines: list[OutboxLine]) -> str:
    # `parked` was a column before it was a value: 0 or 1.
    return _written([{**asdict(line), "parked": int(line.parked)} for line in lines])


def _written(value: object) -> str:
    ascii_only = sys.stdout.encoding.lower() != "utf-8"
    return json.dumps(value, ensure_ascii=ascii_only, indent=2, default=iso)
