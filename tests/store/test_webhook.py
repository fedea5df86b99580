"""webhook/: the real server on a free port, called as an AI, a script, a stranger."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextlib import closing
from contextlib import suppress
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
import requests
import standardwebhooks
from support.api import BODY
from support.api import CANARY
from support.api import FORMS
from support.api import NUMBER
from support.api import OTHER
from support.api import PATH
from support.api import THREAD
from support.api import Api
from support.api import MakeConfig
from support.api import refused
from support.builders import MAX_AGE
from support.builders import NOW
from support.builders import RULES
from support.builders import close_turn
from support.builders import guest
from support.builders import host
from support.builders import reading
from support.webhooks import serve_webhook

from airbot.answers import Answers
from airbot.contract.tokens import token_of
from airbot.exceptions import CannotListen
from airbot.models import Door
from airbot.models import ReplyStatus
from airbot.models import TurnStatus
from airbot.storage import Storage
from airbot.storage import database as database_module
from airbot.web.request import MAX_BODY
from airbot.web.server import CONNECTIONS
from airbot.web.server import Server
from airbot.webhook.callers import Wrongs

# The answer


def test_a_question_that_comes_back_is_no_answer(api: Api) -> None:
    turn = api.turn()
    question = {**BODY, "callback_url": api.address_of(turn)}
    refused(api.call(question), 400, "callback_url", "not an answer")
    assert api.rows() == 0 and api.woken == []


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


def test_of_what_answers_no_question_twenty_wait_and_no_more(api: Api) -> None:
    calls = [{**BODY, "conversation_id": str(1_000_000 + n)} for n in range(25)]
    said = [api.call(body) for body in calls]
    assert [s.status_code for s in said] == [200] * 20 + [503] * 5
    refused(said[-1], 503, "too many messages wait already, send this one later")
    assert api.ok(calls[0])["outbox_id"] == said[0].json()["outbox_id"]
    assert api.ok(url=api.address_of(api.turn()))["success"]
    assert api.rows() == 21


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
    close_turn(api.storage, turn, status, "so it went")
    said = api.ok()
    assert said["status"] == "cancelled"
    row = api.row(said["outbox_id"])
    assert row.turn_id == turn.id
    assert row.last_error == f"came when the turn was {status} already: so it went"
    assert api.woken == []


def test_an_answer_after_a_person_answered_is_kept_as_cancelled(api: Api) -> None:
    turn = api.turn("one")
    api.storage.readings.take_in(
        reading(guest("1one", "one"), host("2"), id_=THREAD), RULES, NOW
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
    token = token_of("gone", NOW, api.storage.session.token_key())
    refused(api.call(url=f"{api.url}?turn=gone&token={token}"), 404, "turn")


# Twice


def test_the_same_callback_twice_is_one_row(api: Api) -> None:
    turn = api.turn()
    first = api.ok(url=api.address_of(turn))
    assert (
        api.ok({**BODY, "message": " Yes, it is. "}, url=api.address_of(turn)) == first
    )
    assert api.rows() == 1


def test_a_second_different_answer_to_a_turn_is_refused_and_said(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    turn = api.turn()
    first = api.ok(url=api.address_of(turn))
    other = {**BODY, "message": "In other words"}
    answer = api.call(other, url=api.address_of(turn))
    assert (answer.status_code, answer.json()["success"]) == (409, False)
    assert api.rows() == 1
    assert api.row(first["outbox_id"]).message == "Yes, it is."
    (said,) = [r.message for r in caplog.records if turn.id[:8] in r.message]
    assert "another answer already" in said and "other words" not in said


@pytest.mark.parametrize("message", ["", " \n", "x" * 4001, "a\u0000b", "\ud83d"])
def test_an_answer_that_cannot_be_typed_is_counted_and_asked_for_again(
    api: Api, message: str
) -> None:
    turn = api.turn()
    refused(api.call({**BODY, "message": message}, url=api.address_of(turn)), 400)
    row = api.storage.db.read_one("SELECT * FROM turns WHERE id = :id", {"id": turn.id})
    assert row and (row["status"], row["refusals"]) == ("asked", 1)
    assert row["reason"].startswith("the AI's answer cannot be sent: message")
    assert row["next_attempt_at"] and api.rows() == 0


def test_a_late_repetition_tells_what_became_of_the_row(api: Api) -> None:
    turn = api.turn()
    first = api.ok(url=api.address_of(turn))
    held = api.storage.outbox.claim_next(NOW + timedelta(days=9999), None, RULES)
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
    token = token_of(turn.id, NOW, api.storage.session.token_key())
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
    secret = "s3cret-of-16-and-more"
    api = serve(webhook__secret=secret, webhook__public_url="https://bot.example")
    headers = {"Host": "bot.example", "Authorization": f"Bearer {secret}"}
    assert api.ok(headers=headers)["success"]


# The token's time


def test_a_token_counts_until_the_turn_is_too_old(api: Api) -> None:
    turn = api.turn()
    api.now = turn.newest_at + MAX_AGE + timedelta(seconds=1)
    refused(api.call(url=api.address_of(turn)), 401, "too old")
    assert api.rows() == 0
    api.now -= timedelta(seconds=2)
    assert api.ok(url=api.address_of(turn))["success"]


@pytest.mark.parametrize("jump", [timedelta(hours=3), timedelta(days=730)])
def test_a_clock_that_was_moved_refuses_no_turn(api: Api, jump: timedelta) -> None:
    turn = api.turn()
    session = api.storage.session
    session.monotonic = lambda: 0.0
    session.measured(NOW, NOW)
    api.now += jump
    assert api.ok(url=api.address_of(turn))["success"]


def test_too_old_is_judged_by_airbnbs_clock(api: Api) -> None:
    turn = api.turn()
    api.storage.session.measured(NOW + timedelta(hours=1), NOW)
    api.now = turn.newest_at + MAX_AGE - timedelta(seconds=1800)
    refused(api.call(url=api.address_of(turn)), 401, "too old")


@pytest.mark.parametrize("action", ["reply", "ignore"])
def test_a_repeat_is_told_the_same_however_late_it_comes(api: Api, action: str) -> None:
    turn = api.turn()
    first = api.ok(url=api.address_of(turn))
    api.now += 10 * MAX_AGE
    assert api.ok({**BODY, "action": action}, url=api.address_of(turn)) == first


def test_a_token_of_the_version_before_counts_as_long(api: Api) -> None:
    turn = api.turn()
    key = api.storage.session.token_key()
    token = hmac.new(key, turn.id.encode(), hashlib.sha256).hexdigest()
    url = f"{api.url}?turn={turn.id}&token={token}"
    api.now = turn.newest_at + MAX_AGE + timedelta(seconds=1)
    refused(api.call(url=url), 401, "too old")
    api.now = NOW
    assert api.ok(url=url)["success"]


@pytest.mark.parametrize(
    "query",
    ["turn=", "token=", "turn=&token=", "turn={id}&turn={id}&token={token}"]
    + ["turn={id}&token={token}&token={token}", "turn=%ff&token={token}"]
    + ["turn={id}&token=%ff", "turn=%ff"],
)
def test_a_call_with_half_a_token_is_judged_by_it_alone(
    serve: Callable[..., Api], query: str
) -> None:
    for api in (serve(), serve(webhook__secret="s3cret")):
        turn = api.turn()
        token = token_of(turn.id, NOW + MAX_AGE, api.storage.session.token_key())
        url = f"{api.url}?{query.format(id=turn.id, token=token)}"
        headers = {"Authorization": "Bearer s3cret"}
        refused(api.call(url=url, headers=headers), 401, "token")
        assert api.rows() == 0


# Signed calls


SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"o" * 24).decode()


def signed(
    body: bytes, call_id: str = "msg_1", secret: str = SECRET, at: datetime = NOW
) -> dict[str, str]:
    """The headers that the published library makes."""
    text = body.decode()
    library = standardwebhooks.Webhook(secret)
    return {
        "webhook-id": call_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": library.sign(call_id, at.replace(tzinfo=None), text),
    }


@pytest.fixture
def secured(serve: Callable[..., Api]) -> Api:
    return serve(webhook__secret=SECRET, webhook__public_url="https://bot.example")


def sign(api: Api, body: object = BODY, **how: Any) -> requests.Response:
    raw = json.dumps(body).encode()
    headers = {**signed(raw, **how), "Host": "bot.example"}
    return api.call(raw, headers=headers)


def test_a_signed_call_is_taken_from_anywhere(secured: Api) -> None:
    said = sign(secured).json()
    assert said["success"] and secured.row(said["outbox_id"]).message == "Yes, it is."


@pytest.mark.parametrize("ours_s", [-3 * 3600, 3 * 3600])
def test_a_signed_call_is_taken_although_our_clock_is_wrong(
    secured: Api, ours_s: float
) -> None:
    secured.now = NOW + timedelta(seconds=ours_s)
    assert sign(secured).status_code == 401
    secured.storage.session.measured(NOW, secured.now)
    assert sign(secured).json()["success"]


def test_a_signed_call_that_comes_again_is_the_first_one(secured: Api) -> None:
    first = sign(secured)
    again = sign(secured, {**BODY, "message": "Other words"})
    assert (again.status_code, again.json()) == (200, first.json())
    other = sign(secured, {**BODY, "message": "Other words"}, call_id="msg_2")
    assert other.json()["outbox_id"] != first.json()["outbox_id"]
    assert secured.rows() == 2


def test_a_signed_call_that_was_one_too_many_may_come_again(secured: Api) -> None:
    outbox = secured.storage.outbox
    ids = [outbox.enqueue_without_turn(f"T{n}", "x", "AI", NOW).id for n in range(20)]
    assert sign(secured).status_code == 503
    secured.storage.verbs.cancel_reply(ids[0], NOW)
    assert sign(secured).status_code == 200


def test_a_repeat_never_answers_a_newer_turn(secured: Api) -> None:
    old = secured.turn("one")
    ignored = {**BODY, "action": "ignore"}
    first = sign(secured, ignored).json()
    assert first["status"] == "ignored"
    newer = secured.turn("two")
    assert newer.id != old.id
    assert sign(secured, ignored).json() == first
    assert sign(secured).json() == first
    still = secured.storage.turns.get(newer.id)
    assert still and still.status == TurnStatus.NEW
    assert secured.rows() == 0


def test_a_repeat_tells_what_became_of_the_reply(secured: Api) -> None:
    first = sign(secured).json()
    held = secured.storage.outbox.claim_next(NOW, None, RULES)
    assert held
    secured.storage.outbox.fail(held, "refused", NOW)
    assert sign(secured).json() == {**first, "status": "failed"}


def test_a_signed_call_from_eight_threads_is_one_row(secured: Api) -> None:
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: sign(secured).json(), range(8)))
    assert len({one["outbox_id"] for one in said}) == 1
    assert secured.rows() == 1


def test_a_signed_call_that_was_refused_may_be_put_right(secured: Api) -> None:
    refused(sign(secured, {**BODY, "message": ""}), 400, "message is empty")
    assert sign(secured).json()["success"]


def test_what_is_not_signed_so_is_401(secured: Api) -> None:
    raw = json.dumps(BODY).encode()
    good = signed(raw)
    wrong: list[dict[str, str]] = [
        signed(raw, secret=OLD_SECRET),
        signed(raw, at=NOW - timedelta(minutes=6)),
        signed(raw, at=NOW + timedelta(minutes=6)),
        signed(raw + b" "),
        {**good, "webhook-id": "msg_2"},
        {"webhook-signature": good["webhook-signature"]},
        {**good, "webhook-signature": ""},
    ]
    for headers in wrong:
        refused(secured.call(raw, headers=headers), 401, "webhook-signature")
    assert secured.rows() == 0


def test_while_the_secret_is_changed_both_are_taken(serve: Callable[..., Api]) -> None:
    api = serve(webhook__secret=f"{SECRET} {OLD_SECRET}")
    for number, secret in enumerate((SECRET, OLD_SECRET)):
        assert sign_here(api, secret=secret, call_id=f"msg_{number}").json()["success"]
        assert api.ok(headers={"Authorization": f"Bearer {secret}"})["success"]
    only_new = serve(webhook__secret=SECRET)
    both = signed(raw := json.dumps(BODY).encode(), secret=OLD_SECRET)
    both["webhook-signature"] += " " + signed(raw)["webhook-signature"]
    assert only_new.ok(raw, headers=both)["success"]


def sign_here(api: Api, **how: Any) -> requests.Response:
    raw = json.dumps(BODY).encode()
    return api.call(raw, headers=signed(raw, **how))


def test_a_call_id_is_no_novel(secured: Api) -> None:
    refused(sign(secured, call_id="x" * 201), 400, "webhook-id")


def test_the_token_is_judged_before_the_signature(secured: Api) -> None:
    raw = json.dumps(BODY).encode()
    headers = signed(raw)
    url = f"{secured.url}?turn=x&token=y"
    refused(secured.call(raw, url=url, headers=headers), 401, "token")
    turn = secured.turn()
    headers["webhook-signature"] = "v1,wrong"
    said = secured.ok(raw, url=secured.address_of(turn), headers=headers)
    assert secured.row(said["outbox_id"]).turn_id == turn.id


# Neighbours on this machine


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via"]
)
def test_what_a_proxy_brings_is_not_from_here(api: Api, name: str) -> None:
    refused(api.call(headers={name: "127.0.0.1"}), 401, "webhook.secret")
    assert api.rows() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": ""},
    ],
    ids=str,
)
def test_a_browser_is_no_caller(
    serve: Callable[..., Api], headers: dict[str, str]
) -> None:
    api = serve(webhook__secret="s3cret")
    shown = {**headers, "Authorization": "Bearer s3cret"}
    refused(api.call(headers=shown), 403, "browser")
    refused(api.call(url=api.address_of(api.turn()), headers=headers), 403, "browser")
    assert api.rows() == 0


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET", "HEAD"])
def test_no_answer_invites_a_page_of_another_site(api: Api, method: str) -> None:
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Private-Network": "true",
    }
    for headers in ({}, asked):
        response = requests.request(method, api.url, headers=headers, timeout=5)
        assert response.status_code in (403, 405, 415)
        names = {name.lower() for name in response.headers}
        assert not [name for name in names if name.startswith("access-control")]


@pytest.mark.parametrize("name", ["Host", "Authorization", "Origin", "webhook-id"])
def test_a_header_that_is_no_utf8_is_no_bug(
    serve: Callable[..., Api], name: str
) -> None:
    api = serve(webhook__secret="s3cret")
    body = json.dumps(BODY).encode()
    lines = [
        f"POST {PATH} HTTP/1.1".encode(),
        *([b"Host: localhost"] if name != "Host" else []),
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        name.encode() + b": \xff\xfe",
        b"Connection: close",
    ]
    answer = api.raw(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    assert answer.split()[1] in (b"401", b"403"), answer
    assert api.rows() == 0


# Wrong secrets


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_twenty_wrong_secrets_a_minute_are_slowed_down_and_logged_once(
    serve: Callable[..., Api], caplog: pytest.LogCaptureFixture
) -> None:
    api = serve(webhook__secret="s3cret")
    wrong = {"Authorization": "Bearer no"}
    right = {"Authorization": "Bearer s3cret"}
    for _ in range(20):
        refused(api.call(headers=wrong), 401)
    for _ in range(20):
        refused(api.call(headers=wrong), 429, "later")
        refused(api.call(url=f"{api.url}?turn=a&token=b"), 429, "later")
    assert api.ok(headers=right)["success"]
    refused(api.call(headers=wrong), 429, "later")
    said = [r for r in caplog.messages if "wrong secrets" in r]
    assert said == [
        "20 wrong secrets within a minute from 127.0.0.1: it is slowed down"
    ]
    told = [r for r in caplog.messages if "refused" in r]
    assert len(told) == 20 and all("(from 127.0.0.1)" in r for r in told)
    assert "s3cret" not in caplog.text


def test_who_cannot_have_guessed_is_not_slowed_down(secured: Api) -> None:
    for _ in range(25):
        secured.call(headers={"Authorization": "Bearer no"})
    assert secured.ok(url=secured.address_of(secured.turn()))["success"]
    assert sign(secured).json()["success"]


def test_the_reply_keeps_the_door_it_came_in_by(
    api: Api, secured: Api, serve: Callable[..., Api]
) -> None:
    def door(answer: Any) -> Any:
        return api.row(answer["outbox_id"]).door

    by_token = secured.ok(url=secured.address_of(secured.turn()))
    assert door(by_token) == Door.TOKEN
    body = {**BODY, "conversation_id": OTHER}
    assert door(sign(secured, body=body).json()) == Door.SIGNATURE
    api = serve(webhook__secret="s3cret")
    shown = {"Authorization": "Bearer s3cret"}
    assert door(api.ok({**body, "message": "1"}, headers=shown)) == Door.SECRET
    assert door(serve().ok({**body, "message": "2"})) == Door.PLAIN


@pytest.mark.parametrize("action", ["reply", "ignore"])
def test_plain_calls_can_be_closed_off(
    serve: Callable[..., Api], action: str, caplog: pytest.LogCaptureFixture
) -> None:
    api = serve(webhook__trust_this_machine="false")
    turn = api.turn()
    body = {**BODY, "action": action}
    refused(api.call(body), 401, "webhook.trust_this_machine")
    assert "refused with 401" in caplog.text and "(from 127.0.0.1)" in caplog.text
    assert api.ok(body, url=api.address_of(turn))["success"]


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "https://evil.example"}],
)
def test_who_is_refused_before_he_is_heard_is_told_of(
    api: Api, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    refused(api.call(headers=headers), 403)
    [line] = [r for r in caplog.messages if "refused with 403" in r]
    assert line.endswith("(from 127.0.0.1)") and "evil" not in line


def test_who_is_late_has_not_guessed(secured: Api) -> None:
    url = secured.address_of(secured.turn())
    secured.now += 2 * MAX_AGE
    for _ in range(30):
        refused(secured.call(url=url), 401, "too old")


def test_after_a_minute_an_address_may_try_again() -> None:
    clock = Clock()
    wrongs = Wrongs(clock)
    assert [wrongs.add("a") for _ in range(20)] == [False] * 19 + [True]
    assert wrongs.are_many("a") and not wrongs.are_many("b")
    clock.seconds = 60.1
    assert not wrongs.are_many("a")
    assert not wrongs.add("a")


def test_what_is_remembered_of_wrong_addresses_is_bounded() -> None:
    wrongs = Wrongs(Clock())
    for number in range(5000):
        wrongs.add(str(number))
    assert len(wrongs._times) == 1000


# What the AI may say


def test_what_nobody_sees_is_taken_out_with_a_note(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    body = {**BODY, "message": "Yes\u200b, \u202eit is\u202c. <b>👩\u200d🍳</b>"}
    said = api.ok(body)
    row = api.row(said["outbox_id"])
    assert row.message == "Yes, it is. <b>👩\u200d🍳</b>"
    note = f"reply {row.id[:8]}: 3 characters that nobody sees were taken out"
    assert note in caplog.messages


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


def test_half_a_surrogate_in_message_id_is_400(api: Api) -> None:
    refused(api.call({**BODY, "message_id": "\ud800"}), 400, "message_id")


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
    + ["application/json; charset=latin-1", "application/jsonp", "text/json"]
    + ["application/json; charset=latin-1; v=utf-8"],
)
def test_another_content_type_is_415(api: Api, kind: str) -> None:
    refused(api.call(headers={"Content-Type": kind}), 415)
    assert api.rows() == 0


@pytest.mark.parametrize(
    "kind",
    ['application/json; charset="UTF-8"', "Application/JSON;charset=utf-8"]
    + [
        "application/json;charset=UTF8",
        "application/json; charset=utf-8; v=1",
    ]
    + ["application/json; profile=x", "application/json;"],
)
def test_json_in_utf8_may_say_so(api: Api, kind: str) -> None:
    assert api.ok(headers={"Content-Type": kind})["success"]


def test_the_longest_body_is_64_kib(api: Api) -> None:
    body = json.dumps(BODY).encode()
    assert api.ok(body + b" " * (MAX_BODY - len(body)))["success"]
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


@pytest.mark.parametrize(
    ("sender", "kept"),
    [
        (None, "AI"),
        ("", "AI"),
        (" \t\n", "AI"),
        ("\u200b\u202e\ufeff", "AI"),
        (5, "AI"),
        (["AI"], "AI"),
        ({"name": "x"}, "AI"),
        ("x" * 201, "x" * 200),
        ("x" * 60_000, "x" * 200),
        ("\udc00", "AI"),
        ("Night \x1b[2Jshift\x9b\r\n bot", "Night [2Jshift bot"),
        ("\u202eAI\u2066 of \0 the house", "AI of the house"),
        ("夜勤 🤖", "夜勤 🤖"),
    ],
)
def test_no_name_of_who_answers_is_a_reason_to_refuse_the_answer(
    api: Api, sender: object, kept: str
) -> None:
    said = api.ok(json.dumps({**BODY, "sender": sender}).encode())
    assert api.row(said["outbox_id"]).sender == kept


def test_an_answer_that_names_nobody_is_the_ais(api: Api) -> None:
    said = api.ok({"conversation_id": THREAD, "message": "Yes."})
    assert api.row(said["outbox_id"]).sender == "AI"


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
