"""SEND in a real Chromium on the simulated Airbnb: what really stands in the thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

import pytest
from bottle import HTTPResponse
from support.fakes import Scene

from airbot.airbnb import Airbnb
from airbot.airbnb import composer
from airbot.airbnb import pages
from airbot.browser import Browser
from airbot.config import Config
from airbot.exceptions import ChallengeShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.models import PressOutcome
from airbot.models import TurnStatus
from airbot.sandbox import api
from airbot.sandbox.responses import answer
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

pytestmark = pytest.mark.browser

REPLY = "Yes, parking is free.\nSee you soon!"
CANARY = "Kanarienvogel"
SETTLE_S = 120

NASTY = {
    "blank lines": "One.\n\nTwo.\n\n\nThree.",
    "double spaces": "Room  12,   second   floor.",
    "spaces at the edges of lines": "One. \n  Two.\n   * three",
    "emoji with joiners": "Welcome 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 1️⃣ ❤️",
    "right to left": "مرحبا، الموقف مجاني!\nשלום 3 חניות",
    "markup": "<b>bold</b> &amp; <script>alert(1)</script> \\n ${x}",
    "no-break spaces": "12\u00a0€ à 10\u202fh",
    "combining marks": "cafe\u0301 Zoe\u0308 한국어 ｆｕｌｌ",
    "quotes and slashes": "'a' \"b\" `c` /d\\ @e #f :g: (c)",
    "a tab": "a\tb",
    "blanks and newlines at its own edges": "\n  See you \n\n",
    "other line ends": "a\u2028b\x0bc\x85d",
    "one long line": "word " * 799 + "end.!",
    "many lines": "\n".join(f"{i}. line" for i in range(60)),
}


@pytest.fixture
def scene(
    site: AirbnbSite,
    airbnb: Airbnb,
    storage: Storage,
    make_config: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    monkeypatch.setattr(composer, "PRESS_TIMEOUT_S", 0.7)
    monkeypatch.setattr(composer, "COMPOSER_TIMEOUT_S", 0.7)
    return Scene(site, airbnb, storage, make_config())


@pytest.mark.parametrize(
    ("composer", "language"),
    [("textarea", "en"), ("contenteditable", "fr"), ("wrapped", "fr")],
)
def test_a_reply_is_sent_in_every_composer_and_language(
    scene: Scene, composer: str, language: str
) -> None:
    scene.site.trouble.composer = composer
    scene.site.trouble.language = language
    scene.queue(REPLY)
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


@pytest.fixture(params=["textarea", "contenteditable"])
def opened(request: pytest.FixtureRequest, scene: Scene) -> Scene:
    scene.site.trouble.composer = request.param
    scene.guest()
    scene.airbnb.open_thread(scene.thread.id)
    return scene


def test_nasty_texts_stand_there_exactly(opened: Scene) -> None:
    for text in NASTY.values():
        opened.airbnb.type_reply(text)
        opened.airbnb.check_typed(opened.thread.id, text)
        opened.airbnb.press_send()
    assert opened.posted() == list(NASTY.values())


BANNER = """
() => {
  const banner = document.body.appendChild(document.createElement("div"));
  banner.style = "position: fixed; inset: 0; background: #fff8; z-index: 9999";
}
"""


def test_a_banner_over_the_send_button_does_not_hold_it_up(
    opened: Scene, browser: Browser
) -> None:
    opened.airbnb.type_reply(REPLY)
    with browser.job("covering", 5):
        assert not browser.tab.is_covered(pages.SEND_BUTTON)
        browser.tab.probe(BANNER)
        assert browser.tab.is_covered(pages.SEND_BUTTON)
    opened.airbnb.check_typed(opened.thread.id, REPLY)
    opened.airbnb.press_send()
    assert opened.posted() == [REPLY]


def test_an_old_draft_is_emptied_first(opened: Scene, browser: Browser) -> None:
    with browser.job("typing a draft", 5):
        browser.tab.type_text(pages.COMPOSER, "An old draft\nof the host's")
    opened.airbnb.type_reply(REPLY)
    opened.airbnb.press_send()
    assert opened.posted() == [REPLY]


# Troubles of a send that are not in the table of test_troubles.py


@pytest.mark.parametrize(
    ("status", "end"), [(403, "failed"), (408, "uncertain"), (400, "failed")]
)
def test_a_status_of_the_send_has_its_end_state(
    scene: Scene, status: int, end: str
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = status
    reply = scene.later(0)
    assert (reply.status, reply.presses, len(scene.posted())) == (end, 1, 0)


def test_an_answer_that_the_browser_keeps_is_no_proof(scene: Scene) -> None:
    scene.site.trouble.cache_s = 600
    scene.queue(REPLY)
    scene.site.trouble.send = "lose_answer"
    assert scene.later(0).status == "sent"
    assert len(scene.posted()) == 1


def test_a_reply_that_does_not_arrive_is_pressed_once_more_after_two_readings(
    scene: Scene,
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send, scene.site.trouble.send_times = "swallow", 1
    assert scene.later(0).status == "uncertain"
    assert scene.later(20).presses == 1
    reply = scene.later(SETTLE_S)
    assert (reply.status, reply.presses) == ("sent", 2)
    assert scene.posted() == [REPLY]


def test_a_guest_text_inside_the_send_is_the_next_turn(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.on("before_send_taken", lambda _: scene.guest("And breakfast?"))
    assert scene.later(0).status == "sent"
    assert scene.turn().status == TurnStatus.NEW
    assert scene.texts_of_turn() == ["And breakfast?"]


@pytest.mark.parametrize("kind", ["arkose", "airlock_page"])
def test_a_challenge_in_answer_to_the_send_is_never_sent(
    scene: Scene, kind: str
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.challenge, scene.site.trouble.challenge_on = kind, "send"
    with suppress(SiteError):
        scene.later(0)
    assert scene.reply().status == "uncertain"
    assert scene.posted() == []


VENDOR = "captcha-delivery.com"


def airlock(status: int) -> HTTPResponse:
    info = {"airlock": {"id": 1, "friction_data": [{"name": "captcha"}]}}
    return answer({"error_code": 420, "client_error_info": info}, status)


# One of each; all kinds are in test_airbnb_questions.py.
ABOUT_THE_SESSION: dict[str, tuple[Callable[[], HTTPResponse], type[SiteError]]] = {
    "a vendor's block in front of Airbnb": (
        lambda: answer(f'<script src="https://{VENDOR}/c.js"></script>', 403),
        ChallengeShown,
    ),
    "an airlock as a 200": (lambda: airlock(200), ChallengeShown),
    "a login as a page": (lambda: answer("<h1>x</h1>", 401), LoginRequired),
}


@pytest.mark.parametrize("kind", ABOUT_THE_SESSION)
def test_an_answer_about_the_session_is_no_refusal_of_the_message(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    make, error = ABOUT_THE_SESSION[kind]
    scene.queue(REPLY)
    scene.site.trouble.send, scene.site.trouble.send_times = 403, 1
    monkeypatch.setattr(api.Api, "_send_status", lambda *_: make())
    with pytest.raises(error):
        scene.later(0)
    assert (scene.reply().status, scene.posted()) == ("uncertain", [])
    scene.later(16)
    assert scene.later(SETTLE_S + 2).status == "sent"
    assert scene.posted() == [REPLY]


def test_a_message_whose_hash_was_forgotten_is_no_refusal_of_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.queue(REPLY)
    press: Callable[[], PressOutcome] = scene.airbnb.press_send

    def press_after_a_deploy() -> PressOutcome:
        monkeypatch.undo()
        scene.site.new_deploy()
        return press()

    monkeypatch.setattr(scene.airbnb, "press_send", press_after_a_deploy)
    assert scene.later(0).status == "uncertain"
    assert scene.later(SETTLE_S + 2).status == "sent"
    assert scene.posted() == [REPLY]


# Trouble before the press


@pytest.mark.parametrize(
    ("switch", "value", "error"),
    [
        ("challenge", "airlock_401", ChallengeShown),
        ("api_status", 429, SiteUnavailable),
        ("html_on_api", True, SiteChanged),
    ],
)
def test_trouble_between_claim_and_press_leaves_it_pending(
    scene: Scene, switch: str, value: object, error: type[SiteError]
) -> None:
    scene.queue(REPLY)
    setattr(scene.site.trouble, switch, value)
    with pytest.raises(error):
        scene.later(0)
    reply = scene.reply()
    assert (reply.status, reply.attempts, reply.presses) == ("pending", 0, 0)
    scene.site.clear_trouble()
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


@pytest.mark.parametrize("kind", ["arkose", "recaptcha", "airlock_inline"])
def test_a_challenge_on_the_page_stops_it_before_the_press(
    scene: Scene, kind: str
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.challenge = kind
    with pytest.raises(ChallengeShown):
        scene.later(0)
    assert scene.reply().status == "pending"
    assert scene.posted() == []


def test_a_browser_that_dies_before_the_page_is_opened_costs_no_attempt(
    scene: Scene, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.queue(REPLY)
    real = scene.airbnb.open_thread

    def dying(thread_id: str) -> object:
        browser.kill()
        return real(thread_id)

    with monkeypatch.context() as patch:
        patch.setattr(scene.airbnb, "open_thread", dying)
        with pytest.raises(SiteUnavailable):
            scene.later(0)
    assert (scene.reply().status, scene.reply().attempts) == ("pending", 0)
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


def test_what_is_missing_in_one_conversation_is_counted_and_named(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.trouble.markup_gone = "send_button"
    reply = scene.later(0)
    assert (reply.status, reply.attempts, reply.presses) == ("pending", 1, 0)
    assert "messaging" in str(reply.last_error)
    scene.site.clear_trouble()
    assert scene.later(16).status == "sent"


def test_what_is_missing_in_two_conversations_and_elsewhere_is_the_sites(
    scene: Scene,
) -> None:
    scene.queue(REPLY)
    scene.thread = scene.site.add_thread("Noor")
    scene.queue(REPLY)
    scene.site.trouble.markup_gone = "send_button"
    with pytest.raises(SiteChanged, match="messaging_compose_bar_send_button"):
        scene.later(0)
    assert (scene.reply().status, scene.reply().attempts) == ("pending", 0)


def test_a_forgotten_hash_is_learned_anew_and_the_reply_goes_out(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.site.new_deploy()
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


def test_a_composer_that_vanishes_while_typing_gives_no_word_away(
    scene: Scene, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scene.queue(f"{CANARY}\nand more of the {CANARY}")
    real = browser.tab.type_text  # the session's own page; the wrapper goes with it

    def vanishing(selector: str, text: str) -> bool:
        browser.tab.probe("() => document.querySelector('.composer').remove()")
        browser.tab._page.set_default_timeout(300)
        return real(selector, text)

    browser.tab.type_text = vanishing  # type: ignore[method-assign]
    scene.later(0)
    said = [str(scene.reply().last_error), caplog.text]
    assert (scene.reply().status, scene.reply().attempts) == ("pending", 1)
    assert CANARY not in "\n".join(said)


def test_a_browser_that_dies_behind_a_swallowed_press_is_settled_by_reading(
    scene: Scene, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send = "swallow"
    press: Callable[[], PressOutcome] = scene.airbnb.press_send

    def dying() -> PressOutcome:
        outcome = press()
        browser.kill()
        return outcome

    with monkeypatch.context() as patch:
        patch.setattr(scene.airbnb, "press_send", dying)
        with pytest.raises(SiteUnavailable):
            scene.later(0)
    assert (scene.reply().status, scene.reply().presses) == ("uncertain", 1)
    scene.site.trouble.send = None
    assert scene.later(16).status == "uncertain"
    assert scene.posted() == []
