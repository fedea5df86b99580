"""The simulated Airbnb shows what airbnb-web.md says, in its JSON and in Chromium."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError
from playwright.sync_api import expect
from support.sandbox import BUTTON
from support.sandbox import COMPOSER
from support.sandbox import INBOX
from support.sandbox import MESSAGES
from support.sandbox import NOTICE
from support.sandbox import SEND
from support.sandbox import STANDING
from support.sandbox import THREAD
from support.sandbox import ago
from support.sandbox import ask
from support.sandbox import bodies
from support.sandbox import composer_text
from support.sandbox import open_thread
from support.sandbox import post
from support.sandbox import read
from support.sandbox import rows
from support.sandbox import send
from support.sandbox import sends
from support.sandbox import write

from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.trouble import HeldBack
from airbot.sandbox.trouble import Interruption
from airbot.sandbox.world import Thread
from airbot.sandbox.world import global_id

NODE_KEYS = set(
    "__typename id messageThreadType localizationData userThreadTags inboxTitle "
    "inboxDescription priority inboxListingImageUrl inboxProfileImages inboxChips "
    "inboxAccessibilityTemplateText inboxItemHighlight "
    "mostRecentInboxActivityAtMsFromROS inboxVisibility participants messages "
    "lastReactionV2 messageData".split()
)
PARTICIPANT_KEYS = set(
    "__typename accountId accountType participantRole userRoleForLogging status "
    "roleDescription isRealUser enrichedParticipantInfo productRole "
    "contextualUser".split()
)
MESSAGE_KEYS = set(
    "__typename uuid threadId id opaqueId correlationIdentifier contentType "
    "contentSubType hydratedContent account captionType userFlagByViewer updatedAtMs "
    "createdAtMs deletedAtMs editedAtMs isSoftDelete localClientData syncCursor "
    "contextualConfig reactionSummary parentMessageId senderInfoOverride".split()
)
# -- the list -----------------------------------------------------------------


def test_a_row_has_every_key_of_the_real_one(site: AirbnbSite) -> None:
    thread = site.add_thread(guest="Maya", coguests=["Kenji"])
    site.guest_writes(thread, "Is parking free?")
    node = rows(site)["edges"][0]["node"]
    assert set(node) == NODE_KEYS
    assert node["id"] == thread.id
    assert base64.b64decode(thread.id).decode() == f"MessageThread:{thread.number}"
    people = [edge["node"] for edge in node["participants"]["edges"]]
    assert all(set(person) == PARTICIPANT_KEYS for person in people)
    roles = [(p["participantRole"], p["roleDescription"]) for p in people]
    assert roles == [("GUEST", "Booker"), ("HOST", "Host"), ("COTRAVELER", "Guest")]
    assert node["inboxTitle"]["components"][0]["text"] == "Maya, Kenji"
    assert node["mostRecentInboxActivityAtMsFromROS"].isdecimal()
    assert len(node["messageData"]["messages"]) == 1


def test_priority_rows_repeat_rows_of_the_list(site: AirbnbSite) -> None:
    for name in ("Ana", "Ben", "Cleo"):
        site.guest_writes(site.add_thread(guest=name), "Hello")
    answer = ask(site, INBOX, numRequestedThreads=15, numPriorityThreads=2).json()
    inbox = answer["data"]["node"]["messagingInbox"]
    priority = [edge["node"]["id"] for edge in inbox["priorityItems"]["edges"]]
    items = [edge["node"]["id"] for edge in inbox["inboxItems"]["edges"]]
    assert len(priority) == 2
    assert len(items) == len(set(items)) == 3
    assert set(priority) < set(items)


def test_pages_of_the_list_follow_the_cursor_without_a_gap(site: AirbnbSite) -> None:
    site.trouble.page_size = 3
    made = [site.add_thread(guest=f"G{i}").id for i in range(7)]
    seen: list[str] = []
    cursor = None
    while cursor is not False:
        items = rows(site, beforeCursor=cursor)
        seen += [edge["node"]["id"] for edge in items["edges"]]
        info = items["pageInfo"]
        cursor = info["endCursor"] if info["hasNextPage"] else False
    assert sorted(seen) == sorted(made)


def test_the_list_is_sorted_by_activity_and_not_by_message(site: AirbnbSite) -> None:
    early = site.add_thread(guest="Early")
    late = site.add_thread(guest="Late")
    site.guest_writes(early, "old", at=ago(hours=9))
    site.guest_writes(late, "newer", at=ago(hours=5))
    site.scheduled_writes(early, "Your door code", at=ago(hours=1))
    assert [e["node"]["id"] for e in rows(site)["edges"]] == [late.id, early.id]
    site.react(early)
    assert [e["node"]["id"] for e in rows(site)["edges"]] == [early.id, late.id]


def test_own_trips_and_cohost_threads_have_no_guest_of_ours(site: AirbnbSite) -> None:
    trip = site.add_thread(guest="Olu", hosted=False)
    direct = site.add_thread(type="STAY_COHOST_DIRECT", cohosts=["Noor"])
    nodes = {edge["node"]["id"]: edge["node"] for edge in rows(site)["edges"]}
    tags = [tag["userThreadTagName"] for tag in nodes[trip.id]["userThreadTags"]]
    assert "hosting" not in tags
    roles = {
        edge["node"]["accountId"]: edge["node"]["participantRole"]
        for edge in nodes[trip.id]["participants"]["edges"]
    }
    assert roles[site.host.id] == "GUEST" and "HOST" in roles.values()
    assert nodes[direct.id]["messageThreadType"] == "STAY_COHOST_DIRECT"
    assert {role for _, role in direct.participants} == {"HOST", "CO_HOST"}


def test_the_older_shape_has_the_list_elsewhere(site: AirbnbSite) -> None:
    thread = site.add_thread()
    site.trouble.shape = "threads"
    data = ask(site, INBOX, numRequestedThreads=15).json()["data"]
    edges = data["viewer"]["messagingInbox"]["threads"]["edges"]
    assert [edge["node"]["id"] for edge in edges] == [thread.id]


# -- a thread -----------------------------------------------------------------


def test_messages_have_every_key_and_their_numbers_are_text(site: AirbnbSite) -> None:
    thread = site.add_thread()
    site.service_writes(thread, "Reservation confirmed", at=ago(hours=3))
    text = site.guest_writes(thread, "Hi!\nIs parking free?", at=ago(hours=2))
    site.card(thread, by="guest", at=ago(hours=1))
    site.photo(thread, by="host")
    messages = read(site, thread)["messageData"]["messages"]
    assert all(set(message) == MESSAGE_KEYS for message in messages)
    kinds = [(m["contentType"], m["account"]["accountType"]) for m in messages]
    assert kinds == [
        ("VIEWER_BASED_CONTENT", "SERVICE"),
        ("TEXT_CONTENT", "USER"),
        ("TEMPLATE_CONTENT", "USER"),
        ("MEDIA_CONTENT", "USER"),
    ]
    assert messages[0]["account"]["accountId"] == "95"
    assert base64.b64decode(messages[1]["id"]).decode() == f"Message:{text.id}"
    assert messages[1]["hydratedContent"]["content"]["body"] == text.text
    assert messages[1]["createdAtMs"] == str(text.created_at_ms)


def test_an_unsent_message_has_no_content_and_an_edited_one_a_time(
    site: AirbnbSite,
) -> None:
    thread = site.add_thread()
    gone = site.guest_writes(thread, "my number is", at=ago(hours=2))
    changed = site.guest_writes(thread, "at nine", at=ago(hours=1))
    site.unsend(gone)
    site.edit(changed, "at ten")
    first, second = read(site, thread)["messageData"]["messages"]
    assert first["hydratedContent"] is None and first["isSoftDelete"] is True
    assert first["deletedAtMs"].isdecimal()
    assert second["hydratedContent"]["content"]["body"] == "at ten"
    assert second["editedAtMs"] == second["updatedAtMs"] != second["createdAtMs"]


def test_a_scheduled_text_is_the_hosts_and_differs_in_its_times(
    site: AirbnbSite,
) -> None:
    thread = site.add_thread()
    site.scheduled_writes(thread, "The code is 12")
    (message,) = read(site, thread)["messageData"]["messages"]
    assert message["account"]["accountId"] == site.host.id
    assert message["updatedAtMs"] != message["createdAtMs"]
    assert message["editedAtMs"] is None


def test_an_unknown_thread_is_an_error_inside_a_200(site: AirbnbSite) -> None:
    unknown = base64.b64encode(b"MessageThread:1").decode()
    response = ask(site, THREAD, globalThreadId=unknown)
    assert response.status_code == 200
    assert response.json()["data"] == {"threadData": None}
    assert response.json()["errors"]


@pytest.mark.browser
def test_the_first_answer_of_a_page_load_can_be_empty(
    site: AirbnbSite, page: Page
) -> None:
    thread = site.add_thread()
    site.guest_writes(thread, "Hello")
    site.trouble.empty_first_thread_answer = True
    open_thread(page, site, thread)
    expect(page.locator(MESSAGES)).to_have_count(1)
    assert [r.operation for r in site.requests].count(THREAD) == 2


@pytest.mark.browser
def test_a_read_by_the_api_leaves_unread_and_opening_takes_it(
    site: AirbnbSite, page: Page
) -> None:
    thread = site.add_thread()
    site.guest_writes(thread, "Hello")
    read(site, thread)
    assert site.unread(thread)
    open_thread(page, site, thread)
    expect(page.locator(".unread")).to_have_count(0)
    assert not site.unread(thread)


# -- accounts that come and go --------------------------------------------------


def listed(site: AirbnbSite, thread: Thread) -> set[str]:
    people = read(site, thread)["participants"]["edges"]
    return {edge["node"]["accountId"] for edge in people}


def writers(site: AirbnbSite, thread: Thread) -> list[str]:
    messages = read(site, thread)["messageData"]["messages"]
    return [message["account"]["accountId"] for message in messages]


def test_an_account_that_no_list_has_can_write(site: AirbnbSite) -> None:
    thread = site.add_thread(guest="Maya")
    nobody = site.account("Olu")
    site.cohost_writes(thread, "I can help", by=nobody)
    assert writers(site, thread) == [nobody.id]
    assert nobody.id not in listed(site, thread)


@pytest.mark.parametrize("role", ["COTRAVELER", "CO_HOST"])
def test_who_leaves_is_listed_no_more_and_the_messages_stay(
    site: AirbnbSite, role: str
) -> None:
    thread = site.add_thread(guest="Maya")
    kenji = site.joins(thread, "Kenji", role)
    site.guest_writes(thread, "Hello", by=kenji)
    assert kenji.id in listed(site, thread)
    site.leaves(thread, kenji)
    assert kenji.id not in listed(site, thread) and writers(site, thread) == [kenji.id]


def test_a_voice_note_is_a_text_without_words_or_media(site: AirbnbSite) -> None:
    thread = site.add_thread(guest="Maya")
    site.voice(thread)
    site.voice(thread, by="host", media=True)
    text, media = read(site, thread)["messageData"]["messages"]
    assert text["contentType"] == "TEXT_CONTENT"
    assert text["hydratedContent"]["content"]["body"] == ""
    assert media["contentType"] == "MEDIA_CONTENT"
    assert media["hydratedContent"]["content"]["mediaItems"]
    assert media["account"]["accountId"] == site.host.id


@pytest.mark.parametrize("change", ["edit", "unsend"])
def test_a_change_of_an_older_text_does_not_show_in_the_row(
    site: AirbnbSite, change: str
) -> None:
    thread = site.add_thread(guest="Maya")
    older = site.guest_writes(thread, "at nine", at=ago(hours=2))
    site.guest_writes(thread, "thanks", at=ago(hours=1))
    before = rows(site)["edges"]
    site.edit(older, "at ten") if change == "edit" else site.unsend(older)
    assert rows(site)["edges"] == before
    changed = read(site, thread)["messageData"]["messages"][0]
    assert changed["updatedAtMs"] != changed["createdAtMs"]


def test_a_conversation_can_be_shown_no_more(site: AirbnbSite) -> None:
    gone, kept = site.add_thread(guest="Ana"), site.add_thread(guest="Ben")
    site.hide(gone)
    assert [edge["node"]["id"] for edge in rows(site)["edges"]] == [kept.id]
    response = ask(site, THREAD, globalThreadId=gone.id)
    assert response.status_code == 200 and response.json()["errors"]
    assert response.json()["data"] == {"threadData": None}
    assert post(site, gone, "Yes", "one").status_code == 400
    site.hide(gone, False)
    assert read(site, gone)["id"] == gone.id


@pytest.mark.parametrize(
    ("held", "shown"),
    [
        (HeldBack(), ""),
        (HeldBack(0), "g1 h2 g3 g4"),
        (HeldBack(1), "g1 h2 g3"),
        (HeldBack(3), "g1"),
        (HeldBack(1, "middle"), "g1 h2 g4"),
        (HeldBack(of="middle"), "g1 g4"),
        (HeldBack(of="host"), "g1 g3 g4"),
        (HeldBack(2, "guest"), "g1 h2"),
    ],
)
def test_an_answer_lacks_what_is_held_back_and_does_not_say_so(
    site: AirbnbSite, talk: Thread, held: HeldBack, shown: str
) -> None:
    site.thread_trouble(talk, held_back=held)
    assert bodies(site, talk) == shown.split()
    assert read(site, talk)["messageData"]["hasNewer"] == "NO"


def test_an_answer_that_lags_is_as_it_was_before_and_the_row_is_not(
    site: AirbnbSite, talk: Thread
) -> None:
    site.thread_trouble(talk, held_back=HeldBack(1))
    node, row = read(site, talk), rows(site)["edges"][0]["node"]
    newest = [n["messages"]["edges"][0]["node"]["id"] for n in (node, row)]
    shown = [n["messageData"]["messages"][-1]["id"] for n in (node, row)]
    ids = [global_id("Message", m.id) for m in site.messages(talk)[-2:]]
    assert newest == shown == ids


def test_an_answer_can_say_that_newer_messages_are_held_back(
    site: AirbnbSite, talk: Thread
) -> None:
    site.thread_trouble(talk, held_back=HeldBack(1, has_newer=True))
    assert read(site, talk)["messageData"]["hasNewer"] == "YES"


def test_what_is_held_back_comes_after_some_answers(
    site: AirbnbSite, talk: Thread
) -> None:
    site.thread_trouble(talk, held_back=HeldBack(times=2))
    assert [len(bodies(site, talk)) for _ in range(3)] == [0, 0, 4]


def test_one_conversation_lags_among_whole_ones(site: AirbnbSite, talk: Thread) -> None:
    other = site.add_thread(guest="Kenji")
    site.guest_writes(other, "g1")
    site.trouble.held_back = HeldBack(1)
    site.thread_trouble(talk, held_back=HeldBack(2))
    assert (bodies(site, talk), bodies(site, other)) == (["g1", "h2"], [])
    site.clear_trouble()
    assert (len(bodies(site, talk)), bodies(site, other)) == (4, ["g1"])


def test_what_reads_without_http_reads_the_same(site: AirbnbSite, talk: Thread) -> None:
    lists = [ask(site, INBOX, numPriorityThreads=2).json(), site.list_json()]
    site.thread_trouble(talk, held_back=HeldBack(1, on="asked"))
    answers = [ask(site, THREAD, globalThreadId=talk.id).json(), site.thread_json(talk)]
    assert lists[0]["data"] == lists[1]["data"]
    assert answers[0]["data"] == answers[1]["data"]
    opened = site.thread_json(talk, opening=True)["data"]["threadData"]
    assert len(opened["messageData"]["messages"]) == 4


def test_more_messages_than_asked_for_are_older_ones(
    site: AirbnbSite, talk: Thread
) -> None:
    assert bodies(site, talk, limit=2) == ["g3", "g4"]
    answer = ask(site, THREAD, globalThreadId=talk.id, numRequestedMessages=2)
    segment = answer.json()["data"]["threadData"]["messageData"]
    assert segment["hasOlder"] == "YES" and segment["hasNewer"] == "NO"
    assert bodies(site, talk, limit=3) == ["h2", "g3", "g4"]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("on", "shown", "asked"), [("opening", 3, 4), ("asked", 4, 3), (None, 3, 3)]
)
def test_the_pages_own_answer_and_later_ones_can_differ(
    site: AirbnbSite, page: Page, talk: Thread, on: str, shown: int, asked: int
) -> None:
    site.poll_s = 60
    site.thread_trouble(talk, held_back=HeldBack(1, on=on))
    open_thread(page, site, talk)
    expect(page.locator(MESSAGES)).to_have_count(shown)
    assert len(bodies(site, talk)) == asked


@pytest.mark.browser
def test_a_page_reads_again_until_it_has_what_the_row_shows(
    site: AirbnbSite, page: Page, talk: Thread
) -> None:
    site.poll_s = 0.1
    site.thread_trouble(talk, held_back=HeldBack(1, times=3))
    open_thread(page, site, talk)
    expect(page.locator(MESSAGES)).to_have_count(4)


def statuses(site: AirbnbSite, *threads: Thread) -> list[int]:
    return [ask(site, THREAD, globalThreadId=t.id).status_code for t in threads]


def test_one_conversations_query_can_fail(
    site: AirbnbSite, talk: Thread, other: Thread
) -> None:
    site.thread_trouble(talk, api_status=502, retry_after="7")
    assert statuses(site, talk, other) == [502, 200]
    assert ask(site, THREAD, globalThreadId=talk.id).headers["Retry-After"] == "7"
    assert ask(site, INBOX).status_code == 200
    site.thread_trouble(talk)
    assert statuses(site, talk, other) == [200, 200]


def test_one_conversation_can_answer_html_with_any_status(
    site: AirbnbSite, talk: Thread, other: Thread
) -> None:
    site.thread_trouble(talk, html_on_api=True, api_status=403)
    response = ask(site, THREAD, globalThreadId=talk.id)
    assert "html" in response.headers["Content-Type"] and response.status_code == 403
    assert statuses(site, other) == [200]


@pytest.mark.parametrize(
    ("kind", "data"), [("data", None), ("field", {"threadData": None})]
)
def test_one_conversation_can_have_errors_inside_a_200(
    site: AirbnbSite, talk: Thread, other: Thread, kind: str, data: object
) -> None:
    site.thread_trouble(talk, api_errors=kind)
    response = ask(site, THREAD, globalThreadId=talk.id)
    assert response.status_code == 200 and response.json()["errors"]
    assert response.json()["data"] == data
    assert bodies(site, other) == ["g1"]


def test_an_outage_is_the_lists_or_everybodys(site: AirbnbSite, talk: Thread) -> None:
    site.trouble.api_errors = "data"
    for operation in (INBOX, THREAD, "FetchInboxFiltersConfig"):
        answer = ask(site, operation, globalThreadId=talk.id).json()
        assert answer["data"] is None and answer["errors"]
    assert post(site, talk, "Yes", "one").json()["data"] is None
    assert site.posted() == []
    site.trouble.api_for = INBOX
    assert ask(site, INBOX).json()["data"] is None
    assert len(bodies(site, talk)) == 4


def test_the_json_can_be_changed_right_before_it_goes_out(
    site: AirbnbSite, talk: Thread
) -> None:
    def no_row(body: Any) -> None:
        body["data"]["node"]["messagingInbox"]["inboxItems"]["edges"][0]["node"] = None

    def no_role(body: Any) -> None:
        people = body["data"]["threadData"]["participants"]["edges"]
        people[0]["node"]["participantRole"] = None

    site.odd("list", no_row)
    site.odd("thread", no_role)
    assert rows(site)["edges"][0]["node"] is None
    people = read(site, talk)["participants"]["edges"]
    assert people[0]["node"]["participantRole"] is None
    site.clear_trouble()
    assert rows(site)["edges"][0]["node"]["id"] == talk.id


def test_half_an_emoji_goes_out_as_its_escape(site: AirbnbSite) -> None:
    thread = site.add_thread(guest="Maya \ud83d", listing="Loft \ud83d")
    site.guest_writes(thread, "Hi \ud83d")
    for operation in (INBOX, THREAD):
        response = ask(site, operation, globalThreadId=thread.id)
        assert b"\\ud83d" in response.content
    assert bodies(site, thread) == ["Hi \ud83d"]
    assert requests.get(site.url + "/", timeout=5).status_code == 200


def _odd_list(body: Any) -> None:
    edges = body["data"]["node"]["messagingInbox"]["inboxItems"]["edges"]
    edges[0]["node"]["participants"]["edges"][0]["node"] = None
    edges += [None, {"node": None}, {"node": {"id": "TWVzc2FnZVRocmVhZDox"}}]


def _odd_thread(body: Any) -> None:
    node = body["data"]["threadData"]
    node["participants"]["edges"][0]["node"] = None
    first, second, third, *_ = node["messageData"]["messages"]
    first["hydratedContent"]["content"] = None
    second["hydratedContent"]["contentType"] = "HOLOGRAM"
    third["id"] = None
    node["messageData"]["messages"].insert(0, None)


@pytest.mark.browser
def test_the_page_draws_what_it_can_of_odd_json(
    site: AirbnbSite, page: Page, talk: Thread, other: Thread
) -> None:
    site.odd("list", _odd_list)
    site.odd("thread", _odd_thread)
    open_thread(page, site, talk)
    expect(page.locator("[data-listrow]")).to_have_count(2)
    expect(page.locator(MESSAGES)).to_have_count(3)
    send(page, "Yes")
    expect(page.locator(STANDING)).to_have_count(4)
    assert [m.text for m in site.posted()] == ["Yes"]


@pytest.mark.browser
def test_one_conversation_has_no_composer(
    site: AirbnbSite, page: Page, talk: Thread, other: Thread
) -> None:
    site.thread_trouble(talk, composer="none")
    page.goto(f"{site.url}/hosting/messages/{talk.number}")
    expect(page.locator(MESSAGES)).to_have_count(4)
    expect(page.locator("#thread_panel")).to_contain_text("no longer write")
    expect(page.locator(f"{COMPOSER}, {BUTTON}")).to_have_count(0)
    page.click(f"a[data-testid=inbox_list_{other.number}]")
    expect(page.locator(COMPOSER)).to_be_visible()


@pytest.mark.browser
def test_a_composer_can_be_drawn_later_than_the_messages(
    site: AirbnbSite, page: Page, talk: Thread
) -> None:
    site.thread_trouble(talk, composer_after_s=1.0)
    page.goto(f"{site.url}/hosting/messages/{talk.number}")
    expect(page.locator(MESSAGES)).to_have_count(4)
    expect(page.locator(COMPOSER)).to_have_count(0)
    send(page, "Yes")
    expect(page.locator(MESSAGES)).to_have_count(5)


@pytest.mark.browser
@pytest.mark.parametrize("form", ["textarea", "contenteditable", "wrapped"])
@pytest.mark.parametrize(("place", "shown"), [("before", 1), ("after", 0)])
def test_of_two_boxes_one_is_hidden(
    site: AirbnbSite, page: Page, talk: Thread, form: str, place: str, shown: int
) -> None:
    site.thread_trouble(talk, composer=form, hidden_box=place)
    page.goto(f"{site.url}/hosting/messages/{talk.number}")
    boxes = page.locator(COMPOSER)
    expect(boxes).to_have_count(2)
    expect(boxes.nth(1 - shown)).to_be_hidden()
    boxes.nth(shown).click()
    page.keyboard.insert_text("Yes")
    page.click(BUTTON)
    expect(page.locator(MESSAGES)).to_have_count(5)


@pytest.mark.browser
def test_send_stays_grey_for_a_text_with_a_link(
    site: AirbnbSite, page: Page, talk: Thread
) -> None:
    site.thread_trouble(talk, send_disabled_for="https?://")
    open_thread(page, site, talk)
    write(page, "See https://example.org")
    page.keyboard.press("Enter")
    assert page.is_disabled(BUTTON) and sends(site) == []
    page.fill(COMPOSER, "See the map")
    page.click(BUTTON)
    expect(page.locator(MESSAGES)).to_have_count(5)


# -- the rules of the API -----------------------------------------------------


def test_hashes_change_with_every_run_and_old_ones_are_refused(
    site: AirbnbSite,
) -> None:
    with AirbnbSite() as other:
        assert other.hashes[INBOX] != site.hashes[INBOX]
    old = site.hashes[INBOX]
    site.new_deploy()
    response = requests.get(
        f"{site.url}/api/v3/{INBOX}/{old}",
        params={"variables": "{}", "extensions": "{}"},
        headers={"x-airbnb-api-key": "any"},
        timeout=5,
    )
    assert response.status_code == 400
    assert "persisted_query_not_found" in response.text


@pytest.mark.browser
def test_a_stale_page_works_again_when_it_is_loaded_anew(
    site: AirbnbSite, page: Page
) -> None:
    thread = site.add_thread()
    open_thread(page, site, thread)
    site.trouble.stale_hash = True
    assert ask(site, INBOX).status_code == 400
    open_thread(page, site, thread)
    assert ask(site, INBOX).status_code == 200


def test_a_request_without_the_key_is_refused(site: AirbnbSite) -> None:
    response = requests.get(
        f"{site.url}/api/v3/{INBOX}/{site.hashes[INBOX]}",
        params={"variables": "{}", "extensions": "{}"},
        timeout=5,
    )
    assert response.status_code == 400
    assert response.json()["data"] is None and response.json()["errors"]


def test_the_date_header_follows_the_sites_clock(site: AirbnbSite) -> None:
    site.clock_offset_s = 3600
    response = requests.get(site.url + "/", timeout=5)
    off = parsedate_to_datetime(response.headers["Date"]).timestamp() - time.time()
    assert off == pytest.approx(3600, abs=5)
    assert response.headers["Cache-Control"] == "no-store"
    assert int(response.headers["Content-Length"]) == len(response.content)


@pytest.mark.parametrize("status", [403, 429, 500])
def test_the_api_answers_the_status_that_is_set(site: AirbnbSite, status: int) -> None:
    site.trouble.api_status = status
    site.trouble.retry_after = "30"
    site.trouble.api_for = INBOX
    response = ask(site, INBOX)
    assert response.status_code == status
    assert response.headers["Retry-After"] == "30"
    assert ask(site, THREAD).status_code == 200


def test_html_stands_in_place_of_json(site: AirbnbSite) -> None:
    site.trouble.html_on_api = True
    response = ask(site, INBOX)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")


def test_one_identifier_is_one_message(site: AirbnbSite) -> None:
    thread = site.add_thread()
    first = post(site, thread, "Yes", "one").json()
    again = post(site, thread, "Yes", "one").json()
    one = first["data"]["createBulkMessages"]["messages"][0]
    other = again["data"]["createBulkMessages"]["messages"][0]
    assert one["id"] == other["id"] and one["uuid"] == other["uuid"]
    assert [m.text for m in site.messages(thread)] == ["Yes"]


def test_a_guest_text_can_land_inside_the_send(site: AirbnbSite) -> None:
    thread = site.add_thread()
    site.on("before_send_taken", lambda t: site.guest_writes(t, "wait!"))
    post(site, thread, "Yes", "one")
    assert [m.text for m in site.messages(thread)] == ["wait!", "Yes"]
    assert [m.text for m in site.posted(thread)] == ["Yes"]


def test_a_hanging_answer_does_not_hold_up_the_end() -> None:
    site = AirbnbSite().start()
    site.trouble.hang = True
    with pytest.raises(requests.Timeout):
        requests.get(
            f"{site.url}/api/v3/{INBOX}/{site.hashes[INBOX]}",
            params={"variables": "{}", "extensions": "{}"},
            timeout=0.2,
        )
    begun = time.monotonic()
    site.stop()
    assert time.monotonic() - begun < 10  # the answer hangs for ever
    assert site.requests[-1].status in (None, 0)


def test_only_loopback_is_served() -> None:
    with pytest.raises(ValueError, match="loopback"):
        AirbnbSite(host="0.0.0.0")


# -- the page -----------------------------------------------------------------


@pytest.mark.browser
def test_the_bare_inbox_opens_the_newest_thread(site: AirbnbSite, page: Page) -> None:
    old, new = site.add_thread(guest="Ana"), site.add_thread(guest="Ben")
    site.guest_writes(old, "old", at=ago(hours=2))
    site.guest_writes(new, "new", at=ago(hours=1))
    page.goto(site.url + "/hosting/messages")
    page.wait_for_url(f"**/hosting/messages/{new.number}")
    expect(page.locator("[data-testid=thread-header-title]")).to_have_text("Ben")
    row = page.locator(f"a[data-testid=inbox_list_{old.number}]")
    expect(row).to_have_attribute("href", "#")
    expect(row.locator("span")).to_contain_text("Unread. Read Conversation with Ana.")
    row.click()
    page.wait_for_url(f"**/hosting/messages/{old.number}")
    expect(page.locator("[data-testid=thread-header-title]")).to_have_text("Ana")


@pytest.mark.browser
def test_the_old_address_and_the_unread_filter_lead_on(
    site: AirbnbSite, page: Page
) -> None:
    done, waiting = site.add_thread(guest="Ana"), site.add_thread(guest="Ben")
    site.guest_writes(waiting, "hello?", at=ago(hours=2))
    site.host_writes(done, "bye", at=ago(hours=1))
    page.goto(site.url + "/hosting/inbox")
    assert page.url == f"{site.url}/hosting/messages/{done.number}"
    page.goto(site.url + "/hosting/messages?unread=")
    page.wait_for_url(f"**/hosting/messages/{waiting.number}?unread=")


@pytest.mark.browser
def test_messages_stand_in_the_page_as_on_airbnb(site: AirbnbSite, page: Page) -> None:
    thread = site.add_thread(guest="Maya")
    site.service_writes(thread, "Reservation confirmed", at=ago(minutes=9))
    text = site.guest_writes(thread, "Hi!\nIs parking free?", at=ago(minutes=8))
    site.card(thread, at=ago(minutes=7))
    open_thread(page, site, thread)
    items = page.locator(MESSAGES)
    expect(items).to_have_count(3)
    labels = [items.nth(i).get_attribute("aria-label") or "" for i in range(3)]
    assert "Airbnb service says Reservation confirmed" in labels[0]
    assert "sent Hi!.Is parking free?. Sent " in labels[1]
    assert "message but description not available" in labels[2]
    item = page.locator(f"[data-item-id='{text.id}'] [data-name]")
    assert item.inner_html() == "Hi!<br>Is parking free?"


@pytest.mark.browser
def test_the_list_loads_more_on_scrolling(site: AirbnbSite, page: Page) -> None:
    site.trouble.page_size = 12
    for index in range(20):
        site.add_thread(guest=f"Guest {index}")
    page.goto(site.url + "/hosting/messages")
    expect(page.locator("[data-listrow]")).to_have_count(12)
    page.locator("[data-testid=inbox-list-loader]").scroll_into_view_if_needed()
    expect(page.locator("[data-listrow]")).to_have_count(20)


@pytest.mark.browser
def test_a_new_guest_text_appears_by_itself(site: AirbnbSite, page: Page) -> None:
    site.poll_s = 0.2
    thread = site.add_thread()
    open_thread(page, site, thread)
    site.guest_writes(thread, "Are you there?")
    expect(page.locator(MESSAGES)).to_have_count(1)


@pytest.mark.browser
def test_an_unknown_thread_shows_the_list_and_no_composer(
    site: AirbnbSite, page: Page
) -> None:
    site.add_thread()
    page.goto(site.url + "/hosting/messages/1")
    expect(page.locator("[data-listrow]")).to_have_count(1)
    expect(page.locator(COMPOSER)).to_have_count(0)


@pytest.mark.browser
def test_french_changes_the_labels_and_no_test_id(site: AirbnbSite, page: Page) -> None:
    site.trouble.language = "fr"
    open_thread(page, site, site.add_thread())
    assert page.get_attribute(BUTTON, "aria-label") == "Envoyer"
    assert page.get_attribute(COMPOSER, "aria-label") == "Écrivez un message..."


@pytest.mark.browser
@pytest.mark.parametrize(
    ("part", "selector"),
    [
        ("composer", COMPOSER),
        ("send_button", BUTTON),
        ("list", "[data-listrow], [data-testid^=inbox_list_]"),
        ("all", MESSAGES),
    ],
)
def test_a_redesign_takes_the_known_markup_away(
    site: AirbnbSite, page: Page, part: str, selector: str
) -> None:
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "Hello")
    site.trouble.markup_gone = part
    page.goto(f"{site.url}/hosting/messages/{thread.number}")
    page.wait_for_selector("#thread_panel >> text=Hello")
    expect(page.locator(selector)).to_have_count(0)


# -- sending ------------------------------------------------------------------


LINES = "Hi Maya,\n\n  two spaces, <b>no bold</b>\ttab 🙂\nlast line"


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["textarea", "contenteditable", "wrapped"])
def test_each_composer_sends_exactly_what_was_typed(
    site: AirbnbSite, page: Page, kind: str
) -> None:
    site.trouble.composer = kind
    thread = site.add_thread()
    open_thread(page, site, thread)
    assert page.is_disabled(BUTTON)
    send(page, LINES)
    expect(page.locator(STANDING)).to_have_count(1)
    (message,) = site.posted(thread)
    assert message.text == LINES and message.account == site.host
    expect(page.locator(STANDING)).to_have_attribute("data-item-id", message.id)
    assert page.is_disabled(BUTTON)


@pytest.mark.browser
def test_enter_sends(site: AirbnbSite, page: Page) -> None:
    thread = site.add_thread()
    open_thread(page, site, thread)
    write(page, "one\ntwo")
    page.keyboard.press("Enter")
    expect(page.locator(STANDING)).to_have_count(1)
    assert [m.text for m in site.posted()] == ["one\ntwo"]


@pytest.mark.browser
def test_a_slow_send_shows_a_bubble_without_a_number(
    site: AirbnbSite, page: Page
) -> None:
    site.trouble.slow_send_s = 30
    thread = site.add_thread()
    open_thread(page, site, thread)
    send(page, "Yes")
    bubble = page.locator(MESSAGES)
    expect(bubble).to_contain_text("Sending...")
    assert not (bubble.get_attribute("data-item-id") or "").isdecimal()


@pytest.mark.browser
def test_a_lost_answer_is_resent_by_chromium_and_stored_once(
    site: AirbnbSite, page: Page
) -> None:
    thread = site.add_thread()
    open_thread(page, site, thread)
    site.trouble.send = "lose_answer"
    send(page, "Yes")
    expect(page.locator(NOTICE)).to_be_visible()
    assert len(sends(site)) >= 2 and {r.status for r in sends(site)} == {0}
    assert len({r.unique_identifier for r in sends(site)}) == 1
    assert [m.text for m in site.posted()] == ["Yes"]
    assert composer_text(page) == "Yes"


@pytest.mark.browser
def test_a_swallowed_post_leaves_an_empty_box_and_no_message(
    site: AirbnbSite, page: Page
) -> None:
    thread = site.add_thread()
    open_thread(page, site, thread)
    site.trouble.send = "swallow"
    with page.expect_response(f"**/{SEND}/**"):
        send(page, "Yes")
    expect(page.locator(COMPOSER)).to_have_text("")
    expect(page.locator(MESSAGES)).to_have_count(0)
    assert [r.status for r in sends(site)] == [200]
    assert site.posted() == [] and page.locator(NOTICE).count() == 0


@pytest.mark.browser
def test_a_rewritten_post_stands_there_with_another_text(
    site: AirbnbSite, page: Page
) -> None:
    thread = site.add_thread()
    open_thread(page, site, thread)
    site.trouble.send = "rewrite"
    send(page, "Call +33 6 12 34 56 78 please")
    expect(page.locator(STANDING)).to_have_count(1)
    (message,) = site.posted()
    assert message.text == "Call (Phone number hidden by Airbnb) please"


@pytest.mark.browser
@pytest.mark.parametrize(("kind", "status"), [("refuse", 400), ("refuse_200", 200)])
def test_a_refusal_names_the_terms_and_keeps_the_text(
    site: AirbnbSite, page: Page, kind: str, status: int
) -> None:
    thread = site.add_thread()
    open_thread(page, site, thread)
    site.trouble.send = kind
    send(page, "Write to me@example.org")
    notice = page.locator(NOTICE)
    expect(notice).to_contain_text("We can't send your message yet")
    expect(notice).to_contain_text("me@example.org")
    assert composer_text(page) == "Write to me@example.org"
    assert site.posted() == [] and sends(site)[0].status == status


@pytest.mark.browser
@pytest.mark.parametrize("status", [401, 420, 429, 503])
def test_a_failed_send_brings_the_text_back(
    site: AirbnbSite, page: Page, status: int
) -> None:
    thread = site.add_thread()
    open_thread(page, site, thread)
    site.trouble.send = status
    site.trouble.send_times = 1
    send(page, "Yes")
    expect(page.locator(NOTICE)).to_be_visible()
    expect(page.locator(MESSAGES)).to_have_count(0)
    assert composer_text(page) == "Yes" and site.posted() == []
    page.click(BUTTON)
    expect(page.locator(STANDING)).to_have_count(1)
    assert [r.status for r in sends(site)] == [status, 200]


@pytest.mark.browser
def test_a_press_can_do_nothing(site: AirbnbSite, page: Page) -> None:
    thread = site.add_thread()
    open_thread(page, site, thread)
    site.trouble.send = "no_request"
    site.trouble.send_times = 1
    write(page, "Yes")
    with page.expect_response("**/_sandbox/switches?*"):
        page.click(BUTTON)
    assert composer_text(page) == "Yes" and sends(site) == []
    page.click(BUTTON)
    expect(page.locator(STANDING)).to_have_count(1)


@pytest.mark.browser
def test_a_late_post_is_stored_after_a_while(site: AirbnbSite, page: Page) -> None:
    thread = site.add_thread()
    open_thread(page, site, thread)
    site.trouble.send = "late"
    site.trouble.slow_send_s = 0.5
    send(page, "Yes")
    expect(page.locator(MESSAGES)).to_contain_text("Sending...")
    assert site.posted() == []
    expect(page.locator(STANDING)).to_have_count(1)
    assert [m.text for m in site.posted()] == ["Yes"]


HIDDEN = [
    "(Phone number hidden by Airbnb)",
    "(Numéro masqué par Airbnb)",
    "(Airbnb によって非表示)",
    "[Ausgeblendet durch Airbnb]",
    r"\1",
]
CONTACTS = ["+33 6 12 34 56 78", "me@example.org", "https://example.org/a?b=1"]


@pytest.mark.parametrize("words", HIDDEN)
@pytest.mark.parametrize("contact", CONTACTS)
def test_contact_details_are_hidden_in_any_language(
    site: AirbnbSite, talk: Thread, other: Thread, words: str, contact: str
) -> None:
    site.thread_trouble(talk, send="hide", placeholder=words)
    post(site, talk, f"Write to {contact} please", "one")
    post(site, talk, "No contact", "two")
    post(site, other, contact, "three")
    texts = [m.text for m in site.posted()]
    assert texts == [f"Write to {words} please", "No contact", contact]


def test_a_sent_text_can_stand_there_as_a_cohosts(
    site: AirbnbSite, talk: Thread
) -> None:
    site.trouble.send_as = noor = site.account("Noor")
    post(site, talk, "Yes", "one")
    newest = read(site, talk)["messageData"]["messages"][-1]
    assert newest["account"]["accountId"] == noor.id != site.host.id


@pytest.mark.parametrize(
    ("names", "keys"), [(None, MESSAGE_KEYS), ("uuid", {"__typename", "uuid"})]
)
def test_the_answer_of_a_send_names_the_message(
    site: AirbnbSite, talk: Thread, names: str | None, keys: set[str]
) -> None:
    site.trouble.send_names = names
    answer = post(site, talk, "Yes", "one").json()["data"]["createBulkMessages"]
    assert [set(message) for message in answer["messages"]] == [keys]
    assert answer["messages"][0]["uuid"] == site.posted()[0].uuid


def test_the_answer_of_a_send_can_name_nothing(site: AirbnbSite, talk: Thread) -> None:
    site.trouble.send_names = "nothing"
    answer = post(site, talk, "Yes", "one").json()["data"]["createBulkMessages"]
    assert answer["messages"] == [] and len(site.posted()) == 1


def test_a_send_can_be_swallowed_with_the_answer_of_a_success(
    site: AirbnbSite, talk: Thread
) -> None:
    site.trouble.send = "swallow_ok"
    answer = post(site, talk, "Yes", "one").json()["data"]["createBulkMessages"]
    assert set(answer["messages"][0]) == MESSAGE_KEYS
    assert site.posted() == [] and len(bodies(site, talk)) == 4


def test_the_sends_of_one_conversation_go_wrong(
    site: AirbnbSite, talk: Thread, other: Thread
) -> None:
    site.thread_trouble(talk, send=503, send_times=1)
    texts = [(talk, "one"), (other, "two"), (talk, "three")]
    assert [post(site, t, n, n).status_code for t, n in texts] == [503, 200, 200]


# -- a service worker ----------------------------------------------------------


@pytest.fixture
def visited(
    site: AirbnbSite, context: BrowserContext, talk: Thread
) -> Iterator[Callable[[str], Page]]:
    """`visited("stale")`: a page whose worker of that kind a former visit has left."""
    assert context.browser
    own = context.browser.new_context()

    def visit(kind: str) -> Page:
        page = own.new_page()
        site.trouble.service_worker = kind
        open_thread(page, site, talk)
        page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        open_thread(page, site, talk)
        assert page.evaluate("!!navigator.serviceWorker.controller")
        return page

    yield visit
    own.close()


@pytest.mark.browser
def test_a_worker_stays_when_its_switch_is_off_and_forwards_all_requests(
    site: AirbnbSite, talk: Thread, visited: Callable[[str], Page]
) -> None:
    page = visited("forward")
    site.trouble.service_worker = None
    with page.expect_response(f"**/{THREAD}/**") as seen:
        open_thread(page, site, talk)
    assert seen.value.from_service_worker
    send(page, "Yes")
    expect(page.locator(STANDING)).to_have_count(5)


@pytest.mark.browser
def test_a_worker_can_make_the_send_that_the_page_is_not_seen_to_make(
    site: AirbnbSite, visited: Callable[[str], Page]
) -> None:
    page, asked = visited("sends"), []
    page.on("request", lambda request: asked.append(request.url))
    send(page, "Yes")
    expect(page.locator(STANDING)).to_have_count(5)
    assert [m.text for m in site.posted()] == ["Yes"] and len(sends(site)) == 1
    assert any(THREAD in url for url in asked)
    assert not any(SEND in url for url in asked)


@pytest.mark.browser
@pytest.mark.parametrize("trouble", [503, "lose_answer"])
def test_a_failed_send_of_the_worker_fails_in_the_page(
    site: AirbnbSite, visited: Callable[[str], Page], trouble: str | int
) -> None:
    page = visited("sends")
    site.trouble.send = trouble
    send(page, "Yes")
    expect(page.locator(NOTICE)).to_be_visible()
    assert composer_text(page) == "Yes"


# whether a worker has put an answer away that holds a text
KEPT = """async (text) => {
  const cache = await caches.open("api");
  const kept = await Promise.all((await cache.keys()).map((key) => cache.match(key)));
  const texts = await Promise.all(kept.map((answer) => answer.text()));
  return texts.some((answer) => answer.includes(text));
}"""


def shown_after(page: Page, site: AirbnbSite, thread: Thread) -> int:
    open_thread(page, site, thread)
    return page.locator(MESSAGES).count()


@pytest.mark.browser
def test_a_worker_can_answer_one_reading_late(
    site: AirbnbSite, talk: Thread, visited: Callable[[str], Page]
) -> None:
    site.poll_s = 60
    page = visited("stale")
    site.guest_writes(talk, "the fifth")
    assert shown_after(page, site, talk) == 4
    page.wait_for_function(KEPT, arg="the fifth")
    assert shown_after(page, site, talk) == 5


@pytest.mark.browser
def test_a_worker_can_answer_the_same_for_ever(
    site: AirbnbSite, talk: Thread, visited: Callable[[str], Page]
) -> None:
    page = visited("frozen")
    site.guest_writes(talk, "the fifth")
    assert [shown_after(page, site, talk) for _ in range(3)] == [4, 4, 4]
    assert not page.evaluate(KEPT, "the fifth")


# -- what comes between the page and who types ---------------------------------


DIALOGS = [("dialog", "dialog[open]"), ("overlay", "[role=dialog][aria-modal=true]")]
OVER = [*DIALOGS, ("coachmark", "[popover]")]


def interrupted(site: AirbnbSite, *kind: str, **more: Any) -> Interruption:
    site.trouble.interruption = Interruption(*kind, **more)
    return site.trouble.interruption


@pytest.mark.browser
@pytest.mark.parametrize(("kind", "selector"), DIALOGS)
def test_a_dialog_over_the_loaded_page_has_the_focus_on_its_first_button(
    site: AirbnbSite, page: Page, talk: Thread, kind: str, selector: str
) -> None:
    interrupted(site, kind)
    open_thread(page, site, talk)
    expect(page.locator(selector)).to_be_visible()
    expect(page.locator("button:focus")).to_have_text("Continue")
    with pytest.raises(TimeoutError):
        page.click(COMPOSER, timeout=300)
    page.keyboard.press("Shift+Enter")
    expect(page.locator(selector)).to_have_count(0)
    assert site.pressed_buttons == ["Continue"]


@pytest.mark.browser
@pytest.mark.parametrize(("kind", "selector"), DIALOGS)
def test_the_escape_key_is_a_press_too(
    site: AirbnbSite, page: Page, talk: Thread, kind: str, selector: str
) -> None:
    interrupted(site, kind)
    open_thread(page, site, talk)
    page.keyboard.press("Escape")
    expect(page.locator(selector)).to_have_count(0)
    assert site.pressed_buttons == ["Escape"]


@pytest.mark.browser
@pytest.mark.parametrize(("times", "seen"), [(None, [1, 1, 1]), (1, [1, 0, 0])])
def test_a_dialog_comes_at_each_load_or_so_many_times(
    site: AirbnbSite, page: Page, talk: Thread, times: int, seen: list[int]
) -> None:
    dialog = interrupted(site, "dialog", times=times)
    counts = []
    for _ in seen:
        open_thread(page, site, talk)
        counts.append(page.locator("dialog").count())
    assert counts == seen and dialog.done == sum(seen)


@pytest.mark.browser
@pytest.mark.parametrize(("kind", "selector"), OVER)
def test_what_comes_while_somebody_types_takes_the_keys(
    site: AirbnbSite, page: Page, talk: Thread, kind: str, selector: str
) -> None:
    interrupted(site, kind, "typing", after_chars=3, buttons=("Let it write",))
    open_thread(page, site, talk)
    page.click(COMPOSER)
    page.keyboard.type("Yes,it")
    expect(page.locator(selector)).to_be_visible()
    assert composer_text(page) == "Yes"
    page.keyboard.press("Enter")
    assert site.pressed_buttons == ["Let it write"] and sends(site) == []


@pytest.mark.browser
def test_a_dialog_can_come_after_the_last_character(
    site: AirbnbSite, page: Page, talk: Thread
) -> None:
    interrupted(site, "dialog", "typed", after_s=0.3)
    open_thread(page, site, talk)
    page.click(COMPOSER)
    page.keyboard.type("Yes, it is")
    expect(page.locator("dialog[open]")).to_be_visible()
    assert composer_text(page) == "Yes, it is"


@pytest.mark.browser
def test_a_press_of_send_can_bring_a_dialog_in_place_of_the_send(
    site: AirbnbSite, page: Page, talk: Thread
) -> None:
    interrupted(site, "dialog", "press")
    open_thread(page, site, talk)
    send(page, "Yes")
    expect(page.locator("dialog[open]")).to_be_visible()
    assert composer_text(page) == "Yes" and sends(site) == []


@pytest.mark.browser
def test_one_conversation_is_interrupted_when_it_is_shown(
    site: AirbnbSite, page: Page, talk: Thread, other: Thread
) -> None:
    site.thread_trouble(talk, interruption=Interruption("coachmark"))
    open_thread(page, site, other)
    expect(page.locator("[popover]")).to_have_count(0)
    page.click(f"a[data-testid=inbox_list_{talk.number}]")
    expect(page.locator("button:focus")).to_have_text("Got it")


@pytest.mark.browser
def test_a_toast_lies_over_send_for_a_while(
    site: AirbnbSite, page: Page, talk: Thread
) -> None:
    interrupted(site, "toast", "typing", lasts_s=1.5)
    open_thread(page, site, talk)
    write(page, "Yes")
    box = page.locator(BUTTON).bounding_box()
    assert box
    page.mouse.click(box["x"] + 20, box["y"] + 20)
    assert site.pressed_buttons == ["View"] and sends(site) == []
    expect(page.locator(".toast")).to_have_count(0)
    page.click(BUTTON)
    expect(page.locator(STANDING)).to_have_count(5)


@pytest.mark.browser
def test_a_search_box_takes_the_focus_and_the_rest_of_the_text(
    site: AirbnbSite, page: Page, talk: Thread
) -> None:
    interrupted(site, "search", "typing", after_chars=3)
    open_thread(page, site, talk)
    page.click(COMPOSER)
    page.keyboard.type("Yes, it is")
    assert composer_text(page) == "Yes"
    assert page.input_value("[type=search]") == ", it is"


@pytest.mark.browser
@pytest.mark.parametrize(("keeps", "left"), [(True, "Yes"), (False, "")])
def test_the_composer_can_be_built_anew_under_the_writers_hands(
    site: AirbnbSite, page: Page, talk: Thread, keeps: bool, left: str
) -> None:
    interrupted(site, "rebuild", "typed", after_s=0.1, keeps_text=keeps)
    open_thread(page, site, talk)
    before = page.query_selector(COMPOSER)
    write(page, "Yes")
    page.wait_for_function("box => !box.isConnected", arg=before)
    assert composer_text(page) == left
    page.fill(COMPOSER, "Yes, it is")
    page.click(BUTTON)
    expect(page.locator(STANDING)).to_have_count(5)
    assert [m.text for m in site.posted()] == ["Yes, it is"]


# -- login and challenges -----------------------------------------------------


@pytest.mark.browser
def test_logged_out_leads_to_login_and_back(site: AirbnbSite, page: Page) -> None:
    thread = site.add_thread()
    site.require_cookie = True
    path = f"/hosting/messages/{thread.number}"
    page.goto(site.url + path)
    encoded = path.replace("/", "%2F")
    assert page.url == f"{site.url}/login?redirect_url={encoded}"
    assert "Hosting" in page.inner_text("footer")
    assert ask(site, INBOX).status_code == 401
    page.fill("#phone-or-email", "nora")
    page.click("[data-testid=signup-login-submit-btn]")
    page.wait_for_selector(BUTTON)
    assert page.url == site.url + path
    cookies = {c["name"]: c["expires"] for c in page.context.cookies()}
    assert cookies == {"_airbed_session_id": -1, "_aat": -1}


@pytest.mark.parametrize(
    ("answers", "status", "kind"),
    [("401", 401, "json"), ("html", 200, "html"), ("ok", 200, "json")],
)
def test_the_api_of_a_logged_out_session(
    site: AirbnbSite, answers: str, status: int, kind: str
) -> None:
    site.trouble.logged_out = True
    site.trouble.logged_out_api = answers
    response = ask(site, INBOX)
    assert response.status_code == status
    assert kind in response.headers["Content-Type"]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("kind", "selector"),
    [
        ("airlock_page", "text=Please verify yourself"),
        ("arkose", "iframe.show.active[data-e2e=enforcement-frame]"),
        ("recaptcha", "iframe[src*='recaptcha/api2/anchor']"),
        ("airlock_inline", "#airlock-inline-container"),
    ],
)
def test_each_challenge_shows_until_a_person_was_there(
    site: AirbnbSite, page: Page, kind: str, selector: str
) -> None:
    thread = site.add_thread()
    site.trouble.challenge = kind
    page.goto(f"{site.url}/hosting/messages/{thread.number}")
    expect(page.locator(selector)).to_be_visible()
    assert ("/airlock?al_id=" in page.url) is (kind == "airlock_page")
    if kind == "recaptcha":
        page.check("text=I'm not a robot")
    page.click("text=I am a person")
    page.wait_for_selector(BUTTON)
    assert page.url == f"{site.url}/hosting/messages/{thread.number}"
    expect(page.locator(selector)).to_have_count(0)


FRAMES = [
    ("datadome", "https://geo.captcha-delivery.com/"),
    ("human", "https://captcha.px-cloud.net/"),
    ("arkose_403", "https://airbnb-api.arkoselabs.com/"),
    ("https://challenges.example/a", "https://challenges.example/a"),
]


@pytest.mark.parametrize(("kind", "frame"), FRAMES)
def test_a_vendor_blocks_page_and_api_with_a_frame_in_a_403(
    site: AirbnbSite, talk: Thread, kind: str, frame: str
) -> None:
    site.trouble.challenge = kind
    page = requests.get(site.url + "/hosting/messages", timeout=5)
    for response in (page, ask(site, INBOX), post(site, talk, "Yes", "one")):
        assert response.status_code == 403 and f'<iframe src="{frame}' in response.text
    site.trouble.challenge_on = "page"
    assert ask(site, INBOX).status_code == 200 and site.posted() == []


@pytest.mark.browser
def test_a_person_passes_the_vendors_check(
    site: AirbnbSite, page: Page, talk: Thread
) -> None:
    site.trouble.challenge = "datadome"
    page.goto(f"{site.url}/hosting/messages/{talk.number}")
    expect(page.locator("iframe")).to_be_visible()
    page.click("text=I am a person")
    page.wait_for_selector(BUTTON)


@pytest.mark.parametrize("status", [None, 503])
@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("maintenance", "We'll be right back"),
        ("unknown", "Our terms have changed"),
        ("<h1>Hm</h1>", "<h1>Hm</h1>"),
    ],
)
def test_another_page_stands_in_place_of_the_inbox(
    site: AirbnbSite, html: str, words: str, status: int | None
) -> None:
    site.trouble.page_html, site.trouble.page_status = html, status
    response = requests.get(site.url + "/hosting/messages", timeout=5)
    assert response.status_code == (status or 200) and words in response.text
    assert "iframe" not in response.text and "password" not in response.text


@pytest.mark.parametrize("on_page", [True, False])
def test_a_403_has_no_frame_when_no_vendor_sends_it(
    site: AirbnbSite, on_page: bool
) -> None:
    site.trouble.page_status = 403 if on_page else None
    site.trouble.api_status, site.trouble.html_on_api = 403, True
    page = requests.get(site.url + "/hosting/messages", timeout=5)
    assert page.status_code == (403 if on_page else 200)
    api = ask(site, INBOX)
    assert api.status_code == 403 and "iframe" not in api.text + page.text


def test_the_two_challenges_of_the_api(site: AirbnbSite) -> None:
    site.trouble.challenge = "airlock_401"
    response = ask(site, INBOX)
    assert response.status_code == 401
    assert set(response.json()) == {"success", "redirect"}
    site.trouble.challenge = "airlock_420"
    response = ask(site, INBOX)
    assert response.status_code == 420
    assert response.json()["client_error_info"]["airlock"]["friction_data"]


@pytest.mark.browser
def test_a_challenge_can_wait_for_the_send(site: AirbnbSite, page: Page) -> None:
    thread = site.add_thread()
    site.trouble.challenge = "arkose"
    site.trouble.challenge_on = "send"
    open_thread(page, site, thread)
    send(page, "Yes")
    expect(page.locator("[data-e2e=enforcement-frame]")).to_be_visible()
    assert site.posted() == [] and sends(site)[0].status == 401


@pytest.mark.browser
def test_words_and_hidden_frames_are_no_challenge(site: AirbnbSite, page: Page) -> None:
    site.trouble.extra_words = True
    open_thread(page, site, site.add_thread())
    text = page.inner_text("body").lower()
    assert all(word in text for word in ("captcha", "robot", "verify", "suspicious"))
    expect(page.locator("[data-e2e=enforcement-frame]")).to_be_hidden()
    frame = page.locator("iframe[src*='recaptcha/api2/anchor']")
    expect(frame).to_be_hidden()
    assert "size=invisible" in (frame.get_attribute("src") or "")


@pytest.mark.browser
def test_a_page_that_hangs_is_loaded_first(site: AirbnbSite, page: Page) -> None:
    thread = site.add_thread()
    site.trouble.hang_page = True
    page.goto(f"{site.url}/hosting/messages/{thread.number}")
    with pytest.raises(TimeoutError):
        for _ in range(100):  # answers until the script hangs
            page.inner_text("body", timeout=500)
            page.wait_for_timeout(20)


@pytest.mark.browser
def test_a_greedy_page_takes_memory_without_end(site: AirbnbSite, page: Page) -> None:
    thread = site.add_thread()
    site.trouble.greedy_page = True
    page.goto(f"{site.url}/hosting/messages/{thread.number}")
    session = page.context.new_cdp_session(page)

    def held() -> float:
        return float(session.send("Runtime.getHeapUsage")["backingStorageSize"])

    for megabytes in (50, 100):
        while held() < megabytes * 1e6:
            page.wait_for_timeout(20)


# -- the guest's side ---------------------------------------------------------


@pytest.mark.browser
def test_a_guest_writes_and_sees_the_answer(site: AirbnbSite, page: Page) -> None:
    thread = site.add_thread(guest="Maya")
    page.goto(f"{site.url}/guest/{thread.number}")
    page.fill("#text", "Is parking free?")
    page.keyboard.press("Enter")
    expect(page.locator(".item.own")).to_contain_text("Is parking free?")
    assert site.unread(thread)
    site.host_writes(thread, "Yes, it is.")
    expect(page.locator(".item:not(.own)")).to_contain_text("Yes, it is.")


def test_the_sandbox_shows_its_state(site: AirbnbSite) -> None:
    thread = site.add_thread(guest="Maya")
    post(site, thread, "Yes", "one")
    state = requests.get(site.url + "/_sandbox/state", timeout=5).json()
    assert state["threads"][0]["number"] == thread.number
    assert [message["text"] for message in state["posted"]] == ["Yes"]
    assert state["requests"] == 1
