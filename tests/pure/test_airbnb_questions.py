"""Questions to Airbnb, the kinds of answers, addresses and what became of a send."""

from __future__ import annotations

import json
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from support.builders import the
from support.captured import HOME
from support.captured import THREAD_ID
from support.captured import Json
from support.captured import b64

from airbot.airbnb import pages
from airbot.airbnb import questions
from airbot.airbnb import shapes
from airbot.airbnb.questions import NotJson
from airbot.airbnb.questions import PageQuery
from airbot.airbnb.questions import StaleQuestion
from airbot.browser import Answer
from airbot.browser import Exchange
from airbot.exceptions import ChallengeShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import SlowDown

# What the answer to a send names


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (None, set()),
        ({"data": {"createBulkMessages": None}}, set()),
        ({"m": [{"id": b64("Message", "5"), "uuid": "u-5"}]}, {"5", "u-5"}),
        ({"m": {"__typename": "Message", "uuid": "u-5"}}, {"u-5"}),
        ({"m": {"__typename": "Message", "id": "5", "uuid": 5}}, set()),
        ({"user": {"id": b64("User", "5"), "uuid": "u-5"}}, set()),
        (
            {
                "id": b64("Message", "5"),
                "parentMessage": {"id": b64("Message", "4"), "uuid": "u-4"},
                "parent": [{"__typename": "Message", "uuid": "u-3"}],
            },
            {"5"},
        ),
        (
            [[{"x": {"id": b64("Message", "5")}}], {"id": b64("Message", "6")}],
            {"5", "6"},
        ),
    ],
)
def test_a_send_names_what_it_stored_and_not_what_that_quotes(
    answer: Any, names: set[str]
) -> None:
    assert shapes.names_in(answer) == names


# Questions and answers


def exchange(variables: Json | None = None, method: str = "GET") -> Exchange:
    variables = {"userId": b64("Viewer", "77")} if variables is None else variables
    body = json.dumps({"operationName": "X", "variables": variables})
    query = f"operationName=X&variables={json.dumps(variables)}&locale=en"
    headers = {"X-Airbnb-API-Key": "k", "cookie": "secret", "Accept": "*/*"}
    url = f"{HOME}/api/v3/X/abc" + ("" if method == "POST" else f"?{query}")
    return Exchange(method, url, headers, body if method == "POST" else None)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_question_is_asked_again_with_other_variables(method: str) -> None:
    question = PageQuery.from_exchange(exchange(method=method))
    assert question.asked_as() == "77"
    again = question.asking(beforeCursor="a+b=")
    assert again.variables() == {"userId": b64("Viewer", "77"), "beforeCursor": "a+b="}
    assert again.method == method
    assert again.url.startswith(f"{HOME}/api/v3/X/abc")


def test_a_question_keeps_the_pages_own_headers_and_no_cookie() -> None:
    question = PageQuery.from_exchange(exchange())
    assert question.headers == {"X-Airbnb-API-Key": "k", "Accept": "*/*"}


def test_a_question_knows_which_thread_it_was_about() -> None:
    question = PageQuery.from_exchange(exchange({"globalThreadId": THREAD_ID}))
    assert question.asked_for() == "2470000001"
    assert PageQuery.from_exchange(exchange({"globalThreadId": 5})).asked_for() is None
    assert PageQuery.from_exchange(exchange({})).asked_as() is None


def answer(
    body: Any, status: int = 200, url: str = f"{HOME}/api/v3/X/abc", **headers: str
) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(
        url, status, {k.replace("_", "-"): v for k, v in headers.items()}, text
    )


def checked(what: Answer, operation: str = "ViaductInboxData") -> Any:
    return questions.checked(what, operation, HOME)


def test_a_good_answer_is_its_json() -> None:
    assert checked(answer({"data": {}})) == {"data": {}}


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize(
    "said", ["PersistedQueryNotFound", "persisted_query_not_found"]
)
def test_a_forgotten_hash_means_load_the_page_anew(status: int, said: str) -> None:
    for error in ({"message": said}, {"message": "x", "extensions": {"code": said}}):
        with pytest.raises(StaleQuestion):
            checked(answer({"errors": [error], "data": None}, status))


@pytest.mark.parametrize(
    "what",
    [
        answer({"success": False, "redirect": "/airlock?al_id=1"}, 401),
        answer({"success": False, "redirect": None}, 401),
        answer({"error_code": 420}, 420),
        answer({"error_code": 420, "client_error_info": {"airlock": {"id": 1}}}, 200),
        answer({"client_error_info": {"airlock": {"id": 1}}}, 400),
        answer("", url=f"{HOME}/airlock?al_id=1"),
    ],
)
def test_an_airlock_is_a_check_for_humans(what: Answer) -> None:
    with pytest.raises(ChallengeShown):
        checked(what)


