"""webhook/: who may call, by token, signature or from here; who is refused, and how."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
import requests
import standardwebhooks
from support.api import BODY
from support.api import OTHER
from support.api import PATH
from support.api import Api
from support.api import refused
from support.builders import MAX_AGE
from support.builders import NOW
from support.builders import RULES

from airbot.contract.tokens import token_of
from airbot.models import Door
from airbot.models import Reply
from airbot.models import TurnStatus
from airbot.webhook.callers import Wrongs

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
    assert isinstance(held, Reply)
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
