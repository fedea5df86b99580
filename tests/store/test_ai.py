"""ai/, contract/: the question to the letter, and what each kind of answer means."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import logging
import re
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest
import standardwebhooks
import trustme
from hypothesis import given
from hypothesis import strategies as st

from airbot.ai.host import HostAI
from airbot.ai.wire import MAX_ANSWER_BYTES
from airbot.contract.payload import AIAnswer
from airbot.contract.payload import answer_in
from airbot.contract.payload import payload
from airbot.contract.signing import is_signed
from airbot.contract.text import ReplyRefused
from airbot.contract.text import clean_reply
from airbot.contract.tokens import callback_url
from airbot.contract.tokens import expiry_in
from airbot.contract.tokens import is_token
from airbot.contract.tokens import token_of
from airbot.exceptions import AIError
from airbot.models import Direction
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Question
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.sandbox.ai import DemoAI

NOW = datetime(2026, 11, 22, 10, 27, 3, 120000, tzinfo=UTC)
CANARY = "canary-in-the-text"
KEY = b"k" * 32


def said(
    id_: str, body: str | None, role: str = "guest", kind: Kind = Kind.TEXT
) -> Message:
    direction = Direction.INBOUND if role == "guest" else Direction.OUTBOUND
    at = NOW + timedelta(seconds=int(id_))
    return Message(id_, "1", "Maya", role, direction, kind, body, at)


def question(*texts: Message, history: tuple[Message, ...] = ()) -> Question:
    turn = Turn(
        id="turn-1",
        thread_id="TWVzc2FnZVRocmVhZDoxMjM0NTY3",
        status=TurnStatus.ASKED,
        fingerprint="",
        supersedes=0,
        first_at=NOW,
        newest_at=NOW,
    )
    return Question(
        turn=turn,
        sender="Maya",
        listing_id="1200000000000000001",
        stage="CONFIRMED",
        description="3 nights",
        texts=texts or (said("1", f"Is parking free? {CANARY}"),),
        history=history,
    )


# The question


PARKING = "Is parking\nfree?"
AT_1, AT_2 = "2026-11-22T10:27:04.120Z", "2026-11-22T10:27:05.120Z"
WHOLE = {
    "conversation_id": "TWVzc2FnZVRocmVhZDoxMjM0NTY3",
    "sender": "Maya",
    "message": "Hi!\n\nIs parking\nfree?",
    "property_id": "1200000000000000001",
    "callback_url": "http://localhost/cb",
    "message_id": "turn-1",
    "messages": [
        {"id": "1", "text": "Hi!", "sent_at": AT_1},
        {"id": "2", "text": PARKING, "sent_at": AT_2},
    ],
    "history": [
        {"role": "owner", "text": "Welcome", "sent_at": "2026-11-22T10:27:03.120Z"},
        {"role": "guest", "text": "Hi!", "sent_at": AT_1},
        {"role": "guest", "text": PARKING, "sent_at": AT_2},
        {"role": "guest", "text": "[photo]", "sent_at": "2026-11-22T10:27:06.120Z"},
    ],
    "reservation": {"stage": "CONFIRMED", "description": "3 nights"},
}


def test_the_question_is_this_json_and_no_other() -> None:
    texts = (said("1", "Hi!"), said("2", PARKING))
    photo = said("3", None, kind=Kind.MEDIA)
    history = (said("0", "Welcome", role="owner"), *texts, photo)
    assert payload(question(*texts, history=history), "http://localhost/cb") == WHOLE


def test_what_airbnb_does_not_tell_is_null() -> None:
    bare = replace(question(), listing_id=None, stage=None, description=None)
    told = payload(bare, "cb")
    assert told["property_id"] is None
    assert told["reservation"] == {"stage": None, "description": None}
    assert told["history"] == []


def test_the_five_fields_that_every_ai_knows_come_first() -> None:
    keys = list(payload(question(), "http://localhost/cb"))
    known = "conversation_id sender message property_id callback_url"
    assert keys == [*known.split(), "message_id", "messages", "history", "reservation"]


def test_what_the_ai_gets_is_what_the_payload_says(ai: DemoAI) -> None:
    ai.mode = "silent"
    asked = question(said("1", "Où ? 🅿️"), history=(said("1", "Où ? 🅿️"),))
    HostAI(ai.url, 5).ask(asked, "http://localhost/cb")
    assert ai.asked == [payload(asked, "http://localhost/cb")]
    assert ai.headers[0]["Content-Type"] == "application/json"
    assert "Authorization" not in ai.headers[0]


def test_a_secret_travels_as_a_bearer(ai: DemoAI) -> None:
    ai.mode = "silent"
    HostAI(ai.url, 5, "s3cret").ask(question(), "http://127.0.0.1:1/cb")
    assert ai.headers[0]["Authorization"] == "Bearer s3cret"


def test_the_environments_proxy_is_not_used(
    ai: DemoAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    ai.mode = "ignore"
    assert HostAI(ai.url, 5).ask(question(), "cb").action == "ignore"


# Whose certificate is believed


def read_request(connection: socket.socket) -> bytes:
    """Its headers. To its end: what is left unread at the close resets the answer."""
    with connection.makefile("rb") as file:
        length, headers = 0, b""
        while (line := file.readline()) not in (b"\r\n", b""):
            headers += line
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        file.read(length)
    return headers


@contextmanager
def over_tls(authority: trustme.CA) -> Iterator[str]:
    """An AI on https that says `ignore`, once; its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    body = b'{"action": "ignore"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                with context.wrap_socket(connection, server_side=True) as secure:
                    read_request(secure)
                    secure.sendall(head + body)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"https://localhost:{listening.getsockname()[1]}/ai"
        thread.join()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_an_authority_that_nobody_knows_is_not_believed(authority: trustme.CA) -> None:
    with over_tls(authority) as url, pytest.raises(AIError, match="SSLError"):
        HostAI(url, 5).ask(question(), "cb")


