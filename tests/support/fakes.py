"""Stand-ins with the real signatures, for tests that need no browser.

    site = AirbnbSite()                    never started: its world and verbs alone
    airbnb = FakeAirbnb(site)
    airbnb.fail("type_reply", SiteUnavailable("x"))
    airbnb.before("press_send", lambda: site.guest_writes(thread, "And one more thing"))
    site.trouble.send = "swallow"          the sandbox's own switch

test_site_contract.py runs one list of tests over FakeAirbnb and over the real Airbnb in
Chromium: what the tests of SYNC and SEND prove on the fake is worth as much as that.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from typing import Any

from airbot.airbnb import pages
from airbot.airbnb import shapes
from airbot.airbnb.questions import checked
from airbot.airbnb.reader import MORE_MESSAGES
from airbot.airbnb.reader import about_the_conversation
from airbot.airbnb.reader import unless_the_list_works
from airbot.browser import Answer
from airbot.browser import Browser
from airbot.config import Config
from airbot.exceptions import DialogShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import ReplyNotTyped
from airbot.exceptions import SiteChanged
from airbot.exceptions import ThreadError
from airbot.exceptions import ThreadNotShown
from airbot.models import InboxPage
from airbot.models import PressOutcome
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import Turn
from airbot.policy.rules import Rules
from airbot.sandbox.content import changed
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.trouble import ThreadTrouble
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread
from airbot.send import Sender
from airbot.storage import Storage
from airbot.sync import Syncer

# The steps that are about one conversation: what fails there may be its own trouble.
STEPS = {
    "open_thread": "open",
    "read_thread": "read",
    "type_reply": "type",
    "check_typed": "type",
    "press_send": "press",
}
REFUSAL = (
    "Airbnb refused the message (HTTP 400): Links and contact info can't be shared"
)


class Clock:
    """The machine's clock and the site's, moved together by hand."""

    def __init__(self, site: AirbnbSite) -> None:
        self._site = site
        self._ahead_s = 0.0  # of our wall clock, before the site's

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self._site.now() + self._ahead_s, UTC)

    def monotonic(self) -> float:
        return self._site.now()

    def advance(self, seconds: float) -> None:
        self._site.clock_offset_s += seconds

    def jump(self, seconds: float) -> None:
        """Our wall clock alone is put forward, or back."""
        self._ahead_s += seconds


class FakeAirbnb:
    """The inbox without pages: the sandbox's world, read in memory."""

    def __init__(self, site: AirbnbSite) -> None:
        self.site = site
        self.calls: list[str] = []
        self.composer = ""  # what the box of the open conversation holds
        self.incomplete = self.sending = False  # of the readings from now on
        self._standing: str | None = None
        self._pressed: bool | None = None  # None: no page is open
        self._dialog = False  # does one lie over it?
        self._errors: dict[str, list[Exception | None]] = defaultdict(list)
        self._late_errors: dict[str, list[Exception | None]] = defaultdict(list)
        self._callbacks: dict[str, list[Callable[[], object]]] = defaultdict(list)

    # Trouble

    def fail(
        self, step: str, error: Exception, call: int = 1, late: bool = False
    ) -> None:
        """Raise at the `call`th call of a step; `late`: after its effect."""
        errors = self._late_errors if late else self._errors
        errors[step] = [None] * (call - 1) + [error]

    def before(self, step: str, callback: Callable[[], object], call: int = 1) -> None:
        """Call back once, right before the `call`th call of a step."""
        self._callbacks[step] += [lambda: None] * (call - 1) + [callback]

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self.calls.append(name)
        if self._callbacks[name]:
            self._callbacks[name].pop(0)()
        if self.site.trouble.logged_out:
            raise LoginRequired("Airbnb asks for a login")
        step = STEPS.get(name, "")
        with about_the_conversation(step, bool(step)):
            _raise_next(self._errors[name])
            yield
            _raise_next(self._late_errors[name])

    # Reading

    def open_inbox(self, thread_id: str | None = None) -> InboxPage:
        with self._step("open_inbox"):
            threads = self.site.world.inbox()
            shown = self._thread(thread_id) if thread_id else None
            self._open(shown or (threads[0] if threads else None))
            return self._page(None)

    def open_thread(self, thread_id: str) -> Reading:
        with self._step("open_thread"):
            self._open(None)
            thread = self._shown(thread_id)
            reading = self._reading(thread)
            self._open(thread)
            return replace(reading, sending=self.sending)

    def read_inbox(self, cursor: str | None = None) -> InboxPage:
        with self._step("read_inbox"):
            self._pressed = bool(self._pressed)
            return self._page(cursor)

    def read_thread(
        self, thread_id: str, fresh: bool = False, more: bool = False
    ) -> Reading:
        with self._step("read_thread"):
            self._pressed = bool(self._pressed)
            with unless_the_list_works(lambda: self._page(None)):
                limit = MORE_MESSAGES if more else 50
                return self._reading(self._shown(thread_id), limit)

    def look_anew(self, thread_id: str, rest: str | None) -> Reading:
        self.open_inbox(rest)
        return replace(self.read_thread(thread_id, fresh=True), fresh=True)

    @property
    def account_id(self) -> str:
        return self.site.host.id

    @property
    def loaded_since_press(self) -> bool:
        return self._pressed is False

    @property
    def standing(self) -> str | None:
        return self._standing

    # Sending

    def type_reply(self, text: str) -> None:
        with self._step("type_reply"):
            trouble = self._trouble()
            if trouble.composer == "none" or self.site.trouble.markup_gone:
                raise SiteChanged("the composer")
            if self._dialog:
                raise DialogShown("a dialog lies over Airbnb's page")
            coming = trouble.interruption
            if coming and coming.when != "load" and coming.take():
                raise ReplyNotTyped("a dialog opened over the page")
            if re.search(trouble.send_disabled_for or r"(?!)", text):
                raise SiteChanged("the Send button")
            self.composer = text

    def check_typed(self, thread_id: str, text: str) -> None:
        with self._step("check_typed"):
            if self._standing != thread_id:
                raise ReplyNotTyped("the page went to another conversation")
            if self.composer != text:
                self.composer = ""
                raise ReplyNotTyped("the composer did not hold exactly the reply")

    def empty_composer(self) -> None:
        with self._step("empty_composer"):
            self.composer = ""

    def press_send(self) -> PressOutcome:
        with self._step("press_send"):
            self._pressed = True
            thread = self._thread(self._standing or "")
            assert thread, "Send was pressed where no conversation is open"
            trouble = self.site.take_send(thread)
            if trouble == "no_request":
                return PressOutcome(False)
            if trouble in ("refuse", "refuse_200"):
                return PressOutcome(True, refused=True, sentence=REFUSAL)
            text, self.composer = self.composer, ""
            if trouble == "swallow":
                return PressOutcome(True)
            how = self.site.trouble_of(thread)
            message = self._post(changed(text, trouble, how.placeholder))
            return PressOutcome(True, named=_named(message, how.send_names))

    def works(self, step: str, thread_id: str) -> bool:
        try:
            if step == "read":
                self.read_thread(thread_id)
                return True
            self.open_thread(thread_id)
            return self._trouble().composer != "none"
        except ThreadError:
            return False

    @contextmanager
    def one_browser(self) -> Iterator[None]:
        yield

    # The world

    def _post(self, text: str) -> Message | None:
        thread = self._thread(self._standing or "")
        assert thread is not None
        self.site.fire("before_send_taken", thread)
        message = self.site.world.post(
            thread,
            self.site.trouble_of(thread).send_as or self.site.host,
            text,
            unique_identifier=f"{len(self.site.world.by_identifier)}",
        )
        self.site.fire("after_send_taken", thread)
        return message

    def _open(self, thread: Thread | None) -> None:
        """A page that is loaded has an empty composer, and marks what it shows read."""
        self.composer, self._standing = "", thread.id if thread else None
        self._pressed = False
        coming = self._trouble().interruption
        self._dialog = bool(coming and coming.when == "load" and coming.take())
        if thread:
            thread.unread = False

    def _trouble(self) -> ThreadTrouble:
        thread = self._thread(self._standing or "")
        return self.site.trouble_of(thread) if thread else self.site.trouble

    def _thread(self, thread_id: str) -> Thread | None:
        number = shapes.number_of(thread_id, shapes.THREAD_TYPE)
        return self.site.world.threads.get(number or "")

    def _shown(self, thread_id: str) -> Thread:
        thread = self._thread(thread_id)
        if thread is None:
            raise ThreadNotShown(
                "Airbnb does not show this conversation to this account"
            )
        return thread

    def _reading(self, thread: Thread, limit: int = 50) -> Reading:
        body = self.site.thread_json(thread, limit)
        data = self._checked(pages.THREAD_QUERY, body, thread)
        reading = shapes.reading(data, thread.id, self.site.host.id, self._now())
        return replace(reading, complete=reading.complete and not self.incomplete)

    def _page(self, cursor: str | None) -> InboxPage:
        data = self._checked(pages.LIST_QUERY, self.site.list_json(cursor))
        return shapes.inbox_page(data, None, self._now())

    def _checked(
        self, operation: str, body: dict[str, Any], thread: Thread | None = None
    ) -> Any:
        """As the real one understands it: through text, and by the same checks."""
        own = self.site.concerned(operation, thread)
        status = next((t.api_status for t in own if t.api_status), 200)
        if any(t.html_on_api for t in own):
            raise SiteChanged(f"JSON in the answer to {operation}")
        answer = Answer(self.site.url, status, {}, json.dumps(body))
        return checked(answer, operation, self.site.url)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.site.now(), UTC)


