"""What the simulated Airbnb knows: accounts, threads, messages, who has read what.

No HTTP and no JSON here. Facts: airbnb-web.md of 2026-11, sections 2, 3.4 and 8.
"""

from __future__ import annotations

import base64
import random
import string
import threading
import uuid
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any

from airbot.sandbox.trouble import ThreadTrouble

#: participantRole -> productRole, roleDescription, userRoleForLogging.
#: CO_HOST's product role and number are not attested.
ROLES = {
    "GUEST": ("BOOKER", "Booker", 3),
    "HOST": ("PRIMARY_HOST", "Host", 1),
    "COTRAVELER": ("COTRAVELER", "Guest", 12),
    "CO_HOST": ("CO_HOST", "Co-host", 2),
}


def global_id(kind: str, number: str) -> str:
    """The id that reads use, e.g. base64 of "MessageThread:2470000001"."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


@dataclass(frozen=True)
class Account:
    id: str
    name: str
    type: str = "USER"


#: Writes the notices; is in no participant list.
SERVICE = Account("95", "Airbnb service", "SERVICE")


@dataclass(frozen=True)
class Reaction:
    account: Account
    emoji: str
    at_ms: int


@dataclass(eq=False)
class Message:
    id: str
    thread: Thread
    account: Account
    kind: str  # "text" | "photo" | "voice" | "card" | "notice"
    text: str
    created_at_ms: int
    updated_at_ms: int
    subtype: str | None = None
    edited_at_ms: int | None = None
    deleted_at_ms: int | None = None
    unique_identifier: str | None = None  # of the send request it came in through
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    reactions: list[Reaction] = field(default_factory=list)

    @property
    def deleted(self) -> bool:
        return self.deleted_at_ms is not None


@dataclass(eq=False)
class Thread:
    number: str
    type: str
    participants: list[tuple[Account, str]]  # the account and its ROLES key
    hosted: bool
    listing_id: str
    listing: str
    stage: str
    status: str
    dates: str
    code: str
    made_at_ms: int
    unread: bool = False
    shown: bool = True  # to the logged-in account
    activity_at_ms: int | None = None
    messages: list[Message] = field(default_factory=list)
    trouble: ThreadTrouble = field(default_factory=ThreadTrouble)

    @property
    def id(self) -> str:
        return global_id("MessageThread", self.number)

    def with_role(self, *roles: str) -> list[Account]:
        return [account for account, role in self.participants if role in roles]

    def role_of(self, account: Account) -> str | None:
        return dict(self.participants).get(account)

    def in_order(self) -> list[Message]:
        """Oldest to newest; messages of one millisecond in the order they came."""
        return sorted(self.messages, key=lambda m: m.created_at_ms)

    def sort_key(self) -> int:
        """mostRecentInboxActivityAtMsFromROS: what the list is sorted by."""
        if self.activity_at_ms is not None:
            return self.activity_at_ms
        first = self.in_order()[:1]
        return first[0].created_at_ms if first else self.made_at_ms


class World:
    """The state behind the site. Every method may be called from any thread."""

    def __init__(self, clock: Callable[[], float], host: str = "Nora") -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._random = random.Random()
        self._numbers = {"account": 602_114_000, "thread": 2_611_480_000}
        self._numbers["message"] = 32_804_117_000
        self.host = self.account(host)
        self.threads: dict[str, Thread] = {}
        self.by_identifier: dict[str, Message] = {}

    def now_ms(self) -> int:
        return int(self._clock() * 1000)

    def account(self, name: str, type: str = "USER") -> Account:
        return Account(self._number("account"), name, type)

    def _number(self, kind: str) -> str:
        with self.lock:
            self._numbers[kind] += self._random.randint(1, 900)
            return str(self._numbers[kind])

    # -- threads ------------------------------------------------------------

    def add_thread(
        self,
        other: Account | None,
        number: str | None,
        hosted: bool,
        coguests: Iterable[Account],
        cohosts: Iterable[Account],
        **shown: Any,
    ) -> Thread:
        """`other` is the guest of a hosted thread, the host of an own trip."""
        me, others = ("HOST", "GUEST") if hosted else ("GUEST", "HOST")
        people = [(other, others)] if other else []
        people += [(self.host, me)]
        people += [(account, "COTRAVELER") for account in coguests]
        people += [(account, "CO_HOST") for account in cohosts]
        code = "HM" + "".join(self._random.choices(string.ascii_uppercase, k=8))
        thread = Thread(
            number=number or self._number("thread"),
            participants=people,
            hosted=hosted,
            code=code,
            made_at_ms=self.now_ms(),
            **shown,
        )
        with self.lock:
            if thread.number in self.threads:
                raise ValueError(f"thread {thread.number} is there already")
            self.threads[thread.number] = thread
        return thread

    def other(self, thread: Thread) -> Account:
        """The other side: the guest, or the host of an own trip."""
        return next(a for a, _ in thread.participants if a != self.host)

    def inbox(self, unread_only: bool = False) -> list[Thread]:
        """Newest activity first, which is not the order of the last messages."""
        with self.lock:
            threads = [t for t in self.threads.values() if t.shown]
            wanted = [t for t in threads if t.unread or not unread_only]
            return sorted(wanted, key=lambda t: (-t.sort_key(), t.number))

    def priority(self, rows: int) -> list[Thread]:
        """The rows that stand in both lists; they carry the tag `priority`."""
        return [thread for thread in self.inbox() if thread.hosted][:rows]

    # -- messages -----------------------------------------------------------

    def post(
        self,
        thread: Thread,
        account: Account,
        text: str,
        *,
        kind: str = "text",
        at: datetime | None = None,
        subtype: str | None = None,
        scheduled: bool = False,
        unique_identifier: str | None = None,
        stored: bool = True,
    ) -> Message:
        """Store one message; with a known `unique_identifier`, give the first again.
        With `stored=False` it has its id and is nowhere."""
        if at is not None and at.tzinfo is None:
            raise ValueError("at must know its time zone")
        with self.lock:
            if unique_identifier in self.by_identifier:
                return self.by_identifier[unique_identifier]
            created = self.now_ms() if at is None else round(at.timestamp() * 1000)
            message = Message(
                id=self._number("message"),
                thread=thread,
                account=account,
                kind=kind,
                text=text,
                created_at_ms=created,
                updated_at_ms=created + (431 if scheduled else 0),
                subtype=subtype,
                unique_identifier=unique_identifier,
            )
            if not stored:
                return message
            thread.messages.append(message)
            if unique_identifier:
                self.by_identifier[unique_identifier] = message
            if not scheduled:
                self.bump(thread, created)
            return message

    def bump(self, thread: Thread, at_ms: int) -> None:
        thread.activity_at_ms = max(at_ms, thread.activity_at_ms or 0)

    def edit(self, message: Message, text: str) -> None:
        with self.lock:
            message.text = text
            # never equal to the time of creation, however fast the test
            edited = max(self.now_ms(), message.created_at_ms + 1)
            message.edited_at_ms = message.updated_at_ms = edited

    def unsend(self, message: Message) -> None:
        with self.lock:
            deleted = max(self.now_ms(), message.created_at_ms + 1)
            message.deleted_at_ms = message.updated_at_ms = deleted

    def react(self, thread: Thread, account: Account, emoji: str) -> None:
        with self.lock:
            now = self.now_ms()
            for message in thread.in_order()[-1:]:
                message.reactions.append(Reaction(account, emoji, now))
            self.bump(thread, now)
