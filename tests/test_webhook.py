"""webhook.py: the real server on a free port, called as an AI, a script, a stranger."""

from __future__ import annotations

import base64
import json
import logging
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from dataclasses import field
from datetime import timedelta
from typing import Any

import pytest
import requests
from test_storage import MAX_AGE
from test_storage import NOW
from test_storage import guest
from test_storage import host
from test_storage import reading

from airbot.ai import callback_url
from airbot.ai import token_of
from airbot.config import Config
from airbot.exceptions import CannotListen
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.storage import Storage
from airbot.storage import database as database_module
from airbot.webhook import MAX_BODY
from airbot.webhook import Webhook
from airbot.webhook import WebhookServer

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
    server: WebhookServer
    woken: list[int] = field(default_factory=list)

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
        self.storage.inbox.record(reading(guest("1" + text, text), id_=id_), MAX_AGE)
        turn = self.storage.turns.newest(id_)
        assert turn
        return turn

    def address_of(self, turn: Turn) -> str:
        base = f"http://127.0.0.1:{self.server.port}"
        return callback_url(base, turn.id, self.storage.session.token_key())

    def row(self, id_: str) -> Any:
        return self.storage.outbox.get(id_)

    def rows(self) -> int:
        return sum(self.storage.outbox.counts().values())


class Switch:
    """Lets one server serve the webhook of each test in turn."""

    current: Webhook

    def app(self, environ: Any, start_response: Any) -> Any:
        return self.current.app(environ, start_response)


@pytest.fixture(scope="module")
def switch() -> Switch:
    return Switch()


@pytest.fixture(scope="module")
def server(switch: Switch) -> Iterator[WebhookServer]:
    server = WebhookServer(switch, "127.0.0.1", 0)  # type: ignore[arg-type]
    server.start()
    yield server
    server.stop()


@pytest.fixture
def serve(
    storage: Storage, make_config: MakeConfig, switch: Switch, server: WebhookServer
) -> Callable[..., Api]:
    """A webhook with these settings."""

    def serve(**settings: str) -> Api:
        api = Api(storage, server)
        config = make_config(**settings)
        switch.current = Webhook(storage, config, lambda: api.woken.append(1))
        return api

    return serve


@pytest.fixture
def alone(storage: Storage, make_config: MakeConfig) -> Iterator[Api]:
    """A server that the test itself may stop."""
    server = WebhookServer(Webhook(storage, make_config()), "127.0.0.1", 0)
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


# The answer


def test_a_reply_is_queued_and_answered_with_these_keys(api: Api) -> None:
    turn = api.turn()
    response = api.call()
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    row = api.storage.outbox.of_turn(turn.id)
    assert row and row.status == ReplyStatus.PENDING
    assert response.json() == {
        "success": True,
        "outbox_id": row.id,
        "message": "Réponse IA ajoutée à la queue d'envoi",
        "thread_id": THREAD,
        "status": "pending",
    }
    assert (row.message, row.sender) == ("Yes, it is.", "AI")
    assert api.woken == [1]


def test_the_seeds_curl_call_works_without_any_turn(api: Api) -> None:
    said = api.ok({"conversation_id": NUMBER, "message": "Test", "sender": "curl"})
    row = api.row(said["outbox_id"])
    assert (row.turn_id, row.thread_id, row.status) == (None, THREAD, "pending")


@pytest.mark.parametrize("number", ["123456", "1234567", "12345678901234567890"])
def test_a_conversation_is_named_by_number_or_in_base64(api: Api, number: str) -> None:
    id_ = base64.b64encode(f"MessageThread:{number}".encode()).decode()
    for name in (number, id_):
        said = api.ok({**BODY, "conversation_id": name})
        assert said["thread_id"] == id_
    assert api.rows() == 1


