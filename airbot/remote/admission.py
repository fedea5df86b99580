"""Who may look: one viewer, at one of our addresses, by the token and then by a key.

No cookie: one of 127.0.0.1 goes to every program that serves there.
"""

from __future__ import annotations

import ipaddress
import secrets
import threading
from urllib.parse import urlsplit

from airbot.addresses import open_part
from airbot.web.request import header
from airbot.web.request import is_same
from airbot.web.request import is_same_origin

SCHEME = "bearer "


class Admission:
    """The token of the printed address, and the key that takes over from it."""

    def __init__(self, host: str, public_url: str = "") -> None:
        """`host` is the address that the page is served at, `public_url` a proxy's."""
        self.token = secrets.token_urlsafe(32)
        self._host = host.lower()
        self._public_host = (urlsplit(public_url).hostname or "").lower()
        self._public_origin = open_part(public_url).lower() if public_url else None
        self._key: str | None = None
        self._lock = threading.Lock()

    def is_ours(self, host: str) -> bool:
        """Bound to all addresses, each of them is ours: but no name."""
        every = self._host in ("0.0.0.0", "::")
        named = (self._host, self._public_host or self._host)
        return host in named or (every and _is_address(host))

    def is_from_our_page(self) -> bool:
        """A proxy may pass on another Host than the page was asked from."""
        if is_same_origin():
            return True
        origin = header("origin").lower()
        return not header("sec-fetch-site") and origin == self._public_origin

    def is_viewer(self) -> bool:
        given = header("authorization")
        if self._key is None or given[: len(SCHEME)].lower() != SCHEME:
            return False
        return is_same(given[len(SCHEME) :].strip(), self._key)

    def is_token(self, token: str) -> bool:
        return is_same(token, self.token)

    def admit(self) -> str | None:
        """A key for the first who brings the token; None: somebody has come."""
        with self._lock:
            if self._key is not None:
                return None
            self._key = secrets.token_urlsafe(32)
            return self._key


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
