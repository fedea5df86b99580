"""A webhook without the rest of airbot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from airbot.config import Config
from airbot.models import utcnow
from airbot.storage import Storage
from airbot.web.server import Server
from airbot.webhook import Webhook


def serve_webhook(
    storage: Storage,
    config: Config,
    port: int = 0,
    now: Callable[[], datetime] = utcnow,
) -> Server:
    """Bound to a port of loopback, and to be started."""
    app = Webhook(storage, config, now=now).app
    return Server(app, "127.0.0.1", port, "webhook")
