"""webhook/: what a call says, which turn it answers, and how it is refused."""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest
import requests
from support.api import BODY
from support.api import CANARY
from support.api import FORMS
from support.api import NUMBER
from support.api import OTHER
from support.api import PATH
from support.api import THREAD
from support.api import Api
from support.api import refused
from support.builders import NOW
from support.builders import RULES
from support.builders import close_turn
from support.builders import guest
from support.builders import host
from support.builders import reading

from airbot.contract.tokens import token_of
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import TurnStatus
from airbot.storage import database as database_module
from airbot.web.request import MAX_BODY

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
    assert isinstance(held, Reply)
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


# The form of a call


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