@pytest.mark.parametrize(
    "name",
    [
        "12345",
        "123456789012345678901",
        "１２３４５６７",
        " 1234567",
        "-1234567",
        "1234567.0",
        "TWVzc2FnZVRocmVhZDo=",
        base64.b64encode(b"User:1234567").decode(),
        base64.b64encode(b"MessageThread:abc").decode(),
        base64.b64encode(b"MessageThread:\xff").decode(),
        THREAD + "\n",
        "no conversation",
        "x" * 201,
    ],
)
def test_what_is_no_conversation_is_refused(api: Api, name: str) -> None:
    refused(api.call({**BODY, "conversation_id": name}), 400, "conversation_id")
    assert api.rows() == 0


# Which turn is answered


def test_the_token_names_the_turn(api: Api) -> None:
    turn, newer = api.turn("one"), None
    api.storage.turns.claim_next(NOW, NOW + timedelta(minutes=5))
    newer = api.turn("two")
    assert newer.id != turn.id
    said = api.ok(url=api.address_of(newer))
    assert api.row(said["outbox_id"]).turn_id == newer.id
    said = api.ok(url=api.address_of(turn))
    assert said["status"] == "cancelled"
    assert api.row(said["outbox_id"]).turn_id == turn.id


def test_message_id_names_the_turn(api: Api) -> None:
    turn = api.turn("one")
    api.turn("two")
    said = api.ok({**BODY, "message_id": turn.id})
    assert api.row(said["outbox_id"]).turn_id == turn.id


def test_the_token_is_stronger_than_message_id(api: Api) -> None:
    turn = api.turn("one")
    newer = api.turn("two")
    said = api.ok({**BODY, "message_id": turn.id}, url=api.address_of(newer))
    assert api.row(said["outbox_id"]).turn_id == newer.id


@pytest.mark.parametrize("status", [s for s in TurnStatus if s not in ("asked", "new")])
def test_else_it_is_the_newest_turn_whatever_its_state(
    api: Api, status: TurnStatus
) -> None:
    turn = api.turn()
    api.storage.turns.close(turn.id, status, "so it went", NOW)
    said = api.ok()
    assert said["status"] == "cancelled"
    row = api.row(said["outbox_id"])
    assert row.turn_id == turn.id
    assert row.last_error == f"came when the turn was {status} already: so it went"
    assert api.woken == []


def test_an_answer_after_a_person_answered_is_kept_as_cancelled(api: Api) -> None:
    turn = api.turn("one")
    api.storage.inbox.record(
        reading(guest("1one", "one"), host("2"), id_=THREAD), MAX_AGE
    )
    said = api.ok(url=api.address_of(turn))
    assert (said["success"], said["status"]) == (True, "cancelled")
    assert "taken_over" in api.row(said["outbox_id"]).last_error


def test_the_turn_must_be_of_that_conversation(api: Api) -> None:
    turn = api.turn()
    other = {**BODY, "conversation_id": OTHER}
    refused(api.call(other, url=api.address_of(turn)), 400, "conversation_id")
    refused(api.call({**other, "message_id": turn.id}), 400, "conversation_id")
    assert api.rows() == 0


def test_an_unknown_message_id_is_404(api: Api) -> None:
    refused(api.call({**BODY, "message_id": "no-turn"}), 404, "message_id")


def test_a_token_of_a_turn_that_is_gone_is_404(api: Api) -> None:
    token = token_of("gone", api.storage.session.token_key())
    refused(api.call(url=f"{api.url}?turn=gone&token={token}"), 404, "turn")


# Twice


def test_the_same_callback_twice_is_one_row(api: Api) -> None:
    turn = api.turn()
    first = api.ok(url=api.address_of(turn))
    second = api.ok({**BODY, "message": "In other words"}, url=api.address_of(turn))
    assert first == second
    assert api.rows() == 1
    assert api.row(first["outbox_id"]).message == "Yes, it is."


def test_a_late_repetition_tells_what_became_of_the_row(api: Api) -> None:
    turn = api.turn()
    first = api.ok(url=api.address_of(turn))
    held = api.storage.outbox.claim_next(NOW + timedelta(days=9999), 6, 60)
    assert held
    api.storage.outbox.fail(held, "refused", NOW)
    again = api.ok(url=api.address_of(turn))
    assert again == {**first, "status": "failed"}


