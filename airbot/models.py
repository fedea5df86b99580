"""The nouns: threads, messages, turns, replies, and what a reading of them shows.

Plain frozen values without behaviour that touches anything outside. What people wrote
is left out of their `repr`, so that it cannot end up in a log.
Times are aware UTC datetimes; ids are text, never numbers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from enum import StrEnum


def utcnow() -> datetime:
    """The machine's clock. Ages are judged by Airbnb's clock instead."""
    return datetime.now(UTC)


def iso(at: datetime) -> str:
    """A time as tables and JSON hold it: `2026-11-22T10:27:03.120Z`."""
    utc = at.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def short_id(id_: str) -> str:
    """The beginning of a turn's or reply's id, by which people name it."""
    return id_[:8]


class Direction(StrEnum):
    INBOUND = "inbound"  # a guest or a co-traveller
    OUTBOUND = "outbound"  # the host's side, ourselves included
    SYSTEM = "system"  # Airbnb's service accounts


class Kind(StrEnum):
    TEXT = "text"
    MEDIA = "media"
    CARD = "card"
    NOTICE = "notice"
    DELETED = "deleted"  # unsent; its body is gone


class TurnStatus(StrEnum):
    NEW = "new"  # waits to be asked
    ASKED = "asked"  # the AI has it
    ANSWERED = "answered"  # a reply is in the outbox
    IGNORED = "ignored"  # the AI said: no reply
    SUPERSEDED = "superseded"  # a longer or edited turn took its place
    TAKEN_OVER = "taken_over"  # someone on the host's side answered
    EXPIRED = "expired"  # too old to answer
    FAILED = "failed"  # the AI refused, for good


class ReplyStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Door(StrEnum):
    """What a text that is to be sent came in with."""

    INLINE = "inline"  # the AI's answer to our own question
    TOKEN = "token"  # the turn's own, from the callback_url
    SECRET = "secret"
    SIGNATURE = "signature"
    PLAIN = "plain"  # nothing but that it came from this machine
    PERSON = "person"


class SessionState(StrEnum):
    OK = "ok"
    LOGIN = "login"
    CAPTCHA = "captcha"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Message:
    """One message as Airbnb shows it; `role` is the sender's part in the thread."""

    id: str
    account_id: str
    sender: str
    role: str
    direction: Direction
    kind: Kind
    body: str | None = field(repr=False)
    sent_at: datetime
    note: str | None = None  # why it was sorted as it was, where that is not plain
    uuid: str | None = None  # Airbnb's other name for it
    scheduled: bool = False  # the host's side's, but written long ago (policy)

    @property
    def is_guest_text(self) -> bool:
        return self.direction == Direction.INBOUND and self.kind == Kind.TEXT

    @property
    def is_host_text(self) -> bool:
        return self.direction == Direction.OUTBOUND and self.kind == Kind.TEXT

    @property
    def is_persons_answer(self) -> bool:
        """A text or a photo of the host's side, unless the clock has sent it."""
        theirs = self.direction == Direction.OUTBOUND and not self.scheduled
        return theirs and self.kind in (Kind.TEXT, Kind.MEDIA)


@dataclass(frozen=True)
class Thread:
    """A conversation as its row in the inbox shows it.

    `mark` changes whenever the newest message is another, edited or unsent.
    `own_role` is our own account's part in it, None when it has none.
    """

    id: str
    title: str
    own_role: str | None
    hosted: bool
    listing_id: str | None
    stage: str | None
    description: str | None
    activity_at: datetime | None
    mark: str | None
    latest: Message | None
    latest_id: str | None = None  # of the newest message, also where only that is shown


@dataclass(frozen=True)
class Odd:
    """A row or a message that could not be understood: where, and its id if it has one.

    `path` is the JSON path of what was missed, such as `data.threadData.messageData
    .messages[3].createdAtMs`. `newest`: no text that was understood stands below it, so
    that it may be a guest's question, or the host's answer.
    """

    path: str
    id: str | None = None
    newest: bool = False