@pytest.mark.parametrize(
    "what",
    [
        answer({"errors": [{"message": "Unauthorized"}]}, 401),
        answer("<html>", 401),
        answer({"redirect": "/login?x=1"}, 401),
        answer("<html>", url=f"{HOME}/login?redirect_url=%2Fhosting"),
        answer("<html>", url="https://www.airbnb.fr/?has_logged_out=1"),
    ],
)
def test_an_ended_session_needs_a_login(what: Answer) -> None:
    with pytest.raises(LoginRequired):
        checked(what)


@pytest.mark.parametrize("status", [403, 408, 425, 429, 500, 502, 503])
def test_a_busy_site_is_tried_again_later(status: int) -> None:
    with pytest.raises(SiteUnavailable) as raised:
        checked(answer("<html>", status, retry_after="17"))
    assert raised.value.retry_after_s == 17


@pytest.mark.parametrize(
    "what",
    [
        answer({"errors": [{"message": "?"}], "data": None}),
        answer({"errors": [{"message": "?"}]}),
        answer({"success": False}, 403),
    ],
)
def test_an_outage_of_one_question_is_tried_again_later(what: Answer) -> None:
    with pytest.raises(SiteUnavailable) as raised:
        checked(what)
    assert type(raised.value) is SiteUnavailable


def test_a_403_that_is_no_json_asks_for_a_pause() -> None:
    with pytest.raises(SlowDown):
        checked(answer("<html>", 403))


@pytest.mark.parametrize("frame", ["captcha-delivery.com", "arkoselabs.com"])
def test_a_refusal_with_a_vendors_frame_is_a_check_for_humans(frame: str) -> None:
    with pytest.raises(ChallengeShown):
        checked(answer(f'<iframe src="https://x.{frame}/v">', 403))


def test_a_retry_after_may_be_a_date() -> None:
    assert pages.retry_after_s("Wed, 21 Oct 2026 07:28:00 GMT") == 0
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)
    assert 50 < the(pages.retry_after_s(in_a_minute)) <= 60
    assert the(pages.retry_after_s("Sun Nov  6 08:49:37 2033")) > 3600
    assert pages.retry_after_s("soon") is None
    assert pages.retry_after_s(None) is None


def test_the_archive_is_not_taken_for_the_inbox() -> None:
    def asked(**variables: str) -> PageQuery:
        query = urlencode({"variables": json.dumps(variables)})
        return PageQuery("GET", f"{HOME}/api/v3/ViaductInboxData/x?{query}", {}, None)

    assert asked(threadVisibility="UNARCHIVED").is_whole_inbox()
    assert asked().is_whole_inbox()
    assert not asked(threadVisibility="ARCHIVED").is_whole_inbox()
    assert not asked(beforeCursor="abc").is_whole_inbox()


@pytest.mark.parametrize(
    "what",
    [
        answer({"errors": [{"message": "Bad request"}], "data": None}, 400),
        answer({"data": None}, 200),
        answer({"data": {}}, 418),
        answer({"data": {}}, 404),
        answer("{}", url="https://elsewhere.example/x"),
        answer("{}", url="https://www.airbnb.com.evil.example/x"),
    ],
)
def test_an_answer_that_is_not_understood_is_a_changed_site(what: Answer) -> None:
    with pytest.raises(SiteChanged):
        checked(what)


@pytest.mark.parametrize("body", ["<!doctype html>", "[]", "null", "", "[" * 100_000])
def test_what_is_no_json_object_is_looked_at_as_a_page(body: str) -> None:
    with pytest.raises(NotJson):
        checked(answer(body))


def test_airbnbs_clock_is_the_date_of_its_answer() -> None:
    at = questions.site_time(answer("", date="Sun, 22 Nov 2026 10:27:03 GMT"))
    assert at == datetime(2026, 11, 22, 10, 27, 3, tzinfo=UTC)
    for odd in (answer(""), answer("", date="yesterday")):
        assert questions.site_time(odd).tzinfo is not None


def test_only_the_answered_call_of_that_kind_and_thread_is_taken() -> None:
    heard = [exchange({"globalThreadId": THREAD_ID}) for _ in range(3)]
    heard[0].status = heard[1].status = 200
    assert questions.last_answered(heard, "X", "2470000001") is heard[1]
    assert questions.last_answered(heard, "X", "2470000002") is None
    assert questions.last_answered(heard, "Y") is None
    assert isinstance(questions.unanswered(heard, "X"), SiteUnavailable)
    assert isinstance(questions.unanswered(heard, "Y"), SiteChanged)


# Pages


@pytest.mark.parametrize(
    "address",
    [
        f"{HOME}/hosting/messages/1",
        "https://www.airbnb.co.jp/hosting/messages",
        "https://www.airbnb.fr/hosting/messages?q=/login",
        "https://fr.airbnb.com/hosting/verify-robot",
        "https://de.airbnb.com/hosting/login-help",
    ],
)
def test_any_airbnb_host_will_do_and_words_do_not_matter(address: str) -> None:
    pages.check_address(address, HOME)


