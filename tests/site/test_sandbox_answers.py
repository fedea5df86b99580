"""The simulated Airbnb answers as airbnb-web.md says: the list, a thread, troubles."""

from __future__ import annotations

import base64
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from playwright.sync_api import Page
from playwright.sync_api import expect
from support.sandbox import BUTTON
from support.sandbox import COMPOSER
from support.sandbox import INBOX
from support.sandbox import MESSAGE_KEYS
from support.sandbox import MESSAGES
from support.sandbox import STANDING
from support.sandbox import THREAD
from support.sandbox import ago
from support.sandbox import ask
from support.sandbox import bodies
from support.sandbox import open_thread
from support.sandbox import post
from support.sandbox import read
from support.sandbox import rows
from support.sandbox import send
from support.sandbox import sends
from support.sandbox import write

from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.trouble import HeldBack
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


# -- readings that are not whole ----------------------------------------------


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


# -- sick conversations, and odd JSON -----------------------------------------


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
