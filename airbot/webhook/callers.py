"""Who may call: the turn's token, else the secret or its signature, else this machine.

Browsers are not callers: a page that is open on this machine can reach this port, too.
Their `Origin` and `Sec-Fetch-Site` give them away, and a name that was made to point
here is not one of ours.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs
from urllib.parse import urlsplit

from bottle import request

from airbot.addresses import host_of
from airbot.addresses import is_loopback
from airbot.config import Config
from airbot.contract.signing import is_signed
from airbot.contract.signing import secrets_in
from airbot.contract.tokens import expiry_in
from airbot.contract.tokens import is_token
from airbot.models import Door
from airbot.models import Turn
from airbot.storage import Storage
from airbot.web.request import has_header
from airbot.web.request import header
from airbot.web.request import is_same
from airbot.web.response import Refused

logger = logging.getLogger(__name__)

WRONGS = 20
WRONGS_WITHIN_S = 60.0
ADDRESSES = 1000  # how many are remembered
SIGNED_BY = ("webhook-id", "webhook-timestamp", "webhook-signature")
LONGEST_CALL_ID = 200
# A reverse proxy on this machine is not this machine's user.
FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")


@dataclass(frozen=True)
class Caller:
    """A caller who was let in, and what with.

    `turn` is what a token opens, `until` when; `call_id` names a signed call.
    """

    door: Door
    turn: Turn | None = None
    until: datetime | None = None  # by Airbnb's clock
    call_id: str | None = None


class Wrongs:
    """Wrong secrets by address within the last minute; bounded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def are_many(self, address: str) -> bool:
        with self._lock:
            return len(self._of(address)) >= WRONGS

    def add(self, address: str) -> bool:
        """One more; is it the one that makes them many?"""
        with self._lock:
            times = self._of(address)
            times.append(self._clock())
            self._times[address] = times
            self._times.move_to_end(address)
            if len(self._times) > ADDRESSES:
                self._times.popitem(last=False)
            return len(times) == WRONGS

    def _of(self, address: str) -> deque[float]:
        times = self._times.get(address) or deque()
        while times and self._clock() - times[0] > WRONGS_WITHIN_S:
            times.popleft()
        return times


class Callers:
    """Judges a call by where it comes from and what it shows."""

    def __init__(
        self, storage: Storage, config: Config, now: Callable[[], datetime]
    ) -> None:
        self._storage = storage
        self._settings = config.webhook
        self._public = host_of(urlsplit(config.webhook.public_url).netloc)
        self._ours = {config.webhook.host.lower(), self._public}
        self._ours -= {"", "0.0.0.0", "::"}
        self._max_age = config.sync.max_age
        self._now = now
        self._wrongs = Wrongs()

    def is_ours(self, host: str) -> bool:
        return host in self._ours

    def admit(self, body: bytes) -> Caller:
        """Raises Refused; 429 after too many wrong secrets, logged once."""
        address = request.environ.get("REMOTE_ADDR") or ""
        try:
            caller = self._judge(body)
        except Refused as e:
            if e.status_code != 401:
                raise
            if self._wrongs.are_many(address):
                raise Refused(429, "too many wrong secrets, try again later") from None
            if self._wrongs.add(address):
                text = "%d wrong secrets within a minute from %s: it is slowed down"
                logger.warning(text, WRONGS, address)
            raise
        self._check_age(caller)  # an expired token is no wrong guess
        return caller

    def _check_age(self, caller: Caller) -> None:
        if caller.turn is None or caller.until is None:
            return
        site_now = self._storage.session.site_now(self._now())
        if site_now is None or site_now <= caller.until:
            return
        # A repeat of what was taken in time is told so, however late it comes.
        if not self._storage.outbox.of_turn(caller.turn.id):
            raise Refused(401, "the turn is too old to be answered")

    def _judge(self, body: bytes) -> Caller:
        """Decide by token, secret, signature or place. A right secret always passes: a
        stranger's wrong ones must not keep the AI out."""
        query = parse_qs(request.query_string, keep_blank_values=True)
        if "turn" in query or "token" in query:
            given = query.get("turn", []), query.get("token", [])
            return self._who_has_the_token(*given)
        if self._settings.secret:
            return self._who_knows_the_secret(body)
        if not self._is_from_here():
            raise Refused(401, "set webhook.secret to take calls from other machines")
        if not self._settings.trust_this_machine:
            raise Refused(401, "plain calls are not taken (webhook.trust_this_machine)")
        return Caller(Door.PLAIN)

    def _who_has_the_token(self, ids: list[str], tokens: list[str]) -> Caller:
        key = self._storage.session.token_key()
        if (len(ids), len(tokens)) != (1, 1) or not is_token(ids[0], tokens[0], key):
            raise Refused(401, "the token in the address is not that turn's")
        turn = self._storage.turns.get(ids[0])
        if turn is None:
            raise Refused(404, "that turn is not known (any more)")
        until = expiry_in(tokens[0]) or turn.newest_at + self._max_age
        return Caller(Door.TOKEN, turn, until)

    def _who_knows_the_secret(self, body: bytes) -> Caller:
        if has_header("webhook-signature"):
            return Caller(Door.SIGNATURE, call_id=self._signed_call(body))
        if not self._is_bearer(header("authorization")):
            raise Refused(401, "Authorization: Bearer <webhook.secret> is missing")
        return Caller(Door.SECRET)

    def _signed_call(self, body: bytes) -> str:
        signed = {name: header(name) for name in SIGNED_BY}
        # By our clock, which the AI's machine may share, or by the right one.
        now = self._now()
        clocks = filter(None, (now, self._storage.session.site_now(now)))
        secret = self._settings.secret
        if not any(is_signed(secret, signed, body, at) for at in clocks):
            raise Refused(401, "the webhook-signature is wrong, or its time is not now")
        call_id = signed["webhook-id"]
        if len(call_id) > LONGEST_CALL_ID:
            raise Refused(
                400, f"webhook-id is longer than {LONGEST_CALL_ID} characters"
            )
        return call_id

    def _is_bearer(self, given: str) -> bool:
        wanted = secrets_in(self._settings.secret)
        return any([is_same(given, f"Bearer {secret}") for secret in wanted])

    def _is_from_here(self) -> bool:
        # Where a proxy does not say that it is one, Host or public_url tell.
        return (
            is_loopback(request.environ.get("REMOTE_ADDR") or "")
            and is_loopback(host_of(header("host")))
            and self._settings.is_called_from_here
            and not any(has_header(name) for name in FORWARDED)
        )


def refuse_browsers() -> None:
    """Raises Refused."""
    if has_header("origin") or has_header("sec-fetch-site"):
        raise Refused(403, "calls from a page in a browser are not taken")
