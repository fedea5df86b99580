"""What SYNC did, in one line an hour: in a quiet inbox each reading says the same."""

from __future__ import annotations

import time
from dataclasses import dataclass

from airbot.sync import SyncResult
from airbot.sync import counted

HOUR_S = 3600.0


@dataclass
class _Sum:
    began: float
    readings: int = 0
    changed: int = 0
    new_texts: int = 0
    troubled: int = 0
    slowest_ms: int = 0

    def add(self, result: SyncResult, took_ms: int) -> None:
        self.readings += 1
        self.changed += result.changed
        self.new_texts += result.new_texts
        self.troubled += result.troubled
        self.slowest_ms = max(self.slowest_ms, took_ms)

    def in_words(self, now: float) -> str:
        # A pause, of the session or of the machine, makes it longer than an hour.
        hours = round((now - self.began) / HOUR_S)
        last = "hour" if hours < 2 else f"{hours} hours"
        troubled = f", {self.troubled} not read whole" if self.troubled else ""
        return (
            f"{counted(self.readings, 'reading')} in the last {last},"
            f" {counted(self.changed, 'conversation')} changed,"
            f" {counted(self.new_texts, 'new message')}{troubled},"
            f" slowest {self.slowest_ms / 1000:.1f} s"
        )


class Hours:
    """Counts the readings; one hour ends where a reading begins the next."""

    def __init__(self) -> None:
        self._sum = _Sum(time.monotonic())
        self.are_new = True  # nothing was counted yet

    def add(self, result: SyncResult, took_ms: int) -> str | None:
        """The sum of the hour that was over before this reading, if one was."""
        now, before = time.monotonic(), self._sum
        is_over = now - before.began >= HOUR_S
        if is_over:
            self._sum = _Sum(now)
        self._sum.add(result, took_ms)
        self.are_new = False
        return before.in_words(now) if is_over else None