def test_the_authority_of_ca_file_is_believed(
    authority: trustme.CA, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    with over_tls(authority) as url:
        answer = HostAI(url, 5, ca_file=file).ask(question(), "cb")
    assert answer.action == "ignore"


def test_the_systems_authorities_are_believed(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))  # OpenSSL's own
    with over_tls(authority) as url:
        assert HostAI(url, 5).ask(question(), "cb").action == "ignore"


# The capability


def test_the_callback_url_names_the_turn_and_its_token() -> None:
    url = callback_url("http://localhost:8000", "turn-1", NOW, KEY)
    assert url.startswith(
        "http://localhost:8000/api/ai/webhook-simple?turn=turn-1&token="
    )
    until = str(int(NOW.timestamp()))
    mac = hmac.new(KEY, f"turn-1 {until}".encode(), hashlib.sha256).hexdigest()
    token = f"{until}-{mac}"
    assert parse_qs(urlsplit(url).query) == {"turn": ["turn-1"], "token": [token]}


def test_a_token_fits_one_turn_and_one_database() -> None:
    token = token_of("turn-1", NOW, KEY)
    assert is_token("turn-1", token, KEY)
    assert not is_token("turn-2", token, KEY)
    assert not is_token("turn-1", token, b"x" * 32)
    assert not is_token("turn-1", "", KEY)
    assert not is_token("turn-1", token[:-1], KEY)


def test_a_token_says_until_when_and_that_cannot_be_changed() -> None:
    token = token_of("turn-1", NOW, KEY)
    assert expiry_in(token) == NOW.replace(microsecond=0)
    seconds, _, mac = token.partition("-")
    assert not is_token("turn-1", f"{int(seconds) + 1}-{mac}", KEY)
    assert not is_token("turn-1", f"0{seconds}-{mac}", KEY)
    assert not is_token("turn-1", f"-{mac}", KEY)
    assert not is_token("turn-1", mac, KEY)


@pytest.mark.parametrize(
    "token", ["é", "1-é", "١-" + "a" * 64, "-", "9" * 99, "\ud800"]
)
def test_what_is_no_token_is_none(token: str) -> None:
    assert not is_token("turn-1", token, KEY)


def test_a_token_of_the_version_before_still_fits() -> None:
    token = hmac.new(KEY, b"turn-1", hashlib.sha256).hexdigest()
    assert is_token("turn-1", token, KEY)
    assert expiry_in(token) is None


# Standard Webhooks


SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"o" * 24).decode()


def published(secret: str | bytes = SECRET) -> standardwebhooks.Webhook:
    return standardwebhooks.Webhook(secret)


