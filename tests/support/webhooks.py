"""A webhook without the rest of airbot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from airbot.answers import Answers
from airbot.config import Config
from airbot.models import utcnow
from airbot.storage import Storage
from airbot.web.server import Server
from airbot.webhook import Webhook

Now = Callable[[], datetime]


def make_webhook(
    storage: Storage,
    config: Config,
    now: Now = utcnow,
    wake: Callable[[], None] = lambda: None,
) -> Webhook:
    return Webhook(storage, config, Answers(storage, config, wake, now), now)


def serve_webhook(
    storage: Storage, config: Config, port: int = 0, now: Now = utcnow
) -> Server:
    """Bound to a port of loopback, and to be started."""
    app = make_webhook(storage, config, now).app
    return Server(app, "127.0.0.1", port, "webhook")
