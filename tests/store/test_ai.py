"""ai/, contract/: the question to the letter, its address and signature, the answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest
import standardwebhooks
import trustme
from hypothesis import given
from hypothesis import strategies as st
from support.asking import CANARY
from support.asking import NOW
from support.asking import question
from support.asking import read_request
from support.asking import said

from airbot.ai.host import HostAI
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
from airbot.models import Kind
from airbot.sandbox.ai import DemoAI

KEY = b"k" * 32
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