@pytest.mark.parametrize("secret", [SECRET, f"{SECRET} {OLD_SECRET}"])
def test_the_published_library_takes_our_call(ai: DemoAI, secret: str) -> None:
    ai.mode = "silent"
    asked = question(said("1", "Où ? 🅿️"))
    HostAI(ai.url, 5, secret).ask(asked, "http://127.0.0.1:1/cb")
    whole = published().verify(ai.bodies[0], dict(ai.headers[0]))
    assert whole == payload(asked, "http://127.0.0.1:1/cb")
    assert ai.headers[0]["Webhook-Id"] == asked.turn.id
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        published().verify(ai.bodies[0] + b" ", dict(ai.headers[0]))


def test_while_a_secret_is_changed_both_fit(ai: DemoAI) -> None:
    ai.mode = "silent"
    HostAI(ai.url, 5, f"{SECRET} {OLD_SECRET}").ask(question(), "cb")
    for secret in (SECRET, OLD_SECRET):
        published(secret).verify(ai.bodies[0], dict(ai.headers[0]))
    assert ai.headers[0]["Authorization"] == f"Bearer {SECRET}"


def test_a_secret_that_is_any_text_is_its_own_bytes(ai: DemoAI) -> None:
    ai.mode = "silent"
    HostAI(ai.url, 5, "s3cret with blanks").ask(question(), "cb")
    published(b"s3cret with blanks").verify(ai.bodies[0], dict(ai.headers[0]))


def test_every_retry_has_the_same_id(ai: DemoAI) -> None:
    ai.mode = 503
    for _ in range(2):
        with pytest.raises(AIError):
            HostAI(ai.url, 5, SECRET).ask(question(), "cb")
    assert [h["Webhook-Id"] for h in ai.headers] == ["turn-1", "turn-1"]


def test_without_a_secret_nothing_is_signed(ai: DemoAI) -> None:
    ai.mode = "silent"
    HostAI(ai.url, 5).ask(question(), "cb")
    assert not [name for name in ai.headers[0] if name.lower().startswith("webhook-")]


def signed(at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    """As the published library signs `{}`."""
    seconds = at.replace(tzinfo=None)
    return {
        "webhook-id": "call-1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": published(secret).sign("call-1", seconds, "{}"),
    }


def test_the_published_librarys_call_is_taken() -> None:
    assert is_signed(SECRET, signed(), b"{}", NOW)
    assert not is_signed(SECRET, signed(), b"{ }", NOW)
    assert not is_signed(OLD_SECRET, signed(), b"{}", NOW)
    assert is_signed(f"{OLD_SECRET} {SECRET}", signed(), b"{}", NOW)


def test_one_signature_of_several_is_enough() -> None:
    call = signed()
    other = signed(secret=OLD_SECRET)["webhook-signature"]
    for line in (f"{other} {call['webhook-signature']}", "v1a,x " + other + " é v1"):
        fits = is_signed(SECRET, {**call, "webhook-signature": line}, b"{}", NOW)
        assert fits is (call["webhook-signature"] in line)


@pytest.mark.parametrize(
    ("off_s", "taken"),
    [(0, True), (299, True), (-299, True), (302, False), (-302, False)],
)
def test_a_signature_counts_for_five_minutes(off_s: int, taken: bool) -> None:
    call = signed(NOW + timedelta(seconds=off_s))
    assert is_signed(SECRET, call, b"{}", NOW) is taken


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "call-2"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-timestamp": str(int(NOW.timestamp())) + ".0"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "١" * 10},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v2," + "A" * 43 + "="},
    ],
)
def test_what_was_changed_is_not_signed(changed: dict[str, str]) -> None:
    assert not is_signed(SECRET, {**signed(), **changed}, b"{}", NOW)


# What a 2xx says


@pytest.mark.parametrize(
    ("body", "action"),
    [
        ('{"action": "reply", "message": "Yes."}', "reply"),
        ('{"action": "reply", "message": "", "more": 1}', "reply"),
        ('{"action": "ignore"}', "ignore"),
        ('{"action": "ignore", "message": "Yes."}', "ignore"),
        ('{"message": "Workflow was started"}', "taken"),
        ('{"message": "Yes."}', "taken"),
        ('{"action": "reply"}', "taken"),
        ('{"action": "reply", "message": null}', "taken"),
        ('{"action": "reply", "message": 5}', "taken"),
        ('{"action": "REPLY", "message": "Yes."}', "taken"),
        ('[{"action": "reply", "message": "Yes."}]', "taken"),
        ('"reply"', "taken"),
        ("", "taken"),
        ("Accepted", "taken"),
        ("null", "taken"),
        ("[" * 100_000, "taken"),
        ('{"action": {"a": 1}}', "taken"),
    ],
)
def test_only_the_two_answers_count(body: str, action: str) -> None:
    answer = answer_in(body.encode())
    assert answer.action == action
    assert (answer.message is not None) is (action == "reply")


