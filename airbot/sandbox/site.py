"""AirbnbSite: the simulated Airbnb as tests and `airbot demo` hold it in their hands.

    with AirbnbSite() as site:
        thread = site.add_thread(guest="Maya")
        site.guest_writes(thread, "Is parking free?")
        site.trouble.send = "lose_answer"
        ...  # a browser goes to site.url + "/hosting/messages"
        assert [m.text for m in site.posted(thread)] == ["Yes."]

Here: the verbs, start and stop. What stands behind them is in state.py and world.py,
the addresses are in api.py, routes.py and extras.py. Facts: airbnb-web.md of 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import bottle

from airbot.sandbox.api import Api
from airbot.sandbox.extras import Extras
from airbot.sandbox.routes import Pages
from airbot.sandbox.server import CutConnection
from airbot.sandbox.server import SiteServer
from airbot.sandbox.state import Request
from airbot.sandbox.state import SiteState
from airbot.sandbox.world import SERVICE
from airbot.sandbox.world import Account
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread

PENDING = "STAY_ALTERATION_WITHOUT_LISTING_CHANGE_PENDING"


class AirbnbSite(SiteState):
    """A context manager; `start()` and `stop()` do the same by hand."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__()
        self._server = SiteServer(self._wsgi, host, port, self.now)
        self._app = bottle.Bottle()
        self._app.catchall = False  # CutConnection must reach the server
        for part in (Api(self), Pages(self), Extras(self)):
            part.add_routes(self._app)
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

    def _wsgi(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], self.now())
        environ["sandbox.request"] = request
        self.record(request)

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            request.status = int(status[:3])
            return start_response(status, headers, exc_info)

        try:
            return self._app(environ, start)
        except CutConnection:
            request.status = 0
            raise

    # -- threads --------------------------------------------------------------

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

    def joins(self, thread: Thread, who: str | Account, role: str) -> Account:
        """One more participant, "COTRAVELER" or "CO_HOST"."""
        account = self._as_account(who)
        thread.participants.append((account, role))
        return account

    def leaves(self, thread: Thread, account: Account) -> None:
        """Participant no more; what the account has written stays."""
        thread.participants = [p for p in thread.participants if p[0] != account]

    def hide(self, thread: Thread, hidden: bool = True) -> None:
        """Show a conversation to the logged-in account no more, or again: it is gone
        from the list, and its query knows no such conversation."""
        thread.shown = not hidden

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
        return self.world.post(thread, by or self.world.other(thread), text, at=at)

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

    def voice(
        self,
        thread: Thread,
        by: str | Account = "guest",
        at: datetime | None = None,
        media: bool = False,
    ) -> Message:
        """A voice note: a text without words, or with `media` an audio file."""
        account, kind = self._by(thread, by), "voice" if media else "text"
        return self.world.post(thread, account, "", kind=kind, at=at)

    def _by(self, thread: Thread, by: str | Account) -> Account:
        account = by
        if not isinstance(account, Account):
            account = self.host if by == "host" else self.world.other(thread)
        if account != self.host:
            thread.unread = True
        return account

    def edit(self, message: Message, text: str) -> None:
        self.world.edit(message, text)

    def unsend(self, message: Message) -> None:
        self.world.unsend(message)

    def react(self, thread: Thread, by: str | Account = "guest") -> None:
        """A reaction to the last message: the row moves up without a message."""
        account = by
        if not isinstance(account, Account):
            account = self.host if by == "host" else self.world.other(thread)
        self.world.react(thread, account, "❤️")
