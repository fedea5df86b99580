"""ai/: one call over HTTP: statuses, limits of time and size, compressed answers."""

from __future__ import annotations

import gzip
import logging
import re
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from support.asking import CANARY
from support.asking import question
from support.asking import read_request

from airbot.ai.host import HostAI
from airbot.ai.wire import MAX_ANSWER_BYTES
from airbot.contract.payload import AIAnswer
from airbot.exceptions import AIError
from airbot.sandbox.ai import DemoAI

# A raw AI on loopback, for what no decent server does


Script = Callable[[socket.socket], None]


@contextmanager
def raw_ai(script: Script) -> Iterator[str]:
    """Reads one question whole, then does as the script says."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, script), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/{CANARY}?key={CANARY}"
    thread.join(5)


def _accept(server: socket.socket, script: Script) -> None:
    connection, _ = server.accept()
    with connection, suppress(OSError):
        script(connection)


def _serve(server: socket.socket, script: Script) -> None:
    try:
        connection, _ = server.accept()
    except OSError:
        return
    with connection:
        connection.settimeout(5)
        request = b""
        while CANARY.encode() not in request.partition(b"\r\n\r\n")[2]:
            request += connection.recv(65536)
        try:
            script(connection)
        except OSError:
            pass  # the other side had enough


def answers(*parts: bytes) -> Script:
    return lambda connection: connection.sendall(b"".join(parts))


def head(status: str, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def failure(script: Script, timeout_s: float = 5.0) -> AIError:
    with raw_ai(script) as url, pytest.raises(AIError) as caught:
        HostAI(url, timeout_s, f"secret-{CANARY}").ask(
            question(), f"http://cb/{CANARY}"
        )
    return caught.value


AGAIN = [408, 425, 429, 500, 502, 503, 504, 520]
FOR_GOOD = [300, 301, 302, 303, 307, 308, 400, 405, 410, 413, 422]


@pytest.mark.parametrize("status", AGAIN + FOR_GOOD)
def test_a_refusal_is_for_good_or_for_now(status: int) -> None:
    e = failure(answers(head(f"{status} No", "Content-Length: 0")))
    assert str(e) == f"the AI answered HTTP {status}"
    assert e.permanent is (status in FOR_GOOD)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b""),
        (402, b""),
        (403, b""),
        (404, b"<html>"),
        (429, b'{"error": {"code": "insufficient_quota"}}'),
        (429, b'{"message": "Your quota has been exhausted. It will reset at 9."}'),
    ],
)
def test_a_key_a_quota_or_a_workflow_is_no_questions_fault(
    status: int, body: bytes
) -> None:
    e = failure(answers(head(f"{status} No", f"Content-Length: {len(body)}"), body))
    assert e.closed and e.reached and not e.permanent
    assert str(e).startswith(f"the AI answered HTTP {status}: ")


@pytest.mark.parametrize(
    ("given", "seconds"), [("120", 120), ("0", 0), ("soon", None), ("-5", None)]
)
def test_the_ais_own_wish_when_to_be_asked_again_is_read(
    given: str, seconds: float | None
) -> None:
    lines = (f"Retry-After: {given}", "Content-Length: 0")
    assert failure(answers(head("503 No", *lines))).retry_after_s == seconds


def test_a_date_to_be_asked_again_is_read() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    lines = (f"Retry-After: {at}", "Content-Length: 0")
    e = failure(answers(head("429 No", *lines)))
    assert e.retry_after_s and 80 < e.retry_after_s <= 90


def test_a_password_in_the_address_does_not_replace_the_secret() -> None:
    heard: list[bytes] = []

    def script(connection: socket.socket) -> None:
        heard.append(read_request(connection))
        connection.sendall(head("204 No Content"))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_accept, args=(server, script))
        thread.start()
        url = f"http://host:wrong@127.0.0.1:{server.getsockname()[1]}/ai"
        HostAI(url, 5, "s3cret").ask(question(), "cb")
        thread.join()
    assert b"authorization: bearer s3cret\r\n" in heard[0].lower()
    assert b"basic" not in heard[0].lower()


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "299 ?"])
def test_every_2xx_is_an_answer(status: str) -> None:
    body = b'{"action": "reply", "message": "Yes."}'
    script = answers(head(status, f"Content-Length: {len(body)}"), body)
    with raw_ai(script) as url:
        assert HostAI(url, 5).ask(question(), "cb") == AIAnswer("reply", "Yes.")


def test_204_without_a_body_means_taken() -> None:
    with raw_ai(answers(head("204 No Content"))) as url:
        assert HostAI(url, 5).ask(question(), "cb").action == "taken"


def test_a_redirect_is_not_followed(ai: DemoAI) -> None:
    for status in ("301 Moved", "302 Found", "307 Temporary", "308 Permanent"):
        lines = (f"Location: {ai.url}", "Content-Length: 0")
        assert failure(answers(head(status, *lines))).permanent
    assert ai.asked == []


def test_nobody_listening_is_no_refusal() -> None:
    with pytest.raises(AIError) as caught:
        HostAI(f"http://127.0.0.1:1/{CANARY}", 5).ask(question(), CANARY)
    assert str(caught.value) == "the AI was not reached (ConnectionError)"
    assert not caught.value.permanent


def hang(connection: socket.socket) -> None:
    connection.recv(1)  # until the other side closes


def cut_in_the_body(connection: socket.socket) -> None:
    connection.sendall(head("200 OK", "Content-Length: 500") + b'{"action"')


def drip_chunks(connection: socket.socket) -> None:
    connection.sendall(head("200 OK", "Transfer-Encoding: chunked"))
    while True:
        connection.sendall(b"1\r\n \r\n")
        time.sleep(0.02)


def hang_in_the_body(connection: socket.socket) -> None:
    connection.sendall(head("200 OK", "Content-Length: 500") + b'{"action"')
    hang(connection)


def drip_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X: y\r\n")
        time.sleep(0.1)


def drip_between(connection: socket.socket) -> None:
    """Each piece is in time, and all of them together are not."""
    for piece in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n\r\n", b"abcde"):
        time.sleep(0.25)
        connection.sendall(piece)


@pytest.mark.parametrize(
    "script", [hang, drip_chunks, hang_in_the_body, drip_head, drip_between]
)
def test_a_slow_answer_is_cut_at_the_timeout(script: Script) -> None:
    began = time.monotonic()
    e = failure(script, timeout_s=0.3)
    assert 0.2 < time.monotonic() - began < 10  # it would drip for ever
    assert str(e) == "the AI did not answer in 0.3 s"
    assert not e.permanent


def test_a_handshake_that_never_ends_is_cut_at_the_timeout() -> None:
    def drip(connection: socket.socket) -> None:
        sent = 0
        while True:  # a TLS record of 16 KiB, byte by byte
            connection.sendall(b"\x16\x03\x03\x40\x00\x02"[sent : sent + 1] or b"\0")
            sent += 1
            time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_accept, args=(server, drip), daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(AIError):
            url = f"https://127.0.0.1:{server.getsockname()[1]}/"
            HostAI(url, 0.3).ask(question(), "cb")
        assert time.monotonic() - began < 10  # it would drip for ever
    thread.join(5)


def test_the_log_of_a_call_is_status_and_time(
    ai: DemoAI, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ai.mode = "ignore"
    url = ai.url.replace("//", f"//{CANARY}:{CANARY}@") + f"?key={CANARY}"
    HostAI(url, 5, f"secret-{CANARY}").ask(question(), f"http://cb/{CANARY}")
    [record] = [r for r in caplog.records if r.name.startswith("airbot")]
    assert re.fullmatch(r"the AI: HTTP 200, 0\.\d\d s", record.getMessage())
    shown = [r.getMessage() for r in caplog.records if r.levelno >= logging.INFO]
    assert CANARY not in "".join(shown)


def test_netrc_is_not_read(
    ai: DemoAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    ai.mode = "ignore"
    HostAI(ai.url, 5).ask(question(), "cb")
    assert "Authorization" not in ai.headers[0]


@pytest.mark.parametrize(
    "script", [lambda connection: None, cut_in_the_body, answers(b"hello\r\n\r\n")]
)
def test_a_broken_answer_is_no_answer(script: Script) -> None:
    e = failure(script)
    assert "was not reached" in str(e)
    assert not e.permanent


def test_a_time_out_says_how_long_was_waited() -> None:
    assert str(failure(hang, 0.2)) == "the AI did not answer in 0.2 s"


def huge(connection: socket.socket) -> None:
    body = b'{"action": "reply", "message": "' + b"x" * MAX_ANSWER_BYTES + b'"}'
    connection.sendall(head("200 OK", f"Content-Length: {len(body)}") + body)


def test_a_huge_answer_is_not_read_to_its_end() -> None:
    with raw_ai(huge) as url:
        assert HostAI(url, 5).ask(question(), "cb").action == "taken"


# What is compressed, although airbot asks for it as it is


REPLY = b'{"action": "reply", "message": "Yes."}'


def gzipped(body: bytes) -> bytes:
    """The same at any moment: the workers of a run compare the names of their tests."""
    return gzip.compress(body, mtime=0)


def deflated(body: bytes, wbits: int = zlib.MAX_WBITS) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    return packer.compress(body) + packer.flush()


def raw_deflated(body: bytes) -> bytes:
    return deflated(body, -zlib.MAX_WBITS)


def twice(body: bytes) -> bytes:
    return gzipped(gzipped(body))


def four_times(body: bytes) -> bytes:
    return twice(deflated(gzipped(body)))


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzipped,
    "GZip": gzipped,
    "x-gzip": gzipped,
    "deflate": deflated,
    " deflate ": raw_deflated,
    "gzip, gzip": twice,
    "gzip,deflate,gzip,gzip": four_times,
    "identity, gzip": gzipped,
}


def as_it_is(encoding: str, body: bytes, status: str = "200 OK") -> Script:
    lines = [f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}"]
    if status.startswith("3"):
        lines.append("Location: http://127.0.0.1:1/")
    return answers(head(status, *lines), body)


def held_by(ask: Callable[[], object]) -> int:
    """The most memory that Python held meanwhile, above what it held before."""
    tracemalloc.start()
    try:
        ask()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_answer_is_asked_for_as_it_is(ai: DemoAI) -> None:
    ai.mode = "ignore"
    HostAI(ai.url, 5, "secret").ask(question(), "cb")
    assert ai.headers[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("encoding", PACKED)
def test_a_compressed_answer_is_read_all_the_same(encoding: str) -> None:
    with raw_ai(as_it_is(encoding, PACKED[encoding](REPLY))) as url:
        assert HostAI(url, 5).ask(question(), "cb") == AIAnswer("reply", "Yes.")


@pytest.mark.parametrize("encoding", ["identity", "utf-8", "none", ""])
def test_what_is_no_compression_is_taken_as_it_is(encoding: str) -> None:
    with raw_ai(as_it_is(encoding, REPLY)) as url:
        assert HostAI(url, 5).ask(question(), "cb") == AIAnswer("reply", "Yes.")


@pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
def test_nothing_is_nothing_also_compressed(status: str) -> None:
    with raw_ai(as_it_is("gzip", b"", status)) as url:
        assert HostAI(url, 5).ask(question(), "cb").action == "taken"


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "400 No", "500 No"])
@pytest.mark.parametrize("encoding", PACKED)
def test_a_compressed_answer_is_inflated_up_to_the_bound_only(
    encoding: str, status: str
) -> None:
    bomb = PACKED[encoding](REPLY.replace(b"Yes", b"x" * 64 * MAX_ANSWER_BYTES))
    assert len(bomb) < MAX_ANSWER_BYTES / 4

    def ask() -> None:
        if status != "200 OK":
            assert status[:3] in str(failure(as_it_is(encoding, bomb, status)))
            return
        with raw_ai(as_it_is(encoding, bomb)) as url:
            assert HostAI(url, 5).ask(question(), "cb").action == "taken"

    assert held_by(ask) < 6 * MAX_ANSWER_BYTES


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity", "gzip, br"])
@pytest.mark.parametrize("status", ["200 OK", "302 Found", "500 No"])
def test_an_answer_without_an_end_is_not_held(encoding: str, status: str) -> None:
    begin = {"gzip": gzipped(b"")[:10], "deflate": b"\x78\x9c"}
    empty_block = b"\x00\x00\x00\xff\xff"

    def endless(connection: socket.socket) -> None:
        lines = (f"Content-Encoding: {encoding}", "Location: http://127.0.0.1:1/")
        connection.sendall(head(status, *lines) + begin.get(encoding, b""))
        for _ in range(64):
            connection.sendall(empty_block * (MAX_ANSWER_BYTES // 5))

    def ask() -> None:
        with raw_ai(endless) as url, suppress(AIError):
            HostAI(url, 20).ask(question(), "cb")

    assert held_by(ask) < 6 * MAX_ANSWER_BYTES


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", REPLY),
        ("deflate", REPLY),
        ("br", REPLY),
        ("zstd", REPLY),
        ("compress", REPLY),
        ("gzip, br", gzipped(REPLY)),
        ("br, gzip", gzipped(REPLY)),
        ("gzip, gzip", gzipped(REPLY)),
        ("deflate", gzipped(REPLY)),
        ("gzip", deflated(REPLY)),
        ("gzip", gzipped(REPLY)[:-9]),
        ("gzip", gzipped(REPLY)[:4]),
        ("deflate", deflated(REPLY)[:-1]),
        ("gzip", gzipped(REPLY) + b"more"),
        ("gzip", gzipped(REPLY) + gzipped(REPLY)),
    ],
)
def test_what_is_not_compressed_as_it_says_is_no_answer(
    encoding: str, body: bytes
) -> None:
    e = failure(as_it_is(encoding, body))
    assert str(e) == "the AI was not reached (DecodeError)"
    assert not e.permanent and CANARY not in repr(e)


@pytest.mark.parametrize(
    "script",
    [
        hang,
        cut_in_the_body,
        answers(b"hello\r\n\r\n"),
        answers(head("500 No", f"X-Said: {CANARY}", "Content-Length: 0")),
        answers(head(f"400 {CANARY}", "Content-Length: 18"), CANARY.encode()),
        answers(head("302 Found", f"Location: http://127.0.0.1:1/{CANARY}")),
    ],
)
def test_no_error_names_the_address_the_secret_or_the_text(script: Script) -> None:
    e = failure(script, timeout_s=0.2)
    assert CANARY not in str(e) + repr(e)
    assert "127.0.0.1" not in str(e)
    assert e.__cause__ is None  # a traceback would show the address
