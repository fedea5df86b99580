"""web/server: a port, connections that hang or crowd in, and an end at once."""

from __future__ import annotations

import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextlib import suppress
from typing import Any

import pytest
import requests
from support.api import BODY
from support.api import CANARY
from support.api import PATH
from support.api import Api
from support.api import MakeConfig
from support.webhooks import serve_webhook

from airbot.answers import Answers
from airbot.exceptions import CannotListen
from airbot.storage import Storage
from airbot.web.server import CONNECTIONS
from airbot.web.server import Server

# The server's life


def test_a_taken_port_is_said_so(
    api: Api, storage: Storage, make_config: MakeConfig
) -> None:
    with pytest.raises(CannotListen, match=f"port {api.server.port} is in use"):
        serve_webhook(storage, make_config(), api.server.port)


def test_an_address_that_is_not_this_machines_is_said_so() -> None:
    with pytest.raises(CannotListen, match="192.0.2.1 port"):
        Server("no app", "192.0.2.1", 0, "webhook")


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
    server = serve_webhook(storage, make_config())
    server.stop()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def test_the_port_is_free_after_stop(
    alone: Api, storage: Storage, make_config: MakeConfig
) -> None:
    alone.server.stop()
    serve_webhook(storage, make_config(), alone.server.port).stop()


HALVES = [
    b"",
    b"P",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nA: ",
    b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 60000\r\n\r\n" + b"x" * 50_000,
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nx",
]


def test_200_half_sent_requests_do_not_delay_a_good_one(api: Api) -> None:
    def took() -> float:
        began = time.perf_counter()
        assert api.ok()["success"]
        return time.perf_counter() - began

    took()
    alone = sorted(took() for _ in range(9))[4]
    address = ("127.0.0.1", api.server.port)
    half = [socket.create_connection(address, 5) for _ in range(200)]
    try:
        for number, connection in enumerate(half):
            connection.sendall(HALVES[number % len(HALVES)])
        crowded = sorted(took() for _ in range(9))[4]
    finally:
        for connection in half:
            connection.close()
    print(f"alone {alone * 1000:.1f} ms, crowded {crowded * 1000:.1f} ms")
    assert crowded < 2  # none waits for the end of a half-sent one


def test_a_request_that_trickles_in_is_ended(
    alone: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airbot.web.server.REQUEST_S", 0.3)
    with socket.create_connection(("127.0.0.1", alone.server.port), 5) as slow:
        began = time.monotonic()
        with suppress(OSError):
            for byte in b"POST /" + b"x" * 1000:
                slow.sendall(bytes([byte]))
                time.sleep(0.05)
        assert time.monotonic() - began < 30  # all of it would take fifty seconds
    assert alone.ok()["success"]


def test_a_connection_without_a_call_is_ended_although_the_clock_was_put_back(
    alone: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = time.time
    monkeypatch.setattr("airbot.web.server.REQUEST_S", 0.3)
    with socket.create_connection(("127.0.0.1", alone.server.port), 5) as idle:
        monkeypatch.setattr(time, "time", lambda: right() - 10_000)
        assert idle.recv(1) == b""


def test_an_answer_ends_its_connection(alone: Api) -> None:
    with requests.Session() as session:
        for wanted in ("keep-alive", "close"):
            headers = {"Connection": wanted}
            answer = session.post(alone.url, json=BODY, headers=headers, timeout=5)
            assert answer.headers["Connection"] == "close"
    call = b"POST / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
    with socket.create_connection(("127.0.0.1", alone.server.port), 5) as old:
        old.sendall(call)
        assert b"connection: close" in old.makefile("rb").read().lower()


@pytest.mark.parametrize("sent", [b"", HALVES[2], HALVES[4]], ids=["idle", "a", "b"])
def test_connections_that_are_held_open_shut_out_no_caller(
    alone: Api, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "airbot")
    address = ("127.0.0.1", alone.server.port)
    with ExitStack() as opened:
        held = []
        for _ in range(CONNECTIONS + 60):
            held.append(opened.enter_context(socket.create_connection(address, 5)))
            held[-1].sendall(sent)
        for _ in range(3):
            assert alone.ok()["success"]
        assert held[0].recv(1) == b""  # the longest idle went
    [line] = [r.getMessage() for r in caplog.records if "connections are" in r.msg]
    assert "127.0.0.1" in line
    assert alone.server.full_at is not None


def test_a_caller_who_is_being_answered_stays_while_others_crowd_in(
    alone: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go_on = threading.Event(), threading.Event()
    reply = Answers.reply

    def slow(*given: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return reply(*given)

    monkeypatch.setattr(Answers, "reply", slow)
    with ThreadPoolExecutor(1) as pool, ExitStack() as opened:
        call = pool.submit(alone.call)
        assert entered.wait(30)
        address = ("127.0.0.1", alone.server.port)
        for _ in range(CONNECTIONS + 20):
            opened.enter_context(socket.create_connection(address, 5))
        go_on.set()
        assert call.result().status_code == 200


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