@dataclass(frozen=True)
class InboxPage:
    """One page of the list, newest activity first. `odd`: rows that were set aside."""

    account_id: str
    threads: tuple[Thread, ...]
    next_cursor: str | None
    site_time: datetime
    odd: tuple[Odd, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A thread with its messages, oldest first, as one answer of the site shows it.

    `complete`: nothing newer is held back. `sending`: the page shows something that
    is still on its way. `from_start`: no older message is left out. `odd`: messages
    that were set aside. `fresh`: asked over the network, from a page loaded for it.
    """

    thread: Thread
    account_id: str
    messages: tuple[Message, ...]
    complete: bool
    site_time: datetime
    sending: bool = False
    from_start: bool = True
    odd: tuple[Odd, ...] = ()
    fresh: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(message.id for message in self.messages)


@dataclass(frozen=True)
class PressOutcome:
    """What the press looked like from outside; never proof of delivery.

    `requested`: a send request left the page. `refused`: it was answered with 4xx or
    `errors`, in the site's words `sentence`.
    """

    requested: bool
    refused: bool = False
    sentence: str | None = None
    named: frozenset[str] = frozenset()  # ids and uuids of what the site has stored

    def in_a_word(self) -> str:
        """As the row remembers it: none, left, refused, accepted."""
        if not self.requested:
            return "none"
        if self.refused:
            return "refused"
        return "accepted" if self.named else "left"


@dataclass(frozen=True)
class Turn:
    """The guest texts of a thread that nobody has answered."""

    id: str
    thread_id: str
    status: TurnStatus
    fingerprint: str
    supersedes: int
    first_at: datetime
    newest_at: datetime
    attempts: int = 0
    refusals: int = 0
    silences: int = 0  # taken with a 2xx, and no answer came
    taken_as: str | None = None  # the shape of the last such 2xx
    old_ok: bool = False  # a person wants it asked, however old
    reason: str | None = None

    @property
    def short_id(self) -> str:
        return short_id(self.id)


@dataclass(frozen=True)
class Question:
    """All that the AI is told about a turn; see contract/payload.py for the JSON."""

    turn: Turn
    sender: str
    listing_id: str | None
    stage: str | None
    description: str | None
    texts: tuple[Message, ...]
    history: tuple[Message, ...]


@dataclass(frozen=True)
class Trouble:
    """A conversation that cannot be read, or not whole; since when, how often."""

    thread_id: str
    title: str
    sentence: str
    since: datetime
    times: int
    read_again_at: datetime


@dataclass(frozen=True)
class TakenIn:
    """What taking in a reading brought: new guest texts, and the decision in words."""

    new_texts: int
    reason: str
    may_send: bool
    whole: bool = True  # else the reading has decided nothing
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Reply:
    """A row of `queue_outbox`; `revision` counts its changes."""

    id: str
    thread_id: str
    turn_id: str | None
    message: str = field(repr=False)
    sender: str
    status: ReplyStatus
    attempts: int
    created_at: datetime
    revision: int = 0
    presses: int = 0
    send_started_at: datetime | None = None
    known_to: int | None = None  # the newest row of `messages` before the first press
    request: str | None = None  # what became of the page's send request
    named: frozenset[str] = frozenset()  # what its answer said that it has stored
    first_absent_at: datetime | None = None
    absent_readings: int = 0
    parked: bool = False
    old_ok: bool = False
    site_message_id: str | None = None
    last_error: str | None = None
    door: Door | None = None  # None: queued before airbot kept it

    @property
    def short_id(self) -> str:
        return short_id(self.id)


@dataclass(frozen=True)
class Answered:
    """What a call of the AI led to: a reply, or a turn that wants none."""

    reply: Reply | None
    turn: Turn | None


@dataclass(frozen=True)
class Session:
    """How we stand with Airbnb, and the sentence that a person is shown about it.

    `clock_offset_s`: Airbnb's clock minus ours, as of its last answer.
    """

    state: SessionState
    since: datetime
    sentence: str
    tries: int
    next_try_at: datetime | None
    account_id: str | None
    clock_offset_s: float

    def site_time(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.clock_offset_s)

    def in_words(self) -> str:
        return f"session {self.state}: {self.sentence}"

    @property
    def person_needed(self) -> bool:
        """Does Airbnb wait for a person, so that nothing goes on by itself?"""
        return self.state in (SessionState.LOGIN, SessionState.CAPTCHA)


@dataclass(frozen=True)
class Job:
    """SYNC or SEND as they went last; `failing_since` while they fail.

    `next_try_at`: until then this job waits, and the other one goes on.
    """

    started_at: datetime
    took_ms: int
    outcome: str
    failing_since: datetime | None = None
    tries: int = 0
    next_try_at: datetime | None = None
    running_since: datetime | None = None

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(milliseconds=self.took_ms)


@dataclass(frozen=True)
class Run:
    """A life of the program; `ended_at` is None while it runs, or if it was killed."""

    mode: str  # "daemon" or "once"
    version: str
    settings: str  # the file that they were read from, in words
    started_at: datetime
    ended_at: datetime | None = None
    crowded_at: datetime | None = None  # all connections of the webhook were taken


class AITrouble(StrEnum):
    UNREACHED = "unreached"  # no whole answer came over the line
    REFUSING = "refusing"  # an HTTP status that is none of success
    SILENT = "silent"  # a 2xx that was no answer, and none came after it
    UNUSABLE = "unusable"  # an answer that cannot be typed


@dataclass(frozen=True)
class AIHealth:
    """How the AI stands to us: its last answer, and since when and why it fails.

    `next_try_at`: nobody is asked before.
    """

    answered_at: datetime | None = None
    failing_since: datetime | None = None
    kind: AITrouble | None = None
    trouble: str | None = None
    next_try_at: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """Something that waits for a person, and the command for it.

    `who` it is about is shown to people, and never logged. `since`: how long a guest
    waits there. `missed`: a guest who was not answered in time; after an outage these
    are many.
    """

    what: str
    command: str
    who: str | None = None
    since: datetime | None = None
    missed: bool = False


def fingerprint(texts: tuple[Message, ...]) -> str:
    """Names a turn by what the guest wrote: another word is another turn."""
    said = json.dumps([(text.id, text.body) for text in texts])
    return hashlib.sha256(said.encode()).hexdigest()