@pytest.mark.parametrize("with_turn", [True, False])
def test_the_same_callback_from_eight_threads_is_one_row(
    api: Api, with_turn: bool
) -> None:
    url = api.address_of(api.turn()) if with_turn else api.url
    start = threading.Barrier(8)

    def call(_: int) -> str:
        start.wait()
        return str(api.ok(url=url)["outbox_id"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(call, range(8)))) == 1
    assert api.rows() == 1


# Ignore


@pytest.mark.parametrize("message", [None, "", "whatever", 5])
def test_ignore_closes_the_turn_and_needs_no_message(api: Api, message: object) -> None:
    turn = api.turn()
    body = {"conversation_id": THREAD, "sender": "AI", "action": "ignore"}
    if message is not None:
        body["message"] = message  # type: ignore[assignment]
    said = api.ok(body, url=api.address_of(turn))
    assert (said["outbox_id"], said["status"]) == (None, "ignored")
    closed = api.storage.turns.get(turn.id)
    assert closed and closed.status == TurnStatus.IGNORED
    assert closed.reason == "the AI said: no reply"
    assert api.rows() == 0


def test_a_reply_after_ignore_is_kept_as_cancelled(api: Api) -> None:
    turn = api.turn()
    api.ok({**BODY, "action": "ignore"}, url=api.address_of(turn))
    assert api.ok(url=api.address_of(turn))["status"] == "cancelled"


def test_ignore_after_a_reply_changes_nothing(api: Api) -> None:
    turn = api.turn()
    first = api.ok(url=api.address_of(turn))
    assert api.ok({**BODY, "action": "ignore"}, url=api.address_of(turn)) == first


def test_ignore_without_a_turn_is_404(api: Api) -> None:
    refused(api.call({**BODY, "action": "ignore"}), 404, "no turn")


# Who may call


@pytest.mark.parametrize(
    "query",
    ["turn={id}", "turn={id}&token=", "turn={id}&token=abc", "token={token}"]
    + [
        "turn={id}&token=%C3%A9",
        "turn={id}x&token={token}",
        "turn={id}&token={token}0",
    ],
)
def test_a_wrong_token_is_401(api: Api, query: str) -> None:
    turn = api.turn()
    token = token_of(turn.id, api.storage.session.token_key())
    url = f"{api.url}?{query.format(id=turn.id, token=token)}"
    refused(api.call(url=url), 401, "token")
    assert api.rows() == 0


@pytest.mark.parametrize(
    "name",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.1.2.3"]
    + ["", "0.0.0.0", "[::]", "[broken", "evil.example:8000"],
)
def test_a_host_that_is_not_ours_is_403(api: Api, name: str) -> None:
    turn = api.turn()
    response = api.call(url=api.address_of(turn), headers={"Host": name})
    refused(response, 403, "address")
    assert api.rows() == 0


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8000", "127.1.2.3"]
)
def test_a_host_that_is_this_machine_is_ours(api: Api, name: str) -> None:
    assert api.ok(headers={"Host": name})["success"]


def test_the_public_address_is_ours_but_not_for_plain_calls(
    serve: Callable[..., Api],
) -> None:
    api = serve(webhook__public_url="https://bot.example/airbot")
    turn = api.turn()
    away = {"Host": "bot.example"}
    assert api.ok(url=api.address_of(turn), headers=away)["success"]
    refused(api.call(headers=away), 401, "webhook.secret")
    # A reverse proxy comes from 127.0.0.1 and may name it as Host, too.
    refused(api.call(), 401, "webhook.secret")


def test_with_a_secret_a_plain_call_must_show_it(serve: Callable[..., Api]) -> None:
    api = serve(webhook__secret="s3cret")
    for wrong in ({}, {"Authorization": "s3cret"}, {"Authorization": "Bearer no"}):
        refused(api.call(headers=wrong), 401, "webhook.secret")
    refused(api.call(headers={"Authorization": "Bearer é".encode()}), 401)
    assert api.ok(headers={"Authorization": "Bearer s3cret"})["success"]


