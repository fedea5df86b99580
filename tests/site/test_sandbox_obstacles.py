"""What the simulated Airbnb puts between the page and who types: dialogs, checks."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError
from playwright.sync_api import expect
from support.sandbox import BUTTON
from support.sandbox import COMPOSER
from support.sandbox import INBOX
from support.sandbox import STANDING
from support.sandbox import ask
from support.sandbox import composer_text
from support.sandbox import open_thread
from support.sandbox import post
from support.sandbox import send
from support.sandbox import sends
from support.sandbox import write

from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.trouble import Interruption
from airbot.sandbox.world import Thread

# -- what comes between the page and who types ---------------------------------


DIALOGS = [("dialog", "dialog[open]"), ("overlay", "[role=dialog][aria-modal=true]")]
OVER = [*DIALOGS, ("coachmark", "[popover]")]


def interrupted(site: AirbnbSite, *kind: Any, **more: Any) -> Interruption:
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
