"""Who may look: one viewer, from one of our addresses, with the token or its cookie."""

from __future__ import annotations

import ipaddress
import secrets
import threading

from airbot.web.request import is_same

COOKIE = "airbot-viewer"


class Admission:
    """The token of the printed address, and the cookie that takes over from it."""

    def __init__(self, host: str) -> None:
        """`host` is the address that the page is served at."""
        self.token = secrets.token_urlsafe(32)
        self._host = host.lower()
        self._cookie: str | None = None
        self._lock = threading.Lock()

    def is_ours(self, host: str) -> bool:
        """Bound to all addresses, each of them is ours: but no name."""
        every = self._host in ("0.0.0.0", "::")
        return host == self._host or (every and _is_address(host))

    def is_viewer(self, cookie: str) -> bool:
        wanted = self._cookie
        return wanted is not None and is_same(cookie, wanted)

    def is_token(self, token: str) -> bool:
        return is_same(token, self.token)

    def admit(self) -> str | None:
        """A cookie for the first who brings the token; None: somebody has come."""
        with self._lock:
            if self._cookie is not None:
                return None
            self._cookie = secrets.token_urlsafe(32)
            return self._cookie


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