def test_a_token_needs_no_secret(serve: Callable[..., Api]) -> None:
    api = serve(webhook__secret="s3cret")
    assert api.ok(url=api.address_of(api.turn()))["success"]


def test_with_a_secret_a_call_from_elsewhere_is_taken(
    serve: Callable[..., Api],
) -> None:
    api = serve(webhook__secret="s3cret", webhook__public_url="https://bot.example")
    headers = {"Host": "bot.example", "Authorization": "Bearer s3cret"}
    assert api.ok(headers=headers)["success"]


# The form of a call

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
    ("sender missing", {"conversation_id": THREAD, "message": "a"}, 400, "sender"),
    ("sender empty", {**BODY, "sender": ""}, 400, "sender is empty"),
    ("sender a number", {**BODY, "sender": 5}, 400, "sender must be a string"),
    ("sender too long", {**BODY, "sender": "x" * 201}, 400, "sender is longer"),
    ("sender half a surrogate", {**BODY, "sender": "\udc00"}, 400, "sender"),
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


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [form[1:] for form in FORMS],
    ids=[form[0] for form in FORMS],
)
def test_a_call_of_the_wrong_form_is_refused_in_one_sentence(
    api: Api, body: object, status: int, word: str
) -> None:
    refused(api.call(body), status, word)
    assert api.rows() == 0 and api.woken == []


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
    + ["application/json; charset=latin-1", "application/jsonp", "text/json"],
)
def test_another_content_type_is_415(api: Api, kind: str) -> None:
    refused(api.call(headers={"Content-Type": kind}), 415)
    assert api.rows() == 0


@pytest.mark.parametrize(
    "kind", ['application/json; charset="UTF-8"', "Application/JSON;charset=utf-8"]
)
def test_json_in_utf8_may_say_so(api: Api, kind: str) -> None:
    assert api.ok(headers={"Content-Type": kind})["success"]


def test_the_longest_body_is_64_kib(api: Api) -> None:
    body = json.dumps(BODY).encode()
    assert api.ok(body + b" " * (MAX_BODY - 1 - len(body)))["success"]
    response = api.call(body + b" " * (MAX_BODY + 1 - len(body)))
    refused(response, 413)


def test_a_body_without_a_length_is_counted_too(api: Api) -> None:
    body = json.dumps(BODY).encode()

    def pieces(spaces: int) -> Iterator[bytes]:
        yield body
        for _ in range(spaces // 1024):
            yield b" " * 1024

    def post(spaces: int) -> requests.Response:
        headers = {"Content-Type": "application/json"}
        return requests.post(api.url, data=pieces(spaces), headers=headers, timeout=5)

    assert post(10_000).status_code == 200
    refused(post(80_000), 413)


def test_a_text_of_the_longest_kind_is_kept_exactly(api: Api) -> None:
    message = "é🅿️\n" * 1000
    said = api.ok({**BODY, "message": message, "sender": "ï" * 200})
    row = api.row(said["outbox_id"])
    assert (row.message, row.sender) == (message.strip(), "ï" * 200)


def test_keys_that_we_do_not_know_are_no_harm(api: Api) -> None:
    assert api.ok({**BODY, "model": "x", "usage": {"tokens": 5}})["success"]


# Other addresses, other methods, broken HTTP


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_the_address_takes_post_only(api: Api, method: str) -> None:
    refused(requests.request(method, api.url, timeout=5), 405, "POST")


@pytest.mark.parametrize("path", ["/", "/api/ai", PATH + "/", "/../etc/passwd", "/%ff"])
def test_there_is_nothing_elsewhere(api: Api, path: str) -> None:
    url = f"http://127.0.0.1:{api.server.port}{path}"
    refused(requests.post(url, json=BODY, timeout=5), 404, "nothing")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET\r\n\r\n",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nBad Header: a\r\n\r\n",
        # Just too long: what a server has not read when it closes resets the
        # connection, and the answer may be lost with it.
        (b"POST / HTTP/1.1\r\nA: " + b"x" * 16_384)[:16_384],
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    ],
)
def test_malformed_http_is_answered_in_json(api: Api, request_: bytes) -> None:
    head, _, body = api.raw(request_).partition(b"\r\n\r\n")
    assert b"application/json" in head
    said = json.loads(body)
    assert said["success"] is False and said["error"]
    status = int(head.split()[1])
    assert status in (400, 404, 413, 431, 501)


