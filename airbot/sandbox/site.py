"""AirbnbSite: the simulated Airbnb as tests and `airbot demo` hold it in their hands.

    with AirbnbSite() as site:
        thread = site.add_thread(guest="Maya")
        site.guest_writes(thread, "Is parking free?")
        site.trouble.send = "lose_answer"
        ...  # a browser goes to site.url + "/hosting/messages"
        assert [m.text for m in site.posted(thread)] == ["Yes."]

Here: the verbs, the record of requests, start and stop. The addresses are in routes.py
and api.py, the state in world.py. Facts: airbnb-web.md of 2026-11.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import bottle

from airbot.sandbox.api import OPERATIONS
from airbot.sandbox.api import Api
from airbot.sandbox.routes import Pages
from airbot.sandbox.server import CutConnection
from airbot.sandbox.server import SiteServer
from airbot.sandbox.trouble import Trouble
from airbot.sandbox.world import SERVICE
from airbot.sandbox.world import Account
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread
from airbot.sandbox.world import World

PENDING = "STAY_ALTERATION_WITHOUT_LISTING_CHANGE_PENDING"
#: Requests remembered; `airbot demo` may run for days.
_REMEMBERED = 20_000

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


class AirbnbSite:
    """A context manager; `start()` and `stop()` do the same by hand."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
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
        self._callbacks: dict[str, list[Callback]] = {}
        self._requests: deque[Request] = deque(maxlen=_REMEMBERED)
        self._server = SiteServer(self._wsgi, host, port, self.now)
        self._app = bottle.Bottle()
        self._app.catchall = False  # CutConnection must reach the server
        self.api = Api(self)
        self.pages = Pages(self)
        self.api.add_routes(self._app)
        self.pages.add_routes(self._app)
        self.url = f"http://{host}:{self._server.server_port}"

    def __enter__(self) -> AirbnbSite:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> AirbnbSite:
        self._server.start()
        return self

    def stop(self) -> None:
        if not self.stopping.is_set():
            self.stopping.set()
            self._server.stop()

    def now(self) -> float:
        return time.time() + self.clock_offset_s

    def wait(self, seconds: float | None) -> None:
        """A pause inside an answer; the site's end cuts it short."""
        if self.stopping.wait(seconds):
            raise CutConnection

    # -- threads --------------------------------------------------------------

    @property
    def host(self) -> Account:
        """The account that is logged in."""
        return self.world.host

    def account(self, name: str, type: str = "USER") -> Account:
        """A new account, in no thread yet."""
        return self.world.account(name, type)

    def add_thread(
        self,
        guest: str | Account = "Maya",
        number: str | None = None,
        hosted: bool = True,
        type: str = "HOME_BOOKING",
        coguests: Iterable[str | Account] = (),
        cohosts: Iterable[str | Account] = (),
        listing_id: str = "1200000000000000001",
        listing: str = "Loft by the canal",
        stage: str = "UPCOMING_RESERVATIONS",
        status: str = "Confirmed",
        dates: str = "May 7\u2009–\u200910",
    ) -> Thread:
        """A new thread without messages.

        `hosted=False`: an own trip; `guest` then names the account on the other side,
        the trip's host. "STAY_COHOST_DIRECT": the host and `cohosts`, without a guest.
        """
        direct = type == "STAY_COHOST_DIRECT"
        if direct:
            cohosts = tuple(cohosts) or ("Noor",)
        return self.world.add_thread(
            other=None if direct else self._as_account(guest),
            number=number,
            hosted=hosted,
            coguests=[self._as_account(name) for name in coguests],
            cohosts=[self._as_account(name) for name in cohosts],
            type=type,
            listing_id=listing_id,
            listing="" if direct else listing,
            stage=stage,
            status="" if direct else status,
            dates="" if direct else dates,
        )

    def _as_account(self, who: str | Account) -> Account:
        return who if isinstance(who, Account) else self.account(who)

    def thread(self, number: str) -> Thread:
        return self.world.threads[number]

    # -- messages -------------------------------------------------------------

    def guest_writes(
        self,
        thread: Thread,
        text: str,
        at: datetime | None = None,
        by: Account | None = None,
    ) -> Message:
        """The other side writes: the guest, or a co-traveller given as `by`. In an own
        trip that is the trip's host."""
        thread.unread = True
        return self.world.post(thread, by or self._other(thread), text, at=at)

    def host_writes(
        self, thread: Thread, text: str, at: datetime | None = None
    ) -> Message:
        """A person types as the logged-in account, on a telephone say."""
        message = self.world.post(thread, self.host, text, at=at)
        thread.unread = False
        return message

    def cohost_writes(
        self,
        thread: Thread,
        text: str,
        at: datetime | None = None,
        by: Account | None = None,
    ) -> Message:
        """A co-host writes. The first of the thread, who joins it if there is none;
        `by` may also be an account that no participant list has."""
        if by is None and not thread.with_role("CO_HOST"):
            thread.participants.append((self.account("Noor"), "CO_HOST"))
        account = by or thread.with_role("CO_HOST")[0]
        thread.unread = True
        return self.world.post(thread, account, text, at=at)

    def scheduled_writes(
        self, thread: Thread, text: str, at: datetime | None = None
    ) -> Message:
        """A scheduled text: the host's account, but the row does not move up."""
        return self.world.post(thread, self.host, text, at=at, scheduled=True)

    def service_writes(
        self,
        thread: Thread,
        body: str = "Reservation confirmed",
        at: datetime | None = None,
        subtype: str = "STAYS_INSTANT_BOOKED",
    ) -> Message:
        return self.world.post(
            thread, SERVICE, body, kind="notice", at=at, subtype=subtype
        )

    def card(
        self,
        thread: Thread,
        by: str | Account = "guest",
        at: datetime | None = None,
        subtype: str = PENDING,
        text: str = "Request to change the reservation",
    ) -> Message:
        """A card: no text of anybody's, though a USER account posts it."""
        account = self._by(thread, by)
        return self.world.post(
            thread, account, text, kind="card", at=at, subtype=subtype
        )

    def photo(
        self, thread: Thread, by: str | Account = "guest", at: datetime | None = None
    ) -> Message:
        account = self._by(thread, by)
        return self.world.post(thread, account, "", kind="photo", at=at)

    def _by(self, thread: Thread, by: str | Account) -> Account:
        account = by
        if not isinstance(account, Account):
            account = self.host if by == "host" else self._other(thread)
        if account != self.host:
            thread.unread = True
        return account

    def _other(self, thread: Thread) -> Account:
        return next(a for a, _ in thread.participants if a != self.host)

    def edit(self, message: Message, text: str) -> None:
        self.world.edit(message, text)

    def unsend(self, message: Message) -> None:
        self.world.unsend(message)

    def react(self, thread: Thread, by: str | Account = "guest") -> None:
        """A reaction to the last message: the row moves up without a message."""
        account = by
        if not isinstance(account, Account):
            account = self.host if by == "host" else self._other(thread)
        self.world.react(thread, account, "❤️")

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
        return list(self._requests)

    def _wsgi(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], self.now())
        environ["sandbox.request"] = request
        if not request.path.startswith(("/_sandbox/", "/static/")):
            self._requests.append(request)

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            request.status = int(status[:3])
            return start_response(status, headers, exc_info)

        try:
            return self._app(environ, start)
        except CutConnection:
            request.status = 0
            raise

    # -- trouble --------------------------------------------------------------

    def clear_trouble(self) -> None:
        self.trouble = Trouble()

    def new_deploy(self) -> None:
        """Other hashes from now on: pages that are open have stale ones."""
        self.hashes = {operation: secrets.token_hex(32) for operation in OPERATIONS}

    def on(self, event: str, callback: Callback) -> None:
        """Call `callback(thread)` inside the server, before the answer goes out.

        Events: "before_send_taken", "after_send_taken", "thread_read" (its JSON is
        asked for), "thread_opened" (the page marks it read).
        """
        self._callbacks.setdefault(event, []).append(callback)

    def fire(self, event: str, thread: Thread) -> None:
        for callback in list(self._callbacks.get(event, ())):
            callback(thread)