def _named(message: Message | None, names: str | None) -> frozenset[str]:
    """What the answer to a send says that it has stored."""
    if message is None or names == "nothing":
        return frozenset()
    return frozenset({message.uuid, *([] if names == "uuid" else [message.id])})


def _raise_next(errors: list[Exception | None]) -> None:
    if errors and (error := errors.pop(0)):
        raise error


class KeptOpen(Browser):
    """For the gate: that it closes the browser is tested elsewhere."""

    def __init__(self) -> None:
        pass

    def close(self) -> None:
        pass


class Scene:
    """One thread with a waiting guest, and SYNC and SEND at their work on it.

    `airbnb` may be the real one: the same tests then run in Chromium.
    """

    def __init__(
        self, site: AirbnbSite, airbnb: Any, storage: Storage, config: Config
    ) -> None:
        self.site, self.airbnb, self.storage = site, airbnb, storage
        self.clock = Clock(site)
        storage.session.monotonic = self.clock.monotonic
        self.rules = Rules.of(config)
        self.syncer = Syncer(storage, airbnb, config, self.clock)
        self.sender = Sender(storage, airbnb, config, self.clock)
        self.thread = site.add_thread("Maya")
        self.reply_id = ""

    def guest(self, text: str = "Is parking free?") -> None:
        self.site.guest_writes(self.thread, text)

    def host(self, text: str = "I am on it, Maya.") -> None:
        self.site.host_writes(self.thread, text)

    def queue(self, text: str) -> Reply:
        """The guest has written, SYNC has read it, the AI has answered."""
        self.guest()
        self.syncer.run()
        turn = self.turn()
        reply = self.storage.outbox.enqueue(turn, text, "ai", self.clock())
        self.reply_id = reply.id
        return reply

    def queue_without_turn(self, text: str, thread_id: str) -> Reply:
        outbox = self.storage.outbox
        reply = outbox.enqueue_without_turn(thread_id, text, "ai", self.clock())
        self.reply_id = reply.id
        return reply

    def later(self, seconds: float) -> Reply:
        """Let time pass, and SEND run; the reply as it is then."""
        self.clock.advance(seconds)
        self.sender.run()
        return self.reply()

    def reply(self) -> Reply:
        reply = self.storage.outbox.get(self.reply_id)
        assert reply is not None
        return reply

    def turn(self) -> Turn:
        turn = self.storage.turns.newest(self.thread.id)
        assert turn is not None
        return turn

    def texts_of_turn(self) -> list[str | None]:
        return [text.body for text in self.storage.turns.question(self.turn()).texts]

    def posted(self) -> list[str]:
        return [message.text for message in self.site.posted()]


class Closes(Browser):
    """A browser that is never started, and counts how often it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1
