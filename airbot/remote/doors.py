"""Who may look: one viewer, from one of our addresses, with the token or its cookie."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import threading
from urllib.parse import urlsplit

from airbot.config import is_loopback
from airbot.serving import host_of

COOKIE = "airbot-viewer"


class Doors:
    """The token of the printed address, and the cookie that takes over from it."""

    def __init__(self, host: str) -> None:
        """`host` is the address that the page is served at."""
        self.token = secrets.token_urlsafe(32)
        self._host = host.lower()
        self._cookie: str | None = None
        self._lock = threading.Lock()

    def is_ours(self, netloc: str) -> bool:
        """Is a `Host` one of ours? A name that was made to point here is not."""
        host = host_of(netloc)
        if is_loopback(host) or host == self._host:
            return True
        # Bound to all addresses, each of them is ours: but no name.
        return self._host in ("0.0.0.0", "::") and _is_address(host)

    def is_same_origin(self, netloc: str, origin: str, site: str) -> bool:
        """Does a request come from our own page? By its `Origin` and `Sec-Fetch-Site`.

        Behind a proxy `Host` may have been rewritten; then the browser's word counts.
        """
        return site == "same-origin" or (not site and urlsplit(origin).netloc == netloc)

    def is_viewer(self, cookie: str) -> bool:
        wanted = self._cookie
        return wanted is not None and _equal(cookie, wanted)

    def is_token(self, token: str) -> bool:
        return _equal(token, self.token)

    def admit(self) -> str | None:
        """A cookie for the first who brings the token; None: somebody has come."""
        with self._lock:
            if self._cookie is not None:
                return None
            self._cookie = secrets.token_urlsafe(32)
            return self._cookie


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
