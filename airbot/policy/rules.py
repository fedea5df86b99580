"""What the host's settings say about answering, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta

from airbot.config import Config


@dataclass(frozen=True)
class Rules:
    """Built once; handed to whoever decides.

    `max_age`: how old a guest's text may be and still be answered. `settle_after`: how
    far apart two readings must be to prove that nothing arrived.
    """

    max_age: timedelta
    settle_after: timedelta
    max_attempts: int  # tries of a reply that never came to Send
    per_thread_hour: int  # replies sent in one conversation
    per_hour: int  # replies sent in all
    ignores_scheduled: bool = True  # else a text of the clock's counts as a person's

    @classmethod
    def of(cls, config: Config) -> Rules:
        send = config.send
        return cls(
            max_age=config.sync.max_age,
            settle_after=timedelta(seconds=send.settle_sec),
            max_attempts=send.max_attempts,
            per_thread_hour=send.max_per_thread_hour,
            per_hour=send.max_per_hour,
            ignores_scheduled=config.answers.scheduled == "ignore",
        )

    def is_too_old(self, at: datetime, now: datetime) -> bool:
        return now - at > self.max_age

    def missed(self, guests: int) -> str:
        """What is said of guests whom nobody answered in time."""
        who = "1 guest was" if guests == 1 else f"{guests} guests were"
        return f"{who} not answered in time ({self.too_old}): see airbot status"

    @property
    def too_old(self) -> str:
        """The reason in words."""
        return f"older than {self.max_age.total_seconds() / 3600:g} h"
