"""The same for other programs, which know these keys."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from airbot.cli.status import Status
from airbot.config import Config
from airbot.exceptions import ExitCode
from airbot.models import iso
from airbot.policy.health import Program
from airbot.storage.overview import MessageLine
from airbot.storage.overview import OutboxLine


def status(found: Status) -> str:
    shown = found.shown
    session = shown.session
    return _written(
        {
            "program": _program(found.program),
            "session": {
                "state": session.state,
                "since": session.since,
                "sentence": session.sentence,
                "next_try_at": session.next_try_at,
                "account_id": session.account_id,
                "clock_offset_s": round(session.clock_offset_s, 1),
            },
            "person_needed": session.person_needed,
            "cycles": {
                job: {**asdict(cycle), "state": found.jobs.get(job)}
                for job, cycle in shown.cycles.items()
            },
            "ai": asdict(shown.ai),
            "webhook": {
                "plain_calls": found.plain_calls,
                "crowded_at": found.crowded_at,
            },
            "turns": shown.turns,
            "outbox": shown.replies,
            "longest_wait": shown.longest and asdict(shown.longest),
            "waiting": [asdict(item) for item in shown.waiting],
            "exit_code": found.exit_code,
        }
    )


def no_status(config: Config) -> str:
    """Before the first start."""
    never = Program(False, False, settings=config.read_from)
    return _written({"program": _program(never), "exit_code": ExitCode.FAILED})


def _program(program: Program) -> dict[str, object]:
    gap = program.usual_gap
    return {**asdict(program), "usual_gap": gap and gap.total_seconds()}


def messages(lines: list[MessageLine]) -> str:
    return _written([asdict(line) for line in lines])


def outbox(lines: list[OutboxLine]) -> str:
    # `parked` was a column before it was a value: 0 or 1.
    return _written([{**asdict(line), "parked": int(line.parked)} for line in lines])


def _written(value: object) -> str:
    ascii_only = sys.stdout.encoding.lower() != "utf-8"
    text = json.dumps(value, ensure_ascii=ascii_only, indent=2, default=iso)
    # JSON itself escapes no C1 control and no mark of direction.
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1]