def test_the_server_tells_nothing_about_itself(api: Api) -> None:
    headers = api.call().headers
    assert "waitress" not in str(headers).lower()


def test_a_bug_is_answered_without_a_traceback(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(api.storage.outbox, "enqueue_without_turn", broken)
    refused(api.call(), 500)
    assert CANARY not in caplog.text


# The database cannot be written


def test_a_database_that_cannot_be_written_is_503_and_recovers(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    turn = api.turn()
    path = api.storage.path
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused(api.call(url=api.address_of(turn)), 503, "again later")
        other.execute("ROLLBACK")
    assert api.rows() == 0
    assert api.ok(url=api.address_of(turn))["status"] == "pending"


def test_a_database_that_is_gone_is_503(api: Api) -> None:
    with api.storage.db.transaction() as tx:
        tx.execute("ALTER TABLE queue_outbox RENAME TO lost")
    refused(api.call(), 503, "again later")


# The server's life


def test_a_taken_port_is_said_so(
    api: Api, storage: Storage, make_config: MakeConfig
) -> None:
    webhook = Webhook(storage, make_config())
    with pytest.raises(CannotListen, match=f"port {api.server.port} is in use"):
        WebhookServer(webhook, "127.0.0.1", api.server.port)


def test_an_address_that_is_not_this_machines_is_said_so(
    storage: Storage, make_config: MakeConfig
) -> None:
    with pytest.raises(CannotListen, match="192.0.2.1 port"):
        WebhookServer(Webhook(storage, make_config()), "192.0.2.1", 0)


def test_stop_ends_at_once_with_half_a_request_open(alone: Api) -> None:
    half = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{{"
    address = ("127.0.0.1", alone.server.port)
    with socket.create_connection(address, 5) as one:
        with socket.create_connection(address, 5) as two:
            one.sendall(half.encode())
            two.sendall(b"POS")
            assert alone.ok()["success"]
            began = time.monotonic()
            alone.server.stop()
            assert time.monotonic() - began < 3
    with pytest.raises(requests.ConnectionError):
        alone.call()


def test_a_server_that_was_never_started_can_be_stopped(
    storage: Storage, make_config: MakeConfig
) -> None:
    server = WebhookServer(Webhook(storage, make_config()), "127.0.0.1", 0)
    server.stop()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def test_the_port_is_free_after_stop(
    alone: Api, storage: Storage, make_config: MakeConfig
) -> None:
    alone.server.stop()
    again = WebhookServer(
        Webhook(storage, make_config()), "127.0.0.1", alone.server.port
    )
    again.stop()


def test_a_half_sent_request_does_not_hold_up_others(api: Api) -> None:
    address = ("127.0.0.1", api.server.port)
    half = [socket.create_connection(address, 5) for _ in range(10)]
    for connection in half:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
    began = time.monotonic()
    assert api.ok()["success"]
    assert time.monotonic() - began < 2
    for connection in half:
        connection.close()


def test_no_log_line_holds_the_message_or_the_token(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "airbot")
    url = api.address_of(api.turn())
    body = {**BODY, "message": CANARY, "sender": CANARY}
    api.ok(body, url=url)
    api.call({**body, "conversation_id": CANARY}, url=url)
    api.call(body, url=f"{api.url}?turn={CANARY}&token={CANARY}")
    assert "is pending" in caplog.text and "refused with 401" in caplog.text
    assert CANARY not in caplog.text
    assert url.partition("token=")[2] not in caplog.text
