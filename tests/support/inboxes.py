"""An inbox on the simulated Airbnb with SYNC at work on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import cast

from support.fakes import Clock
from support.fakes import FakeAirbnb

from airbot.airbnb import Airbnb
from airbot.config import Config
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Thread
from airbot.storage import Storage
from airbot.sync import Syncer


class Inbox:
    """A simulated inbox with SYNC at work on it; time is moved by hand."""

    def __init__(
        self,
        site: AirbnbSite,
        airbnb: FakeAirbnb,
        storage: Storage,
        make_config: Callable[..., Config],
    ) -> None:
        self.site, self.airbnb, self.storage = site, airbnb, storage
        self.clock = Clock(site)
        storage.session.monotonic = self.clock.monotonic
        self._make_config = make_config
        self.restart()

    def restart(self) -> None:
        """Another process on the same database."""
        airbnb = cast(Airbnb, self.airbnb)
        self.syncer = Syncer(self.storage, airbnb, self._make_config(), self.clock)

    def guest(self, name: str, text: str = "Hello", hours_ago: float = 0) -> Thread:
        thread = self.site.add_thread(name)
        at = self.clock() - timedelta(hours=hours_ago) if hours_ago else None
        self.site.guest_writes(thread, text, at=at)
        return thread

    def answered(self, name: str, hours_ago: float = 1) -> Thread:
        thread = self.guest(name, "Thanks!", hours_ago + 1)
        at = self.clock() - timedelta(hours=hours_ago)
        self.site.host_writes(thread, "You are welcome!", at=at)
        return thread

    def read_after(self, seconds: float = 45) -> list[str]:
        """Run SYNC once more; the calls of it that read the site."""
        self.clock.advance(seconds)
        self.airbnb.calls.clear()
        self.syncer.run()
        return list(self.airbnb.calls)

    def bodies(self, thread: Thread) -> list[str | None]:
        rows = self.storage.db.read(
            "SELECT body FROM messages WHERE thread_id = :id ORDER BY position",
            {"id": thread.id},
        )
        return [row["body"] for row in rows]

    def turns(self, thread: Thread) -> list[str]:
        rows = self.storage.db.read(
            "SELECT status FROM turns WHERE thread_id = :id ORDER BY rowid",
            {"id": thread.id},
        )
        return [row["status"] for row in rows]
