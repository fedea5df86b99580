"""The simulated Airbnb's page in Chromium: a host reads, writes and sends."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page
from playwright.sync_api import expect
from support.sandbox import BUTTON
from support.sandbox import COMPOSER
from support.sandbox import MESSAGE_KEYS
from support.sandbox import MESSAGES
from support.sandbox import NOTICE
from support.sandbox import SEND
from support.sandbox import STANDING
from support.sandbox import THREAD
from support.sandbox import ago
from support.sandbox import bodies
from support.sandbox import composer_text
from support.sandbox import open_thread
from support.sandbox import post
from support.sandbox import read
from support.sandbox import send
from support.sandbox import sends
from support.sandbox import write

from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Thread

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