@pytest.mark.parametrize(
    "address",
    ["https://airbnb.com.evil.example/", "https://notairbnb.com/", "about:blank", "x"],
)
def test_a_page_of_somebody_else_is_not_the_inbox(address: str) -> None:
    with pytest.raises(SiteChanged):
        pages.check_address(address, HOME)


def test_a_challenge_comes_before_a_login() -> None:
    with pytest.raises(ChallengeShown):
        pages.check_address(f"{HOME}/airlock?al_id=1&has_logged_out=1", HOME)
    with pytest.raises(ChallengeShown):
        pages.check_marks({"challenge": "a", "login": "b"})
    with pytest.raises(LoginRequired):
        pages.check_marks({"challenge": None, "login": "b"})


def test_the_shown_thread_is_the_number_in_the_path() -> None:
    assert pages.shown_thread(f"{HOME}/hosting/messages/247?unread=") == "247"
    assert pages.shown_thread(f"{HOME}/hosting/messages") is None
    assert pages.shown_thread(f"{HOME}/hosting/messages/settings") is None


def test_an_operation_is_known_by_its_name_whatever_its_hash() -> None:
    assert (
        pages.operation(f"{HOME}/api/v3/ViaductInboxData/abc?x=1") == "ViaductInboxData"
    )
    assert pages.operation(f"{HOME}/api/v3?operationName=GetThread") == "GetThread"
    assert pages.operation(f"{HOME}/api/v2/threads") is None


@pytest.mark.parametrize(
    ("method", "name", "is_send", "may_be"),
    [
        ("POST", "CreateBulkMessagesMutation", True, True),
        ("POST", "CreateMessageViaductMutation", True, True),
        ("POST", "CreateSomethingNew", False, True),
        ("POST", "CreateLastMessageReadViaductMutation", False, False),
        ("POST", "CreateInstantEventViaductMutation", False, False),
        ("POST", "SyncProtocolSubscription", False, False),
        ("GET", "CreateBulkMessagesMutation", False, False),
    ],
)
def test_a_send_is_a_post_by_name(
    method: str, name: str, is_send: bool, may_be: bool
) -> None:
    url = f"{HOME}/api/v3/{name}/abc?operationName={name}"
    assert pages.is_send(method, url) is is_send
    assert pages.may_be_send(method, url) is may_be


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, '{"data": {"createBulkMessages": {}}}', None),
        (200, "", None),
        (None, None, None),
        (500, "<html>", None),
        (400, "<html>", "HTTP 400"),
        (200, '{"errors": [{"message": "No contact info"}]}', "No contact info"),
        (400, '{"errors": [{"message": "No contact info"}]}', "No contact info"),
        (200, '{"errors": ["odd"]}', "HTTP 200"),
        (200, '{"errors": {"message": 5}}', "HTTP 200"),
    ],
)
def test_a_refusal_is_a_4xx_or_errors_in_the_sites_words(
    status: int | None, body: str | None, said: str | None
) -> None:
    sentence = pages.refusal(status, body)
    assert sentence is None if said is None else said in (sentence or "")


AIRLOCK = {
    "error_code": 420,
    "client_error_info": {
        "airlock": {"id": 1, "friction_data": [{"name": "captcha"}]},
    },
}

VENDOR = "captcha-delivery.com"


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (403, "<h1>Access Denied</h1>", SlowDown),
        (403, f'<script src="https://{VENDOR}/c.js"></script>', ChallengeShown),
        (403, {"url": f"https://geo.{VENDOR}/captcha/?cid=x"}, ChallengeShown),
        (400, AIRLOCK, ChallengeShown),
        (403, AIRLOCK, ChallengeShown),
        (200, AIRLOCK, ChallengeShown),
        (420, AIRLOCK, ChallengeShown),
        (401, {"errors": [{"message": "Unauthorized"}]}, LoginRequired),
        (401, "<h1>x</h1>", LoginRequired),
        (429, {"errors": [{"message": "Request failed"}]}, SlowDown),
        (408, "<html>", SiteUnavailable),
    ],
)
def test_an_answer_about_the_session_is_no_refusal_of_the_message(
    status: int, said: str | Json, error: type[SiteError]
) -> None:
    text = said if isinstance(said, str) else json.dumps(said)
    with pytest.raises(SiteError) as raised:
        pages.check_send(status, text, "17")
    assert type(raised.value) is error
    if isinstance(raised.value, SiteUnavailable):
        assert raised.value.retry_after_s == 17


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, '{"errors": [{"message": "No contact info"}]}'),
        (403, '{"errors": [{"message": "No contact info"}]}'),
        (500, "<html>"),
        (200, '{"data": {}}'),
        (None, ""),
    ],
)
def test_an_answer_about_the_message_says_nothing_of_the_session(
    status: int | None, said: str
) -> None:
    pages.check_send(status, said, None)
