"""What airbot remembers: one SQLite file. The only room that knows SQL.

    storage = Storage(path)
    storage.inbox     threads and messages, as read
    storage.readings  taking in a reading, and what follows from it
    storage.troubles  conversations that cannot be read, or not whole
    storage.turns     questions to the AI
    storage.outbox    replies, the table `queue_outbox`
    storage.ai        how the AI stands to us
    storage.runs      when airbot ran
    storage.session   how we stand with Airbnb
    storage.calls     signed calls of the AI, so that each counts once
    storage.verbs      what a person does at the command line
    storage.shown     what people are shown

    View(path)        only looks, and makes copies

Every method is one transaction. Errors: StorageError when the file, the disk or another
process is in the way; nothing was written then.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from airbot.models import Answered
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Thread
from airbot.policy.proof import Verdict
from airbot.policy.rules import Rules
from airbot.storage.ai import AIStore
from airbot.storage.calls import Calls
from airbot.storage.database import Database
from airbot.storage.inbox import Inbox
from airbot.storage.outbox import Outbox
from airbot.storage.overview import Shown
from airbot.storage.readings import Readings
from airbot.storage.runs import Runs
from airbot.storage.session import SessionStore
from airbot.storage.troubles import Troubles
from airbot.storage.turns import Turns
from airbot.storage.verbs import Verbs
from airbot.storage.view import View

__all__ = ["Shown", "Storage", "View"]


class Storage:
    """One open database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = Database(path)
        self.inbox = Inbox(self.db)
        self.readings = Readings(self.db)
        self.troubles = Troubles(self.db)
        self.turns = Turns(self.db)
        self.outbox = Outbox(self.db)
        self.ai = AIStore(self.db)
        self.runs = Runs(self.db)
        self.session = SessionStore(self.db)
        self.verbs = Verbs(self.db)
        self.calls = Calls(self.db)
        self.shown = Shown(self.db)

    def once(self, call_id: str, act: Callable[[], Answered]) -> Answered:
        """What a call led to; one that comes again leads to nothing new.

        One commit: a death in between would let a repeat count twice.
        """
        with self.db.transaction():
            held = self.calls.get(call_id)
            if held is None:
                held = act()
                self.calls.keep(call_id, held)
        return held

    def conclude(
        self,
        reply: Reply,
        verdict: Verdict,
        again_at: datetime | None,
        now: datetime,
        rules: Rules,
        reading: Reading | None,
        row: Thread | None,
    ) -> Reply | None:
        """Write down what a reading proved, and what it means for the thread's turn.

        One commit: a death in between would leave a guest text without a turn. None
        when somebody else settled the reply meanwhile.
        """
        read_at = reading.site_time if reading else None
        with self.db.transaction():
            concluded = self.outbox.conclude(reply, verdict, now, again_at, read_at)
            if reading is not None:
                self.readings.take_in(reading, rules, now, row)
                if concluded is not None and concluded.status == ReplyStatus.CANCELLED:
                    site_now = reading.site_time
                    self.turns.expire_left(concluded.turn_id, site_now, rules, now)
        return concluded

    def check(self) -> None:
        """Raise WrongDatabase when the file is damaged."""
        self.db.check()

    def check_place(self) -> None:
        """Raise DatabaseGone when the file is not the one that was opened."""
        self.db.check_place()

    def prune(self, before: datetime) -> int:
        """Forget the threads in which nothing happened since; how many."""
        pruned = self.inbox.prune(before)
        self.db.shrink_log()
        return pruned

    def close(self) -> None:
        self.db.close()
