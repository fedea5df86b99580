"""The webhook as its callers meet it: a real server on a free port, and their calls."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any

import pytest
import requests
from support.builders import MAX_AGE
from support.builders import NOW
from support.builders import RULES
from support.builders import guest
from support.builders import reading
from support.webhooks import make_webhook
from support.webhooks import serve_webhook

from airbot.config import Config
from airbot.contract.tokens import callback_url
from airbot.models import Turn
from airbot.storage import Storage
from airbot.web.server import Server
from airbot.webhook import Webhook

MakeConfig = Callable[..., Config]
PATH = "/api/ai/webhook-simple"
NUMBER = "1234567"
THREAD = base64.b64encode(f"MessageThread:{NUMBER}".encode()).decode()
OTHER = base64.b64encode(b"MessageThread:7654321").decode()
BODY = {"conversation_id": THREAD, "message": "Yes, it is.", "sender": "AI"}
CANARY = "canary-in-the-answer"


@dataclass
class Api:
    """The server, and what a caller may do with it."""

    storage: Storage
    server: Server
    woken: list[int] = field(default_factory=list)
    now: datetime = NOW

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}{PATH}"

    def call(self, body: object = BODY, **how: Any) -> requests.Response:
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **how.pop("headers", {})}
        url = how.pop("url", self.url)
        return requests.post(url, data=body, headers=headers, timeout=5, **how)

    def ok(self, body: object = BODY, **how: Any) -> dict[str, Any]:
        response = self.call(body, **how)
        assert response.status_code == 200, response.text
        said: dict[str, Any] = response.json()
        return said

    def raw(self, request: bytes) -> bytes:
        """What the server sends until it closes."""
        said = b""
        with socket.create_connection(("127.0.0.1", self.server.port), 5) as s:
            s.sendall(request)
            try:
                s.shutdown(socket.SHUT_WR)
                while piece := s.recv(65536):
                    said += piece
            except OSError:
                pass  # it had read enough, and was gone before us
        return said

    def turn(self, text: str = "Is parking free?", id_: str = THREAD) -> Turn:
        self.storage.readings.take_in(
            reading(guest("1" + text, text), id_=id_), RULES, NOW
        )
        turn = self.storage.turns.newest(id_)
        assert turn
        return turn

    def address_of(self, turn: Turn) -> str:
        base = f"http://127.0.0.1:{self.server.port}"
        key = self.storage.session.token_key()
        return callback_url(base, turn.id, turn.newest_at + MAX_AGE, key)

    def row(self, id_: str) -> Any:
        return self.storage.outbox.get(id_)

    def rows(self) -> int:
        return sum(self.storage.shown.reply_counts().values())


class Switch:
    """Lets one server serve the webhook of each test in turn."""

    current: Webhook

    def app(self, environ: Any, start_response: Any) -> Any:
        return self.current.app(environ, start_response)


@pytest.fixture(scope="module")
def switch() -> Switch:
    return Switch()


@pytest.fixture(scope="module")
def server(switch: Switch) -> Iterator[Server]:
    server = Server(switch.app, "127.0.0.1", 0, "webhook")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def serve(
    storage: Storage, make_config: MakeConfig, switch: Switch, server: Server
) -> Callable[..., Api]:
    """A webhook with these settings."""

    def serve(**settings: str) -> Api:
        api = Api(storage, server)
        # Airbnb's clock was read once, and runs with the caller's.
        storage.session.monotonic = lambda: api.now.timestamp()
        storage.session.measured(NOW, NOW)
        config = make_config(**settings)
        switch.current = make_webhook(
            storage, config, lambda: api.now, lambda: api.woken.append(1)
        )
        return api

    return serve


@pytest.fixture
def alone(storage: Storage, make_config: MakeConfig) -> Iterator[Api]:
    """A server that the test itself may stop."""
    server = serve_webhook(storage, make_config())
    server.start()
    yield Api(storage, server)
    server.stop()


@pytest.fixture
def api(serve: Callable[..., Api]) -> Api:
    return serve()


def refused(response: requests.Response, status: int, *words: str) -> str:
    """It is that status, and one sentence of JSON; the sentence."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    said = response.json()
    assert set(said) == {"success", "error"} and said["success"] is False
    error = str(said["error"])
    assert error and "\n" not in error and "Traceback" not in error
    assert CANARY not in error
    for word in words:
        assert word in error
    return error


FORMS: list[tuple[str, object, int, str]] = [
    (
        "conversation_id missing",
        {"message": "a", "sender": "b"},
        400,
        "conversation_id",
    ),
    ("conversation_id null", {**BODY, "conversation_id": None}, 400, "conversation_id"),
    ("conversation_id a number", {**BODY, "conversation_id": 1234567}, 400, "string"),
    ("conversation_id empty", {**BODY, "conversation_id": " "}, 400, "is empty"),
    ("conversation_id a list", {**BODY, "conversation_id": [THREAD]}, 400, "string"),
    (
        "conversation_id with NUL",
        {**BODY, "conversation_id": "\0"},
        400,
        "conversation",
    ),
    ("message missing", {"conversation_id": THREAD, "sender": "b"}, 400, "message"),
    ("message empty", {**BODY, "message": ""}, 400, "message is empty"),
    ("message blank", {**BODY, "message": " \n"}, 400, "message is empty"),
    ("message a number", {**BODY, "message": 5}, 400, "message must be a string"),
    ("message an object", {**BODY, "message": {"a": 1}}, 400, "message must be"),
    ("20,000 characters", {**BODY, "message": "x" * 20_000}, 400, "4000 characters"),
    ("one too many", {**BODY, "message": "x" * 4001}, 400, "4000 characters"),
    ("half a surrogate", {**BODY, "message": "a\ud83d"}, 400, "message"),
    ("NUL", {**BODY, "message": "a\0b"}, 400, "cannot be typed"),
    ("escape", {**BODY, "message": "a\x1b[2J"}, 400, "cannot be typed"),
    ("an unknown action", {**BODY, "action": CANARY}, 400, "action"),
    ("action null", {**BODY, "action": None}, 400, "action"),
    ("action a list", {**BODY, "action": []}, 400, "action"),
    ("message_id a number", {**BODY, "message_id": 5}, 400, "message_id"),
    ("a list", [BODY], 400, "object"),
    ("a string", CANARY, 400, "object"),
    ("null", None, 400, "object"),
    ("nothing", b"", 400, "JSON"),
    ("no JSON", f"message={CANARY}".encode(), 400, "JSON"),
    ("half a JSON", b'{"conversation_id": "' + CANARY.encode(), 400, "JSON"),
    ("deep nesting", b"[" * 60_000, 400, "JSON"),
    ("deep objects", b'{"a":' * 12_000, 400, "JSON"),
    ("NaN", b'{"message": NaN}', 400, "JSON"),
    ("a number of 60,000 digits", b"1" * 60_000, 400, "JSON"),
    ("latin-1", '{"message": "é"}'.encode("latin-1"), 400, "UTF-8"),
    ("utf-16", json.dumps(BODY).encode("utf-16"), 400, "UTF-8"),
]
