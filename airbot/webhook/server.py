"""The webhook's own server."""

from __future__ import annotations

from airbot.serving import Server
from airbot.webhook.app import Webhook
from airbot.webhook.form import MAX_BODY


class WebhookServer(Server):
    """Serves the webhook on one address; bound when it is made."""

    def __init__(self, webhook: Webhook, host: str, port: int) -> None:
        super().__init__(webhook.app, host, port, "webhook", MAX_BODY)