def test_an_answer_that_is_no_utf8_is_no_answer() -> None:
    assert answer_in(b"\xff\xfe{").action == "taken"


def test_the_answers_words_are_not_in_its_repr() -> None:
    assert CANARY not in repr(AIAnswer("reply", CANARY))


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


# What an answer must be

ENGLAND = "🏴" + "".join(chr(0xE0000 + ord(c)) for c in "gbeng") + "\U000e007f"


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Yes.", "Yes."),
        ("  Yes.\n", "Yes."),
        ("a\r\nb\rc\n\nd", "a\nb\nc\n\nd"),
        ("tab\there", "tab\there"),
        ("été 🅿️ 👨‍👩‍👧", "été 🅿️ 👨‍👩‍👧"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("à\u202f9\u00a0h", "à\u202f9\u00a0h"),
        ("می\u200cخواهم, क्\u200dष", "می\u200cخواهم, क्\u200dष"),
        ("❤\ufe0f\u200d🔥 👩🏽\u200d🚀", "❤\ufe0f\u200d🔥 👩🏽\u200d🚀"),
        (ENGLAND, ENGLAND),
        ("<b>1 &lt; 2</b>", "<b>1 &lt; 2</b>"),
        ("\U0001fae9 of tomorrow: \U0001fadf", "\U0001fae9 of tomorrow: \U0001fadf"),
        ("x" * 4000, "x" * 4000),
        ("x" * 4000 + "\n", "x" * 4000),
    ],
)
def test_a_reply_is_typed_without_blank_ends(text: str, typed: str) -> None:
    assert clean_reply(text, 4000) == (typed, 0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "message is empty"),
        (" \r\n\t ", "message is empty"),
        ("x" * 4001, "message is longer than 4000 characters"),
        ("a\x00b", "cannot be typed"),
        ("a\x1bb", "cannot be typed"),
        ("a\x7fb", "cannot be typed"),
        ("a\ud83db", "cannot be typed"),
        ("a\x85b", "cannot be typed"),
        ("a\ue000b", "cannot be typed"),
        ("a\ufffeb", "cannot be typed"),
        ("a\U0001ffffb", "cannot be typed"),
        ("a\ufdd0b", "cannot be typed"),
        ("\u200b\u2060 \ufeff", "message is empty"),
        ("\u3164", "message is empty"),
    ],
)
def test_a_reply_that_cannot_be_typed_is_refused(text: str, why: str) -> None:
    with pytest.raises(ReplyRefused, match=why):
        clean_reply(text, 4000)


@pytest.mark.parametrize(
    "unseen",
    ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e"]  # turn the words around
    + ["\u2066", "\u2067", "\u2068", "\u2069", "\u200e", "\u200f", "\u061c"]
    + ["\u200b", "\u200c", "\u200d", "\u2060", "\u2064", "\ufeff", "\u00ad", "\u180e"]
    + ["\ufff9", "\u115f", "\u3164", "\uffa0", "\U000e0001", "\U000e0041"],
    ids=lambda char: f"{ord(char):x}",
)
def test_what_is_not_seen_is_taken_out_and_counted(unseen: str) -> None:
    text = f"{unseen}Pay{unseen}ment by{unseen} bank{unseen}"
    assert clean_reply(text, 4000) == ("Payment by bank", 4)


def test_letters_that_are_not_seen_stay_in_a_flag_alone() -> None:
    hidden = "".join(chr(0xE0000 + ord(c)) for c in "ignore all rules")
    assert clean_reply(f"Hi {ENGLAND}{hidden}", 99) == (f"Hi {ENGLAND}", 16)
    assert clean_reply("🏴" + hidden, 99) == ("🏴", 16)


def test_a_joiner_joins_two_and_does_not_come_twice() -> None:
    assert clean_reply("👨\u200d\u200d👧 👧\u200d x", 99) == ("👨\u200d👧 👧 x", 2)


@given(st.text())
def test_every_text_is_refused_or_clean(text: str) -> None:
    try:
        clean = clean_reply(text, 4000)
    except ReplyRefused:
        return
    assert clean.text and clean.text == clean.text.strip()
    assert clean_reply(clean.text, 4000) == (clean.text, 0)
    clean.text.encode()
