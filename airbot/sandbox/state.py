"""SiteState: what the verbs, the API and the pages of one simulated Airbnb share.

Here: the switches, the clock, the sessions, the hashes, who is called back, what was
asked. The verbs and the server are in site.py, the addresses in api.py, routes.py and
extras.py; they know this file and not each other.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airbot.sandbox import shapes
from airbot.sandbox.operations import FIELDS
from airbot.sandbox.operations import INBOX
from airbot.sandbox.operations import THREAD
from airbot.sandbox.server import CutConnection
from airbot.sandbox.trouble import HeldBack
from airbot.sandbox.trouble import ThreadTrouble
from airbot.sandbox.trouble import Trouble
from airbot.sandbox.world import Account
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread
from airbot.sandbox.world import World

INBOX_PATH = "/hosting/messages"
SESSION_COOKIES = ("_airbed_session_id", "_aat")
#: Requests remembered; `airbot demo` may run for days.
_REMEMBERED = 20_000

Json = dict[str, Any]
Callback = Callable[[Thread], Any]


@dataclass
class Request:
    """One request that reached the site. `status` is None until it is answered, and
    0 when the connection was cut."""

    method: str
    path: str
    at: float
    operation: str | None = None
    thread_number: str | None = None
    unique_identifier: str | None = None  # of a send
    status: int | None = None


class SiteState:
    """Everything of one site but its verbs and its addresses."""

    def __init__(self) -> None:
        self.trouble = Trouble()
        self.clock_offset_s = 0.0
        self.require_cookie = False
        self.person_is_there = False  # who logs in, or passes the check, by himself
        self.poll_s = 2.0  # how often an open page reads the list again
        self.world = World(self.now)
        self.api_key = secrets.token_hex(16)  # public on the real site
        self.sessions: set[str] = set()
        self.stopping = threading.Event()
        self.hashes: dict[str, str] = {}
        self.new_deploy()
        self.pressed_buttons: list[str] = []  # of interruptions
        self._recorded: deque[Request] = deque(maxlen=_REMEMBERED)
        self._callbacks: dict[str, list[Callback]] = {}
        self._odd: dict[str, list[Callable[[Json], Any]]] = {}
        self._opening = False

    def now(self) -> float:
        return time.time() + self.clock_offset_s

    def wait(self, seconds: float | None) -> None:
        """A pause inside an answer; the site's end cuts it short."""
        if self.stopping.wait(seconds):
            raise CutConnection

    @property
    def host(self) -> Account:
        """The account that is logged in."""
        return self.world.host

    # -- what became of it ----------------------------------------------------

    def messages(self, thread: Thread) -> list[Message]:
        """Oldest to newest, whoever posted them and whichever way."""
        with self.world.lock:
            return thread.in_order()

    def posted(self, thread: Thread | None = None) -> list[Message]:
        """What came in through the send request, in the order of arrival."""
        with self.world.lock:
            sent = list(self.world.by_identifier.values())
        return [m for m in sent if thread is None or m.thread is thread]

    def unread(self, thread: Thread) -> bool:
        return thread.unread

    @property
    def requests(self) -> list[Request]:
        """Everything asked of the site, in order, its own /_sandbox/ and /static/
        addresses apart."""
        return list(self._recorded)

    def record(self, request: Request) -> None:
        if not request.path.startswith(("/_sandbox/", "/static/")):
            self._recorded.append(request)

    def on(self, event: str, callback: Callback) -> None:
        """Call `callback(thread)` inside the server, before the answer goes out.

        Events: "before_send_taken", "after_send_taken", "thread_read" (its JSON is
        asked for), "thread_opened" (the page marks it read).
        """
        self._callbacks.setdefault(event, []).append(callback)

    def fire(self, event: str, thread: Thread) -> None:
        for callback in list(self._callbacks.get(event, ())):
            callback(thread)

    # -- what the two reads answer, with their trouble in it --------------------

    def list_json(
        self,
        cursor: str | None = None,
        rows: int | None = None,
        priority_rows: int = 2,
        unread_only: bool = False,
    ) -> Json:
        """One page of the list: `rows`, or as many as a page of it has."""
        failing, trouble = self.failing(INBOX), self.trouble
        if failing is not None:
            return failing
        body = shapes.inbox(
            self.world,
            trouble.shape,
            min(rows or trouble.page_size, trouble.page_size),
            min(priority_rows, trouble.priority_rows),
            shapes.rank_of(cursor),
            unread_only,
        )
        return self._changed("list", body)

    def thread_json(
        self, thread: Thread, limit: int = 50, opening: bool = False
    ) -> Json:
        """One conversation. `opening`: the page's own first answer after its load."""
        self.fire("thread_read", thread)
        if not thread.shown:
            return shapes.thread_not_found()
        failing = self.failing(THREAD, thread)
        if failing is not None:
            return failing
        held = self._held_back(thread, opening)
        body = shapes.thread_answer(self.world, thread, limit, held)
        return self._changed("thread", body)

    def _held_back(self, thread: Thread, opening: bool) -> HeldBack | None:
        if opening and self.trouble.empty_first_thread_answer:
            return HeldBack()
        held = self.trouble_of(thread).held_back
        if held is None or held.on == ("asked" if opening else "opening"):
            return None
        return held if held.take() else None

    def failing(self, operation: str, thread: Thread | None = None) -> Json | None:
        """The 200 that carries errors in place of data, or None."""
        concerned = self.concerned(operation, thread)
        kinds = [trouble.api_errors for trouble in concerned if trouble.api_errors]
        return shapes.failed(FIELDS[operation], kinds[0] == "data") if kinds else None

    def concerned(
        self, operation: str, thread: Thread | None
    ) -> list[ThreadTrouble | Trouble]:
        """The trouble of a request: the conversation's own, then that of all."""
        own = [thread.trouble] if thread and operation == THREAD else []
        general = [self.trouble] if self.trouble.concerns(operation) else []
        return [*own, *general]

    def odd(self, what: str, callback: Callable[[Json], Any]) -> None:
        """Let `callback` change the JSON of every "list" or "thread" that has data, in
        place, right before it goes out: a null row, a text without content, half an
        emoji."""
        self._odd.setdefault(what, []).append(callback)

    def _changed(self, what: str, body: Json) -> Json:
        for callback in self._odd.get(what, ()):
            callback(body)
        return body

    # -- trouble --------------------------------------------------------------

    def thread_trouble(self, thread: Thread, **switches: Any) -> ThreadTrouble:
        """Make one conversation sick; without switches, healthy again."""
        thread.trouble = ThreadTrouble(**switches)
        return thread.trouble

    def take_send(self, thread: Thread) -> str | int | None:
        """The trouble of the send that comes into a conversation now; counts it."""
        return self._of_sends(thread).take_send()

    def take_press(self, thread: Thread) -> bool:
        """Whether the press of Send that comes now is to do nothing; counts it."""
        trouble = self._of_sends(thread)
        return trouble.send == "no_request" and trouble.take_send() is not None

    def _of_sends(self, thread: Thread) -> ThreadTrouble:
        return self.trouble if thread.trouble.send is None else thread.trouble

    def interrupt(self, number: str) -> bool:
        """Whether the interruption comes that a page is about to draw; counts it."""
        thread = self.world.threads.get(number)
        trouble = self.trouble_of(thread) if thread else self.trouble
        return trouble.interruption is not None and trouble.interruption.take()

    def trouble_of(self, thread: Thread) -> ThreadTrouble:
        """The conversation's own switches, and those for all where it has none."""
        return thread.trouble.over(self.trouble)

    def clear_trouble(self) -> None:
        self.trouble = Trouble()
        self._odd.clear()
        for thread in list(self.world.threads.values()):
            thread.trouble = ThreadTrouble()

    def new_deploy(self) -> None:
        """Other hashes from now on: pages that are open have stale ones."""
        self.hashes = {operation: secrets.token_hex(32) for operation in FIELDS}

    def page_loaded(self) -> None:
        """A page of the inbox was loaded: its script comes with the newest hashes."""
        self._opening = True
        if self.trouble.stale_hash:
            self.trouble.stale_hash = False
            self.new_deploy()

    def take_opening(self) -> bool:
        """Whether the thread's answer that goes out now is the first of a page load."""
        opening, self._opening = self._opening, False
        return opening

    def logged_out(self, cookies: Mapping[str, str]) -> bool:
        """Of one request: by the switch, or for want of both session cookies."""
        if self.trouble.logged_out:
            return True
        if not self.require_cookie:
            return False
        given = {cookies.get(name) for name in SESSION_COOKIES}
        return len(given) != 1 or not given <= self.sessions

    def page_switches(self) -> dict[str, Any]:
        """What the script of an open page must know now."""
        sick = {n: t.trouble.of_the_page() for n, t in list(self.world.threads.items())}
        return {
            "markupGone": self.trouble.markup_gone,
            "sendChallenge": self.trouble.challenged("send"),
            "all": self.trouble.of_the_page(),
            "threads": {number: known for number, known in sick.items() if known},
        }
