"""How fast: the hourly limits of SEND, and the wait after a try that failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta

from airbot.policy.rules import Rules

BACKOFF_FIRST_S = 15.0
BACKOFF_CAP_S = 900.0
SLOWEST = timedelta(seconds=BACKOFF_CAP_S)
LEEWAY = timedelta(minutes=1)  # two threads' clocks differ, and NTP puts ours back
MOST_WITHOUT_TURN = 20  # rows that wait and answer no question
MOST_UNKNOWN = 20  # rows an hour for conversations that no reading has shown
LIMIT_LOOKED_AT = timedelta(minutes=1)  # how often a reply over its limit is tried
EVERYWHERE = ""


@dataclass(frozen=True)
class SentWithinHour:
    """How many other replies were pressed within the last hour."""

    in_thread: int
    in_all: int


@dataclass(frozen=True)
class Full:
    """An hour in which enough was sent, in one conversation or `EVERYWHERE`."""

    where: str
    reason: str


def full_hour(sent: SentWithinHour, thread_id: str, rules: Rules) -> Full | None:
    """Which limit a reply to that thread would break; None: it may go."""
    if sent.in_thread >= rules.per_thread_hour:
        reason = f"waits: {rules.per_thread_hour} replies an hour in one conversation"
        return Full(thread_id, reason)
    if sent.in_all >= rules.per_hour:
        return Full(EVERYWHERE, f"waits: {rules.per_hour} replies an hour")
    return None


def is_due(at: datetime | None, now: datetime, longest: timedelta) -> bool:
    """Has a stored waiting time come?

    One that is further ahead than airbot ever waits was stored by a clock that went
    wrong: it is due.
    """
    return at is None or not now < at <= latest_wait(now, longest)


def latest_wait(now: datetime, longest: timedelta) -> datetime:
    """No wait ends behind it."""
    return now + longest + LEEWAY


def longest_wait(rules: Rules) -> timedelta:
    """That a reply is ever given."""
    return max(SLOWEST, rules.settle_after)


def backoff_s(attempts: int) -> float:
    """Seconds before the next try, after so many that failed."""
    return min(BACKOFF_CAP_S, BACKOFF_FIRST_S * 2.0 ** min(max(0, attempts - 1), 20))
